"""A graph of steps: what begins when, side by side, over lists and in sub-workflows."""

from typing import Any

import pytest

from executors.port import RunState
from executors.workflow.beginning import MAX_ITEMS
from executors.workflow.decide import decide
from executors.workflow.exchange import Cancel, Claimed, Done, Returned, Signal
from executors.workflow.state import Phase
from tests.play import PERMANENT, STEADY, UNKNOWN, Play, transient
from tests.workflows import document, step, undoable


def diamond(**more: Any) -> dict[str, Any]:
    return document(
        undoable("a"),
        undoable("b", needs=["a"]),
        undoable("c", needs=["a"], **more),
        undoable("d", needs=["b", "c"]),
    )


def nested(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    return document(*steps, name="inner", **more)


def test_branches_begin_together_and_meet_again() -> None:
    play = Play(diamond()).reply("a")
    assert play.begun() == ["b", "c"]
    assert play.reply("c").begun() == []
    assert play.reply("b").begun() == ["d"]
    assert play.reply("d").end().state is RunState.SUCCEEDED


def test_a_step_that_needs_nothing_begins_at_once() -> None:
    assert Play(document(step("a"), step("b"), step("c", needs=[]))).begun() == ["a", "c"]


def test_without_needs_steps_follow_one_another() -> None:
    play = Play(document(step("a"), step("b", needs=[]), step("c")))
    assert play.begun() == ["a", "b"]
    assert play.reply("b").begun() == ["c"]


def test_while_a_call_is_under_way_the_run_does_not_rest() -> None:
    play = Play(diamond()).reply("a", "b")
    assert not play.decision.rests
    assert play.reply("c", "d").decision.rests


def test_a_retry_falls_due_while_another_branch_is_under_way() -> None:
    play = Play(diamond(retry=STEADY)).reply("a").reply({"c": transient()})
    assert play.decision.due_at is not None
    assert play.open.keys() == {"b"}
    play.wait()
    assert play.begun() == ["c"]


def test_whoever_takes_the_run_over_begins_what_its_predecessor_did_not() -> None:
    doc = diamond()
    play = Play(doc)
    call = play.open.pop("a")
    del call
    play.hear(Claimed())
    assert play.wants() == ("a", "do", "look")


def test_a_step_whose_condition_is_false_is_skipped_and_counts_as_done() -> None:
    play = Play(document(step("a", **{"if": "inputs.size == 'xl'"}), step("b")))
    assert play.begun() == ["b"]
    assert play.phase("a") is Phase.SKIPPED
    assert play.reply("b").end().state is RunState.SUCCEEDED


def test_a_condition_sees_what_was_done_and_what_was_skipped() -> None:
    doc = document(
        step("a", **{"if": "false"}),
        step("b", **{"if": "has(steps.a.outputs)"}),
        step("c", **{"if": "steps.a.state == 'skipped' && steps.b.state == 'skipped'"}),
    )
    assert Play(doc).begun() == ["c"]


def test_the_outputs_of_a_skipped_step_cannot_be_referred_to() -> None:
    doc = document(step("a", **{"if": "false"}), step("b", for_each="${steps.a.outputs.list}"))
    play = Play(doc)
    assert play.end().state is RunState.FAILED
    assert play.end().message == "b failed: ${steps.a.outputs.list} has no value here"


@pytest.mark.parametrize(
    "condition", ["inputs.none == 1", "inputs.size", "inputs.size + 1 == 2", "1 / 0 == 1"]
)
def test_a_condition_without_an_answer_fails_its_step(condition: str) -> None:
    play = Play(document(step("a", **{"if": condition})))
    assert play.end().state is RunState.FAILED
    assert "condition has no answer" in play.end().message


def test_everything_skipped_is_a_success() -> None:
    assert Play(document(step("a", **{"if": "false"}))).end().state is RunState.SUCCEEDED


# ------------------------------------------------------------------------------ for_each


def fan(items: Any = None, **more: Any) -> dict[str, Any]:
    return step("create", for_each=["x", "y", "z"] if items is None else items, **more)


def test_a_list_is_worked_off_so_many_at_a_time() -> None:
    play = Play(document(fan(max_parallel=2), step("after")))
    assert play.begun() == ["create[0]", "create[1]"]
    assert play.reply("create[1]").begun() == ["create[2]"]
    assert play.reply("create[2]").begun() == []
    assert play.reply("create[0]").begun() == ["after"]


def test_an_instance_sees_its_item_and_index() -> None:
    play = Play(document(fan(max_parallel=5)))
    roots = play.course.roots(play.run, "create[1]")
    assert (roots["item"], roots["index"]) == ("y", 1)


def test_what_instances_gave_is_a_list_in_their_order() -> None:
    doc = document(
        fan(), outputs={"all": "${steps.create.outputs}", "first": "${steps.create.outputs.0.host}"}
    )
    play = Play(doc).reply({f"create[{index}]": Done({"host": index}) for index in (2, 0, 1)})
    assert play.end().outputs == {"all": [{"host": 0}, {"host": 1}, {"host": 2}], "first": 0}


def test_an_empty_list_is_done_at_once() -> None:
    play = Play(document(fan([]), step("after"), outputs={"all": "${steps.create.outputs}"}))
    assert play.begun() == ["after"]
    assert play.reply("after").end().outputs == {"all": []}


def test_the_list_may_come_from_a_step() -> None:
    play = Play(document(step("a"), fan("${steps.a.outputs.names}")))
    play.reply({"a": Done({"names": ["p", "q"]})})
    assert play.begun() == ["create[0]", "create[1]"]


@pytest.mark.parametrize("found", [7, "text", {"a": 1}, None, ["x"] * (MAX_ITEMS + 1)], ids=type)
def test_what_is_no_list_or_too_long_a_one_fails_the_step(found: Any) -> None:
    play = Play(document(undoable("a"), fan("${steps.a.outputs.names}")))
    play.reply({"a": Done({"names": found})})
    assert play.begun() == ["-a"]


def test_a_condition_on_the_item_is_asked_for_each() -> None:
    play = Play(document(fan(**{"if": "item != 'y'"}), outputs={"all": "${steps.create.outputs}"}))
    assert play.begun() == ["create[0]", "create[2]"]
    play.reply("create[0]", "create[2]")
    assert play.end().outputs == {"all": [{}, None, {}]}


def test_a_condition_on_other_things_is_asked_once_and_before_the_list_is_looked_at() -> None:
    doc = document(
        step("a", **{"if": "false"}), fan("${steps.a.outputs.list}", **{"if": "has(steps.a.outputs)"})
    )
    play = Play(doc)
    assert play.phase("create") is Phase.SKIPPED
    assert play.end().state is RunState.SUCCEEDED


def test_a_thousand_skipped_instances_are_no_trouble() -> None:
    play = Play(document(fan(list(range(MAX_ITEMS)), max_parallel=1, **{"if": "item < 0"})))
    assert play.end().state is RunState.SUCCEEDED


def test_a_failed_instance_begins_no_other_and_undoes_the_rest() -> None:
    doc = document(fan(max_parallel=2, compensate={"uses": "test.undo", "with": {"name": "${item}"}}))
    play = Play(doc).reply({"create[0]": Done()})
    assert play.open.keys() == {"create[1]", "create[2]"}
    assert play.reply({"create[1]": PERMANENT}).begun() == []
    assert play.reply("create[2]").begun() == ["-create[2]"]
    assert play.reply("create[2]").begun() == ["-create[0]"]
    assert play.reply("create[0]").end().message == "create[1] failed: it refuses"


# --------------------------------------------------------------------------- sub-workflows


def network(**more: Any) -> dict[str, Any]:
    inner = nested(
        undoable("reserve"),
        undoable("attach"),
        outputs={"id": "${steps.reserve.outputs.id}", "zone": "${inputs.zone}"},
    )
    outer = {"id": "network", "workflow": "network.yaml", "with": {"zone": "${inputs.size}"}, **more}
    return document(
        undoable("a"),
        outer,
        step("after"),
        outputs={"network": "${steps.network.outputs}"},
        workflows={"network.yaml": inner},
    )


def test_a_sub_workflow_runs_within_the_run_and_hands_its_outputs_back() -> None:
    play = Play(network()).reply("a")
    assert play.begun() == ["network/reserve"]
    play.reply({"network/reserve": Done({"id": 7})})
    assert play.begun() == ["network/attach"]
    assert play.reply("network/attach").begun() == ["after"]
    assert play.reply("after").end().outputs == {"network": {"id": 7, "zone": "s"}}


def test_a_sub_workflow_sees_its_own_inputs_and_steps_only() -> None:
    play = Play(network(), {"inputs": {"size": "s"}, "request": {"name": "r"}, "outputs": {"old": 1}}).reply(
        "a"
    )
    roots = play.course.roots(play.run, "network/reserve")
    assert roots["inputs"] == {"zone": "s"}
    assert roots["request"] == {"name": "r"}
    assert "outputs" not in roots
    assert roots["steps"] == {}


def test_a_sub_workflow_runs_for_each_of_a_list() -> None:
    play = Play(network(for_each=["n", "m"], **{"with": {"zone": "${item}"}})).reply("a")
    assert play.begun() == ["network[0]/reserve", "network[1]/reserve"]
    play.reply({"network[1]/reserve": Done({"id": 1}), "network[0]/reserve": Done({"id": 0})})
    play.reply("network[0]/attach", "network[1]/attach", "after")
    assert play.end().outputs == {"network": [{"id": 0, "zone": "n"}, {"id": 1, "zone": "m"}]}


def test_a_failure_in_a_sub_workflow_undoes_over_all_scopes_in_reverse_order_of_completion() -> None:
    play = Play(network(for_each=["n", "m"])).reply("a")
    play.reply({"network[1]/reserve": Done({"id": 1})})
    play.reply({"network[0]/reserve": Done({"id": 0})})
    play.reply("network[1]/attach")
    undone = []
    play.reply({"network[0]/attach": PERMANENT})
    while play.run.ended is None:
        undone += play.begun()
        play.reply(*play.open)
    assert undone == ["-network[1]/attach", "-network[0]/reserve", "-network[1]/reserve", "-a"]
    assert play.end().step == "network[0]/attach"


def test_a_sub_workflow_that_promises_what_it_has_not_fails() -> None:
    play = Play(network()).reply("a").reply({"network/reserve": Done({})})
    assert play.reply("network/attach").begun() == ["-network/attach"]
    assert play.run.compensation is not None
    assert "network.yaml hands back is not usable" in play.run.compensation.message


def test_a_skipped_sub_workflow_has_no_steps() -> None:
    play = Play(network(**{"if": "false"}) | {"outputs": {}}).reply("a")
    assert play.begun() == ["after"]


def test_sub_workflows_nest() -> None:
    innermost = nested(step("deep"), outputs={"at": "${inputs.at}"})
    inner = nested(
        {"id": "lower", "workflow": "innermost.yaml", "with": {"at": "${inputs.at}"}},
        outputs={"at": "${steps.lower.outputs.at}"},
    )
    outer = document(
        {"id": "upper", "workflow": "inner.yaml", "with": {"at": 3}},
        outputs={"at": "${steps.upper.outputs.at}"},
        workflows={"inner.yaml": inner, "innermost.yaml": innermost},
    )
    play = Play(outer)
    assert play.begun() == ["upper/lower/deep"]
    assert play.reply("upper/lower/deep").end().outputs == {"at": 3}


# ------------------------------------------------------------------------------------ waits


def waits(**wait: Any) -> dict[str, Any]:
    return document(step("a"), {"id": "w", "wait": wait}, step("b"), outputs={"w": "${steps.w.outputs}"})


def test_a_timer_waits_that_long() -> None:
    play = Play(waits(timer="10s")).reply("a")
    assert play.decision.rests
    assert play.wait() == 10
    assert play.begun() == ["b"]


def test_a_wait_until_a_time_lasts_until_then() -> None:
    play = Play(waits(until="2030-01-01T01:00:00+01:00"))
    play.clock.advance(-60)
    play.reply("a")
    assert play.wait() == 60
    assert play.begun() == ["b"]


def test_a_time_that_has_passed_is_not_waited_for() -> None:
    assert Play(waits(until="${inputs.when}"), {"inputs": {"when": "2020-01-01T00:00:00Z"}}).reply(
        "a"
    ).begun() == ["b"]


@pytest.mark.parametrize(
    "when",
    ["soon", 7, "2030-01-01T00:00:00", "20300101T000000Z", "0001-01-01T00:00:00+14:00", None],
    ids=str,
)
def test_what_is_no_time_fails_the_wait(when: Any) -> None:
    play = Play(waits(until="${inputs.when}"), {"inputs": {"when": when}}).reply("a")
    assert play.end().message == "w failed: what it waits for is no time as in RFC 3339"


def test_a_signal_ends_the_wait_and_its_payload_is_the_output() -> None:
    play = Play(waits(signal="go")).reply("a")
    assert play.decision.due_at is None
    play.send(Signal, "stop", {})
    assert play.begun() == []
    assert play.send(Signal, "go", {"by": "me"}).begun() == ["b"]
    assert play.reply("b").end().outputs == {"w": {"by": "me"}}


def test_signals_that_came_early_count_in_their_order() -> None:
    doc = document(
        step("a"),
        {"id": "w", "wait": {"signal": "go"}},
        {"id": "v", "wait": {"signal": "go"}},
        outputs={"w": "${steps.w.outputs}", "v": "${steps.v.outputs}"},
    )
    play = Play(doc).send(Signal, "go", {"n": 1}).send(Signal, "go", {"n": 2})
    assert play.reply("a").end().outputs == {"w": {"n": 1}, "v": {"n": 2}}


def test_a_signal_that_does_not_come_in_time_fails_the_wait() -> None:
    play = Play(waits(signal="go", timeout="1h")).reply("a")
    assert play.wait() == 3600
    assert play.end().message == "w failed: the signal go did not come in time"


def test_a_signal_that_comes_with_its_timeout_counts() -> None:
    play = Play(waits(signal="go", timeout="1h")).reply("a")
    play.clock.advance(7200)
    assert play.send(Signal, "go", {}).begun() == ["b"]


def test_a_cancel_ends_a_wait() -> None:
    play = Play(waits(timer="10d")).reply("a").send(Cancel, "no more")
    assert play.end().state is RunState.CANCELLED
    assert play.phase("w") is Phase.DROPPED


def test_waits_stand_beside_calls() -> None:
    doc = document({"id": "w", "wait": {"timer": "10s"}}, step("a", needs=[]), step("b", needs=["w", "a"]))
    play = Play(doc)
    play.pass_time(10)
    assert play.phase("w") is Phase.DONE
    assert play.reply("a").begun() == ["b"]


# -------------------------------------------------------------------------------- deadlines


def test_a_step_that_would_be_tried_after_its_deadline_is_given_up_at_once() -> None:
    play = Play(document(step("a", retry=STEADY, deadline="2s"))).answer(transient())
    play.wait()
    assert play.call().limit_seconds == 1
    play.answer(transient())
    assert play.end().message == "a failed: it is busy"


def test_a_call_gets_no_more_time_than_the_deadline_leaves() -> None:
    assert Play(document(step("a", deadline="5s"))).call().limit_seconds == 5


def test_a_step_that_may_have_happened_is_looked_up_after_its_deadline_too() -> None:
    play = Play(document(step("a", deadline="5s", on_unknown="retry", retry=STEADY))).answer(UNKNOWN, UNKNOWN)
    play.clock.advance(10)
    play.hear(Claimed())
    assert play.wants() == ("a", "do", "look")
    assert play.answer(Done()).end().state is RunState.SUCCEEDED


def test_a_wait_ends_at_its_deadline() -> None:
    play = Play(document({"id": "w", "wait": {"signal": "go"}, "deadline": "10s"}))
    assert play.wait() == 10
    assert play.end().message == "w failed: its deadline has passed"


def test_the_deadline_of_a_for_each_covers_all_of_it() -> None:
    play = Play(document(fan(deadline="10s", max_parallel=1)))
    play.clock.advance(4)
    play.reply("create[0]")
    assert play.call().limit_seconds == 6
    play.clock.advance(6)
    play.reply("create[1]")
    assert play.end().message == "create failed: its deadline has passed"


def test_the_deadline_of_a_sub_workflow_covers_its_steps() -> None:
    play = Play(network(deadline="10s")).reply("a")
    assert play.call().limit_seconds == 10
    play.clock.advance(10)
    play.reply({"network/reserve": Done({"id": 1})})
    assert play.begun() == ["-network/reserve"]


# -------------------------------------------------------------------------- nothing is scanned


def test_a_decision_costs_what_it_touches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred steps that are over are not looked at again when one more ends."""
    doc = document(*(step(f"s{number}", needs=[]) for number in range(200)), step("last"))
    play = Play(doc)
    play.reply(*(f"s{number}" for number in range(199)))
    asked: list[str] = []
    honest = type(play.run).of

    def counted(run: Any, place: str, side: Any) -> Any:
        asked.append(place)
        return honest(run, place, side)

    monkeypatch.setattr(type(play.run), "of", counted)
    decision = decide(play.course, play.run, [Returned(play.open["s199"], Done())], play.moment())
    assert [call.step for call in decision.calls] == ["last"]
    assert len(asked) < 20, asked
