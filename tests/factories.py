"""Small valid values for tests: what a test does not speak of comes from here.

Every builder returns a value that is right in itself; a test names the one thing that it is
about and leaves the rest. Nothing is random and no clock is read: time stands at `START`
until a test moves it, and ids come from a seeded mint. Nothing here starts a server.
"""

import importlib.util
import json
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from catalog import ids, projects, requests
from catalog.bell import Bell
from catalog.bundle import Bundle, bundle_from_files
from catalog.clock import Clock
from catalog.contract import Contract, OperationName
from catalog.contracts import Revision
from catalog.db import Database, Tx, metadata
from catalog.digest import Json
from catalog.fleet import Destination, Observation, Presence
from catalog.ids import ContractName, Mint, ProjectName, RequestUid
from catalog.request import Applied, Request, desired_digest
from catalog.schema import with_defaults
from executors.port import ContractRef
from reconciler.operation import Operation, OperationState, idempotency_key
from reconciler.placement import Placed
from reconciler.plan import Situation

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PROJECT = "shop"
UID = "req_00000000000000000000000001"

_PACKAGES = ("catalog", "policy", "executors", "reconciler", "platform_api")


class FakeClock:
    """A clock that moves only when looked at (by `tick`) or told to."""

    def __init__(self, start: datetime = START, tick: timedelta = timedelta(milliseconds=1)) -> None:
        self.now = start
        self.tick = tick
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        """Return the present time and move on by one tick."""
        with self._lock:
            self.now += self.tick
            return self.now - self.tick

    def advance(self, span: timedelta) -> datetime:
        """Move on and return the time reached."""
        with self._lock:
            self.now += span
            return self.now


def seeded_mint(clock: Clock | None = None, seed: int = 0) -> Mint:
    """Return a mint whose ids are the same in every run and sort in the order of minting."""
    read, dice = clock or FakeClock(), random.Random(seed)
    return lambda prefix: ids.mint(prefix, read(), dice.randbytes)


def contract_document(
    name: str = "postgres-database", version: str = "1.0.0", owner: str = "team-data", **spec: Any
) -> dict[str, Any]:
    """Return what a valid contract.yaml says; `spec` replaces or adds parts of its `spec`."""
    return {
        "apiVersion": "avow/v1",
        "kind": "Contract",
        "metadata": {"name": name, "version": version, "owner": owner},
        "spec": {
            "description": "A PostgreSQL database with its own role.",
            "inputs": {
                "type": "object",
                "required": ["size"],
                "additionalProperties": False,
                "properties": {
                    "size": {"enum": ["s", "m", "l"]},
                    "backups": {"type": "boolean", "default": True},
                },
            },
            "outputs": {
                "type": "object",
                "required": ["host"],
                "additionalProperties": False,
                "properties": {
                    "host": {"type": "string"},
                    "password": {"type": "string", "x-sensitive": True},
                },
            },
            "placement": {"match": {"kind": "postgres-server"}},
            "operations": {
                operation: {"executor": "workflow", "definition": f"{operation}.yaml"}
                for operation in ("provision", "update", "delete", "observe")
            },
            "drift": {"interval": "10m"},
        }
        | spec,
    }


def workflow_document(name: str, uses: str) -> dict[str, Any]:
    """Return a workflow of one step that states facts."""
    return {
        "apiVersion": "avow/v1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "steps": [{"id": "call", "uses": uses, "with": {"url": "https://example.test/", "method": "GET"}}],
        "facts": {"exists": True},
    }


