"""What would happen: the plan of a request that is not stored, or not stored like this.

It loads what a pass would load and asks the planner that a pass asks. It looks at nothing
outside the database, so the newest look of a pass stands in for one, and it writes nothing.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from catalog import fleet_store
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.request import Request
from reconciler.placement import Placed
from reconciler.plan import Plan, Situation, plan
from reconciler.situation import Loaded, proposed


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan with what it rests on."""

    plan: Plan
    loaded: Loaded

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
    return Preview(plan(situation, now), replace(loaded, situation=situation))
