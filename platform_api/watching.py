"""Counts, traces and logs what happens to runs: what the engine's workers tell ends here.

Made by the wiring, once per process that drives runs. It is called between two commits of a
run, so it only adds to numbers in memory and to queues; others write and send them. Nothing
that somebody wrote goes into a figure, a span or a line: no inputs, outputs or messages.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence

from executors.claims import ClaimedRun
from executors.port import RunState
from executors.workflow.account import APPROVAL, WAIT
from executors.workflow.facts import (
    AttemptBegan,
    AttemptOver,
    CameTooLate,
    Ending,
    Fact,
    FirstStep,
    PeopleAnswered,
    PeopleAsked,
    RunOver,
    StepOver,
    TimerFired,
    UndoingBegan,
)
from executors.workflow.naming import names_of
from platform_api import figures
from platform_api.counting import Counting
from platform_api.figures import OTHER
from platform_api.spans import Record, code_of, contract_of, spans_of

Levels = Callable[[str], Mapping[str, float]]
"""Returns a contract's service levels in seconds by operation, by the contract's digest."""

_log = logging.getLogger("avow.runs")


class RunWatcher:
    """Takes in what happened to runs.

    Args:
        kinds: the installed step kinds; others are counted as one.
        record: takes spans; None when nobody wants them.
        stop_tracing: sends what spans are left.
    """

    def __init__(
        self,
        counting: Counting,
        levels: Levels,
        kinds: Collection[str],
        record: Record | None = None,
        stop_tracing: Callable[[], None] = lambda: None,
    ) -> None:
        self._counting = counting
        self._levels = levels
        self._kinds = frozenset({*kinds, WAIT, APPROVAL})
        self._record = record
        self._stop_tracing = stop_tracing

    def start(self) -> None:
        """Begin to write down what is counted."""
        self._counting.start()

    def stop(self) -> None:
        """Write down and send what is left."""
        self._counting.stop()
        self._stop_tracing()

    def tell(self, run: ClaimedRun, facts: Sequence[Fact]) -> None:
        """Take in what happened to a run."""
        for fact in facts:
            self._count(run, fact)
            if self._record is not None:
                for span in spans_of(run, fact):
                    self._record(span)
            if _log.isEnabledFor(logging.DEBUG if _went_well(fact) else logging.INFO):
                _say(run, fact)

    def _count(self, run: ClaimedRun, fact: Fact) -> None:
        match fact:
            case AttemptBegan():
                if fact.attempt > 1:
                    self._counting.add(figures.RETRIES, self._kind(fact.kind))
            case AttemptOver():
                self._count_attempt(fact)
            case StepOver(kind=kind, verdict=verdict):
                self._counting.add(figures.STEPS_OVER, self._kind(kind), verdict.value)
            case RunOver():
                self._count_run(run, fact)
            case _:
                self._count_more(run, fact)

    def _count_more(self, run: ClaimedRun, fact: Fact) -> None:
        match fact:
            case FirstStep(seconds):
                self._counting.observe(figures.FIRST_STEP_SECONDS, seconds)
                self._counting.add(figures.RUNS_BEGUN, contract=contract_of(run))
            case TimerFired(lag_seconds):
                self._counting.observe(figures.TIMER_LAG, lag_seconds)
            case PeopleAnswered(outcome=outcome, seconds=seconds):
                self._counting.add(figures.APPROVALS_CLOSED, outcome)
                self._counting.observe(figures.APPROVAL_SECONDS, seconds, outcome)
            case UndoingBegan():
                self._counting.add(figures.COMPENSATIONS)
            case CameTooLate(count):
                self._counting.add(figures.LATE_ANSWERS, value=count)
            case _:
                pass

    def _count_attempt(self, fact: AttemptOver) -> None:
        kind = self._kind(fact.kind)
        self._counting.add(figures.ATTEMPTS, kind, fact.ending.value)
        self._counting.observe(figures.ATTEMPT_SECONDS, (fact.ended_at - fact.began_at).total_seconds(), kind)

    def _count_run(self, run: ClaimedRun, fact: RunOver) -> None:
        contract, seconds = contract_of(run), (fact.ended_at - fact.began_at).total_seconds()
        worked = max(0.0, seconds - fact.people_seconds)
        self._counting.add(figures.RUNS_ENDED, fact.state.value, contract=contract)
        self._counting.observe(figures.RUN_SECONDS, worked, fact.state.value)
        if fact.people_seconds:
            self._counting.observe(figures.PEOPLE_SECONDS, fact.people_seconds)
        limit = self._levels(run.contract_digest).get(run.operation)
        if limit is None or fact.is_refused or fact.state is RunState.CANCELLED:
            return  # nothing was promised, or people took the promise back
        self._counting.add(figures.LEVELS_MEASURED, run.operation, contract=contract)
        if fact.state is not RunState.SUCCEEDED or worked > limit:
            self._counting.add(figures.LEVELS_BREACHED, run.operation, contract=contract)

    def _kind(self, kind: str) -> str:
        return kind if kind in self._kinds else OTHER


def _went_well(fact: Fact) -> bool:
    """Say whether there is nothing to tell that anybody waits for."""
    match fact:
        case AttemptOver(ending=ending):
            return ending is Ending.SUCCEEDED
        case RunOver(state=state):
            return state is RunState.SUCCEEDED
        case _:
            return not isinstance(fact, PeopleAsked | PeopleAnswered)


def _say(run: ClaimedRun, fact: Fact) -> None:
    match fact:
        case RunOver(state=state):
            level = {RunState.SUCCEEDED: logging.DEBUG, RunState.STUCK: logging.WARNING}.get(
                state, logging.INFO
            )
            _line(run, level, "the run ended", {"outcome": state.value, "code": fact.code})
        case AttemptOver():
            level = logging.DEBUG if fact.ending is Ending.SUCCEEDED else logging.INFO
            more: dict[str, str | int] = {"step": fact.step, "kind": fact.kind, "attempt": fact.attempt}
            _line(run, level, "an attempt ended", more | {"outcome": fact.ending.value, "code": fact.code})
        case PeopleAsked(step):
            _line(run, logging.INFO, "people are asked", {"step": step})
        case PeopleAnswered(step=step, outcome=outcome):
            _line(run, logging.INFO, "people answered", {"step": step, "outcome": outcome})
        case _:
            pass


def _line(run: ClaimedRun, level: int, event: str, more: Mapping[str, str | int]) -> None:
    if _log.isEnabledFor(level):
        said = {name: value for name, value in more.items() if value != ""}
        if "code" in said:
            said["code"] = code_of(str(said["code"]), OTHER)
        _log.log(level, event, extra={**names_of(run), **said})
