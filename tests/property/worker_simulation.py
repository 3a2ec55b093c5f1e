"""The same small world as in `simulation`, with the real worker in it.

Real workers run over the in-memory journal, on a virtual clock. The dice decide everything
else: which message is lost, doubled or late, where a worker dies, where it freezes while the
rest of the world goes on, what a step answers, when the database is away. There are fewer
sorts of steps here, because the core has had them all; what is tried is the shell.
"""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TypeVar

from catalog.digest import Json, JsonObject
from catalog.errors import Unavailable
from executors.port import Effect, RunState
from executors.step import OutcomeUnknown, Permanent, StepCall, Transient
from executors.workflow.act import Actor
from executors.workflow.journal import Book
from executors.workflow.keeper import Keeper
from executors.workflow.mail import CANCEL, SIGNAL
from executors.workflow.memory import MemoryJournal
from executors.workflow.worker import Worker
from tests.engine import SCHEMA, accept, order
from tests.property.worlds import Entry, Ledger
from tests.workflows import VirtualClock, document, step

T = TypeVar("T")

LEASE_SECONDS = 10.0
FAULTY_TURNS = 25
HEALING_TURNS = 400
MAX_DEPTH = 3


class Crash(BaseException):
    """The worker's process is gone; nothing in it may catch this."""


class SimulatedKind:
    """A step kind that does what the dice say."""

    schema: JsonObject = SCHEMA
    effect = Effect.WRITE

    def __init__(self, simulation: "Simulation", name: str) -> None:
        self.name = name
        self._simulation = simulation

    def run(self, call: StepCall) -> dict[str, Json]:
        """Write the call down, then let the dice decide what becomes of it."""
        ledger, world = self._simulation.ledger, self._simulation
        entry = self._entry(call)
        world.moment("before the call arrives")
        ledger.calls.append(entry)
        _admit(ledger, call)
        fault = world.draw({"transient": 8, "permanent": 4, "unknown without effect": 5}, usually="happens")
        if fault == "transient":
            raise Transient("busy", "busy")
        if fault == "permanent":
            raise Permanent("refused", "refused")
        if fault == "unknown without effect":
            raise OutcomeUnknown("line_broke", "line broke")
        ledger.apply(entry)
        world.moment("after the effect")
        fault = world.draw({"unknown with effect": 6, "hostile": 2}, usually="answers")
        if fault == "unknown with effect":
            raise OutcomeUnknown("line_broke", "line broke")
        hostile: Any = {"x": {1, 2}}
        return hostile if fault == "hostile" else {"id": entry.place}

    def observe(self, call: StepCall) -> dict[str, Json] | None:
        """Tell the truth, or that it cannot be told."""
        self._simulation.moment("before the look")
        _admit(self._simulation.ledger, call)
        if self._simulation.draw({"cannot tell": 15}, usually="truth") == "cannot tell":
            raise OutcomeUnknown("line_broke", "line broke")
        entry = self._entry(call)
        found = self._simulation.ledger.has(entry.key)
        self._simulation.moment("after the look")
        return {"id": entry.place} if found else None

    def _entry(self, call: StepCall) -> Entry:
        return Entry(call.run_id, call.idempotency_key, str(call.arguments["name"]), self.name == "test.undo")


def _admit(ledger: Ledger, call: StepCall) -> None:
    if not ledger.admits(call.run_id, call.fence):
        raise Permanent("stale_fence", "a newer driver was here")


class FaultyJournal(MemoryJournal):
    """A journal whose commits are lost, or whose answers are, or whose caller dies around them."""

    def __init__(self, simulation: "Simulation") -> None:
        super().__init__()
        self._simulation = simulation

    def commit(self, turn: Callable[[Book], T]) -> T:
        """Commit, unless the dice are against it."""
        world = self._simulation
        world.moment("before a commit")
        fault = world.draw({"lost": 3, "answer lost": 3}, usually="commits")
        if fault == "lost":
            raise Unavailable("database_unavailable", "away")
        answer = super().commit(turn)
        if fault == "answer lost":
            raise Unavailable("database_unavailable", "away")
        world.moment("after a commit")
        return answer


