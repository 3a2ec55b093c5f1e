"""A whole HTTP door for tests: real application, real database, real policy combination.

Only what lies behind the door is a twin: the policy engine answers what a test tells it,
and the executor takes any definition. Everybody whom a test may need has a token.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.testclient import TestClient

from catalog import fleet_store
from catalog.actor import Grant, Role
from catalog.bell import Bell
from catalog.db import Database, Tx, metadata
from catalog.digest import Json, JsonObject
from catalog.errors import Finding, Unavailable
from executors.port import RunReport, RunState, WorkOrder
from platform_api import tokens
from platform_api.app import create_app
from platform_api.parts import Platform
from platform_api.settings import Settings, load
from platform_api.sources import sources_of
from platform_api.tokens import Token
from platform_api.trust import trust_of
from policy.admit import Admission
from policy.engine import PolicyBundle, RawSets, StaticEngine
from tests.factories import (
    FakeClock,
    a_destination,
    contract_files,
    created_database,
    seeded_mint,
    store_project,
)

OTHER = "bank"

PEOPLE: Mapping[str, tuple[Grant, ...]] = {
    "admin": (Grant(Role.ADMIN),),
    "dora": (Grant(Role.DEVELOPER, "shop"),),
    "erin": (Grant(Role.DEVELOPER, OTHER),),
    "paul": (Grant(Role.APPROVER, "shop"),),
    "anna": (Grant(Role.AUDITOR, "shop"),),
    "pia": (Grant(Role.PUBLISHER, "team-data"),),
}
"""Everybody, with what they may."""


class ScriptedEngine(StaticEngine):
    """Denies and warns as told, or does not answer at all."""

    def __init__(self) -> None:
        super().__init__()
        self.deny: list[Json] = []
        self.is_down = False
        self.asked: list[JsonObject] = []

    def evaluate(
        self, bundle: PolicyBundle, document: JsonObject, timeout_seconds: float
    ) -> Mapping[str, RawSets]:
        """Answer as told."""
        self.asked.append(document)
        if self.is_down:
            raise Unavailable("policy_unavailable", "There is no answer.", retry_after_seconds=1)
        return {"org/test": RawSets(deny=tuple(self.deny), warn=())}


@dataclass
class TwinExecutor:
    """Takes every definition and remembers what it was told."""

    cancelled: list[str] = field(default_factory=list)
    findings: tuple[Finding, ...] = ()

    def check(self, definition: JsonObject, files: Mapping[str, str]) -> tuple[Finding, ...]:
        """Return what a test said is wrong."""
        return self.findings

    def start(self, order: WorkOrder) -> RunReport:
        """Begin nothing."""
        return RunReport(RunState.PENDING, "run_twin")

    def observe(self, idempotency_key: str) -> RunReport | None:
        """Know of nothing."""
        return None

    def cancel(self, idempotency_key: str, reason: str) -> None:
        """Remember it."""
        self.cancelled.append(idempotency_key)

    def signal(self, idempotency_key: str, name: str, payload: JsonObject) -> None:
        """Take anything."""


@dataclass
class Doors:
    """The door with what is behind it."""

    app: FastAPI
    platform: Platform
    engine: ScriptedEngine
    executor: TwinExecutor
    clock: FakeClock
    secrets: dict[str, str]
    http: TestClient

    def __call__(self, who: str, method: str, path: str, body: Any = None, **sent: Any) -> httpx.Response:
        """Send one HTTP request on behalf of somebody; "" is nobody."""
        headers = dict(sent.pop("headers", {}))
        if who:
            headers["Authorization"] = f"Bearer {self.secrets[who]}"
        if body is not None:
            sent["json"] = body
        answer: httpx.Response = self.http.request(method, path, headers=headers, **sent)
        return answer

    def submit(self, name: str = "orders-db", who: str = "dora", project: str = "shop", **more: Any) -> Any:
        """Submit a request and return what was answered, which must be an acceptance."""
        answer = self(who, "POST", f"/v1/projects/{project}/requests", wanted(name, **more))
        assert answer.status_code == 202, answer.text
        return answer.json()

    def rows(self) -> dict[str, int]:
        """Return how many rows each table has, to show that nothing was written."""
        with self.platform.db.read() as tx:
            return {name: count_rows(tx, name) for name in sorted(metadata.tables)}


def wanted(name: str = "orders-db", **more: Any) -> dict[str, Any]:
    """Return what somebody asks for."""
    return {"name": name, "contract": "postgres-database", "inputs": {"size": "s"}} | more


@contextmanager
def open_doors(url: str, folder: Path, **overrides: Any) -> Iterator[Doors]:
    """Open a door over an empty database that holds two projects, a contract and a destination."""
    settings = load({"data_dir": folder, "stream_check_seconds": 0.2} | overrides)
    with ExitStack() as stack:
        bell = Bell()
        database = stack.enter_context(created_database(url, bell))
        doors = _assembled(settings, database, bell)
        stack.enter_context(doors.http)
        _furnish(doors)
        yield doors


def _assembled(settings: Settings, database: Database, bell: Bell) -> Doors:
    clock, engine, executor = FakeClock(), ScriptedEngine(), TwinExecutor()
    mint = seeded_mint(clock)
    organisation = PolicyBundle(revision="sha256:" + "0" * 64, modules=(), data={})
    platform = Platform(
        settings=settings,
        db=database,
        bell=bell,
        clock=clock,
        mint=mint,
        admission=Admission(engine, organisation, clock, mint),
        engine=engine,
        organisation=organisation,
        executors={"workflow": executor},
        signing_key=b"k" * 32,
        checks={"database": lambda: "", "policy": lambda: "down" if engine.is_down else ""},
        trust=trust_of(settings.trusted_keys, is_required=settings.require_signed_bundles),
        sources=sources_of(settings.folder / "sources", settings.bundle_sources, settings.git_hosts),
    )
    app = create_app(platform)
    secrets = {who: tokens.new_secret() for who in PEOPLE}
    return Doors(
        app, platform, engine, executor, clock, secrets, TestClient(app, raise_server_exceptions=False)
    )


def _furnish(doors: Doors) -> None:
    with doors.platform.db.write() as tx:
        store_project(tx, "shop")
        store_project(tx, OTHER)
        for who, grants in PEOPLE.items():
            token = Token(doors.platform.mint("tok"), who, who, grants, doors.clock(), "setup")
            tokens.create(tx, token, doors.secrets[who])
        fleet_store.create_destination(tx, a_destination())
    published = doors("pia", "POST", "/v1/contracts", {"files": contract_files()})
    assert published.status_code == 201, published.text


def count_rows(tx: Tx, table: str) -> int:
    """Return how many rows a table has."""
    return int(tx.connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())  # noqa: S608  # our own names
