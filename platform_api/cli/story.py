"""What happens to a request, told line by line.

A pure fold: `follow` feeds it the request's events and the journal of the run under way,
`progress` prints what comes out. The journal says of each attempt when it began, why it
failed and when it is tried again; it remembers that, so that the line of a finished step
says all of it. Where there is no journal, as with an executor of somebody else's, the
events are told in the server's own words.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from platform_api.cli.output import Document
from platform_api.cli.spans import fine, moment
from platform_api.cli.terminal import one_line

_STEP_WIDTH = 24
_TRY_WIDTH = 6
_TOOK_WIDTH = 6

_OF_RUNS = ("Step", "Run", "Compensation", "Cancel", "Approval")
# What stands beside these says it better.
_UNTOLD = frozenset({"RunSucceeded", "OperationSucceeded", "PhaseChanged", "WaitingForApproval"})


class Mark(StrEnum):
    """How a line begins, so that its kind shows without colour."""

    OK = "ok"
    AGAIN = ".."
    BAD = "x"
    UNDONE = "<-"
    NOTE = "--"

    @property
    def colour(self) -> str:
        """Return its colour on a terminal."""
        return _COLOURS[self]


_COLOURS = {
    Mark.OK: "green",
    Mark.AGAIN: "yellow",
    Mark.BAD: "red",
    Mark.UNDONE: "yellow",
    Mark.NOTE: "blue",
}
_MARKS = {
    "StepSucceeded": Mark.OK,
    "StepRetrying": Mark.AGAIN,
    "StepUncertain": Mark.AGAIN,
    "StepCompensated": Mark.UNDONE,
    "CompensationStarted": Mark.UNDONE,
    "StepFailed": Mark.BAD,
    "RunFailed": Mark.BAD,
    "RunStuck": Mark.BAD,
    "OperationFailed": Mark.BAD,
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the story."""

    mark: Mark
    text: str


def is_of_a_run(event: Document) -> bool:
    """Say whether an event repeats what the run's journal tells better."""
    return str(event.get("kind", "")).startswith(_OF_RUNS)


def told(event: Document) -> Iterator[Line]:
    """Yield what an event is worth, in the server's words."""
    kind, message = str(event.get("kind", "")), _text(event, "message")
    if kind in _UNTOLD:
        return
    if kind == "OperationBegun" and event.get("reason"):
        message = f"{_text(event, 'reason')}: {message}"
    yield Line(_MARKS.get(kind, Mark.NOTE), message or kind)


@dataclass(frozen=True, slots=True)
class _Call:
    """How far the doing or undoing of a step has come."""

    attempt: int = 0
    began_at: datetime | None = None
    reason: str = ""


class RunStory:
    """Turns the journal of one run into lines.

    Attributes:
        present: what is under way, for whoever shows a live line; empty between steps.
        is_over: the run has ended.
    """

    def __init__(self) -> None:
        self.present = ""
        self.is_over = False
        self._seq = 0
        self._calls: dict[str, _Call] = {}

    def tell(self, entry: Document) -> Iterator[Line]:
        """Yield the lines that a journal entry is worth; one that was told before is worth none."""
        seq = entry.get("seq")
        if not isinstance(seq, int) or seq <= self._seq:
            return
        self._seq = seq
        body = entry.get("body")
        yield from self._entry(str(entry.get("type")), body if isinstance(body, dict) else {})

    def _entry(self, type_: str, body: dict[str, Any]) -> Iterator[Line]:
        name = f"undo {_text(body, 'step')}" if body.get("side") == "undo" else _text(body, "step")
        call = self._calls.get(name, _Call())
        self.present = ""
        match type_:
            case "AttemptStarted":
                self._started(name, call, body)
            case "AttemptSucceeded":
                yield _succeeded(name, call, moment(body.get("at")))
            case "AttemptFailed" | "AttemptUncertain":
                self._calls[name] = replace(call, reason=_failure(body))
                yield self._failed(name, call, body)
            case "AttemptLost":
                yield Line(Mark.AGAIN, _row(name, "", "its worker was lost; another goes on"))
            case "CompensationStarted":
                yield Line(Mark.UNDONE, f"undoing what was done: {_text(body, 'message')}")
            case kind if kind.startswith("Approval"):
                yield from self._approval(name, kind, body)
            case "CancelRequested":
                yield Line(Mark.NOTE, f"cancel was asked for: {_text(body, 'reason')}")
            case "Ended":
                self.is_over = True

    def _approval(self, name: str, kind: str, body: dict[str, Any]) -> Iterator[Line]:
        told = _of_people(kind, body)
        if told is not None:
            yield Line(told[0], _row(name, "", told[1]))
        self.present = "" if kind == "ApprovalClosed" else f"{name}  waits for people"

    def _started(self, name: str, call: _Call, body: dict[str, Any]) -> None:
        attempt = body.get("attempt")
        number = attempt if isinstance(attempt, int) else call.attempt + 1
        self._calls[name] = replace(call, attempt=number, began_at=call.began_at or moment(body.get("at")))
        self.present = f"{name}  {_try(number)}" if number > 1 else name

    def _failed(self, name: str, call: _Call, body: dict[str, Any]) -> Line:
        at, again = moment(body.get("at")), moment(body.get("retry_at") or body.get("look_at"))
        if again is None:
            return Line(Mark.BAD, _row(name, _try(call.attempt), _failure(body)))
        wait = fine((again - at).total_seconds()) if at else "a moment"
        verb = "again" if body.get("retry_at") else "not known whether it took effect; looked up"
        self.present = f"{name}  waits for {_try(call.attempt + 1)}"
        return Line(Mark.AGAIN, _row(name, _try(call.attempt), f"{_failure(body)}; {verb} in {wait}"))


