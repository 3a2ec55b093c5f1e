"""The engine's door: what it stores, what it refuses, and what it answers."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from catalog.errors import Conflict, Invalid, NotFound
from executors import runs
from executors.port import Effect, RunReport, RunState
from executors.step import StepCall
from executors.workflow.executor import MAX_MAIL, create
from executors.workflow.history import steps
from executors.workflow.state import Phase
from tests.engine import Engine, cannot_tell, document, fails_for_good, order, step, undoable
from tests.factories import created_database

TWO = document(undoable("a"), undoable("b"), outputs={"id": "${steps.b.outputs.id}"}, facts={"exists": True})


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    with created_database(database_url) as database:
        yield Engine(database)


def test_a_started_run_is_stored_and_rung_for(engine: Engine) -> None:
    report = engine.executor.start(order(TWO))
    assert report == RunReport(RunState.PENDING, report.run_id)
    assert engine.rung == [report.run_id]
    assert engine.executor.observe("key-1") == report
    assert engine.told == [("RunStarted", "provision: the run was accepted")]


def test_the_same_key_is_the_same_run(engine: Engine) -> None:
    first = engine.executor.start(order(TWO))
    assert engine.executor.start(order(TWO)) == first
    engine.drive()
    assert engine.executor.start(order(TWO)).state is RunState.SUCCEEDED
    assert engine.rung == [first.run_id]


def test_a_finished_run_reports_what_was_promised(engine: Engine) -> None:
    engine.executor.start(order(TWO))
    engine.drive()
    report = engine.executor.observe("key-1")
    assert report is not None
    assert (report.state, report.outputs, report.facts) == (RunState.SUCCEEDED, {"id": "b"}, {"exists": True})
    assert engine.final == ["req_1"]


def test_references_reach_the_order_and_the_contract(engine: Engine) -> None:
    doc = document(
        step("a"),
        outputs={"name": "${request.name}", "version": "${contract.version}", "size": "${inputs.size}"},
    )
    engine.executor.start(order(doc))
    engine.drive()
    report = engine.executor.observe("key-1")
    assert report is not None
    assert report.outputs == {"name": "orders", "version": "1.0.0", "size": "s"}


def test_progress_is_told_as_it_happens(engine: Engine) -> None:
    engine.world.script["b"] = [fails_for_good]
    engine.executor.start(order(TWO))
    engine.drive()
    assert [kind for kind, _ in engine.told] == [
        "RunStarted",
        "StepStarted",
        "StepSucceeded",
        "StepStarted",
        "StepFailed",
        "CompensationStarted",
        "StepCompensated",
        "RunFailed",
    ]


def test_an_unfit_workflow_is_refused_and_nothing_stored(engine: Engine) -> None:
    with pytest.raises(Invalid) as refused:
        engine.executor.start(order(document(step("a", uses="test.gone"))))
    assert refused.value.code == "invalid_workflow"
    assert [finding.pointer for finding in refused.value.findings] == ["/steps/0/uses"]
    assert engine.executor.observe("key-1") is None


def test_a_workflow_that_was_fit_to_write_is_still_judged_before_it_only_looks(engine: Engine) -> None:
    engine.executor.start(order(TWO))
    with pytest.raises(Invalid):
        engine.executor.start(order(TWO, key="key-2", effect=Effect.READ))


def test_a_stale_order_is_refused(engine: Engine) -> None:
    engine.executor.start(order(TWO, fence=2))
    with pytest.raises(Conflict):
        engine.executor.start(order(TWO, key="key-2", fence=1))
    assert len(engine.rung) == 1


def test_a_look_is_answered_at_once_and_stored_nowhere(engine: Engine) -> None:
    doc = document(step("a", "test.look"), name="observe", facts={"exists": "${steps.a.outputs.exists}"})
    report = engine.executor.start(order(doc, effect=Effect.READ))
    assert (report.state, report.facts) == (RunState.SUCCEEDED, {"exists": True})
    assert engine.executor.observe("key-1") is None
    assert (engine.rung, engine.told, engine.final) == ([], [], [])


def test_cancel_undoes_and_may_be_asked_for_twice(engine: Engine) -> None:
    engine.world.script["a"] = [lambda _call: engine.executor.cancel("key-1", "first reason")]
    engine.executor.start(order(TWO))
    engine.drive()
    engine.executor.cancel("key-1", "second reason")
    report = engine.executor.observe("key-1")
    assert report is not None
    assert (report.state, report.message) == (RunState.CANCELLED, "first reason")
    assert engine.world.done() == ["a", "-a"]


def test_a_run_that_was_retried_can_be_cancelled_again(engine: Engine) -> None:
    engine.world.script["b"] = [fails_for_good]
    engine.executor.start(order(document(undoable("a"), step("b"), {"id": "w", "wait": {"timer": "1d"}})))
    engine.world.script["-a"] = [lambda _call: engine.executor.cancel("key-1", "first")]
    engine.drive()
    engine.executor.retry("key-1")
    engine.drive()
    for reason in ("second", "third"):
        engine.executor.cancel("key-1", reason)
    engine.drive()
    report = engine.executor.observe("key-1")
    assert report is not None
    assert (report.state, report.message) == (RunState.CANCELLED, "second")
    assert engine.world.done() == ["a", "-a", "a", "b", "-a"]


def test_what_got_stuck_while_it_was_cancelled_is_undone_by_a_retry(engine: Engine) -> None:
    def cancel_and_lose(call: StepCall) -> None:
        engine.executor.cancel("key-1", "not wanted")
        cannot_tell(call)

    engine.world.script["b"], engine.world.looks["b"] = [cancel_and_lose], [cannot_tell]
    engine.executor.start(order(document(undoable("a"), undoable("b", on_unknown="halt"), step("c"))))
    engine.drive()
    report = engine.executor.observe("key-1")
    assert report is not None
    assert report.state is RunState.STUCK
    engine.executor.retry("key-1")
    engine.drive()
    report = engine.executor.observe("key-1")
    assert report is not None
    assert (report.state, report.message) == (RunState.CANCELLED, "not wanted")
    assert engine.world.done() == ["a", "-a"]


def test_cancel_rings_so_that_a_waiting_run_is_undone_now(engine: Engine) -> None:
    run_id = engine.executor.start(order(TWO)).run_id
    engine.executor.cancel("key-1", "why")
    assert engine.rung == [run_id, run_id]


def test_a_reason_is_made_fit_to_print(engine: Engine) -> None:
    engine.executor.start(order(TWO))
    engine.executor.cancel("key-1", "\x1b[31mred\x00" + "x" * 5000)
    engine.drive()
    report = engine.executor.observe("key-1")
    assert report is not None
    assert report.message.startswith(" [31mred x")
    assert len(report.message) == 500


def test_nobody_can_be_cancelled_or_signalled_who_is_not_there(engine: Engine) -> None:
    with pytest.raises(NotFound):
        engine.executor.cancel("key-9", "why")
    with pytest.raises(NotFound):
        engine.executor.signal("key-9", "go", {})


def test_a_signal_is_kept_with_the_run(engine: Engine) -> None:
    run_id = engine.executor.start(order(TWO)).run_id
    engine.executor.signal("key-1", "cutover", {"at": 1})
    engine.drive()
    with engine.database.read() as tx:
        signals = [entry.body for entry in runs.entries(tx, run_id) if entry.type == "SignalReceived"]
    assert [(body["name"], body["payload"]) for body in signals] == [("cutover", {"at": 1})]


@pytest.mark.parametrize(
    ("name", "payload", "pointer"),
    [
        ("Go!", {}, "/name"),
        ("", {}, "/name"),
        ("go", {"x": float("nan")}, "/payload"),
        ("go", {"x": "y" * 100_000}, "/payload"),
    ],
    ids=["shouting", "nameless", "not a number", "large"],
)
def test_a_hostile_signal_is_refused(
    engine: Engine, name: str, payload: dict[str, object], pointer: str
) -> None:
    engine.executor.start(order(TWO))
    with pytest.raises(Invalid) as refused:
        engine.executor.signal("key-1", name, payload)  # type: ignore[arg-type]  # hostile on purpose
    assert refused.value.findings[0].pointer == pointer


def test_a_flood_of_signals_is_stopped_and_a_cancel_still_gets_through(engine: Engine) -> None:
    engine.executor.start(order(TWO))
    for _ in range(MAX_MAIL):
        engine.executor.signal("key-1", "go", {})
    with pytest.raises(Conflict):
        engine.executor.signal("key-1", "go", {})
    engine.executor.cancel("key-1", "enough")
    engine.drive()
    report = engine.executor.observe("key-1")
    assert report is not None
    assert report.state is RunState.CANCELLED


def test_the_steps_of_a_run_can_be_listed_by_its_project_alone(engine: Engine) -> None:
    engine.world.script["b"] = [fails_for_good]
    run_id = engine.executor.start(order(TWO)).run_id
    engine.drive()
    with engine.database.read() as tx:
        views = steps(tx, "shop", run_id)
        with pytest.raises(NotFound):
            steps(tx, "bank", run_id)
    assert [(view.id, view.state, view.undo) for view in views] == [
        ("a", Phase.DONE, Phase.DONE),
        ("b", Phase.FAILED, None),
    ]


def test_the_engine_finds_what_is_wrong_with_a_document(engine: Engine) -> None:
    assert engine.executor.check(TWO, {}) == ()
    assert engine.executor.check({}, {})


def test_a_started_run_keeps_the_sub_workflows_that_it_started_with(engine: Engine) -> None:
    inner = document(step("a"), name="inner")
    parts = replace(engine.parts, files_of=lambda _digest: {"inner.yaml": json.dumps(inner)})
    executor = create(parts, engine)
    doc = document({"id": "sub", "workflow": "inner.yaml"})
    report = executor.start(order(doc))
    with engine.database.read() as tx:
        assert runs.definition(tx, "shop", report.run_id) == {**doc, "workflows": {"inner.yaml": inner}}
    with pytest.raises(Invalid):
        engine.executor.start(order(doc, "key-2"))
    assert executor.check(doc, {}) != ()
    assert executor.check(doc, {"inner.yaml": json.dumps(inner)}) == ()
