"""Carries out one call: resolves its arguments, asks the step kind, reads what came back.

Whatever happens in there becomes an `Outcome`; the core decides what follows. A fault that
is certain to have left no effect is told apart from one that may have: an exception that a
step kind did not announce is of the second sort, and its text, which may hold secrets, goes
nowhere.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from traceback import format_tb

from catalog.digest import Json, JsonObject, digest
from catalog.errors import PlatformError, Unavailable
from catalog.references import Unresolved, resolved
from catalog.schema import violations
from executors.outputs import InvalidOutput, checked, plain_text
from executors.step import OutcomeUnknown, Permanent, StepCall, StepError, StepKind, Transient
from executors.workflow.events import Failure, FailureKind, Side
from executors.workflow.exchange import Absent, Call, Course, Done, Failed, Outcome, Verb
from executors.workflow.spec import Action
from executors.workflow.state import Run

FilesOf = Callable[[str], Mapping[str, str]]

_log = logging.getLogger(__name__)
_KINDS: Mapping[type[StepError], FailureKind] = {
    Transient: FailureKind.TRANSIENT,
    Permanent: FailureKind.PERMANENT,
    OutcomeUnknown: FailureKind.UNKNOWN,
}
_FILES_LIMIT = 32


@dataclass(frozen=True, slots=True)
class Held:
    """A run in somebody's hands: whose it is, what it follows, how far it has come."""

    run_id: str
    project: str
    request_uid: str
    idempotency_key: str
    contract_digest: str
    fence: int
    course: Course
    run: Run


def step_key(held: Held, step: str, side: Side) -> str:
    """Return the idempotency key of a step: the same over every attempt, worker and restart.

    What a person has done afresh after it was undone gets another one, since the old key has
    had its effect.
    """
    parts: list[Json] = ["avow/v1 step", held.project, held.idempotency_key, step, side.value]
    afresh = held.run.of(step, side).round
    return digest([*parts, afresh] if afresh else parts)


class Actor:
    """Calls step kinds.

    Args:
        kinds: the installed step kinds by name.
        files_of: returns a contract bundle's files by its digest.
    """

    def __init__(self, kinds: Mapping[str, StepKind], files_of: FilesOf) -> None:
        self._kinds = kinds
        self._files_of = files_of
        self._files: dict[str, Mapping[str, str]] = {}

    def carry_out(self, held: Held, call: Call, limit_seconds: float = float("inf")) -> Outcome:
        """Make one call and return what came of it.

        Args:
            limit_seconds: gives the call less time than its step declares.
        """
        action = held.course.action(call.step, call.side)
        try:
            kind = self._kinds.get(action.uses)
            if kind is None:
                return _before(
                    call, "unknown_step_kind", f"the step kind {action.uses} is not installed here"
                )
            arguments = _arguments(held, call, action, kind)
            limits = (action.timeout_seconds, limit_seconds, call.limit_seconds or limit_seconds)
            prepared = self._prepared(held, call, arguments, min(limits))
        except (Unresolved, _Unfit) as error:
            # Such a call is never made, so a look at it has its answer.
            return Absent() if call.verb is Verb.LOOK else _before(call, "bad_arguments", str(error))
        except PlatformError as error:
            return _unprepared(call, error)
        return _made(kind, prepared, call)

    def _prepared(self, held: Held, call: Call, arguments: JsonObject, timeout_seconds: float) -> StepCall:
        return StepCall(
            arguments=arguments,
            idempotency_key=step_key(held, call.step, call.side),
            fence=held.fence,
            attempt=call.attempt,
            timeout_seconds=timeout_seconds,
            project=held.project,
            request_uid=held.request_uid,
            run_id=held.run_id,
            files=self._bundle(held.contract_digest),
        )

    def _bundle(self, contract_digest: str) -> Mapping[str, str]:
        # What a digest stands for never changes, so it is read once in a process.
        files = self._files.get(contract_digest)
        if files is None:
            files = self._files_of(contract_digest)
            if len(self._files) >= _FILES_LIMIT:
                self._files.clear()
            self._files[contract_digest] = files
        return files


class _Unfit(Exception):
    """The resolved arguments break the step kind's schema."""


def _arguments(held: Held, call: Call, action: Action, kind: StepKind) -> JsonObject:
    roots = held.course.roots(held.run, call.step)
    arguments = {name: resolved(value, roots) for name, value in action.arguments.items()}
    findings = violations(kind.schema, arguments, "/with")
    if findings:
        raise _Unfit(f"{findings[0].pointer} {findings[0].message}")
    return arguments


def _made(kind: StepKind, prepared: StepCall, call: Call) -> Outcome:
    try:
        if call.verb is Verb.RUN:
            return _done(kind.run(prepared))
        found = kind.observe(prepared)
        return Absent() if found is None else _done(found)
    except StepError as error:
        failure = Failure(_kind_of(error), error.code, plain_text(error.message))
        return _seen(call, Failed(failure, error.retry_after_seconds or 0.0))
    except Exception as error:  # noqa: BLE001  # a step kind may be anybody's; its bug fails this step only
        what = f"{kind.name} broke off with {type(error).__name__}"
        _log.error("%s, which it never announced, at\n%s", what, "".join(format_tb(error.__traceback__)))
        return Failed(Failure(FailureKind.UNKNOWN, "step_broke_off", what))


def _done(answer: object) -> Outcome:
    try:
        return Done(checked(answer))
    except InvalidOutput as error:
        return Failed(Failure(FailureKind.REJECTED, "invalid_output", str(error)))


def _kind_of(error: StepError) -> FailureKind:
    known = (kind for cls, kind in _KINDS.items() if isinstance(error, cls))
    return next(known, FailureKind.UNKNOWN)


def _before(call: Call, code: str, message: str) -> Failed:
    return _seen(call, Failed(Failure(FailureKind.PERMANENT, code, plain_text(message))))


def _unprepared(call: Call, error: PlatformError) -> Failed:
    kind = FailureKind.TRANSIENT if isinstance(error, Unavailable) else FailureKind.PERMANENT
    return _seen(call, Failed(Failure(kind, error.code, plain_text(error.message))))


def _seen(call: Call, failed: Failed) -> Failed:
    """Return the failure as the call may tell it: a look that fails, however it fails, cannot tell."""
    if call.verb is Verb.RUN:
        return failed
    return replace(failed, failure=replace(failed.failure, kind=FailureKind.UNKNOWN))
