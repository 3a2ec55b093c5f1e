"""What people see of runs that Temporal has, and what they can do about them, is as with any other run."""

import threading
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from catalog.clock import utc_now
from catalog.errors import Unavailable
from executors import runs
from executors.port import RunState
from executors.step import StepCall
from executors.tables import runs as rows
from executors.temporal.courier import Courier
from executors.temporal.executor import TemporalExecutor
from executors.temporal.line import Line
from executors.temporal.place import place_of
from executors.workflow import history, inbox
from executors.workflow.executor import create as create_builtin
from executors.workflow.journal import run_of
from executors.workflow.parts import worker_of
from executors.workflow.view import report_of
from tests.engine import fails_for_good, fails_for_now, undoable
from tests.services.polling import eventually
from tests.temporal_site import Quiet, Site, copy_of, working


def test_people_see_what_temporal_has(site: Site) -> None:
    site.world.script["b"].append(fails_for_good)
    each = {**undoable("each"), "for_each": [1, 2]}
    value = site.start(undoable("a"), each, undoable("b"))
    report = site.end(value)
    row, journal = copy_of(site, value)
    assert (row.state, row.message, row.step) == (RunState.FAILED, report.message, "b")
    assert [entry.seq for entry in journal] == list(range(1, len(journal) + 1))
    assert replace(report_of(run_of(journal), row.run_id), link=report.link) == report
    with site.database.read() as tx:
        assert [view.id for view in history.steps(tx, value.project, row.run_id)][:2] == ["a", "each"]


def test_the_requester_is_told_each_thing_once_and_the_reconciler_is_woken(site: Site) -> None:
    site.world.script["b"].append(fails_for_now)
    value = site.start(undoable("a"), undoable("b", retry={"initial": "0s", "jitter": "none"}))
    assert site.end(value).state is RunState.SUCCEEDED
    eventually(lambda: site.woken, "the reconciler to be woken")
    begun = ["RunStarted", "StepStarted", "StepSucceeded"]
    assert site.told(value) == [*begun, "StepStarted", "StepRetrying", "StepSucceeded", "RunSucceeded"]
    assert site.woken == [value.request_uid]


def test_no_worker_of_the_built_in_engine_takes_it_up(idle: Site) -> None:
    value = idle.start(undoable("a"))
    own = worker_of(idle.parts)
    assert own.take() is None
    assert own.take(idle.seen(value).run_id) is None
    with idle.database.write() as tx:
        runs.post(tx, value.idempotency_key, "signal", {"name": "go", "payload": {}}, now=utc_now())
    assert own.take() is None


def test_letters_at_our_door_reach_the_run_once_and_in_order(site: Site) -> None:
    collects = {"id": "one", "wait": {"signal": "go"}}, {"id": "two", "wait": {"signal": "go"}}
    handed = {"one": "${steps.one.outputs.n}", "two": "${steps.two.outputs.n}"}
    value = site.start(*collects, outputs=handed)
    with site.database.write() as tx:
        for number in (1, 2):
            body: dict[str, Any] = {"name": "go", "payload": {"n": number}}
            runs.post(tx, value.idempotency_key, "signal", body, now=utc_now())
    again = Courier(site.database, Line(place_of(site.parts.options)), site.bell)
    again.deliver()
    again.deliver()
    assert site.end(value).outputs == {"one": 1, "two": 2}


def test_a_failed_run_that_is_tried_again_goes_on_in_the_built_in_engine(site: Site) -> None:
    site.world.script["b"].append(fails_for_good)
    value = site.start(undoable("a"), undoable("b"), outputs={"id": "${steps.b.outputs.id}"})
    assert site.end(value).state is RunState.FAILED
    create_builtin(site.parts, Quiet()).retry(value.idempotency_key)
    own = worker_of(site.parts)
    turn = own.take()
    assert turn is not None
    own.follow(turn)
    report = site.end(value)
    assert (report.state, report.outputs) == (RunState.SUCCEEDED, {"id": "b"})
    assert site.executor.start(value) == report
    assert site.world.done() == ["a", "-a", "a", "b"]


def test_a_start_that_broke_off_is_made_good(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    value = site.order(undoable("a"))

    def breaks(*_: object) -> None:
        raise Unavailable("executor_unavailable", "the line broke")

    with monkeypatch.context() as broken:
        broken.setattr(Line, "ask", breaks)
        with pytest.raises(Unavailable):
            site.executor.start(value)
    assert site.executor.observe(value.idempotency_key) is None
    site.executor.start(value)
    assert site.end(value).state is RunState.SUCCEEDED
    assert site.told(value).count("RunStarted") == 1


def test_what_is_said_before_a_start_is_made_good_is_heard(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = site.order({"id": "w", "wait": {"signal": "go"}})
    with monkeypatch.context() as broken:
        broken.setattr(TemporalExecutor, "_begun", _line_breaks)
        with pytest.raises(Unavailable):
            site.executor.start(value)
    site.executor.cancel(value.idempotency_key, "changed my mind")
    site.executor.start(value)
    assert site.end(value).state is RunState.CANCELLED


async def _line_breaks(*_: object) -> bool:
    raise Unavailable("executor_unavailable", "the line broke")


def test_a_copy_that_missed_the_end_is_completed_by_whoever_looks(site: Site) -> None:
    value = site.start(undoable("a"), outputs={"id": "${steps.a.outputs.id}"})
    over = site.end(value)
    with site.database.write() as tx:
        mine = rows.c.idempotency_key == value.idempotency_key
        tx.execute(sa.update(rows).where(mine).values(owner="temporal", state="running", ended_at=None))
    eventually(lambda: site.seen(value) == over, "the end to be seen")
    assert copy_of(site, value)[0].outputs == {"id": "a"}


def test_long_calls_keep_nobody_in_the_dark(idle: Site) -> None:
    goes_on = threading.Event()

    def takes_long(_call: StepCall) -> None:
        goes_on.wait(60)

    idle.world.script["a"].append(takes_long)
    with working(idle, size=1):
        busy = idle.start(undoable("a"))
        eventually(lambda: idle.world.calls, "the long call")
        asks = idle.start({"id": "ok", "approval": {"groups": ["leads"]}})

        def is_asked() -> bool:
            with idle.database.read() as tx:
                return bool(inbox.open_of(tx, asks.request_uid))

        eventually(is_asked, "somebody to be asked")
        assert not idle.seen(busy).state.is_final
        goes_on.set()
        assert idle.end(busy).state is RunState.SUCCEEDED


def test_a_run_that_the_server_has_forgotten_is_still_known(site: Site) -> None:
    value = site.start(undoable("a"))
    over = site.end(value)
    site.ask(value, _deleted)
    eventually(lambda: site.ask(value, _is_gone), "the server to forget")
    assert site.executor.observe(value.idempotency_key) == over
    assert site.executor.start(value) == over
    assert site.world.done() == ["a"]


async def _deleted(handle: "WorkflowHandle[Any, Any]") -> None:
    about = await handle.describe()
    execution = WorkflowExecution(workflow_id=about.id, run_id=about.run_id)
    request = DeleteWorkflowExecutionRequest(namespace="default", workflow_execution=execution)
    await handle._client.workflow_service.delete_workflow_execution(request)


async def _is_gone(handle: "WorkflowHandle[Any, Any]") -> bool:
    try:
        await handle.describe()
    except RPCError as error:
        return error.status is RPCStatusCode.NOT_FOUND
    return False
