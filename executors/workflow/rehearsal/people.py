"""People and other senders of letters in a rehearsal.

Each happening becomes a letter as the door would post it: an act about an approval is judged
by the same rules before it is sent, and a refusal is kept as what the person would have read.
"""

from collections.abc import Mapping
from datetime import datetime

from executors.workflow.approval import refusal
from executors.workflow.ballot import Act, Cast, Evidence, HandOn, Outcome, Standing, Verdict, Voter
from executors.workflow.exchange import Acted, Cancel, Mail, Pause, Resume, Retry, Signal
from executors.workflow.progress import Run
from executors.workflow.rehearsal.script import Happening

ABOUT_APPROVALS = frozenset({"approve", "reject", "delegate"})


def is_asked(run: Run, step: str) -> bool:
    """Say whether a step asks people now."""
    standing = run.asked.get(step)
    return standing is not None and standing.outcome is Outcome.OPEN


def letter_of(
    happening: Happening, run: Run, people: Mapping[str, tuple[str, ...]], now: datetime
) -> Mail | str:
    """Return the letter that a happening is, or the code with which the sender is refused."""
    number = run.mail + 1
    match happening.verb:
        case "signal":
            return Signal(number, happening.what, happening.payload)
        case "cancel":
            return Cancel(number, happening.what)
        case "pause":
            return Pause(number, happening.what)
        case "resume":
            return Resume(number)
        case "retry":
            return Retry(number)
    standing = run.asked.get(happening.what)
    if standing is None or run.ended is not None:
        return "approval_closed"
    voter = Voter(happening.by, people.get(happening.by, ()))
    act = _act(happening, standing, voter, now)
    refused = refusal(standing, act)
    return Acted(number, act) if refused is None else refused.code


def _act(happening: Happening, standing: Standing, voter: Voter, now: datetime) -> Act:
    step, opened_at = happening.what, standing.task.opened_at
    if happening.verb == "delegate":
        return HandOn(step, opened_at, voter, now, happening.to, happening.reason)
    evidence = tuple(Evidence("link", uri) for uri in happening.evidence)
    verdict = Verdict.APPROVE if happening.verb == "approve" else Verdict.REJECT
    binding = standing.task.binding
    return Cast(step, opened_at, voter, now, binding, verdict, happening.reason, evidence)
