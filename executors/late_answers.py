"""Answers that came too late: the run was another worker's by then.

Such an answer may tell of an effect that the run does not know of, so it is not thrown away:
it is put aside under the fence that it came with, where people find it (`of_run`). It never
changes the run; its new driver has looked for itself. The engine's journal keeps them.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa

from catalog.db import Tx
from catalog.digest import JsonObject
from executors.tables import late_answers, runs

MOST_PER_RUN = 100
"""A run that is taken over again and again is listed with so many, the newest."""


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """What a worker that had lost its run heard.

    Attributes:
        fence: of the claim under which the call was made.
        verb: whether the call acted or only looked.
        outcome: done, absent, or the kind of failure.
        detail: the outputs, or why it failed.
    """

    run_id: str
    project: str
    fence: int
    step: str
    side: str
    verb: str
    attempt: int
    outcome: str
    detail: JsonObject
    at: datetime


def keep(tx: Tx, answers: Sequence[LateAnswer]) -> None:
    """Put answers aside, except those to a run that is gone; one that was put aside before stays as it is."""
    for answer in answers:
        if tx.execute(_RUN, {"run": answer.run_id}).one_or_none() is not None:
            tx.insert_missing(late_answers, asdict(answer))


def of_run(tx: Tx, project: str, run_id: str) -> list[LateAnswer]:
    """Return what came too late for a run of a project, the newest first."""
    mine = (late_answers.c.project == project) & (late_answers.c.run_id == run_id)
    query = sa.select(*_COLUMNS).where(mine).order_by(late_answers.c.at.desc(), late_answers.c.step)
    return [LateAnswer(**row) for row in tx.execute(query.limit(MOST_PER_RUN)).mappings()]


_COLUMNS = [late_answers.c[name] for name in LateAnswer.__dataclass_fields__]
_RUN = sa.select(runs.c.id).where(runs.c.id == sa.bindparam("run")).with_for_update(read=True)
