"""The only queries on stored plans: what somebody was shown, and may submit as it stands.

A plan is written once. Submitting it is the one thing that ever happens to it; after that, and
after its time, it is of no use to anybody and is dropped by `housekeeping`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.errors import NotFound
from platform_api.tables import plans


class PlannedOperation(StrEnum):
    """What is to become of the request."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class PlanState(StrEnum):
    """What can be done with a plan."""

    OPEN = "open"
    SUBMITTED = "submitted"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class StoredPlan:
    """A plan.

    Attributes:
        request: the request's name.
        request_uid: the uid that the request has, or will get.
        wish: what is asked for; empty when the request is to be deleted.
        binding: what it rests on; see `plan_binding`.
        document: the plan as it was shown.
    """

    id: str
    project: str
    request: str
    operation: PlannedOperation
    wish: JsonObject
    binding: JsonObject
    document: JsonObject
    created_at: datetime
    created_by: str
    expires_at: datetime
    request_uid: str
    submitted_at: datetime | None = None

    def state(self, now: datetime) -> PlanState:
        """Return what can be done with it."""
        if self.submitted_at is not None:
            return PlanState.SUBMITTED
        return PlanState.OPEN if now < self.expires_at else PlanState.EXPIRED


def insert(tx: Tx, plan: StoredPlan) -> None:
    """Store a new plan."""
    row = {name: getattr(plan, name) for name in StoredPlan.__dataclass_fields__}
    tx.execute(plans.insert(), row | {"operation": str(plan.operation)})


def load(tx: Tx, project: str, plan_id: str) -> StoredPlan:
    """Return a plan of a project.

    Raises:
        NotFound: `plan_not_found`, also when it is another project's.
    """
    return _one(tx, _of(project, plan_id), plan_id)


def locked(tx: Tx, project: str, plan_id: str) -> StoredPlan:
    """Return a plan and keep whoever else would submit it waiting until the transaction ends.

    Raises:
        NotFound: `plan_not_found`.
    """
    return _one(tx, _of(project, plan_id).with_for_update(), plan_id)


def page(tx: Tx, project: str, limit: int, *, before: str | None = None) -> list[StoredPlan]:
    """Return a project's plans, newest first, before an id."""
    query = sa.select(plans).where(plans.c.project == project)
    if before is not None:
        query = query.where(plans.c.id < before)
    return [_plan(row) for row in tx.execute(query.order_by(plans.c.id.desc()).limit(limit)).mappings()]


def mark_submitted(tx: Tx, plan_id: str, now: datetime) -> None:
    """Store that a plan was submitted; whoever calls has locked it."""
    tx.execute(plans.update().where(plans.c.id == plan_id).values(submitted_at=now))


def forget(tx: Tx, before: datetime) -> int:
    """Drop plans that expired before a time; return how many."""
    return tx.execute(plans.delete().where(plans.c.expires_at < before)).rowcount


def _of(project: str, plan_id: str) -> sa.Select[Any]:
    return sa.select(plans).where(plans.c.project == project, plans.c.id == plan_id)


def _one(tx: Tx, query: sa.Select[Any], plan_id: str) -> StoredPlan:
    row = tx.execute(query).mappings().one_or_none()
    if row is None:
        raise NotFound("plan_not_found", f"There is no plan {plan_id}.", fix="see avow get plans")
    return _plan(row)


def _plan(row: Mapping[Any, Any]) -> StoredPlan:
    return StoredPlan(**{**row, "operation": PlannedOperation(row["operation"])})
