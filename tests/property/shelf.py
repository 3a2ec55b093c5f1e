"""What survives every crash in a simulated world: runs with their journals, mail and claims; gates.

The rules are the ones of the real journal: a save names the fence, the length of the journal
and of the mail that it has seen. Events are kept in their stored form. Gates are kept beside
the runs and change with a save, or not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from catalog.digest import JsonObject
from executors.port import RunReport, RunState
from executors.workflow.events import (
    Accepted,
    AttemptFailed,
    AttemptSucceeded,
    Ended,
    Event,
    Side,
    StepFailed,
    decode,
    encode,
)
from executors.workflow.exchange import Course, Decision, Mail
from executors.workflow.spec import Gate, GateKind
from executors.workflow.state import Run, fold
from executors.workflow.view import report_of

AGAIN = timedelta(seconds=1)


class Written(StrEnum):
    """What became of a save."""

    SAVED = "saved"
    NEW_MAIL = "new mail"
    FENCED = "fenced"


@dataclass
class Stored:
    """One run.

    Attributes:
        mail: every letter; the core's own values stand in for their stored form.
        taken: how many of them the run has taken in.
        retries: how many asked an ended run to try again.
    """

    id: str
    course: Course
    entries: list[tuple[str, JsonObject]]
    due_at: datetime | None
    owner: str = ""
    fence: int = 0
    mail: list[Mail] = field(default_factory=list)
    taken: int = 0
    report: RunReport = field(default_factory=lambda: RunReport(RunState.PENDING))
    retries: int = 0

    @property
    def is_over(self) -> bool:
        """Say whether it has ended."""
        return self.report.state.is_final

    def events(self) -> list[Event]:
        """Return its journal."""
        return [decode(type_, body) for type_, body in self.entries]

    def folded(self) -> Run:
        """Return where its journal says that it stands."""
        return fold(enumerate(self.events(), start=1))


@dataclass(frozen=True, slots=True)
class Saving:
    """What a driver wants to write; the same one is tried again when the answer was lost."""

    fence: int
    seq: int
    mail: int
    decision: Decision
    admitted: tuple[tuple[str, str], ...]


class Gates:
    """Places under keys; only so many holders at a time."""

    def __init__(self) -> None:
        self.holders: dict[str, dict[str, int]] = {}
        self.worst: dict[str, int] = {}

    def ask(self, gate: Gate, holder: str, asked: list[tuple[str, str]], now: datetime) -> datetime | None:
        """Let somebody in for this decision, or say when to ask again."""
        assert gate.kind is GateKind.CONCURRENCY
        there = {*self.holders.get(gate.key, {}), *(who for key, who in asked if key == gate.key)}
        if holder not in there and len(there) >= gate.limit:
            return now + AGAIN
        asked.append((gate.key, holder))
        return None

    def enter(self, admitted: Sequence[tuple[str, str]]) -> None:
        """Let in for good whom a saved decision let in."""
        for key, holder in admitted:
            self.holders.setdefault(key, {})[holder] = 1

    def leave(self, holder: str) -> None:
        """Give up every place of a holder."""
        for there in self.holders.values():
            there.pop(holder, None)

    def leave_all(self, run_id: str) -> None:
        """Give up every place of a run."""
        for there in self.holders.values():
            for holder in [who for who in there if who.startswith(f"{run_id}|")]:
                del there[holder]


class Shelf:
    """All runs by id."""

    def __init__(self) -> None:
        self.runs: dict[str, Stored] = {}
        self.gates = Gates()

    def add(self, run_id: str, course: Course, now: datetime) -> None:
        """Store a new run that nobody has claimed."""
        self.runs[run_id] = Stored(run_id, course, [encode(Accepted(now))], due_at=now)

    def claim(self, run_id: str, owner: str, now: datetime, lease_seconds: float) -> Stored | None:
        """Take a run over if it is due."""
        run = self.runs[run_id]
        if run.due_at is None or (run.due_at > now and run.fence):
            return None
        run.fence += 1
        run.owner, run.due_at = owner, now + timedelta(seconds=lease_seconds)
        return run

    def save(self, run: Stored, saving: Saving) -> Written:
        """Append and project, if the claim holds and all mail was taken in."""
        decision = saving.decision
        new = [encode(event) for event in decision.events]
        if run.fence != saving.fence:
            return Written.FENCED
        if len(run.entries) != saving.seq:
            return Written.SAVED if run.entries[saving.seq :] == new else Written.FENCED
        if len(run.mail) != saving.mail:
            return Written.NEW_MAIL
        run.entries += new
        run.taken = decision.run.mail
        run.report = report_of(decision.run, run.id)
        if decision.rests:
            run.owner, run.due_at = "", decision.due_at
        self._pass_gates(run, saving)
        return Written.SAVED

    def _pass_gates(self, run: Stored, saving: Saving) -> None:
        self.gates.enter(saving.admitted)
        for event in saving.decision.events:
            if isinstance(event, Ended):
                self.gates.leave_all(run.id)
            elif isinstance(event, StepFailed) or (
                isinstance(event, AttemptSucceeded | AttemptFailed) and event.side is Side.DO
            ):
                self.gates.leave(f"{run.id}|{event.step}")