def _of_people(type_: str, body: dict[str, Any]) -> tuple[Mark, str] | None:
    """Return what an entry about an approval is worth; the votes are told one by one."""
    match type_:
        case "ApprovalOpened":
            told = Mark.NOTE, f"waits for {_whom(_part(body, 'task'))}; see avow approvals"
        case "ApprovalVoted":
            vote = _part(body, "vote")
            why = f": {_text(vote, 'reason')}" if vote.get("reason") else ""
            told = Mark.NOTE, f"{_text(vote, 'person')} says {_text(vote, 'verdict')}{why}"
        case "ApprovalClaimed":
            claim = _part(body, "claim")
            told = Mark.NOTE, f"{_text(claim, 'person')} has it in hand" if claim else "nobody has it in hand"
        case "ApprovalDelegated":
            handed = _part(body, "delegation")
            told = Mark.NOTE, f"{_text(handed, 'giver')} hands it to {_text(handed, 'delegate')}"
        case "ApprovalReminded":
            told = Mark.AGAIN, "those who are asked are reminded"
        case "ApprovalEscalated":
            told = Mark.AGAIN, f"{_names(body.get('groups'))} are asked too"
        case "ApprovalClosed":
            mark = Mark.OK if body.get("outcome") == "approved" else Mark.BAD
            told = mark, _text(body, "message")
        case _:
            return None
    return told


def _whom(task: dict[str, Any]) -> str:
    people, groups = task.get("assignees"), task.get("groups")
    asked = [one_line(str(each)) for each in people] if isinstance(people, list) else []
    asked += [f"group {one_line(str(each))}" for each in groups] if isinstance(groups, list) else []
    return "approval by " + (" or ".join(asked) or "an approver of the project")


def _names(value: object) -> str:
    names = [one_line(str(each)) for each in value] if isinstance(value, list) else []
    return " and ".join(names) or "others"


def _part(body: dict[str, Any], name: str) -> dict[str, Any]:
    part = body.get(name)
    return part if isinstance(part, dict) else {}


def _succeeded(name: str, call: _Call, at: datetime | None) -> Line:
    took = fine((at - call.began_at).total_seconds()) if at and call.began_at else ""
    tries = _try(call.attempt) if call.attempt > 1 else ""
    why = f"before: {call.reason}" if call.reason else ""
    mark = Mark.UNDONE if name.startswith("undo ") else Mark.OK
    return Line(mark, _row(name, tries, f"{took:<{_TOOK_WIDTH}} {why}"))


def _row(name: str, tries: str, rest: str) -> str:
    return f"{name:<{_STEP_WIDTH}} {tries:<{_TRY_WIDTH}} {rest}".rstrip()


def _try(number: int) -> str:
    return f"try {number}"


def _failure(body: dict[str, Any]) -> str:
    failure = body.get("failure")
    return _text(failure, "message") if isinstance(failure, dict) else "it failed"


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return "" if value is None else one_line(str(value))
