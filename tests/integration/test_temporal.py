"""What the Temporal engine promises beyond the conformance suite, on a real server.

Its worker runs in this process, over step kinds that do as they are told; what it does when
processes die is in `test_temporal_kills`, and what people see of it in `test_temporal_copy`.
"""

import asyncio
import random
import string
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.worker import Replayer

from catalog.errors import Conflict, Invalid, Unavailable
from executors.port import RunState
from executors.temporal import driver
from executors.temporal.executor import create
from executors.temporal.program import Program
from tests.engine import answers, document, fails_for_good, order, step, undoable
from tests.factories import created_database
from tests.services.polling import eventually
from tests.services.ports import LOOPBACK, free_port
from tests.services.temporal import Temporal
from tests.temporal_site import Quiet, Site, copy_of, working


def a_second(name: str) -> dict[str, Any]:
    """Return a wait that ends at once enough."""
    return {"id": name, "wait": {"timer": "1s"}}


def test_an_id_that_somebody_else_took_is_not_taken_for_a_run_of_ours(idle: Site) -> None:
    value = idle.order(undoable("a"))

    async def squat() -> None:
        client = await Client.connect(idle.server.address)
        await client.start_workflow("theirs", id=value.idempotency_key, task_queue="theirs")

    asyncio.run(squat())
    with pytest.raises(Unavailable, match="Another workflow"):
        idle.executor.start(value)


def test_a_step_that_waits_holds_no_worker(site: Site) -> None:
    waits = [site.start({"id": "w", "wait": {"signal": "go"}}, undoable("a")) for _ in range(8)]
    eventually(lambda: {site.seen(value).state for value in waits} == {RunState.WAITING}, "the waits")
    for value in waits:
        site.executor.signal(value.idempotency_key, "go", {"n": 1})
    assert {site.end(value).state for value in waits} == {RunState.SUCCEEDED}


def test_where_a_run_stands_is_known_without_a_worker(idle: Site) -> None:
    value = idle.start({"id": "w", "wait": {"signal": "go"}})
    assert idle.seen(value).state is RunState.PENDING
    with working(idle):
        eventually(lambda: idle.seen(value).state is RunState.WAITING, "the wait")
    assert (idle.seen(value).state, idle.seen(value).step) == (RunState.WAITING, "w")
    idle.executor.cancel(value.idempotency_key, "changed my mind")
    with working(idle):
        assert idle.end(value).state is RunState.CANCELLED


def test_a_cancel_in_temporal_is_a_cancel_and_undoes(site: Site) -> None:
    value = site.start(undoable("a"), {"id": "w", "wait": {"signal": "go"}})
    eventually(lambda: site.seen(value).state is RunState.WAITING, "the wait")
    site.ask(value, lambda handle: handle.cancel(reason="by the operator"))
    report = site.end(value)
    assert (report.state, report.message) == (RunState.CANCELLED, "by the operator")
    assert site.world.done() == ["a", "-a"]


def test_a_run_that_was_terminated_needs_a_person(site: Site) -> None:
    value = site.start(undoable("a"), {"id": "w", "wait": {"signal": "go"}})
    eventually(lambda: site.seen(value).state is RunState.WAITING, "the wait")
    site.ask(value, lambda handle: handle.terminate())
    report = site.end(value)
    assert report.state is RunState.STUCK
    assert "not undone" in report.message
    site.executor.cancel(value.idempotency_key, "too late")
    assert site.executor.start(value) == report
    assert copy_of(site, value)[0].state is RunState.STUCK


def test_a_fault_of_ours_holds_a_run_until_it_is_mended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    value = site.start(undoable("a"), {"id": "w", "wait": {"signal": "go"}})
    eventually(lambda: site.seen(value).state is RunState.WAITING, "the wait")

    def spoilt(*_: object) -> None:
        raise ValueError("a mistake of the next release")

    with monkeypatch.context() as broken:
        broken.setattr(driver.Driver, "turn", spoilt)
        site.executor.signal(value.idempotency_key, "go", {})
        eventually(lambda: "a fault in this release" in site.seen(value).message, "a word about it", 90)
    assert site.end(value).state is RunState.SUCCEEDED
    assert site.world.done() == ["a"]


def test_a_pause_lets_nothing_begin_and_a_resume_does(site: Site) -> None:
    value = site.start({"id": "w", "wait": {"signal": "go"}}, undoable("a"))
    eventually(lambda: site.seen(value).state is RunState.WAITING, "the wait")
    site.executor.pause(value.idempotency_key, "looking into it")
    eventually(lambda: "paused" in site.seen(value).message, "the pause")
    site.executor.signal(value.idempotency_key, "go", {})
    assert site.world.done() == []
    site.executor.resume(value.idempotency_key)
    assert site.end(value).state is RunState.SUCCEEDED


def test_a_history_can_be_replayed(site: Site) -> None:
    each = {**undoable("each"), "for_each": [1, 2, 3]}
    site.world.script["b"].append(fails_for_good)
    value = site.start(undoable("a"), each, a_second("w"), undoable("b"))
    assert site.end(value).state is RunState.FAILED
    history = site.ask(value, lambda handle: handle.fetch_history())
    asyncio.run(Replayer(workflows=[Program]).replay_workflow(history))


