"""What passes between a worker and the hands that lend themselves to it.

A worker hands out a `Turn`, a run as it was last written down; the hands bring back what was
`Answered` for it, and get the next turn, until the run rests or is another's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from executors.claims import ClaimedRun
from executors.workflow.act import Held
from executors.workflow.exchange import Call, Decision, Returned
from executors.workflow.keeper import Keeper


@dataclass(frozen=True, slots=True)
class Turn:
    """A run under our claim as it was last written down, with the calls that were announced then.

    Attributes:
        due_at: when to decide again without news, while calls are under way.
        is_gated: its workflow has gates, so that a decision may have to ask them.
    """

    claim: ClaimedRun
    held: Held
    calls: tuple[Call, ...] = ()
    due_at: datetime | None = None
    is_gated: bool = False

    def after(self, claim: ClaimedRun, decision: Decision) -> "Turn":
        """Return the turn that follows from a decision, once it is written down under this claim."""
        before = self.held
        held = Held(
            before.run_id,
            before.project,
            before.request_uid,
            before.idempotency_key,
            before.contract_digest,
            before.fence,
            before.course,
            decision.run,
        )
        return Turn(claim, held, decision.calls, decision.due_at, self.is_gated)


@dataclass(frozen=True, slots=True)
class Answered:
    """What came up for a run since it was last written down."""

    turn: Turn
    answers: tuple[Returned, ...] = ()
    has_mail: bool = False


class Driver(Protocol):
    """What the hands do for: a worker."""

    @property
    def keeper(self) -> Keeper:
        """Return who renews the leases."""
        ...

    def carry_out(self, turn: Turn, call: Call) -> Returned:
        """Make one call."""
        ...

    def leave_out(self, turn: Turn, call: Call) -> Returned:
        """Return the answer to an announced call that nobody began."""
        ...

    def record(self, answered: Sequence[Answered]) -> Sequence[Turn | None]:
        """Write down what came up and what follows; None for a run that is not ours any more."""
        ...

    @property
    def is_stopping(self) -> bool:
        """Say whether nothing more may be begun."""
        ...
