"""What a killed worker left behind, told from the trace that its steps wrote. Pure.

A trace tells when each step of each run began and ended, by the clock of the machine; a step that
was repeated began more than once. Everything counts from the restart, as for the peers.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

START, END = "start", "end"
STEPS = 4


@dataclass(frozen=True, slots=True)
class Noted:
    """One line of a trace."""

    run: str
    step: int
    what: str
    at: float


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What was lost, what was repeated, and how soon it went on.

    Args:
        runs: how many there are, of four steps each.
    """

    trace: Sequence[Noted]
    runs: int
    killed_at: float
    restarted_at: float

    def figures(self) -> dict[str, int | float | None]:
        """Return all of it under the names that are printed."""
        before, after = self._ended(self.killed_at), self._ended()
        starts = Counter((line.run, line.step) for line in self.trace if line.what == START)
        again = {step for step, times in starts.items() if times > 1}
        onward = self._onward()
        takeovers = [onward.get(run) for run in self._under_way()]
        return {
            "steps_total": self.runs * STEPS,
            "steps_done_before_kill": len(before),
            "lost_steps": self.runs * STEPS - len(after),
            "rerun_inflight": len(again - before),
            "rerun_completed": len(again & before),
            "resume_s": self._since(min(onward.values(), default=None)),
            "takeover_first_s": self._since(min(filter(None, takeovers), default=None)),
            "takeover_last_s": self._last(takeovers),
            "all_done_s": self._last([self._done_at()]),
        }

    def _ended(self, by: float = float("inf")) -> set[tuple[str, int]]:
        return {(line.run, line.step) for line in self.trace if line.what == END and line.at <= by}

    def _under_way(self) -> set[str]:
        """Return the runs that were begun and not yet done when the worker was killed."""
        begun = {line.run for line in self.trace if line.at <= self.killed_at}
        return begun - {run for run, step in self._ended(self.killed_at) if step == STEPS}

    def _onward(self) -> dict[str, float]:
        """Return when each run began its first step after the kill."""
        onward: dict[str, float] = {}
        for line in self.trace:
            if line.what == START and line.at > self.killed_at:
                onward.setdefault(line.run, line.at)
        return onward

    def _done_at(self) -> float | None:
        return max((line.at for line in self.trace if line.what == END), default=None)

    def _last(self, times: Sequence[float | None]) -> float | None:
        """Return when the last of them was; None when one never was, or there are none."""
        known = [at for at in times if at is not None]
        return self._since(max(known, default=None)) if len(known) == len(times) else None

    def _since(self, at: float | None) -> float | None:
        return None if at is None else at - self.restarted_at
