"""What would happen: the plan of a request that is not stored, or not stored like this.

It loads what a pass would load and asks the planner that a pass asks; it looks at nothing
outside the database and writes nothing.
"""

from dataclasses import dataclass
from datetime import datetime

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
    return Preview(plan(loaded.situation, now), loaded)
