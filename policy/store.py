"""The only queries on decisions. They are written once and read by project, newest first."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from catalog.db import Tx
from catalog.errors import NotFound
from policy.decision import Action, Decision, EnforcementPoint, Outcome, Result
from policy.tables import decisions


def record(tx: Tx, decision: Decision) -> None:
    """Store a decision, in the transaction of what it decides."""
    row = {key: getattr(decision, key) for key in Decision.__dataclass_fields__}
    row["outcome"] = str(decision.outcome)
    row["enforcement_point"] = str(decision.enforcement_point)
    row["results"] = [_result_document(result) for result in decision.results]
    tx.execute(decisions.insert(), row)


def get(tx: Tx, project: str, decision_id: str) -> Decision:
    """Return a decision of a project.

    Raises:
        NotFound: `decision_not_found`, also when it is another project's.
    """
    where = (decisions.c.project == project) & (decisions.c.id == decision_id)
    row = tx.execute(sa.select(decisions).where(where)).mappings().one_or_none()
    if row is None:
        raise NotFound(
            "decision_not_found", f"There is no decision {decision_id}.", fix="list the project's decisions"
        )
    return _decision(row)


def page(
    tx: Tx, project: str, limit: int, *, before: str | None = None, subject: str | None = None
) -> list[Decision]:
    """Return a project's decisions, newest first.

    Args:
        before: id of the last decision of the page before this one.
        subject: a request's uid, for the decisions about it alone.
    """
    query = sa.select(decisions).where(decisions.c.project == project)
    if subject is not None:
        query = query.where(decisions.c.subject == subject)
    if before is not None:
        query = query.where(decisions.c.id < before)
    rows = tx.execute(query.order_by(decisions.c.id.desc()).limit(limit)).mappings()
    return [_decision(row) for row in rows]


def _result_document(result: Result) -> dict[str, str]:
    return {key: str(getattr(result, key)) for key in Result.__dataclass_fields__}


def _result(document: Mapping[str, str]) -> Result:
    return Result(**{**document, "action": Action(document["action"])})  # type: ignore[arg-type]  # one member is no text


def _decision(row: Mapping[Any, Any]) -> Decision:
    fields = dict(row)
    fields["outcome"] = Outcome(fields["outcome"])
    fields["enforcement_point"] = EnforcementPoint(fields["enforcement_point"])
    fields["results"] = tuple(_result(part) for part in fields["results"])
    return Decision(**fields)
