"""Whether waiting for a request makes sense any longer, and how a command then ends.

A pure table over the phases and conditions that the server states. `follow` asks it after
every event. It fails fast: what only a person can mend is not waited for.
"""

from dataclasses import dataclass
from enum import StrEnum

from platform_api.cli.failure import ExitCode
from platform_api.cli.output import Document


class Goal(StrEnum):
    """What a request is waited for."""

    READY = "ready"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at a request amounts to.

    Attributes:
        code: how the command ends now; None means that waiting goes on.
        message: why, when it is not what was waited for.
    """

    code: ExitCode | None
    message: str = ""


_GO_ON = Verdict(None)
_REACHED = Verdict(ExitCode.OK)
NEEDED = ("Available", "Placed", "Allowed", "Composed", "Applied", "Observed", "InSync", "Written")
_WAITS_FOR_PEOPLE = "WaitingForApproval"
_NEEDS_A_PERSON = frozenset(
    {"OperationFailed", "OutcomeUnknown", "InvalidOutput", "Stuck", "NoDestination"}
    | {"ApprovalRejected", "ApprovalExpired", "UpgradeFailed"}
    | {"InputsDoNotFit", "ConversionFailed", "VersionGone"}
    | {"ChildHeldUp", "ChildMisfit", "ChildNameTaken"}
)
_STAYS_DRIFTED = frozenset({"DriftReported", "RepairsDoNotHold"})


def verdict(request: Document | None, goal: Goal) -> Verdict:
    """Return whether to go on waiting.

    Args:
        request: as the server shows it; None when there is none of this name.
    """
    phase = "deleted" if request is None else str(request.get("phase"))
    match phase, goal:
        case ("deleted", Goal.DELETED) | ("ready", Goal.READY):
            return _REACHED
        case "deleted", _:
            return Verdict(ExitCode.NOT_FOUND, "it is deleted")
        case "deleting", Goal.READY:
            return Verdict(ExitCode.CONFLICT, "it is being deleted")
        case "paused", _:
            return _GO_ON
        case _:
            return _unfinished(unmet(request or {}))


def unmet(request: Document) -> Document:
    """Return the earliest condition that does not hold, empty when none is stated."""
    conditions = request.get("conditions")
    parts = conditions if isinstance(conditions, list) else ()
    stated = {part.get("type"): part for part in parts if isinstance(part, dict)}
    known = (stated[name] for name in NEEDED if name in stated)
    return next((condition for condition in known if condition.get("status") != "True"), {})


def _unfinished(condition: Document) -> Verdict:
    reason, message = str(condition.get("reason", "")), str(condition.get("message", ""))
    if reason == _WAITS_FOR_PEOPLE:
        return Verdict(ExitCode.WAITING, message)
    if condition.get("status") != "False":
        return _GO_ON  # under way, or not known at present
    if reason == "PolicyDenied":
        return Verdict(ExitCode.DENIED, message)
    hopeless = reason in _NEEDS_A_PERSON | _STAYS_DRIFTED
    return Verdict(ExitCode.FAILED, message) if hopeless else _GO_ON
