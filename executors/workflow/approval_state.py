"""How the entries about approvals change where a run stands.

Each approval's standing is folded with the functions of `ballot`, as its projection is. What
may happen to an approval when is judged by `approval` before an entry is written; here only
what can never be is refused.
"""

from dataclasses import replace

from catalog.digest import Json
from executors.workflow.approval_events import (
    ApprovalClaimed,
    ApprovalClosed,
    ApprovalDelegated,
    ApprovalEscalated,
    ApprovalEvent,
    ApprovalOpened,
    ApprovalReminded,
    ApprovalVoted,
)
from executors.workflow.ballot import (
    Outcome,
    Standing,
    closed,
    opened,
    with_escalation,
    with_pause,
    with_reminder,
    with_resumption,
    with_vote,
)
from executors.workflow.events import Failure, FailureKind, Side
from executors.workflow.milestones import Paused, Resumed
from executors.workflow.progress import Phase, Progress, Run, illegal
from executors.workflow.step_state import entered, left, put

ENDS = {
    Outcome.APPROVED: Phase.DONE,
    Outcome.REJECTED: Phase.FAILED,
    Outcome.EXPIRED: Phase.FAILED,
    Outcome.VOIDED: Phase.DROPPED,
}


def approval_opened(run: Run, event: ApprovalOpened) -> None:
    """People are asked."""
    before = run.of(event.step, Side.DO)
    if before.phase is not Phase.IDLE:
        raise illegal(event, f"{event.step} is {before.phase}")
    entered(run, event)
    run.current = (event.step, Side.DO)
    put(run, run.current, Progress(phase=Phase.ASKING, round=before.round, began_at=event.at))
    run.asked[event.step] = opened(event.task)


def approval_voted(run: Run, event: ApprovalVoted) -> None:
    """A vote counts."""
    run.asked[event.step] = with_vote(_standing(run, event), event.vote)


def approval_claimed(run: Run, event: ApprovalClaimed) -> None:
    """Somebody has it in hand, or nobody any more."""
    run.asked[event.step] = replace(_standing(run, event), claim=event.claim)


def approval_delegated(run: Run, event: ApprovalDelegated) -> None:
    """A seat was handed on."""
    standing = _standing(run, event)
    run.asked[event.step] = replace(standing, delegations=(*standing.delegations, event.delegation))


def approval_reminded(run: Run, event: ApprovalReminded) -> None:
    """A reminder went out."""
    run.asked[event.step] = with_reminder(_standing(run, event), event.at)


def approval_escalated(run: Run, event: ApprovalEscalated) -> None:
    """Others are asked too."""
    standing = _standing(run, event)
    run.asked[event.step] = with_escalation(standing, event.at, event.groups, event.expires_at)


def approval_closed(run: Run, event: ApprovalClosed) -> None:
    """It is over."""
    standing = _standing(run, event)
    if event.outcome not in ENDS:
        raise illegal(event, "it ends approved, rejected, expired or voided")
    over = closed(standing, event.outcome, event.at, event.message)
    run.asked[event.step] = over
    phase = ENDS[event.outcome]
    failure = None
    if phase is Phase.FAILED:
        failure = Failure(FailureKind.PERMANENT, f"approval_{event.outcome}", event.message)
        run.failures = (*run.failures, event.step)
    run.current = (event.step, Side.DO)
    before = run.of(event.step, Side.DO)
    ended = before.but(phase=phase, failure=failure, ended_at=event.at)
    put(run, run.current, ended.but(outputs=verdict(over)) if phase is Phase.DONE else ended)
    left(run, event.step)


def paused(run: Run, event: Paused) -> None:
    """The run is held, and with it the time of all that is asked."""
    run.asked = {step: with_pause(standing, event.at) for step, standing in run.asked.items()}


def resumed(run: Run, event: Resumed) -> None:
    """The run goes on, and so does the time of all that is asked."""
    run.asked = {
        step: with_resumption(standing, event.at, event.paused_seconds)
        for step, standing in run.asked.items()
    }


def verdict(standing: Standing) -> dict[str, Json]:
    """Return what later steps can refer to: how it was decided, and by whom."""
    votes: list[Json] = [
        {"person": vote.person, "seat": vote.seat, "verdict": vote.verdict.value, "reason": vote.reason}
        for vote in standing.votes
    ]
    return {"outcome": standing.outcome.value, "votes": votes}


def _standing(run: Run, event: ApprovalEvent) -> Standing:
    if run.of(event.step, Side.DO).phase is not Phase.ASKING:
        raise illegal(event, f"{event.step} asks nobody")
    return run.asked[event.step]
