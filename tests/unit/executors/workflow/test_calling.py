"""Gates before steps and runs: who is refused waits, and is asked for again when it is time."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from executors.port import RunState
from executors.workflow.exchange import Cancel, Claimed, Retry
from executors.workflow.milestones import StepHeld
from executors.workflow.spec import Gate, GateKind
from executors.workflow.state import Phase
from executors.workflow.view import report_of
from tests.play import PERMANENT, STEADY, UNKNOWN, Play, transient
from tests.workflows import EPOCH, document, step, undoable

PLACE = {"key": "db", "limit": 2}


class Gatekeeping:
    """Gates that refuse so many times, and remember what they were asked."""

    def __init__(self, refusals: int = 0, seconds: float = 5) -> None:
        self.asked: list[tuple[Gate, str]] = []
        self._refusals = refusals
        self._seconds = seconds
        self.now = EPOCH

    def __call__(self, gate: Gate, holder: str) -> datetime | None:
        self.asked.append((gate, holder))
        if len(self.asked) > self._refusals:
            return None
        return self.now + timedelta(seconds=self._seconds)

    def keys(self) -> Iterable[tuple[str, str]]:
        return [(gate.key, holder) for gate, holder in self.asked]


def test_a_step_asks_its_gates_before_it_begins_a_place_first_and_a_turn_last() -> None:
    gates = Gatekeeping()
    doc = document(
        step(
            "a",
            rate={"key": "r", "limit": 3, "per": "2s"},
            concurrency=PLACE,
            breaker={"key": "b", "limit": 5},
        )
    )
    assert Play(doc, admit=gates).begun() == ["a"]
    assert gates.asked == [
        (Gate(GateKind.CONCURRENCY, "db", 2), "a"),
        (Gate(GateKind.BREAKER, "b", 5), "a"),
        (Gate(GateKind.RATE, "r", 3, 2.0), "a"),
    ]


def test_a_step_without_gates_asks_nobody() -> None:
    gates = Gatekeeping()
    Play(document(step("a")), admit=gates)
    assert gates.asked == []


def test_who_is_refused_waits_and_says_so_once() -> None:
    play = Play(document(step("a", concurrency=PLACE)), admit=Gatekeeping(refusals=2))
    assert play.phase("a") is Phase.HELD
    assert play.decision.rests
    assert play.wait() == 5
    assert play.decision.events == ()
    assert play.decision.due_at is not None
    play.hear()
    assert play.begun() == ["a"]
    assert [event for event in play.events if isinstance(event, StepHeld)] == [
        StepHeld(EPOCH, "a", EPOCH + timedelta(seconds=5), "db")
    ]


def test_a_held_run_says_what_it_waits_for() -> None:
    play = Play(document(step("a", concurrency=PLACE)), admit=Gatekeeping(refusals=2))
    report = report_of(play.run, "run_1")
    assert (report.state, report.message) == (RunState.WAITING, "waits to be let in at db")


def test_every_attempt_asks_anew_and_a_look_does_not() -> None:
    gates = Gatekeeping()
    play = Play(document(step("a", concurrency=PLACE, retry=STEADY)), admit=gates).answer(transient())
    play.wait()
    play.answer(UNKNOWN)
    assert play.wants() == ("a", "do", "look")
    assert list(gates.keys()) == [("db", "a")] * 2


def test_an_undoing_passes_the_gates() -> None:
    gates = Gatekeeping()
    play = Play(document(undoable("a", concurrency=PLACE), step("b")), admit=gates).reply("a")
    play.reply({"b": PERMANENT})
    assert play.begun() == ["-a"]
    assert list(gates.keys()) == [("db", "a")]


def test_each_instance_of_a_list_holds_a_place_of_its_own() -> None:
    gates = Gatekeeping()
    Play(document(step("a", for_each=["x", "y"], concurrency={"key": "${item}"})), admit=gates)
    assert list(gates.keys()) == [("x", "a[0]"), ("y", "a[1]")]


def test_a_key_that_cannot_be_one_fails_the_step() -> None:
    play = Play(document(step("a", concurrency={"key": "${inputs.list}"})), {"inputs": {"list": [1]}})
    assert play.end().message == "a failed: the key of its concurrency is no text of 1 to 150 characters"


def test_a_run_asks_its_own_gates_before_its_first_step() -> None:
    gates = Gatekeeping(refusals=1)
    play = Play(document(step("a"), step("b"), concurrency={"key": "runs"}), admit=gates)
    assert play.begun() == []
    assert report_of(play.run, "run_1").message == "waits to be let in at runs"
    play.wait()
    assert play.begun() == ["a"]
    assert play.reply("a").begun() == ["b"]
    assert play.reply("b").end().state is RunState.SUCCEEDED
    assert list(gates.keys()) == [("runs", "")] * 2


def test_a_run_that_is_held_at_its_start_can_be_cancelled_and_taken_over() -> None:
    play = Play(document(step("a"), concurrency={"key": "runs"}), admit=Gatekeeping(refusals=9))
    play.hear(Claimed())
    assert play.decision.due_at is not None
    assert play.send(Cancel, "why").end().state is RunState.CANCELLED


def test_a_run_that_is_tried_again_asks_for_its_place_again() -> None:
    gates = Gatekeeping()
    play = Play(document(step("a"), concurrency={"key": "runs"}), admit=gates).reply({"a": PERMANENT})
    assert play.send(Retry).begun() == ["a"]
    assert len(gates.asked) == 2


def test_a_run_whose_gate_cannot_be_named_fails() -> None:
    play = Play(document(step("a"), concurrency={"key": "${inputs.none}"}))
    assert play.end().state is RunState.FAILED
    assert "which gate the run has to pass" in play.end().message


def test_a_held_step_is_dropped_when_another_fails() -> None:
    doc = document(step("a", concurrency=PLACE), undoable("b", needs=[]), step("c", needs=["b"]))
    play = Play(doc, admit=Gatekeeping(refusals=99)).reply("b").reply({"c": PERMANENT})
    assert play.begun() == ["-b"]
    assert play.phase("a") is Phase.DROPPED


def test_a_deadline_ends_the_wait_at_a_gate() -> None:
    play = Play(document(step("a", concurrency=PLACE, deadline="3s")), admit=Gatekeeping(refusals=99))
    assert play.wait() == 3
    assert play.end().message == "a failed: its deadline has passed"
