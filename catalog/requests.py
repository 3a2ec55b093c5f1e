"""The only queries on requests.

Two kinds of writes meet on a row: people change what is wanted, the reconciler records
what became of it. Either locks the row first (`locked`), so neither loses the other's.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.conditions import Condition, Conditions, Status, Type
from catalog.db import Tx
from catalog.errors import Conflict, NotFound
from catalog.request import Applied, Phase, Request, Use
from catalog.tables import requests

# Built once: composing a statement costs more than executing it on a warm cache.
_named = (requests.c.project == sa.bindparam("within")) & (requests.c.name == sa.bindparam("named"))
_with_uid = requests.c.uid == sa.bindparam("with")
_BY_NAME = sa.select(requests).where(_named, requests.c.deleted_at.is_(None))
_BY_UID = sa.select(requests).where(_with_uid)
_LOCKED = _BY_UID.with_for_update()
_BY_NAMES = sa.select(requests).where(
    requests.c.project == sa.bindparam("within"),
    requests.c.name.in_(sa.bindparam("names", expanding=True)),
    requests.c.deleted_at.is_(None),
)
_CHILDREN = sa.select(requests).where(
    requests.c.parent_uid == sa.bindparam("with"), requests.c.deleted_at.is_(None)
)
_SAVE = requests.update().where(_with_uid)

_STATUS_COLUMNS = (
    *("contract_version", "contract_digest", "destination", "attempt", "deleted_at"),
    *("previous_version", "failed_version", "failed_digest", "inputs_version", "converted"),
)


def insert(tx: Tx, request: Request) -> None:
    """Store a new request.

    Raises:
        Conflict: `request_exists`, when the project has a live one of this name.
    """
    if not insert_new(tx, request):
        raise Conflict(
            "request_exists",
            f"The project {request.project} has a request {request.name} already.",
            fix=f"see it: avow status {request.name}; change it, or choose another name",
        )


def insert_new(tx: Tx, request: Request) -> bool:
    """Store a new request unless its name, or its place as a child, is taken; say whether it was stored."""
    written_for = request.inputs_version or request.contract_version
    return tx.insert_missing(requests, _row(replace(request, inputs_version=written_for)))


def by_name(tx: Tx, project: str, name: str) -> Request:
    """Return the live request of this name.

    Raises:
        NotFound: `request_not_found`.
    """
    return _one(tx, _BY_NAME, {"within": project, "named": name}, name)


def last_deleted(tx: Tx, project: str, name: str) -> Request | None:
    """Return the tombstone left last under this name."""
    where = (requests.c.project == project) & (requests.c.name == name) & requests.c.deleted_at.is_not(None)
    query = sa.select(requests).where(where).order_by(requests.c.uid.desc()).limit(1)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else _request(row)


def by_uid(tx: Tx, uid: str) -> Request:
    """Return a request, live or deleted.

    Raises:
        NotFound: `request_not_found`.
    """
    return _one(tx, _BY_UID, {"with": uid}, uid)


def locked(tx: Tx, uid: str) -> Request:
    """Return a request and keep every other writer off its row until the transaction ends.

    Raises:
        NotFound: `request_not_found`.
    """
    return _one(tx, _LOCKED, {"with": uid}, uid)


def by_names(tx: Tx, project: str, names: Collection[str]) -> dict[str, Request]:
    """Return the live requests of these names, as far as there are any, by name."""
    rows = tx.execute(_BY_NAMES, {"within": project, "names": sorted(set(names))}).mappings()
    return {row["name"]: _request(row) for row in rows}


def names(tx: Tx, project: str, limit: int = 1000) -> list[str]:
    """Return the names of a project's live requests."""
    query = sa.select(requests.c.name).where(requests.c.project == project, requests.c.deleted_at.is_(None))
    return list(tx.execute(query.order_by(requests.c.name).limit(limit)).scalars())


