"""A whole small world in one thread, driven by one seed.

The real core decides; a light shell with the rules of the real one claims runs, writes down,
makes calls and loses them. Everything is cut into small moves, and the dice choose which comes
next and for whom: so messages are lost, doubled, late and out of order, drivers die or freeze
between any two moves, several believe that they have the same run, clocks step, answers come
after the run was taken over, and letters of all sorts come at any time. `verdict` compares the
ledger's book with the journal's story. `worker_simulation` does the same with the real worker.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from executors.port import RunState
from executors.workflow.act import Held, step_key
from executors.workflow.ballot import Cast, HandOn, TakeInHand, Verdict, Voter
from executors.workflow.decide import decide
from executors.workflow.events import Failure, FailureKind, Side
from executors.workflow.exchange import (
    Absent,
    Acted,
    Call,
    Cancel,
    Claimed,
    Course,
    Decision,
    Done,
    Failed,
    Garbled,
    Mail,
    Moment,
    News,
    Outcome,
    Pause,
    Resume,
    Retry,
    Returned,
    Signal,
    Verb,
)
from executors.workflow.spec import Gate, parse_workflow
from executors.workflow.state import Phase, Run
from tests.property.shelf import Saving, Shelf, Stored, Written
from tests.property.worlds import CONTEXT, GROUP, MEMBERS, PEOPLE, SIGNALS, Author, Entry, Ledger
from tests.workflows import VirtualClock

LEASE_SECONDS = 10.0
FAULTY_MOVES = 90
HEALING_ROUNDS = 150
MAX_LETTERS = 12
MAX_RETRIES = 3

BUSY = Failed(Failure(FailureKind.TRANSIENT, "busy", "busy"))
REFUSED = Failed(Failure(FailureKind.PERMANENT, "refused", "refused"))
BROKE = Failed(Failure(FailureKind.UNKNOWN, "line_broke", "line broke"))
HOSTILE = Failed(Failure(FailureKind.REJECTED, "invalid_output", "a set"))
STALE = Failed(Failure(FailureKind.PERMANENT, "stale_fence", "a newer driver was here"))


@dataclass(eq=False)
class Errand:
    """One call on its way.

    Attributes:
        outcome: what came of it, once it has arrived.
        driver: who waits for it; None when nobody does any more.
    """

    run_id: str
    call: Call
    key: str
    fence: int
    driver: "Driver | None"
    outcome: Outcome | None = None


@dataclass(eq=False)
class Driver:
    """One worker's hold on one run.

    Attributes:
        answers: what came back and is not written down yet.
        pending: a save of which it is not known whether it took place.
        skew: how far its clock is off.
    """

    stored: Stored
    fence: int
    run: Run
    skew: timedelta
    answers: list[Returned] = field(default_factory=list)
    pending: Saving | None = None
    due_at: datetime | None = None


class Simulation:
    """One schedule.

    Args:
        seed: decides everything.
    """

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.clock = VirtualClock()
        self.ledger = Ledger(honours_keys=self.dice.random() < 0.5)
        self.shelf = Shelf()
        self.queue: list[str] = []
        self.errands: list[Errand] = []
        self.drivers: list[Driver] = []
        self.history: list[str] = []
        self.final: dict[str, tuple[RunState, int, int]] = {}
        self.heard: list[tuple[str, Returned]] = []
        self._faulty = True
        self._weather = self.dice.choice([1, 1, 3])  # how many times more often than stated
        for number in range(self.dice.choice([1, 1, 2])):
            doc = Author(self.dice, honours_keys=self.ledger.honours_keys).document()
            run_id = f"run_{number}"
            self.shelf.add(run_id, Course(parse_workflow(doc), CONTEXT), self.clock())
            self._publish(run_id)

    def run(self) -> None:
        """Play the schedule out: first with faults, then healed, then with latecomers."""
        moves = [self._deliver, self._travel, self._note_down, self._sweep, self._pass_time]
        rare = [self._post, self._crash, self._renew, self._note_final, self._misdeliver]
        weights = [12, 22, 22, 4, 6, 5, 1.2 * self._weather, 4, 3, 1]
        for move in self.dice.choices([*moves, *rare], weights=weights, k=FAULTY_MOVES):
            move()
        self._faulty = False
        self._heal()
        self._note_final()
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

    # ------------------------------------------------------------------ wake-ups and claims

    def _publish(self, run_id: str) -> None:
        fault = self.draw({"message lost": 15, "message doubled": 10}, usually="sent")
        self.queue += {"message lost": [], "message doubled": [run_id] * 2}.get(fault, [run_id])

    def _sweep(self) -> None:
        for run_id, run in self.shelf.runs.items():
            if run.due_at is not None and run.due_at <= self.clock():
                self._publish(run_id)

    def _deliver(self) -> None:
        if not self.queue:
            return
        run_id = self.queue.pop(self.dice.randrange(len(self.queue)))  # any order
        skew = timedelta(seconds=self.dice.choice([0, 0, -1, 1, -30]) if self._faulty else 0)
        now = self.clock() + skew
        stored = self.shelf.claim(run_id, f"boot {len(self.history)}", now, LEASE_SECONDS)
        if stored is None:
            return
        driver = Driver(stored, stored.fence, stored.folded(), skew)
        self.drivers.append(driver)
        self._decide(driver, [Claimed()])

    # --------------------------------------------------------------------- calls on their way

    def _travel(self) -> None:
        if not self.errands:
            return
        errand = self.errands[self.dice.randrange(len(self.errands))]
        if errand.outcome is None:
            errand.outcome = self._arrive(errand)
            if self._faulty and self.dice.random() < 0.5:
                return
        self.errands.remove(errand)
        if errand.driver is not None:
            errand.driver.answers.append(Returned(errand.call, errand.outcome))
        else:
            self.history.append("late answer")

    def _arrive(self, errand: Errand) -> Outcome:
        call, ledger = errand.call, self.ledger
        entry = Entry(errand.run_id, errand.key, call.step, call.side is Side.UNDO)
        if call.verb is Verb.LOOK:
            return self._looked(errand, entry)
        ledger.calls.append(entry)
        if not ledger.admits(errand.run_id, errand.fence):
            return STALE
        faults = {"transient": 8, "permanent": 4, "unknown without effect": 5}
        match self.draw(faults, usually="happens"):
            case "transient":
                return BUSY
            case "permanent":
                return REFUSED
            case "unknown without effect":
                return BROKE
        ledger.apply(entry)
        match self.draw({"unknown with effect": 6, "hostile": 2}, usually="answers"):
            case "unknown with effect":
                return BROKE
            case "hostile":
                return HOSTILE
        return Done({"id": call.step})

    def _looked(self, errand: Errand, entry: Entry) -> Outcome:
        if not self.ledger.admits(errand.run_id, errand.fence):
            return BROKE
        if self.draw({"cannot tell": 15}, usually="truth") == "cannot tell":
            return BROKE
        return Done({"id": entry.place}) if self.ledger.has(entry.key) else Absent()

    # ------------------------------------------------------------------- deciding and saving

    def _note_down(self) -> None:
        """Let a driver write down what came back to it, or what fell due meanwhile."""
        if not self.drivers:
            return
        driver = self.drivers[self.dice.randrange(len(self.drivers))]
        is_due = driver.due_at is not None and driver.due_at <= self.clock() + driver.skew
        if driver.pending is not None:
            self._save(driver, driver.pending)
        elif driver.answers or is_due:
            count = self.dice.randint(1, len(driver.answers)) if driver.answers else 0
            answers = self.dice.sample(driver.answers, count)
            self._decide(driver, answers)

    def _decide(self, driver: Driver, news: Sequence[News]) -> None:
        run, now = driver.run, self.clock() + driver.skew
        letters: list[Mail] = driver.stored.mail[run.mail :] if self.dice.random() < 0.3 else []
        while True:
            admitted: list[tuple[str, str]] = []

            def admit(gate: Gate, holder: str, asked: list[tuple[str, str]] = admitted) -> datetime | None:
                return self.shelf.gates.ask(gate, f"{driver.stored.id}|{holder}", asked, now)

            moment = Moment(now, self.dice.random, driver.fence, admit)
            decision = decide(driver.stored.course, run, [*news, *letters], moment)
            saving = Saving(driver.fence, run.seq, decision.run.mail, decision, tuple(admitted))
            if self._save(driver, saving) is not Written.NEW_MAIL:
                return
            letters = driver.stored.mail[run.mail :]

    def _save(self, driver: Driver, saving: Saving) -> Written | None:
        fault = self.draw({"lost": 3, "answer lost": 3}, usually="commits")
        if fault == "lost":
            if driver.run.seq == 1 or not driver.answers:
                self._drop(driver)  # a claim that was lost is no claim
            return None
        written = self.shelf.save(driver.stored, saving)
        if fault == "answer lost":
            driver.pending = saving
            return None
        driver.pending = None
        if written is Written.SAVED:
            self._go_on(driver, saving.decision)
        elif written is Written.FENCED:
            self.history.append("fenced")
            self._drop(driver)
        return written

    def _go_on(self, driver: Driver, decision: Decision) -> None:
        driver.run, driver.due_at = decision.run, decision.due_at
        known = {(step, side) for step, side in decision.run.in_flight()}
        for answer in driver.answers:
            self.heard.append((driver.stored.id, answer))
        driver.answers = [
            answer
            for answer in driver.answers
            if (answer.call.step, answer.call.side) in known and _is_awaited(decision.run, answer.call)
        ]
        for call in decision.calls:
            key = step_key(_held(driver.stored, decision.run, driver.fence), call.step, call.side)
            self.errands.append(Errand(driver.stored.id, call, key, driver.fence, driver))
        if decision.rests:
            self.drivers.remove(driver)
            if decision.due_at is not None and decision.due_at <= self.clock():
                self._publish(driver.stored.id)

    # ----------------------------------------------------------------------------- accidents

    def _crash(self) -> None:
        if self.drivers:
            self.history.append("crash")
            self._drop(self.drivers[self.dice.randrange(len(self.drivers))])

    def _drop(self, driver: Driver) -> None:
        """Forget a driver; what it has sent may still arrive, what it was about to send may not."""
        if driver in self.drivers:
            self.drivers.remove(driver)
        for errand in [each for each in self.errands if each.driver is driver]:
            errand.driver = None
            if errand.outcome is None and self.dice.random() < 0.5:
                self.errands.remove(errand)

    def _renew(self) -> None:
        for driver in self.drivers:
            if driver.stored.fence == driver.fence and driver.stored.owner and self.dice.random() < 0.7:
                driver.stored.due_at = self.clock() + driver.skew + timedelta(seconds=LEASE_SECONDS)

    def _pass_time(self) -> None:
        step = self.dice.choice([0.01, 0.5, 2, LEASE_SECONDS, 60.0, -3.0])
        if step < 0:
            self.history.append("clock stepped back")
        self.clock.advance(step)

    def _misdeliver(self) -> None:
        """Hand an old answer, or another run's, to a driver once more."""
        if self.heard and self.drivers:
            _run_id, answer = self.dice.choice(self.heard)
            driver = self.dice.choice(self.drivers)
            if driver.pending is None and not _is_awaited(driver.run, answer.call):
                self.history.append("answer doubled")
                self._decide(driver, [answer])

    # ------------------------------------------------------------------------------- letters

    def _post(self) -> None:
        run_id = self.dice.choice(list(self.shelf.runs))
        letters: list[Callable[[Stored], Mail | None]] = [
            lambda run: Cancel(len(run.mail) + 1, "why not"),
            lambda run: Signal(len(run.mail) + 1, self.dice.choice(SIGNALS), {"n": len(run.mail)}),
            lambda run: Pause(len(run.mail) + 1, "wait"),
            lambda run: Resume(len(run.mail) + 1),
            lambda run: Garbled(len(run.mail) + 1),
            self._act,
            lambda run: Retry(len(run.mail) + 1),
        ]
        weights = [4, 8, 2, 4, 1, 12, 5]
        self._send(self.shelf.runs[run_id], self.dice.choices(letters, weights=weights)[0])

    def _send(self, run: Stored, written: Callable[[Stored], Mail | None]) -> None:
        letter = written(run)
        is_retry = isinstance(letter, Retry)
        if letter is None or len(run.mail) >= MAX_LETTERS:
            return
        if is_retry and (run.retries >= MAX_RETRIES or not self.ledger.honours_keys):
            return  # trying again is a promise about keys
        if run.is_over and not (is_retry and run.report.state in (RunState.FAILED, RunState.STUCK)):
            return
        if is_retry and run.is_over:
            self._note_final()
            run.retries += 1
            self.history.append(f"retry of {run.report.state}")
        run.mail.append(letter)
        run.due_at = run.due_at if run.owner else self.clock()

    def _act(self, run: Stored, person: str | None = None) -> Mail | None:
        """Return something that somebody does about an approval, forged and late ones included."""
        standings = run.folded().asked
        if not standings:
            return None
        place = self.dice.choice(list(standings))
        task = standings[place].task
        who = person or self.dice.choice(PEOPLE)
        voter = Voter(who, (GROUP,) if who in MEMBERS or who == "dora" else ())
        if self._faulty and self.dice.random() < 0.2:
            delegate = self.dice.choice(PEOPLE)
            return Acted(len(run.mail) + 1, HandOn(place, task.opened_at, voter, self.clock(), delegate))
        if self._faulty and self.dice.random() < 0.2:
            until = self.clock() + timedelta(seconds=self.dice.choice([-1, 20]))
            return Acted(len(run.mail) + 1, TakeInHand(place, task.opened_at, voter, self.clock(), until))
        verdict = Verdict.REJECT if self._faulty and self.dice.random() < 0.15 else Verdict.APPROVE
        binding = "forged" if self._faulty and self.dice.random() < 0.1 else task.binding
        cast = Cast(place, task.opened_at, voter, self.clock(), binding, verdict, "because")
        return Acted(len(run.mail) + 1, cast)

    # ------------------------------------------------------------------------------- the end

    def _heal(self) -> None:
        for driver in list(self.drivers):
            self._drop(driver)
        for _ in range(HEALING_ROUNDS):
            if self._is_all_over() and not self._is_anything_retried():
                return
            self.clock.advance(LEASE_SECONDS)
            self._answer_people()
            self._sweep()
            while (
                self.queue or self.errands or any(driver.answers or driver.pending for driver in self.drivers)
            ):
                self._deliver()
                self._travel()
                self._note_down()

    def _is_all_over(self) -> bool:
        return all(run.is_over and run.taken == len(run.mail) for run in self.shelf.runs.values())

    def _is_anything_retried(self) -> bool:
        before = sum(run.retries for run in self.shelf.runs.values())
        for run in self.shelf.runs.values():
            if run.retries < MAX_RETRIES and self.dice.random() < 0.4:
                self._send(run, lambda run: Retry(len(run.mail) + 1))
        return sum(run.retries for run in self.shelf.runs.values()) > before

    def _answer_people(self) -> None:
        for run in self.shelf.runs.values():
            state = run.folded()
            letters: list[Mail] = []
            number = len(run.mail) + 1
            if state.is_paused:
                letters = [Resume(number)]
            elif not run.is_over:
                letters = self._wanted(run, state, number)
            run.mail += letters
            if letters and not run.owner:
                run.due_at = self.clock()

    def _wanted(self, run: Stored, state: Run, number: int) -> list[Mail]:
        for (place, _side), progress in state.progress.items():
            if progress.phase is Phase.PARKED and progress.awaited:
                return [Signal(number, progress.awaited, {})]
            if progress.phase is Phase.ASKING:
                person = MEMBERS[number % len(MEMBERS)]
                task = state.asked[place].task
                cast = Cast(
                    place,
                    task.opened_at,
                    Voter(person, (GROUP,)),
                    self.clock(),
                    task.binding,
                    Verdict.APPROVE,
                )
                return [Acted(number, cast)]
        return []

    def _note_final(self) -> None:
        for run_id, run in self.shelf.runs.items():
            if run.is_over and run.taken == len(run.mail):
                known = self.final.get(run_id)
                if known is None or known[2] != run.retries:
                    self.final[run_id] = (run.report.state, len(run.entries), run.retries)

    def _latecomers(self) -> None:
        """Let letters, answers and a driver come after the end."""
        for run in [each for each in self.shelf.runs.values() if each.is_over]:
            state = run.folded()
            number = len(run.mail) + 1
            news: list[News] = [Claimed(), Cancel(number, "late"), Signal(number, "go", {}), Resume(number)]
            news += [answer for run_id, answer in self.heard if run_id == run.id]
            moment = Moment(self.clock(), self.dice.random, run.fence + 1)
            decision = decide(run.course, state, news, moment)
            if decision.events or decision.calls or decision.run != state:
                self.history.append(f"moved after the end: {run.id}")


def _is_awaited(run: Run, call: Call) -> bool:
    progress = run.of(call.step, call.side)
    expected = Phase.RUNNING if call.verb is Verb.RUN else Phase.LOOKING
    return progress.phase is expected and progress.attempts == call.attempt


def _held(stored: Stored, run: Run, fence: int) -> Held:
    return Held(
        run_id=stored.id,
        project="shop",
        request_uid=stored.id,
        idempotency_key=stored.id,
        contract_digest="",
        fence=fence,
        course=stored.course,
        run=run,
    )
