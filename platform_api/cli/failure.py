"""How a command fails: its exit code, and what a person reads.

Commands raise `Failure`; `main` prints it and ends with its code. The codes are promised
to scripts. A server's problem document becomes a failure here, and is printed whole: what
happened, where, why and what to do; never a bare status.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from platform_api.cli.terminal import clean, one_line


class ExitCode(IntEnum):
    """What a command ends with."""

    OK = 0
    OTHER = 1  # anything that has no code of its own, such as a server out of reach
    USAGE = 2  # wrong words on the command line, or inputs that the contract refuses
    NOT_FOUND = 3
    AUTH = 4  # no token, a wrong one, or one that may not do this
    DENIED = 5  # policy says no
    CONFLICT = 6  # true as such, but not in the present state
    FAILED = 7  # the operation failed
    TIMED_OUT = 8
    WAITING = 9  # somebody must approve first


class Failure(Exception):
    """The end of a command that did not do what was asked.

    Args:
        code: what the program ends with.
        message: one sentence: what happened.
        details: further lines, printed below it.
        fix: the next move.
    """

    def __init__(self, code: ExitCode, message: str, *, details: Sequence[str] = (), fix: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = tuple(details)
        self.fix = fix

    def lines(self) -> Iterator[str]:
        """Yield what a person reads, a line at a time."""
        yield f"Error: {clean(self.message)}"
        for detail in self.details:
            yield f"  {clean(detail)}"
        if self.fix:
            yield f"Fix: {clean(self.fix)}"


@dataclass(frozen=True, slots=True)
class Problem:
    """A server's refusal (RFC 9457) as read from the wire.

    Attributes:
        status: HTTP status; decides the exit code together with `code`.
        document: the whole body.
        retry_after: the header, as it came.
    """

    status: int
    document: Mapping[str, Any]
    retry_after: str = ""

    @property
    def code(self) -> str:
        """Return the stable slug that says what is wrong."""
        return str(self.document.get("code", ""))


class Refused(Failure):
    """A failure that the server stated in a problem document."""

    def __init__(self, problem: Problem) -> None:
        document = problem.document
        title, detail = str(document.get("title") or ""), str(document.get("detail") or "")
        super().__init__(
            exit_code(problem),
            detail or title or f"the server answered {problem.status} and gave no reason",
            details=tuple(_details(problem, title if detail else "")),
            fix=str(document.get("fix") or ""),
        )
        self.problem = problem


POLICY_DENIED = "policy_denied"
_BY_STATUS = {
    401: ExitCode.AUTH,
    403: ExitCode.AUTH,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    410: ExitCode.NOT_FOUND,
    412: ExitCode.CONFLICT,
    428: ExitCode.CONFLICT,
}
_MALFORMED = frozenset({400, 413, 414, 415, 422})


def exit_code(problem: Problem) -> ExitCode:
    """Return the exit code that a refusal stands for."""
    if problem.code == POLICY_DENIED:
        return ExitCode.DENIED
    if problem.status in _MALFORMED:
        return ExitCode.USAGE
    return _BY_STATUS.get(problem.status, ExitCode.OTHER)


def finding_lines(findings: object) -> Iterator[str]:
    """Yield the single places of a refusal: where, what, and the fix below it."""
    for finding in findings if isinstance(findings, list) else []:
        if not isinstance(finding, dict):
            continue
        where = one_line(str(finding.get("pointer") or finding.get("code") or ""))
        what = one_line(str(finding.get("detail") or finding.get("message") or finding.get("code") or ""))
        yield f"x  {where}  {what}" if where else f"x  {what}"
        if finding.get("fix"):
            yield f"     fix: {one_line(str(finding['fix']))}"


def user_lines(users: object) -> Iterator[str]:
    """Yield who needs what was to be removed."""
    for user in users if isinstance(users, list) else []:
        if isinstance(user, dict):
            who = " ".join(one_line(str(user[name])) for name in ("kind", "ref") if user.get(name))
            why = one_line(str(user.get("reason") or ""))
            yield f"used by {who}: {why}" if why else f"used by {who}"


def _details(problem: Problem, title: str) -> Iterator[str]:
    yield from finding_lines(problem.document.get("errors"))
    yield from user_lines(problem.document.get("used_by"))
    if problem.retry_after:
        yield f"try again in {one_line(problem.retry_after)} s"
    marks = {
        name: one_line(str(problem.document.get(name) or "")) for name in ("code", "decision", "trace_id")
    }
    known = [title, *(f"{name.removesuffix('_id')} {mark}" for name, mark in marks.items() if mark)]
    if any(known):
        yield f"({', '.join(filter(None, known))})"