def children_of(tx: Tx, uid: str) -> list[Request]:
    """Return the live requests that a request has made, the youngest first."""
    found = [_request(row) for row in tx.execute(_CHILDREN, {"with": uid}).mappings()]
    return sorted(found, key=lambda child: (child.created_at, child.uid), reverse=True)


def locked_all(tx: Tx, uids: Collection[str]) -> dict[str, Request]:
    """Return requests as `locked` does; everybody who locks several locks them in this order."""
    return {uid: locked(tx, uid) for uid in sorted(set(uids))}


def save_desired(tx: Tx, request: Request, expected_revision: int) -> Request:
    """Store what people changed and return the request at its next revision.

    Raises:
        Conflict: `revision_changed`, when somebody else was faster.
    """
    after = replace(request, revision=expected_revision + 1)
    where = (requests.c.uid == request.uid) & (requests.c.revision == expected_revision)
    if tx.execute(requests.update().where(where).values(**_row(after))).rowcount == 0:
        raise Conflict(
            "revision_changed", "The request was changed meanwhile.", fix="read it again and repeat"
        )
    return after


def save_status(tx: Tx, request: Request) -> None:
    """Store what became of a request that this transaction has locked."""
    values = {key: getattr(request, key) for key in _STATUS_COLUMNS}
    values |= _status_documents(request)
    tx.execute(_SAVE, {**values, "with": request.uid})


def forget_failure(tx: Tx, uid: str) -> None:
    """Let the version to which a request's upgrade failed be tried anew."""
    tx.execute(_SAVE, {"with": uid, "failed_version": None, "failed_digest": None})


