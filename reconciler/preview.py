"""What would happen: the plan of a request that is not stored, or not stored like this.

It loads what a pass would load and asks the planner that a pass asks. It looks at nothing
outside the database, so the newest look of a pass stands in for one, and it writes nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from catalog import contracts, fleet_store
from catalog.contract import OperationName
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.request import Request
from reconciler.impact import Foresight, foresee, unhindered
from reconciler.placement import Placed
from reconciler.plan import Plan, Situation, plan
from reconciler.prospecting import with_children
from reconciler.situation import Loaded, proposed


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan with what it rests on, and what follows it.

    Attributes:
        ahead: what would be done once what is missing or waited for is there.
    """

    plan: Plan
    loaded: Loaded
    ahead: Foresight

    @property
    def operation(self) -> OperationName | None:
        """Return the operation that is begun at once or in the end; None when none is."""
        return self.plan.operation or self.ahead.plan.operation

    @property
    def situation(self) -> Situation:
        """Return what the plan was made from."""
        return self.loaded.situation

    @property
    def placed(self) -> Placed:
        """Return where it would land, and why."""
        return self.situation.placed


def preview(tx: Tx, request: Request, revision: Revision, now: datetime) -> Preview:
    """Return what the first pass over a request like this would do."""
    loaded = proposed(tx, request, revision, now)
    situation = replace(loaded.situation, observation=fleet_store.observation(tx, request.uid))
    loaded = replace(loaded, situation=situation)

    def revision_of(digest: str) -> Revision:
        return revision if digest == revision.digest else contracts.by_digest(tx, digest)

    free = replace(loaded, situation=unhindered(situation))
    [ahead] = with_children(tx, [foresee(free, revision_of, now, is_asked=True)], revision_of, now)
    return Preview(plan(situation, now), loaded, ahead)
