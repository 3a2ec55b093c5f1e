"""Finding out where something belongs, when the address names only the thing itself.

`/v1/runs/{id}` does not say in which project. The answers here are only ever used to ask
whether the actor may read that project; what is then shown comes from the stores, which
insist on the project. Also the few questions that only the doors ask: what drifts, how
many requests stand where.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from catalog import requests
from catalog.actor import Actor
from catalog.conditions import Status, Type
from catalog.db import Tx
from catalog.errors import NotFound
from catalog.request import Request
from catalog.tables import requests as requests_table
from executors.tables import approvals as approvals_table
from executors.tables import runs as runs_table
from platform_api import notices
from policy.tables import decisions as decisions_table
from reconciler.tables import git_files as git_files_table
from reconciler.tables import work as work_table


def project_of_run(tx: Tx, actor: Actor, run_id: str) -> str:
    """Return the project of a run that the actor may read.

    Raises:
        NotFound: `run_not_found`; the same when it is there and not his to see.
    """
    query = _place(runs_table, runs_table.c.request_uid, run_id)
    return _readable(tx, actor, query, _missing("run", "see avow get runs"))


def project_of_decision(tx: Tx, actor: Actor, decision_id: str) -> str:
    """Return the project of a decision that the actor may read.

    Raises:
        NotFound: `decision_not_found`; the same when it is there and not his to see.
    """
    missing = _missing("decision", "see avow get decisions")
    return _readable(tx, actor, _place(decisions_table, decisions_table.c.subject, decision_id), missing)


def project_of_approval(tx: Tx, actor: Actor, approval_id: str) -> str:
    """Return the project of an approval that the actor may read.

    Raises:
        NotFound: `approval_not_found`; the same when it is there and not his to see.
    """
    query = _place(approvals_table, approvals_table.c.request_uid, approval_id)
    return _readable(tx, actor, query, _missing("approval", "see avow approvals"))


def request_names(tx: Tx, uids: Collection[str]) -> dict[str, str]:
    """Return the names of requests by their uids."""
    query = sa.select(requests_table.c.uid, requests_table.c.name)
    return {row.uid: row.name for row in tx.execute(query.where(requests_table.c.uid.in_(uids)))}


def due_at(tx: Tx, request_uid: str) -> datetime | None:
    """Return when a request is looked at next."""
    query = sa.select(work_table.c.due_at).where(work_table.c.request_uid == request_uid)
    found: datetime | None = tx.execute(query).scalar_one_or_none()
    return found


@dataclass(frozen=True, slots=True)
class Committed:
    """A file that stands in git for a request, and the commit that put it there."""

    branch: str
    path: str
    commit: str
    written_at: datetime


def committed(tx: Tx, request_uid: str) -> list[Committed]:
    """Return what git holds for a request, as far as it was written by us."""
    table = git_files_table
    query = sa.select(table).where(table.c.request_uid == request_uid).order_by(table.c.branch)
    return [
        Committed(row["branch"], row["path"], row["commit_sha"], row["written_at"])
        for row in tx.execute(query).mappings()
    ]


def drifted(tx: Tx, projects: Collection[str] | None, after: str, limit: int) -> list[Request]:
    """Return live requests that were seen to differ from what was delivered, whatever else is the matter."""
    query = sa.select(requests_table.c.uid).where(
        requests_table.c.uid > after, requests_table.c.deleted_at.is_(None), _is_out_of_sync(tx)
    )
    if projects is not None:
        query = query.where(requests_table.c.project.in_(projects))
    uids = tx.execute(query.order_by(requests_table.c.uid).limit(limit)).scalars()
    return [requests.by_uid(tx, uid) for uid in list(uids)]


def followers(tx: Tx, contract: str, version: str) -> int:
    """Return how many live requests stand on a version of a contract."""
    query = sa.select(sa.func.count()).select_from(requests_table)
    stands = (requests_table.c.contract == contract) & (requests_table.c.contract_version == version)
    count: int = tx.execute(query.where(stands, requests_table.c.deleted_at.is_(None))).scalar_one()
    return count


def phases(tx: Tx) -> dict[str, int]:
    """Return how many live requests are in each phase."""
    query = sa.select(requests_table.c.phase, sa.func.count().label("held"))
    live = query.where(requests_table.c.deleted_at.is_(None)).group_by(requests_table.c.phase)
    return {row.phase: row.held for row in tx.execute(live)}


def _is_out_of_sync(tx: Tx) -> sa.ColumnElement[bool]:
    wanted = {"type": str(Type.IN_SYNC), "status": str(Status.FALSE)}
    if tx.dialect == "postgresql":
        return sa.type_coerce(requests_table.c.conditions, JSONB).contains([wanted])
    each = sa.func.json_each(requests_table.c.conditions).table_valued("value")
    matches = (sa.func.json_extract(each.c.value, f"$.{name}") == value for name, value in wanted.items())
    return sa.select(sa.literal(1)).select_from(each).where(*matches).exists()


def _place(table: sa.Table, request_uid: sa.Column[Any], thing_id: str) -> sa.Select[Any]:
    return sa.select(table.c.project, request_uid.label("uid")).where(table.c.id == thing_id)


def _readable(tx: Tx, actor: Actor, query: sa.Select[Any], missing: NotFound) -> str:
    row = tx.execute(query).one_or_none()
    if row is None or not actor.may_read(row.project):
        raise missing
    notices.tell_of_uid(tx, row.uid)
    return str(row.project)


def _missing(noun: str, fix: str) -> NotFound:
    return NotFound(f"{noun}_not_found", f"There is no such {noun}.", fix=fix)