@dataclass(frozen=True, slots=True)
class Filter:
    """Which requests to list; None means any.

    Attributes:
        projects: the projects that the reader may know of.
        text: part of the name.
        standing_on: a version of `contract` that they are pinned to, were resolved to or were delivered from.
        written_for: the version that their inputs are written for.
    """

    projects: Collection[str] | None = None
    phase: Phase | None = None
    contract: str | None = None
    owner: str | None = None
    environment: str | None = None
    destination: str | None = None
    labels: Mapping[str, str] | None = None
    text: str | None = None
    standing_on: str | None = None
    written_for: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A request by its names."""

    uid: str
    project: str
    name: str


def page(tx: Tx, wanted: Filter, after: str, limit: int) -> list[Request]:
    """Return live requests in the order in which they were made, after a uid."""
    query = sa.select(requests).where(
        requests.c.uid > after, requests.c.deleted_at.is_(None), *_clauses(wanted)
    )
    return [_request(row) for row in tx.execute(query.order_by(requests.c.uid).limit(limit)).mappings()]


def count(tx: Tx, wanted: Filter) -> int:
    """Return how many live requests match."""
    query = sa.select(sa.func.count()).select_from(requests)
    return int(tx.execute(query.where(requests.c.deleted_at.is_(None), *_clauses(wanted))).scalar_one())


def load_by_destination(tx: Tx) -> dict[str, int]:
    """Return how many live requests each destination carries."""
    query = sa.select(requests.c.destination, sa.func.count().label("held")).group_by(requests.c.destination)
    live = requests.c.deleted_at.is_(None) & requests.c.destination.is_not(None)
    return {row.destination: row.held for row in tx.execute(query.where(live))}


def contracts_in_use(tx: Tx) -> list[str]:
    """Return the names of the contracts that any live request is on."""
    query = sa.select(requests.c.contract).where(requests.c.deleted_at.is_(None)).distinct()
    return list(tx.execute(query.order_by(requests.c.contract)).scalars())


def uids(tx: Tx, wanted: Filter) -> list[str]:
    """Return the uids of all live requests that match."""
    query = sa.select(requests.c.uid).where(requests.c.deleted_at.is_(None), *_clauses(wanted))
    return list(tx.execute(query.order_by(requests.c.uid)).scalars())


def heads(tx: Tx, wanted: Filter, limit: int | None = None) -> list[Head]:
    """Return the names of live requests that match, in the order in which they were made."""
    query = sa.select(requests.c.uid, requests.c.project, requests.c.name)
    query = query.where(requests.c.deleted_at.is_(None), *_clauses(wanted)).order_by(requests.c.uid)
    return [Head(row.uid, row.project, row.name) for row in tx.execute(query.limit(limit))]


def _clauses(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    clauses: list[sa.ColumnElement[bool]] = []
    if wanted.projects is not None:
        clauses.append(requests.c.project.in_(wanted.projects))
    for key in ("phase", "contract", "owner", "environment", "destination"):
        value = getattr(wanted, key)
        if value is not None:
            clauses.append(requests.c[key] == str(value))
    if wanted.standing_on is not None:
        applied = requests.c.applied["contract_version"].as_string()
        places = (requests.c.version, requests.c.contract_version, applied)
        clauses.append(sa.or_(*(place == wanted.standing_on for place in places)))
    if wanted.written_for is not None:
        clauses.append(requests.c.inputs_version == wanted.written_for)
    if wanted.text:
        clauses.append(requests.c.name.contains(wanted.text, autoescape=True))
    for name, label in (wanted.labels or {}).items():
        clauses.append(requests.c.labels[name].as_string() == label)
    return clauses


def _one(tx: Tx, query: sa.Executable, values: Mapping[str, str], wanted: str) -> Request:
    row = tx.execute(query, values).mappings().one_or_none()
    if row is None:
        raise NotFound("request_not_found", f"There is no request {wanted}.", fix="see avow get requests")
    return _request(row)


def _row(request: Request) -> dict[str, Any]:
    documents = ("conditions", "outputs", "applied", "phase", "labels", "inputs", "requesters", "uses")
    fields = (key for key in Request.__dataclass_fields__ if key not in documents)
    row = {key: getattr(request, key) for key in fields}
    desired = {
        "labels": dict(request.labels),
        "inputs": request.inputs,
        "requesters": list(request.requesters),
        "uses": [{"request": use.request, "reason": use.reason} for use in request.uses],
    }
    return row | _status_documents(request) | desired


def _status_documents(request: Request) -> dict[str, Any]:
    return {
        "phase": str(request.phase),
        "conditions": [_condition_document(condition) for condition in request.conditions.values()],
        "outputs": request.outputs,
        "applied": None if request.applied is None else _applied_document(request.applied),
    }


def _request(row: Mapping[Any, Any]) -> Request:
    fields = dict(row)
    fields["phase"] = Phase(fields["phase"])
    fields["requesters"] = tuple(fields["requesters"])
    fields["uses"] = tuple(Use(**part) for part in fields["uses"])
    fields["conditions"] = _conditions(fields["conditions"])
    fields["applied"] = None if fields["applied"] is None else _applied(fields["applied"])
    return Request(**fields)


def _condition_document(condition: Condition) -> dict[str, Any]:
    return {
        "type": str(condition.type),
        "status": str(condition.status),
        "reason": condition.reason,
        "message": condition.message,
        "since": condition.since.isoformat(),
        "generation": condition.generation,
    }


def _conditions(documents: list[dict[str, Any]]) -> Conditions:
    read = (
        Condition(
            type=Type(part["type"]),
            status=Status(part["status"]),
            reason=part["reason"],
            message=part["message"],
            since=datetime.fromisoformat(part["since"]),
            generation=part["generation"],
        )
        for part in documents
    )
    return {condition.type: condition for condition in read}


def _applied_document(applied: Applied) -> dict[str, Any]:
    document = {key: getattr(applied, key) for key in Applied.__dataclass_fields__}
    return document | {"at": applied.at.isoformat(), "dead_ends": list(applied.dead_ends)}


def _applied(document: dict[str, Any]) -> Applied:
    # Those that were stored by older releases know of no dead ends.
    read = {"at": datetime.fromisoformat(document["at"]), "dead_ends": tuple(document.get("dead_ends", ()))}
    return Applied(**(document | read))
