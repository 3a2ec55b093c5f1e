"""Every knob there is: its unit, its default, and why.

The only reader of the environment. Each setting is a variable `AVOW_<NAME>` and, where
people need it often, an option of `avow up`. Everything below is handed plain values.
"""

import os
import shutil
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from catalog.errors import Finding, Invalid

_PREFIX = "AVOW_"
_REFERABLE = "AVOW_SECRET_"

BROKERS = frozenset({"redis", "rediss", "sentinel", "amqp", "amqps", "pyamqp"})

Words = Annotated[tuple[str, ...], NoDecode]


class LogFormat(StrEnum):
    """How log lines look."""

    PLAIN = "plain"  # for a person at a terminal
    JSON = "json"  # for whatever collects logs


class Settings(BaseSettings):
    """The settings of one process, checked and complete."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="ignore", frozen=True)

    # Where things live. The defaults need nothing but a writable folder.
    data_dir: Path = Field(Path(".avow"), description="Folder for the embedded database, git and keys.")
    database_url: str = Field("", description="SQLAlchemy URL; empty: SQLite in the data folder.")
    broker_url: str = Field(
        "", description="Redis or RabbitMQ URL; empty: runs are driven by threads of this process."
    )
    temporal_address: str = Field(
        "", description="host:port of a Temporal server; empty: no such executor here."
    )
    temporal_namespace: str = Field("default", description="Temporal namespace that runs are kept in.")
    temporal_task_queue: str = Field("avow-runs", description="Temporal task queue that workers ask.")
    temporal_tls: bool = Field(
        default=False, description="Speak TLS to Temporal; an API key makes it so anyway."
    )
    temporal_api_key: SecretStr = Field(SecretStr(""), description="API key for the Temporal server.")
    temporal_console: str = Field("", description="Base URL of Temporal's web console, for links.")
    executor_options: Words = Field(
        (),
        repr=False,  # a plug's own secrets may be among them
        description="What plugged-in executors are told: executor.setting=value, comma separated.",
    )
    opa_url: str = Field("", description="OPA server; empty: the embedded policy engine.")
    opa_token: SecretStr = Field(SecretStr(""), description="Bearer token for the OPA server.")
    git_remote: str = Field(
        "", description="Where writebacks go; empty: a bare repository in the data folder."
    )
    policy_dir: Path | None = Field(None, description="Organisation's Rego; empty: the shipped policies.")

    # The door. Loopback only, until somebody decides otherwise.
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8420, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    signing_key: SecretStr = Field(
        SecretStr(""),
        description="Signs page tokens; the same in all API processes; empty: kept in data_dir.",
    )
    streams_per_actor: int = Field(10, ge=1, description="Event streams one subject may hold open.")
    stream_check_seconds: float = Field(2.0, gt=0, description="How soon a stream notices a revoked token.")
    shutdown_seconds: int = Field(10, ge=1, description="How long a stop waits for answers under way.")
    idempotency_days: int = Field(7, ge=1, description="How long answers are kept for repeated keys.")
    plan_hours: int = Field(24, ge=1, le=8760, description="How long a stored plan can be submitted.")
    run_retention_days: int = Field(90, ge=1, description="How long finished runs are kept.")
    runs_kept: int = Field(100, ge=1, description="Finished runs kept of each request; the last one always.")

    # How much at once. Two cores do well with a handful of threads; they mostly wait.
    pool_size: int = Field(16, ge=2, description="Database connections of this process (PostgreSQL).")
    api_threads: int = Field(32, ge=1, description="Requests worked on at once; the rest wait their turn.")
    workers: int = Field(4, ge=1, description="Runs driven at once by this process.")
    reconcilers: int = Field(4, ge=1, description="Requests reconciled at once by this process.")
    policy_workers: int = Field(2, ge=1, description="Processes of the embedded policy engine.")

    # How long. A dead process's work lies still for a lease, so leases are short and renewed.
    lease_seconds: float = Field(4.0, gt=0, description="Lease of the reconciler on a request.")
    run_lease_seconds: float = Field(3.0, gt=0, description="Lease of a worker on a run.")
    poll_seconds: float = Field(1.0, gt=0, description="How often idle threads look without being woken.")
    policy_seconds: float = Field(2.0, gt=0, description="How long one policy evaluation may take.")
    git_check_seconds: float = Field(
        60.0, gt=0, description="How often git is compared with what was written."
    )
    clock_seconds: float = Field(30.0, gt=0, description="How often the database's clock is consulted.")

    # What steps may reach. Nothing private, until an operator names it.
    http_hosts: Words = Field((), description="Private hosts, comma separated, that http steps may call.")
    git_hosts: Words = Field((), description="Private hosts, comma separated, that git may speak to.")
    git_username: str = Field("", description="User for an https git remote.")
    git_password: SecretStr = Field(SecretStr(""), description="Password or token for an https git remote.")
    repositories_dir: Path | None = Field(
        None, description="Where git destinations of this machine lie; empty: in the data folder."
    )
    commands: Words = Field((), description="Programs for command.run, name=/absolute/path, comma separated.")
    command_variables: Words = Field((), description="Variables that a workflow may set for a program.")
    terraform: str = Field("", description="Program of terraform.* steps, name or path; empty: refused.")
    ansible: str = Field("", description="Program of ansible.play, name or path; empty: refused.")

    # Whose contracts are taken, and from where.
    bundle_sources: Words = Field(
        (), description="Beginnings of git URLs that bundles may be fetched from, comma separated."
    )
    trusted_keys: Words = Field(
        (), description="Public keys that sign contracts, files or folders of *.pub, comma separated."
    )
    require_signed_bundles: bool = Field(
        default=False, description="Publish only what one of these keys has signed."
    )

    # What it tells.
    log_format: LogFormat = Field(LogFormat.PLAIN, description="plain or json.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="Least level logged.")
    otlp_endpoint: str = Field(
        "", pattern="^(https?://.+)?$", description="OTLP/HTTP collector for traces; empty: none are sent."
    )

    @field_validator(
        *("http_hosts", "git_hosts", "commands", "command_variables", "executor_options"),
        *("bundle_sources", "trusted_keys"),
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def database(self) -> str:
        """Return the database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.folder / 'avow.db'}"

    @field_validator("commands")
    @classmethod
    def _check_commands(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            name, _, path = word.partition("=")
            if not name or not path.startswith("/"):
                raise ValueError(f"{name} needs an absolute path: write name=/absolute/path")
        return value

    @field_validator("executor_options")
    @classmethod
    def _check_options(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for word in value:
            name, equals, _ = word.partition("=")
            if not equals or not all(name.partition(".")):
                raise ValueError(f"{name} is no option: write executor.setting=value")
        return value

    @field_validator("broker_url")
    @classmethod
    def _check_broker(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in BROKERS:
            raise ValueError("write redis://... or rediss://..., or amqp://... or amqps://... for RabbitMQ")
        return value

    @property
    def options(self) -> dict[str, str]:
        """Return what executors other than the built-in one are told, by `<executor>.<setting>`."""
        temporal = {
            "temporal.address": self.temporal_address,
            "temporal.namespace": self.temporal_namespace,
            "temporal.task_queue": self.temporal_task_queue,
            "temporal.tls": str(self.temporal_tls).lower(),
            "temporal.api_key": self.temporal_api_key.get_secret_value(),
            "temporal.console": self.temporal_console,
        }
        others = {name: value for name, _, value in (word.partition("=") for word in self.executor_options)}
        return temporal | others

    @property
    def programs(self) -> dict[str, Path]:
        """Return the programs that command.run may start, by name."""
        return {name: Path(path) for name, _, path in (word.partition("=") for word in self.commands)}

    @property
    def terraform_program(self) -> Path | None:
        """Return the program of `terraform.*`, None when these steps are off."""
        return _program(self.terraform)

    @property
    def ansible_program(self) -> Path | None:
        """Return the program of `ansible.play`, None when this step is off."""
        return _program(self.ansible)

    @property
    def traces(self) -> bool:
        """Say whether traces are sent: by our own setting, or by OpenTelemetry's own variables."""
        return bool(self.otlp_endpoint) or _standard_traces()

    @property
    def folder(self) -> Path:
        """Return the data folder, absolute."""
        return self.data_dir.absolute()

    @property
    def repositories(self) -> Path:
        """Return where git destinations of this machine lie."""
        return (self.repositories_dir or self.folder / "repositories").absolute()


def _standard_traces() -> bool:
    named = os.environ.get
    is_off = named("OTEL_SDK_DISABLED", "").lower() == "true" or named("OTEL_TRACES_EXPORTER") == "none"
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return not is_off and any(named(name) for name in endpoints)


def _program(word: str) -> Path | None:
    """Return where a program lies that is named by path or is found on PATH or beside this Python.

    A name that is found nowhere is returned as it stands, and whoever would run it says so.
    """
    if not word or "/" in word:
        return Path(word).absolute() if word else None
    places = os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.executable).parent)))
    return Path(shutil.which(word, path=places) or word)


def load(overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings: what the caller names, else the environment, else the defaults.

    Raises:
        Invalid: `invalid_settings`, naming each offending variable.
    """
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        findings = tuple(
            Finding(f"{_PREFIX}{str(part['loc'][0]).upper()}", "invalid_setting", part["msg"])
            for part in error.errors(include_url=False, include_input=False)
        )
        raise Invalid(
            "invalid_settings", "Avow cannot start with these settings.", findings=findings
        ) from error


def secret_environment() -> dict[str, str]:
    """Return the variables that references `secret://env/...` may name."""
    return {name: value for name, value in os.environ.items() if name.startswith(_REFERABLE)}


def hand_down(settings: Settings) -> None:
    """Put settings into the environment, for processes that this one starts."""
    for name in Settings.model_fields:
        value = getattr(settings, name)
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(text, tuple):
            text = ",".join(text)
        if text not in (None, ""):
            os.environ[f"{_PREFIX}{name.upper()}"] = str(text)
