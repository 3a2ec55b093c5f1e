"""A call's arguments are resolved and checked, and whatever happens in a kind becomes an outcome."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from catalog.digest import JsonObject
from catalog.errors import NotFound, Unavailable
from executors.step import OutcomeUnknown, Permanent, StepCall, Transient
from executors.workflow.act import Actor, Held, step_key
from executors.workflow.events import FailureKind, Side
from executors.workflow.exchange import Absent, Call, Course, Done, Failed, Outcome, Retry, Verb
from executors.workflow.spec import parse_workflow
from executors.workflow.state import Run
from tests.engine import DIGEST, World, answers, document, fails_for_good, undoable
from tests.play import PERMANENT, Play

RUN = Call("a", Side.DO, Verb.RUN, 1)
LOOK = Call("a", Side.DO, Verb.LOOK, 1)
UNDO = Call("a", Side.UNDO, Verb.RUN, 1)


def held(**with_: Any) -> Held:
    first = undoable("a", timeout="7s")
    if with_:
        first["with"] = with_
    course = Course(parse_workflow(document(first)), {"inputs": {"size": "s", "large": 7}})
    return Held("run_1", "shop", "req_1", "key-1", DIGEST, 3, course, Run())


def act(world: World, call: Call = RUN, **with_: Any) -> Outcome:
    return Actor(world.kinds(), lambda _digest: {}).carry_out(held(**with_), call)


def failure(outcome: Outcome) -> tuple[FailureKind, str]:
    assert isinstance(outcome, Failed)
    return outcome.failure.kind, outcome.failure.code


def test_a_kind_gets_the_whole_call() -> None:
    seen: list[StepCall] = []
    world = World()
    world.script["a"].append(seen.append)
    actor = Actor(world.kinds(), lambda digest: {"of": digest})
    actor.carry_out(held(name="a", size="${inputs.size}"), RUN)
    [call] = seen
    assert call.arguments == {"name": "a", "size": "s"}
    assert (call.fence, call.attempt, call.timeout_seconds) == (3, 1, 7)
    assert (call.project, call.request_uid, call.run_id) == ("shop", "req_1", "run_1")
    assert call.files == {"of": DIGEST}
    assert call.idempotency_key == step_key(held(), "a", Side.DO)


def test_a_call_may_be_given_less_time_than_its_step_says() -> None:
    seen: list[float] = []
    world = World()
    world.script["a"].append(lambda call: seen.append(call.timeout_seconds))
    Actor(world.kinds(), lambda _digest: {}).carry_out(held(), RUN, limit_seconds=2)
    assert seen == [2]


def test_the_key_is_the_steps_own_and_another_for_its_undo() -> None:
    keys = {step_key(held(), "a", Side.DO), step_key(held(), "b", Side.DO), step_key(held(), "a", Side.UNDO)}
    assert len(keys) == 3
    assert step_key(held(), "a", Side.DO) == step_key(held(name="other"), "a", Side.DO)


def test_what_a_kind_returns_is_the_outcome() -> None:
    assert act(World()) == Done({"id": "a", "exists": True})


def test_a_look_says_found_or_absent() -> None:
    world = World()
    assert act(world, LOOK) == Absent()
    act(world)
    assert act(world, LOOK) == Done({"id": "a"})


def raises(error: Exception) -> Any:
    def behave(_call: StepCall) -> None:
        raise error

    return behave


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Transient("busy", "it is busy"), FailureKind.TRANSIENT),
        (Permanent("no", "it refuses"), FailureKind.PERMANENT),
        (OutcomeUnknown("line_broke", "the line broke"), FailureKind.UNKNOWN),
        (ValueError("a bug"), FailureKind.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.value,
)
def test_what_a_kind_raises_says_what_it_means(error: Exception, kind: FailureKind) -> None:
    world = World()
    world.script["a"].append(raises(error))
    assert failure(act(world))[0] is kind


def test_what_a_look_raises_only_ever_means_that_it_cannot_tell() -> None:
    world = World()
    world.looks["a"] += [raises(Transient("x", "x")), fails_for_good, raises(ValueError("x"))]
    assert [failure(act(world, LOOK))[0] for _ in range(3)] == [FailureKind.UNKNOWN] * 3


def test_a_bugs_text_goes_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.script["a"].append(raises(ValueError("password=hunter2")))
    with caplog.at_level(logging.DEBUG):
        outcome = act(world)
    assert isinstance(outcome, Failed)
    assert "test.do broke off with ValueError" in outcome.failure.message
    assert "hunter2" not in caplog.text + outcome.failure.message


def test_a_wish_to_be_left_alone_is_handed_on() -> None:
    world = World()
    world.script["a"].append(raises(Transient("busy", "it is busy", retry_after_seconds=9)))
    outcome = act(world)
    assert isinstance(outcome, Failed)
    assert outcome.retry_after_seconds == 9


@pytest.mark.parametrize(
    "answer",
    [None.__class__, {"x": {1}}, ["a"], {"x": "A" * 100_000_000}],
    ids=["type", "set", "list", "100 MB"],
)
def test_a_hostile_answer_is_rejected_as_having_happened(answer: object) -> None:
    world = World()
    world.script["a"].append(answers(answer))
    assert failure(act(world)) == (FailureKind.REJECTED, "invalid_output")


def test_a_reference_without_a_value_fails_before_anything_is_called() -> None:
    world = World()
    assert failure(act(world, name="${inputs.colour}")) == (FailureKind.PERMANENT, "bad_arguments")
    assert world.calls == []


def test_a_resolved_argument_of_the_wrong_type_fails_before_anything_is_called() -> None:
    world = World()
    outcome = act(world, name="${inputs.large}")
    assert isinstance(outcome, Failed)
    assert outcome.failure.message.startswith("/with/name")
    assert world.calls == []


def test_a_call_that_was_never_made_left_nothing_to_be_found() -> None:
    assert act(World(), LOOK, name="${inputs.colour}") == Absent()


def test_a_step_kind_that_is_gone_fails_and_a_look_through_it_cannot_tell() -> None:
    actor = Actor({}, lambda _digest: {})
    assert failure(actor.carry_out(held(), RUN)) == (FailureKind.PERMANENT, "unknown_step_kind")
    assert failure(actor.carry_out(held(), LOOK))[0] is FailureKind.UNKNOWN


def test_an_undo_calls_the_compensation() -> None:
    world = World()
    act(world, UNDO)
    assert world.done() == ["-a"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Unavailable("database_unavailable", "no answer"), FailureKind.TRANSIENT),
        (NotFound("contract_not_found", "gone"), FailureKind.PERMANENT),
    ],
    ids=["for now", "for good"],
)
def test_files_that_cannot_be_read_fail_the_step(error: Exception, kind: FailureKind) -> None:
    def files_of(_digest: str) -> dict[str, str]:
        raise error

    assert failure(Actor(World().kinds(), files_of).carry_out(held(), RUN))[0] is kind


def test_a_bundle_is_read_once() -> None:
    reads: list[str] = []

    def files_of(digest: str) -> dict[str, str]:
        reads.append(digest)
        return {}

    actor = Actor(World().kinds(), files_of)
    actor.carry_out(held(), RUN)
    actor.carry_out(held(), RUN)
    assert reads == [DIGEST]


def test_a_call_gets_no_more_time_than_its_deadline_leaves() -> None:
    seen: list[float] = []
    world = World()
    world.script["a"].append(lambda call: seen.append(call.timeout_seconds))
    act(world, Call("a", Side.DO, Verb.RUN, 1, limit_seconds=3))
    assert seen == [3]


def test_what_is_done_afresh_has_another_key_and_the_first_round_the_old_one() -> None:
    play = (
        Play(document(undoable("a"), undoable("b"))).reply("a").reply({"b": PERMANENT}).reply("a").send(Retry)
    )
    again = replace(held(), run=play.run)
    assert step_key(again, "a", Side.DO) != step_key(held(), "a", Side.DO)
    assert step_key(again, "a", Side.UNDO) != step_key(held(), "a", Side.UNDO)
    assert step_key(again, "c", Side.DO) == step_key(held(), "c", Side.DO)


def test_an_instance_undoes_itself_with_its_item_and_its_own_outputs() -> None:
    undo = {"uses": "test.undo", "with": {"name": "${item}", "of": "${steps.f.outputs.id}"}}
    doc = document({**undoable("f"), "for_each": ["x", "y"], "compensate": undo}, undoable("z"))
    play = (
        Play(doc)
        .reply({"f[0]": Done({"id": "first"}), "f[1]": Done({"id": "second"})})
        .reply({"z": PERMANENT})
    )
    seen: list[JsonObject] = []
    world = World()
    world.script["-y"].append(lambda call: seen.append(call.arguments))
    held_run = replace(held(), course=play.course, run=play.run)
    Actor(world.kinds(), lambda _digest: {}).carry_out(held_run, play.call())
    assert seen == [{"name": "y", "of": "second"}]
