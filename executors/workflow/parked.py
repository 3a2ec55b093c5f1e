"""Runs that are to go over to another definition: read, judged, and written a letter to.

The doors call this in their own transaction. A run is judged under its lock by the rule that
the engine goes by when it takes the letter in (`migration`); what has come in between the two
can still have the letter dropped, which the run's journal then tells.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from catalog.db import Tx
from catalog.digest import Json, JsonObject, digest
from catalog.errors import Finding
from executors import runs
from executors.runs import Letter, RunRecord
from executors.tables import runs as table
from executors.workflow.exchange import Course, Migrate
from executors.workflow.journal import run_of
from executors.workflow.mail import MIGRATE, mail_of
from executors.workflow.migration import Migration, problems
from executors.workflow.progress import Run
from executors.workflow.spec import parse_workflow


@dataclass(frozen=True, slots=True)
class Parked:
    """A run as it stands, with what it follows."""

    record: RunRecord
    definition: JsonObject
    context: JsonObject
    run: Run


@dataclass(frozen=True, slots=True)
class Goal:
    """What a run is to follow; the document was admitted.

    Attributes:
        contract: name, version and digest of the revision that it belongs to; empty: as before.
        mapping: old step to new, or to None.
        keeps_approvals: what people approved holds for the new definition as well.
    """

    document: JsonObject
    contract: Mapping[str, str]
    mapping: Mapping[str, str | None]
    keeps_approvals: bool = False


def load(tx: Tx, project: str, run_id: str, *, locked: bool = False) -> Parked:
    """Return a run as its journal has it.

    Raises:
        NotFound: `run_not_found`, also for another project's run.
    """
    record = runs.load(tx, project, run_id)
    query = sa.select(table.c.definition, table.c.context).where(table.c.id == run_id)
    row = tx.execute(query.with_for_update() if locked else query).one()
    return Parked(record, row.definition, row.context, run_of(runs.entries(tx, run_id)))


def unfit(parked: Parked, goal: Goal) -> tuple[Finding, ...]:
    """Return what keeps a run from following the goal; empty when it can."""
    [wish] = mail_of([Letter(parked.run.mail + 1, MIGRATE, _body(parked, goal))])
    assert isinstance(wish, Migrate)  # noqa: S101  # by its kind; tells mypy
    course = Course(parse_workflow(parked.definition), parked.context)
    return problems(Migration(course, wish), parked.run)


def leave_letter(tx: Tx, parked: Parked, goal: Goal, now: datetime) -> None:
    """Tell a run to follow the goal, once it takes its mail in."""
    runs.post(tx, parked.record.idempotency_key, MIGRATE, _body(parked, goal), now=now)


def open_on(tx: Tx, contract_digest: str, after: str, limit: int) -> list[tuple[str, str]]:
    """Return runs of a revision that have not ended, by id, each with its project."""
    query = sa.select(table.c.project, table.c.id).where(
        table.c.contract_digest == contract_digest, table.c.ended_at.is_(None), table.c.id > after
    )
    return [(row.project, row.id) for row in tx.execute(query.order_by(table.c.id).limit(limit))]


def _body(parked: Parked, goal: Goal) -> JsonObject:
    mapping: dict[str, Json] = dict(goal.mapping)
    contract: dict[str, Json] = dict(goal.contract)
    return {
        "document": goal.document,
        "definition": digest(goal.document),
        "former": digest(parked.definition),
        "mapping": mapping,
        "contract": contract,
        "keeps_approvals": goal.keeps_approvals,
    }