class Simulation:
    """One schedule.

    Args:
        seed: decides everything.
        journal: a journal with a planted fault, to see that it is found.
    """

    def __init__(self, seed: int, journal: Callable[["Simulation"], FaultyJournal] = FaultyJournal) -> None:
        self.dice = random.Random(seed)
        self.clock = VirtualClock()
        self.ledger = Ledger(honours_keys=self.dice.random() < 0.5)
        self.journal = journal(self)
        self.queue: list[str] = []
        self.history: list[str] = []
        self.final: dict[str, tuple[RunState, int]] = {}
        self._faulty = True
        self._weather = self.dice.choice([1, 1, 3])  # how many times more often than stated
        self._depth = 0
        self._boots = 0
        self.documents = {f"run_{number}": self._document() for number in range(self.dice.randint(1, 2))}
        for run_id, doc in self.documents.items():
            accept(self.journal, order(doc, key=f"key of {run_id}", request_uid=run_id), run_id)
            self._publish(run_id)

    def run(self) -> None:
        """Play the schedule out: first with faults, then healed, then with latecomers."""
        for _ in range(FAULTY_TURNS):
            self._turn()
        self._faulty = False
        for _ in range(HEALING_TURNS):
            if all(run.is_over for run in self.journal.runs.values()):
                break
            self.clock.advance(LEASE_SECONDS)
            self._sweep()
            self._deliver()
        self._latecomers()

    def draw(self, faults: dict[str, int], usually: str) -> str:
        """Return a fault with its chance in a hundred, else what usually happens."""
        if not self._faulty:
            return usually
        number = self.dice.uniform(0, 100) / self._weather
        for fault, chance in faults.items():
            if number < chance:
                self.history.append(fault)
                return fault
            number -= chance
        return usually

    def moment(self, where: str) -> None:
        """Let the worker die here, or freeze here while the world goes on."""
        fault = self.draw({"crash": 3, "freeze": 3}, usually="goes on")
        if fault == "crash":
            raise Crash(where)
        if fault == "freeze" and self._depth < MAX_DEPTH:
            self.clock.advance(self.dice.choice([0, 1, LEASE_SECONDS, 3 * LEASE_SECONDS]))
            for _ in range(self.dice.randint(1, 4)):
                self._turn()

    def _turn(self) -> None:
        action = self.dice.choices(
            [self._deliver, self._sweep, self._pass_time, self._mail, self._note_final],
            weights=[10, 4, 4, 1, 1],
        )[0]
        self._depth += 1
        try:
            action()
        finally:
            self._depth -= 1

    def _deliver(self) -> None:
        if not self.queue:
            return
        run_id = self.queue.pop(self.dice.randrange(len(self.queue)))  # any order
        try:
            self._worker().drive(run_id)
        except (Crash, Unavailable):
            self.history.append("worker gone")
        self._note_final()

    def _publish(self, run_id: str) -> None:
        fault = self.draw({"message lost": 15, "message doubled": 10}, usually="sent")
        self.queue += {"message lost": [], "message doubled": [run_id] * 2}.get(fault, [run_id])

    def _sweep(self) -> None:
        for run_id, run in self.journal.runs.items():
            if run.due_at is not None and run.due_at <= self.clock():
                self._publish(run_id)

    def _pass_time(self) -> None:
        self.clock.advance(self.dice.choice([0.01, 0.5, 2, LEASE_SECONDS]))

    def _mail(self) -> None:
        run_id = self.dice.choice(list(self.journal.runs))
        if self.dice.random() < 0.5:
            self.journal.post(run_id, CANCEL, {"reason": "why not"}, self.clock())
        else:
            self.journal.post(run_id, SIGNAL, {"name": "go", "payload": {}}, self.clock())

    def _note_final(self) -> None:
        for run_id, run in self.journal.runs.items():
            if run.is_over:
                self.final.setdefault(run_id, (run.report.state, len(run.entries)))

    def _latecomers(self) -> None:
        for run_id in self.journal.runs:
            self.journal.post(run_id, CANCEL, {"reason": "too late"}, self.clock())
            self.clock.advance(100 * LEASE_SECONDS)
            self._worker().drive(run_id)

    def _worker(self) -> Worker:
        """Return a freshly booted worker, whose clock is a little off."""
        self._boots += 1
        skew = timedelta(seconds=self.dice.uniform(-1, 1))

        def clock() -> datetime:
            return self.clock() + skew

        keeper = Keeper(self.journal, clock, f"boot {self._boots}", LEASE_SECONDS)
        kinds = {name: SimulatedKind(self, name) for name in ("test.do", "test.undo")}
        actor = Actor(kinds, lambda _digest: {})
        return Worker(self.journal, actor, keeper, clock=clock, roll=self.dice.random, pause=self.clock.pause)

    def _document(self) -> dict[str, Any]:
        steps = [self._step(number) for number in range(self.dice.randint(1, 5))]
        for number, part in enumerate(steps):
            if self.dice.random() < 0.5:
                part["needs"] = [each["id"] for each in steps[:number] if self.dice.random() < 0.5]
        return document(*steps)

    def _step(self, number: int) -> dict[str, Any]:
        # Trying again blindly is a promise about keys, so only a target that honours them may be told to.
        blind = ["retry"] if self.ledger.honours_keys else []
        more: dict[str, Any] = {
            "retry": {"attempts": self.dice.randint(1, 4), "initial": "1s", "max": "8s"},
            "on_unknown": self.dice.choice(["observe", "halt", *blind]),
        }
        name = f"s{number}"
        if self.dice.random() < 0.8:
            more["compensate"] = {"uses": "test.undo", "with": {"name": name}}
        return step(name, **more)

    def undoable(self, run_id: str) -> set[str]:
        """Return the steps of a run that have a compensation."""
        return {part["id"] for part in self.documents[run_id]["steps"] if "compensate" in part}
