"""Settings come from the caller, else the environment, else sensible defaults."""

from pathlib import Path

import pytest

from catalog.errors import Invalid
from platform_api.settings import LogFormat, Settings, hand_down, load, secret_environment


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"AVOW_{name.upper()}", raising=False)


def test_the_defaults_need_nothing_but_a_folder() -> None:
    settings = load()
    assert settings.host == "127.0.0.1"
    assert settings.database == f"sqlite:///{Path('.avow').absolute()}/avow.db"
    assert settings.repositories == settings.folder / "repositories"
    assert (settings.http_hosts, settings.programs) == ((), {})
    assert (settings.terraform_program, settings.ansible_program) == (None, None)


def test_the_caller_beats_the_environment_and_none_stands_for_not_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AVOW_PORT", "9001")
    monkeypatch.setenv("AVOW_HOST", "0.0.0.0")
    settings = load({"port": 9002, "host": None})
    assert (settings.port, settings.host) == (9002, "0.0.0.0")


def test_lists_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVOW_HTTP_HOSTS", "ci.internal, wiki.internal ,")
    monkeypatch.setenv("AVOW_COMMANDS", "tf=/usr/bin/terraform,go=/opt/go")
    settings = load()
    assert settings.http_hosts == ("ci.internal", "wiki.internal")
    assert settings.programs == {"tf": Path("/usr/bin/terraform"), "go": Path("/opt/go")}


def test_a_program_is_named_by_path_or_found_on_path_or_beside_this_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "venv/python"))
    for found in (tmp_path / "terraform", tmp_path / "venv/ansible-playbook"):
        found.parent.mkdir(exist_ok=True)
        found.touch(mode=0o755)
    settings = load({"terraform": "terraform", "ansible": "ansible-playbook"})
    assert settings.terraform_program == tmp_path / "terraform"
    assert settings.ansible_program == tmp_path / "venv/ansible-playbook"
    assert load({"terraform": "./tf"}).terraform_program == Path("tf").absolute()
    assert load({"terraform": "no-such-program"}).terraform_program == Path("no-such-program")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", 70_000),
        ("port", "x"),
        ("workers", 0),
        ("log_format", "xml"),
        ("log_level", "loud"),
        ("lease_seconds", 0),
        ("commands", "terraform"),
        ("commands", "tf=terraform"),
        ("broker_url", "kafka://broker"),
        ("broker_url", "broker:6379"),
        ("executor_options", "argo.url"),
        ("executor_options", "argo=x"),
    ],
)
def test_a_setting_that_cannot_be_is_named_by_its_variable(name: str, value: object) -> None:
    with pytest.raises(Invalid) as refused:
        load({name: value})
    [finding] = refused.value.findings
    assert (refused.value.code, finding.pointer) == ("invalid_settings", f"AVOW_{name.upper()}")


@pytest.mark.parametrize(
    "url", ["redis://h/0", "rediss://h", "amqp://u:p@h/v", "amqps://h", "sentinel://h:1"]
)
def test_a_broker_is_redis_or_rabbitmq(url: str) -> None:
    assert load({"broker_url": url}).broker_url == url


def test_each_executor_finds_its_own_settings_among_the_options() -> None:
    argo = "argo.url=https://argo.example/?a=b,argo.namespace=avow"
    argo += ",argo.token=S3CR3T"
    given = {"executor_options": argo, "temporal_address": "t:7233", "temporal_api_key": "S3CR3T"}
    options = load(given).options
    assert options["argo.url"] == "https://argo.example/?a=b"
    assert (options["temporal.address"], options["temporal.tls"]) == ("t:7233", "false")
    assert options["temporal.api_key"] == "S3CR3T"
    assert "S3CR3T" not in repr(load(given))


def test_secrets_are_not_shown_in_print() -> None:
    settings = load({"opa_token": "S3CR3T", "git_password": "S3CR3T", "signing_key": "S3CR3T"})
    assert "S3CR3T" not in repr(settings)
    assert "S3CR3T" not in str(settings)


def test_only_variables_made_for_it_can_be_referred_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVOW_SECRET_PG", "value")
    monkeypatch.setenv("AVOW_DATABASE_URL", "postgresql://u:p@h/d")
    assert secret_environment().get("AVOW_SECRET_PG") == "value"
    assert not any(name.startswith("AVOW_DATABASE") for name in secret_environment())


def test_what_is_handed_down_is_read_back_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = load(
        {
            "data_dir": tmp_path,
            "http_hosts": "a,b",
            "commands": "tf=/usr/bin/tf",
            "executor_options": "argo.url=https://argo.example,argo.namespace=avow",
            "temporal_address": "temporal:7233",
            "temporal_tls": True,
            "opa_token": "token",
            "log_format": LogFormat.JSON,
            "lease_seconds": 2.5,
        }
    )
    for name in Settings.model_fields:
        monkeypatch.setenv(f"AVOW_{name.upper()}", "")  # restored afterwards, whatever is set now
        monkeypatch.delenv(f"AVOW_{name.upper()}")
    hand_down(given)
    assert load() == given
