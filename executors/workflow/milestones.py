"""What can happen in a run besides calls: skipping, fanning out, waiting, pausing, mail.

Entries of the journal like those in `events`, which lists and stores all of them. A step is
named by its path in the run: `create`, `create[3]` (an instance of a `for_each`),
`network/reserve` (a step of a sub-workflow), `network[2]/reserve`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from catalog.digest import Json, JsonObject


@dataclass(frozen=True, slots=True)
class StepSkipped:
    """Its `if` was false; whoever needs it goes on."""

    at: datetime
    step: str


@dataclass(frozen=True, slots=True)
class StepHeld:
    """A gate refused it; asked again at `until`. Told once per wait, however often it is refused.

    Attributes:
        step: empty when the whole run is held.
        key: which gate.
    """

    at: datetime
    step: str
    until: datetime
    key: str


@dataclass(frozen=True, slots=True)
class FanOpened:
    """A `for_each` knows its list; its instances are `step[0]`, `step[1]`, and so on."""

    at: datetime
    step: str
    items: Sequence[Json]


@dataclass(frozen=True, slots=True)
class ScopeOpened:
    """A sub-workflow begins; its steps are `step/<id>`."""

    at: datetime
    step: str
    inputs: JsonObject


@dataclass(frozen=True, slots=True)
class StepCompleted:
    """All of a `for_each` or of a sub-workflow is done.

    Attributes:
        outputs: what a sub-workflow hands back; the outputs of a `for_each` are its instances'.
    """

    at: datetime
    step: str
    outputs: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WaitStarted:
    """It waits for a time or a signal.

    Attributes:
        due_at: when a timer ends the wait, or when the wait for a signal times out.
        signal: empty for a timer.
    """

    at: datetime
    step: str
    due_at: datetime | None
    signal: str = ""


@dataclass(frozen=True, slots=True)
class WaitEnded:
    """What it waited for came.

    Attributes:
        number: the signal's place in the run's mail; 0 for a timer.
    """

    at: datetime
    step: str
    outputs: Mapping[str, Json] = field(default_factory=dict)
    number: int = 0


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing new begins and no timer ends until it is resumed or cancelled; no approval's time runs out."""

    at: datetime
    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """It goes on.

    Attributes:
        paused_seconds: how long the clocks of its approvals stood still; in older journals they did not.
    """

    at: datetime
    number: int
    paused_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class RetryRequested:
    """A person opened an ended run again; nothing else can follow an end.

    Attributes:
        step: where it goes on: the step, or the undoing, that failed.
        again: what is done afresh under new keys, because it was undone or rests on what was.
        is_cancelled: it was being cancelled and still is; what is unknown is looked up once more.
    """

    at: datetime
    number: int
    step: str
    again: tuple[str, ...] = ()
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Migrated:
    """From here on the run follows another definition; entries before it use the old names of steps.

    Attributes:
        definition: the digest of what it follows now.
        mapping: old step to new, each named as in its document (`network/reserve`); None is given
            up. A step that is not named keeps its name.
        former: the digest of what it followed until here.
    """

    at: datetime
    number: int
    definition: str
    mapping: Mapping[str, str | None]
    former: str


@dataclass(frozen=True, slots=True)
class MailDropped:
    """A letter that changes nothing: late, doubled, forged or not readable; `reason` is a code."""

    at: datetime
    number: int
    reason: str
