"""An executor without an engine: answers as scripted, in memory.

It ships with the product because it is useful beyond our tests: whoever writes a contract
or a reconciler can play every way in which an executor may answer, including not at all,
and the conformance suite holds it to the same promises as the real ones. It does no work;
`effects` is its word for what the work would have done: request, do or undo, step.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from catalog.clock import Clock
from catalog.digest import JsonObject
from catalog.errors import Conflict, Finding, NotFound, Unavailable
from catalog.ids import Mint
from executors.outputs import InvalidOutput, checked
from executors.port import Effect, RunReport, RunState, WorkOrder


class Line(StrEnum):
    """Whether the caller hears the answer of `start`."""

    HOLDS = "holds"
    BREAKS_BEFORE = "breaks_before"  # Unavailable, and nothing was begun
    BREAKS_AFTER = "breaks_after"  # Unavailable, and the run was begun


@dataclass(frozen=True, slots=True)
class Answer:
    """How one run goes.

    Attributes:
        steps: names of what it would do, one after the other.
        failure: why the last step fails; empty for success.
        state: overrides how it ends, for `STUCK` for instance.
        held: stay running until `release`.
    """

    outputs: object = field(default_factory=dict)
    facts: object = field(default_factory=dict)
    steps: tuple[str, ...] = ("only",)
    failure: str = ""
    state: RunState | None = None
    held: bool = False
    line: Line = Line.HOLDS


@dataclass(slots=True)
class _Scripted:
    order: WorkOrder
    answer: Answer
    report: RunReport
    signals: list[tuple[str, JsonObject]] = field(default_factory=list)


OnFinal = Callable[[str, str], None]


class Twin:
    """Executor whose runs go as they were told to.

    Args:
        on_final: called with project and request when a run ends.
    """

    def __init__(
        self, clock: Clock, mint: Mint, on_final: OnFinal = lambda project, request_uid: None
    ) -> None:
        self._clock = clock
        self._mint = mint
        self._on_final = on_final
        self._script: defaultdict[str, list[Answer]] = defaultdict(list)
        self._runs: dict[str, _Scripted] = {}
        self._fences: dict[tuple[str, str], int] = {}
        self._guard = threading.RLock()
        self.orders: list[WorkOrder] = []
        self.effects: list[tuple[str, str, str]] = []

    def script(self, operation: str, *answers: Answer) -> None:
        """Set how the next runs of an operation go; the last answer repeats."""
        self._script[operation] = list(answers)

    def check(self, definition: JsonObject, files: Mapping[str, str]) -> tuple[Finding, ...]:
        """Return nothing: any definition will do."""
        return ()

    def start(self, order: WorkOrder) -> RunReport:
        """Begin a run as scripted, or return the report of the one that has the key already."""
        with self._guard:
            return self._start(order)

    def observe(self, idempotency_key: str) -> RunReport | None:
        """Return the run under a key."""
        run = self._runs.get(idempotency_key)
        return None if run is None else run.report

    def cancel(self, idempotency_key: str, reason: str) -> None:
        """End a held run and take back what it did."""
        with self._guard:
            run = self._known(idempotency_key)
            if not run.report.state.is_final:
                self._do(run, run.answer.steps[:1])
                self._undo(run, run.answer.steps[:1])
                self._end(run, RunReport(RunState.CANCELLED, run.report.run_id, message=reason))

    def signal(self, idempotency_key: str, name: str, payload: JsonObject) -> None:
        """Keep a named event with the run."""
        run = self._known(idempotency_key)
        if not run.report.state.is_final:
            run.signals.append((name, payload))

    def signals(self, idempotency_key: str) -> list[tuple[str, JsonObject]]:
        """Return the named events that a run was handed, in order."""
        return list(self._known(idempotency_key).signals)

    def release(self, idempotency_key: str) -> None:
        """Let a held run go on to its end."""
        with self._guard:
            run = self._known(idempotency_key)
            if not run.report.state.is_final:
                self._finish(run)

    def _start(self, order: WorkOrder) -> RunReport:
        known = self._runs.get(order.idempotency_key)
        if known is not None:
            return known.report
        answer = self._next_answer(order.operation)
        if order.effect is Effect.READ:
            return _finished(answer, RunReport(RunState.RUNNING))
        self._check_fence(order)
        if answer.line is Line.BREAKS_BEFORE:
            raise _line_broke()
        self.orders.append(order)
        run = _Scripted(order, answer, RunReport(RunState.RUNNING, self._mint("run"), step=answer.steps[0]))
        self._runs[order.idempotency_key] = run
        if not answer.held:
            self._finish(run)
        if answer.line is Line.BREAKS_AFTER:
            raise _line_broke()
        return run.report

    def _next_answer(self, operation: str) -> Answer:
        script = self._script[operation]
        if len(script) > 1:
            return script.pop(0)
        return script[0] if script else Answer()

    def _check_fence(self, order: WorkOrder) -> None:
        request = (order.project, order.request_uid)
        if order.fence < self._fences.get(request, order.fence):
            raise Conflict("stale_fence", "A newer order for this request was accepted before.")
        self._fences[request] = order.fence

    def _known(self, idempotency_key: str) -> _Scripted:
        run = self._runs.get(idempotency_key)
        if run is None:
            raise NotFound("run_not_found", "There is no run under this key.")
        return run

    def _finish(self, run: _Scripted) -> None:
        report = _finished(run.answer, run.report)
        steps = run.answer.steps
        done = steps[:-1] if run.answer.failure else steps
        self._do(run, done)
        if report.state in (RunState.FAILED, RunState.CANCELLED):
            self._undo(run, done)
        self._end(run, report)

    def _do(self, run: _Scripted, steps: tuple[str, ...]) -> None:
        self.effects += [(run.order.request_uid, "do", step) for step in steps]

    def _undo(self, run: _Scripted, done: tuple[str, ...]) -> None:
        self.effects += [(run.order.request_uid, "undo", step) for step in reversed(done)]

    def _end(self, run: _Scripted, report: RunReport) -> None:
        run.report = report
        self._on_final(run.order.project, run.order.request_uid)


def _finished(answer: Answer, before: RunReport) -> RunReport:
    step = answer.steps[-1]
    try:
        outputs, facts = checked(answer.outputs), checked(answer.facts)
    except InvalidOutput as error:
        return replace(
            before, state=RunState.FAILED, step=step, attempts=1, message=f"{step} failed: {error}"
        )
    if answer.failure or answer.state not in (None, RunState.SUCCEEDED):
        state = answer.state or RunState.FAILED
        return replace(before, state=state, step=step, attempts=1, message=f"{step} failed: {answer.failure}")
    return replace(before, state=RunState.SUCCEEDED, step="", attempts=0, outputs=outputs, facts=facts)


def _line_broke() -> Unavailable:
    return Unavailable("executor_unavailable", "The executor does not answer.", retry_after_seconds=1)