def contract_files(
    document: Mapping[str, Any] | None = None, files: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return a publishable bundle's files; `files` replaces or adds some by path."""
    document = contract_document() if document is None else document
    definitions = {
        part["definition"]: workflow_document(name, "http.read" if name == "observe" else "http.call")
        for name, part in document["spec"]["operations"].items()
    }
    texts = {path: json.dumps(definition, indent=2) for path, definition in definitions.items()}
    return {"contract.yaml": json.dumps(document, indent=2), **texts, **(files or {})}


def a_bundle(document: Mapping[str, Any] | None = None) -> Bundle:
    """Return a checked bundle."""
    return _checked(json.dumps(contract_document() if document is None else document))


@lru_cache(maxsize=256)
def _checked(document: str) -> Bundle:
    # Bundles are frozen, and reading one takes longer than most tests.
    return bundle_from_files(contract_files(json.loads(document)))


def a_contract(**spec: Any) -> Contract:
    """Return a contract; `spec` replaces or adds parts of its `spec`."""
    return a_bundle(contract_document(**spec)).contract


def a_revision(document: Mapping[str, Any] | None = None) -> Revision:
    """Return a published revision, without a database."""
    bundle = a_bundle(document)
    contract = bundle.contract
    return Revision(
        contract.name, contract.version, bundle.digest, contract.owner, START, "alice", bundle=bundle
    )


def a_destination(name: str = "pg-1", **fields: Any) -> Destination:
    """Return a PostgreSQL server for everybody."""
    values: dict[str, Any] = {"kind": "postgres-server", "labels": {"env": "dev"}, "config": {"host": name}}
    return Destination(name, **(values | {"created_at": START} | fields))


def a_request(uid: str = UID, **fields: Any) -> Request:
    """Return a request that was just accepted; it fits `a_revision()`."""
    revision = a_revision()
    values: dict[str, Any] = {
        "project": ProjectName(PROJECT),
        "name": "orders-db",
        "contract": ContractName(revision.name),
        "version": None,
        "contract_version": revision.version,
        "contract_digest": revision.digest,
        "environment": "dev",
        "owner": "team-orders",
        "labels": {"tier": "backend"},
        "inputs": {"size": "s"},
        "generation": 1,
        "revision": 1,
        "created_at": START,
        "created_by": "dora",
        "updated_at": START,
        "inputs_version": fields.get("contract_version", revision.version),
    }
    return Request(RequestUid(uid), **(values | fields))


def an_applied(request: Request | None = None, facts: Mapping[str, Json] | None = None) -> Applied:
    """Return what a delivery of exactly this request on `a_destination()` left on record."""
    request = request or a_request()
    inputs = with_defaults(a_contract().inputs, request.inputs)
    return Applied(
        generation=request.generation,
        contract_version=request.contract_version,
        contract_digest=request.contract_digest,
        desired_digest=desired_digest(request.contract_digest, a_destination().name, inputs),
        inputs=inputs,
        facts={"exists": True, "size": "s"} if facts is None else facts,
        facts_digest="sha256:" + "0" * 64,
        at=START,
    )


def a_delivered_request(**fields: Any) -> Request:
    """Return a request that was delivered on `a_destination()` as it is wanted."""
    request = a_request(**({"destination": a_destination().name} | fields))
    return replace(request, applied=fields.get("applied", an_applied(request)))


def an_observation(presence: Presence = Presence.PRESENT, **fields: Any) -> Observation:
    """Return a look that saw what `an_applied()` delivered."""
    facts = {"exists": True, "size": "s"} if presence is Presence.PRESENT else {}
    values: dict[str, Any] = {"request_uid": RequestUid(UID), "facts": facts, "observed_at": START}
    return Observation(presence=presence, **(values | fields))


def an_operation(name: OperationName = OperationName.PROVISION, **fields: Any) -> Operation:
    """Return a pending operation of `a_request()`."""
    request = a_request()
    attempt = fields.get("attempt", 1)
    values: dict[str, Any] = {
        "id": f"op_{attempt:026d}",
        "project": request.project,
        "request_uid": request.uid,
        "generation": 1,
        "attempt": attempt,
        "idempotency_key": idempotency_key(request.project, request.uid, 1, name, attempt),
        "fence": 1,
        "state": OperationState.PENDING,
        "executor": "workflow",
        "contract_version": request.contract_version,
        "contract_digest": request.contract_digest,
        "destination": "pg-1",
        "desired_digest": an_applied(request).desired_digest,
        "reason": "NotDelivered",
        "message": "nothing is delivered yet",
        "plan": {"inputs": an_applied(request).inputs},
        "decision_id": None,
        "created_at": START,
    }
    return Operation(name=name, **(values | fields))


def a_situation(request: Request | None = None, **fields: Any) -> Situation:
    """Return a placed request's situation, on `a_contract()`; untouched unless it was delivered."""
    request = request or a_request()
    revision = a_revision()
    ref = ContractRef(revision.name, revision.version, revision.digest)
    values: dict[str, Any] = {
        "contract": revision.contract,
        "contract_ref": ref,
        "current": fields.get("contract", revision.contract),
        "current_ref": fields.get("contract_ref", ref),
        "placed": Placed(a_destination(), is_needed=True, message="stays on pg-1"),
        "was_touched": request.applied is not None,
    }
    return Situation(request, **(values | fields))


@contextmanager
def created_database(url: str, bell: Bell | None = None) -> Iterator[Database]:
    """Open the database at a URL with every table that the packages define."""
    for package in _PACKAGES:
        if importlib.util.find_spec(f"{package}.tables") is not None:
            importlib.import_module(f"{package}.tables")
    database = Database(url, ring=None if bell is None else bell.ring)
    try:
        with database.write() as tx:
            metadata.create_all(tx.connection)  # in one transaction, which is many times faster
        yield database
    finally:
        database.close()


def store_project(tx: Tx, name: str = PROJECT) -> None:
    """Store a project."""
    projects.create(tx, projects.Project(name, name.title(), START, "alice"))


def store_request(tx: Tx, request: Request | None = None) -> Request:
    """Store a request, with its project if that is missing."""
    request = request or a_request()
    if not projects.page(tx, "", 1, among=[request.project]):
        store_project(tx, request.project)
    requests.insert(tx, request)
    return request
