"""Requests whose runs go over to another contract revision, and do not deliver it by the books yet.

Between the letter that tells a run to go over and the pass that sees that it went, the operation
still names the old revision. Whoever would end a version asks here, and has it locked: who leaves
such a letter holds the version, so that none comes in meanwhile.
"""

from typing import Any

import sqlalchemy as sa

from catalog.db import Tx
from executors import runs as runs_store
from executors.tables import run_mail, runs
from executors.workflow import parked
from executors.workflow.mail import MIGRATE
from reconciler.tables import operations


def migrating_to(tx: Tx, contract_digest: str) -> list[str]:
    """Return the requests of open operations whose runs go over to a revision, or went and are not ended."""
    is_told = (run_mail.c.run_id == runs.c.id) & (run_mail.c.kind == MIGRATE)
    is_told &= run_mail.c.body["contract"]["digest"].as_string() == contract_digest
    query = (
        sa.select(operations.c.request_uid, runs.c.project, runs.c.id, runs.c.contract_digest)
        .add_columns(sa.func.max(run_mail.c.number).label("letter"))
        .join(runs, runs.c.idempotency_key == operations.c.idempotency_key)
        .outerjoin(run_mail, is_told)
        .where(operations.c.finished_at.is_(None))
        .where(sa.or_(runs.c.contract_digest == contract_digest, run_mail.c.number.is_not(None)))
        .group_by(operations.c.request_uid, runs.c.project, runs.c.id, runs.c.contract_digest)
    )
    found = tx.execute(query.order_by(operations.c.request_uid)).all()
    return [row.request_uid for row in found if _is_going(tx, row, contract_digest)]


def _is_going(tx: Tx, row: Any, contract_digest: str) -> bool:
    """Say whether a run has still to take its letter in, or went; one that it refused means nothing."""
    if row.letter is not None and row.letter > parked.load(tx, row.project, row.id).run.mail:
        return True
    # Asked anew: the letter may have been taken in since.
    return runs_store.load(tx, row.project, row.id).contract_digest == contract_digest
