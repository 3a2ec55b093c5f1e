"""Answers a READ order at once: the same core, without a journal.

Looking changes nothing, so nothing is written down, nothing is claimed and nothing is
left behind when it breaks off. Retries and waits follow the workflow as usual, within one
limit for the whole; what has no answer by then has failed.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from catalog import trace
from catalog.clock import Clock
from executors.port import RunReport, RunState
from executors.retry import Roll
from executors.workflow.act import Actor, Held
from executors.workflow.decide import decide
from executors.workflow.events import Accepted
from executors.workflow.exchange import Call, Claimed, Decision, Moment, News, Returned
from executors.workflow.naming import names_of_call
from executors.workflow.state import Run, fold
from executors.workflow.view import report_of

LIMIT_SECONDS = 30.0


class Looker:
    """Runs READ orders in the caller's thread.

    Args:
        pause: waits that many seconds.
        limit_seconds: how long one order may take in all.
    """

    def __init__(
        self,
        actor: Actor,
        *,
        clock: Clock,
        roll: Roll,
        pause: Callable[[float], object],
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        self._actor = actor
        self._clock = clock
        self._roll = roll
        self._pause = pause
        self._limit = timedelta(seconds=limit_seconds)

    def look(self, held: Held) -> RunReport:
        """Return the final report of a run that only looks."""
        now = self._clock()
        until = now + self._limit
        held = replace(held, run=fold([(1, Accepted(now))]))
        news: Sequence[News] = [Claimed()]
        while True:
            decision = decide(held.course, held.run, news, Moment(self._clock(), self._roll, held.fence))
            held = replace(held, run=decision.run)
            if decision.run.ended is not None:
                return report_of(decision.run, held.run_id)
            if self._left(until) <= 0 or not (decision.calls or self._is_due_by(until, decision)):
                return _out_of_time(decision.run)
            news = self._carried_out(held, decision, until)

    def _carried_out(self, held: Held, decision: Decision, until: datetime) -> Sequence[News]:
        if not decision.calls and decision.due_at is not None:
            self._pause((decision.due_at - self._clock()).total_seconds())
        return [self._returned(held, call, until) for call in decision.calls]

    def _returned(self, held: Held, call: Call, until: datetime) -> Returned:
        with trace.about(partial(names_of_call, held, call)):
            return Returned(call, self._actor.carry_out(held, call, self._left(until)))

    def _is_due_by(self, until: datetime, decision: Decision) -> bool:
        return decision.due_at is not None and decision.due_at <= until

    def _left(self, until: datetime) -> float:
        return (until - self._clock()).total_seconds()


def _out_of_time(run: Run) -> RunReport:
    report = report_of(run, "")
    why = f": {report.message}" if report.message else ""
    return replace(
        report, state=RunState.FAILED, message=f"the look took too long{why}", next_attempt_at=None
    )
