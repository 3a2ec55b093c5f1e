"""What is counted about the work, by every process that does some: names, labels, buckets.

The one list of what `tallies` keeps and `/metrics` shows; `docs/metrics.md` explains each. A
label is a contract's name (so many at most, the rest are `other`), a step kind that is
installed, or a word of ours; never a project, a request, an id or anything that somebody typed.
"""

from dataclasses import dataclass, field

BEYOND = "+Inf"
"""The bucket for what is beyond all others."""

OTHER = "other"
"""Stands for every name beyond those that are told apart."""

MOST_CONTRACTS = 50
"""So many contracts are told apart, over all processes, those that were seen first."""

_SHORT = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
_LONG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
_HUMAN = (60.0, 300.0, 900.0, 3600.0, 14400.0, 43200.0, 86400.0, 259200.0, 604800.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """A counter, or with buckets a histogram.

    Attributes:
        labels: beside the contract.
        bucket_names: by their upper ends, with one for what is beyond.
    """

    name: str
    help: str
    labels: tuple[str, ...] = ()
    by_contract: bool = False
    buckets: tuple[float, ...] = ()
    bucket_names: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bucket_names", (*map(str, self.buckets), BEYOND))

    @property
    def label_names(self) -> tuple[str, ...]:
        """Return all labels, the contract first."""
        return ("contract", *self.labels) if self.by_contract else self.labels


RUNS_BEGUN = Figure("avow_runs_begun", "Runs that got to their first step.", by_contract=True)
RUNS_ENDED = Figure("avow_runs_ended", "Runs that ended, by how.", ("outcome",), by_contract=True)
RUN_SECONDS = Figure(
    "avow_run_seconds",
    "From a run's acceptance to its end, without the time in which people were asked.",
    ("outcome",),
    buckets=_LONG,
)
PEOPLE_SECONDS = Figure(
    "avow_run_people_seconds", "How long a run waited for people, for runs that did.", buckets=_HUMAN
)
FIRST_STEP_SECONDS = Figure(
    "avow_run_first_step_seconds", "From a run's acceptance to its first step.", buckets=_SHORT
)
STEPS_OVER = Figure("avow_steps_over", "Steps that are over, by kind and how.", ("kind", "outcome"))
ATTEMPTS = Figure("avow_step_attempts", "Attempts that ended, by kind and how.", ("kind", "outcome"))
ATTEMPT_SECONDS = Figure(
    "avow_step_attempt_seconds", "How long attempts took, by kind.", ("kind",), buckets=_SHORT
)
RETRIES = Figure("avow_step_retries", "Attempts beyond the first of a step, by kind.", ("kind",))
TIMER_LAG = Figure("avow_timer_lag_seconds", "How late timers and retries were taken up.", buckets=_SHORT)
COMPENSATIONS = Figure("avow_compensations", "Runs that began to undo what they had done.")
APPROVALS_CLOSED = Figure("avow_approvals_closed", "Approvals that were closed, by how.", ("outcome",))
APPROVAL_SECONDS = Figure(
    "avow_approval_seconds",
    "How long approvals were open, by how they were closed.",
    ("outcome",),
    buckets=_HUMAN,
)
LATE_ANSWERS = Figure("avow_late_answers", "Answers that came when the run was another worker's.")
LEVELS_MEASURED = Figure(
    "avow_service_level_runs",
    "Runs held against their contract's service level.",
    ("level",),
    by_contract=True,
)
LEVELS_BREACHED = Figure(
    "avow_service_level_breaches",
    "Runs that broke their contract's service level.",
    ("level",),
    by_contract=True,
)
WRITTEN = Figure("avow_tallies_written", "How often processes wrote down what they had counted.")

FIGURES = (
    RUNS_BEGUN,
    RUNS_ENDED,
    RUN_SECONDS,
    PEOPLE_SECONDS,
    FIRST_STEP_SECONDS,
    STEPS_OVER,
    ATTEMPTS,
    ATTEMPT_SECONDS,
    RETRIES,
    TIMER_LAG,
    COMPENSATIONS,
    APPROVALS_CLOSED,
    APPROVAL_SECONDS,
    LATE_ANSWERS,
    LEVELS_MEASURED,
    LEVELS_BREACHED,
    WRITTEN,
)