def test_a_long_run_goes_on_in_a_new_history(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "MAX_HISTORY", 30)
    many = {**undoable("each"), "for_each": list(range(12)), "max_parallel": 3}
    value = site.start(many, undoable("last"), outputs={"last": "${steps.last.outputs.id}"})
    first = site.seen(value).run_id
    report = site.end(value)
    assert (report.state, report.outputs, report.run_id) == (RunState.SUCCEEDED, {"last": "last"}, first)
    assert len(site.world.done()) == 13
    about = site.ask(value, lambda handle: handle.describe())
    assert about.run_id != about.raw_info.first_run_id, "it was carried over"
    assert site.told(value).count("RunStarted") == 1


def noise(size: int) -> str:
    """Return text that hardly packs."""
    return "".join(random.Random(7).choices(string.ascii_letters + string.digits, k=size))


def test_outputs_and_facts_may_be_as_large_as_in_the_built_in_engine(site: Site) -> None:
    large = noise(1_000_000)
    site.world.script["a"].append(answers({"x": large}))
    handed = {"outputs": {"x": "${steps.a.outputs.x}"}, "facts": {"x": "${steps.a.outputs.x}"}}
    report = site.end(site.start(step("a"), **handed))
    assert (report.outputs["x"], report.facts["x"]) == (large, large)


def test_arguments_that_do_not_fit_fail_their_step(site: Site) -> None:
    for name in ("a", "b"):
        site.world.script[name].append(answers({"x": noise(900_000)}))
    both = {"name": "c", "of": ["${steps.a.outputs.x}", "${steps.b.outputs.x}"]}
    report = site.end(site.start(undoable("a"), undoable("b"), {**step("c"), "with": both}))
    assert (report.state, report.step) == (RunState.FAILED, "c")
    assert "larger than Temporal takes" in report.message


def test_an_order_that_does_not_fit_is_refused(idle: Site) -> None:
    value = idle.order(step("a"))
    value.context["inputs"]["x"] = "x" * 4_000_000  # type: ignore[index]  # a dict here
    with pytest.raises(Invalid) as refused:
        idle.executor.start(value)
    assert refused.value.code == "order_too_large"


def test_gates_are_refused_and_not_ignored(idle: Site) -> None:
    gated = document(step("a", concurrency={"key": "k", "limit": 1}))
    [finding] = idle.executor.check(gated, {})
    assert (finding.code, finding.pointer) == ("not_on_temporal", "/steps/0/concurrency")
    with pytest.raises(Invalid):
        idle.executor.start(order(gated, key="gated"))
    assert idle.executor.observe("gated") is None


def test_a_mailbox_can_be_full_and_a_cancel_still_gets_through(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("executors.temporal.executor.MAX_SIGNALS", 5)
    value = site.start({"id": "w", "wait": {"signal": "never"}})
    eventually(lambda: site.seen(value).state is RunState.WAITING, "the wait")
    for number in range(5):
        site.executor.signal(value.idempotency_key, "go", {"n": number})

    def is_full() -> bool:
        try:
            site.executor.signal(value.idempotency_key, "go", {})
        except Conflict as full:
            return full.code == "mailbox_full"
        return False

    eventually(is_full, "the mailbox to be full")
    site.executor.cancel(value.idempotency_key, "enough")
    assert site.end(value).state is RunState.CANCELLED


@pytest.mark.parametrize(
    "options",
    [{"temporal.namespace": "nobody-made-it"}, {"temporal.address": f"{LOOPBACK}:{free_port()}"}],
    ids=["namespace", "address"],
)
def test_a_server_that_is_not_there_is_no_answer(
    options: dict[str, str], temporal_server: Temporal, sqlite_url: str
) -> None:
    with created_database(sqlite_url) as database:
        site = Site(temporal_server, database, options)
        questions: list[Callable[[], object]] = [
            lambda: site.executor.observe("key"),
            lambda: site.executor.cancel("key", "why"),
            lambda: site.executor.start(site.order(step("a"))),
        ]
        for ask in questions:
            with pytest.raises(Unavailable) as away:
                ask()
            assert away.value.code == "executor_unavailable"


def test_a_worker_waits_for_its_server(
    temporal_server: Temporal, sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with created_database(sqlite_url) as database:
        site = Site(temporal_server, database, {"temporal.address": f"{LOOPBACK}:{free_port()}"})
        with working(site):
            eventually(lambda: "Temporal gives no work" in caplog.text, "a word about it")


def test_without_an_address_there_is_no_such_executor(tmp_path: Path, sqlite_url: str) -> None:
    with created_database(sqlite_url) as database:
        parts = Site(Temporal(None, 1, tmp_path), database).parts  # type: ignore[arg-type]  # it is never asked
        with pytest.raises(Unavailable) as missing:
            create(replace(parts, options={"temporal.address": ""}), Quiet())
        assert missing.value.code == "executor_not_configured"
