"""The embedded engine's processes: killed, stopped, worn out, left alone; the engine goes on."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from catalog.errors import Unavailable
from policy.bundle import organisation
from policy.embedded import EmbeddedEngine, EmbeddedLimits
from policy.engine import Answer, PolicyEngine, RawSets
from policy.testing import BASE
from tests.policy_questions import a_policy, asking
from tests.services.polling import eventually

PATIENT_SECONDS = 30.0
ORGANISATION = organisation()
NOTHING = RawSets((), ())
# Takes longer than anybody waits, on any machine.
ENDLESS = a_policy('deny contains "x" if regex.match(`^(a+)+$`, input.inputs.s)')
LONG = asking(s="a" * 60 + "!")


@pytest.fixture
def engine() -> Iterator[EmbeddedEngine]:
    started = EmbeddedEngine(EmbeddedLimits(workers=1, rest_seconds=2.0))
    yield started
    started.close()


def workers(parent: int | None = None) -> list[psutil.Process]:
    """Return the worker processes below a process, this one by default."""
    found = []
    for child in psutil.Process(parent).children():
        try:
            is_worker = any("embedded_worker" in part for part in child.cmdline())
        except psutil.NoSuchProcess:
            continue
        if is_worker and child.status() != psutil.STATUS_ZOMBIE:
            found.append(child)
    return found


def answers(engine: PolicyEngine) -> bool:
    return engine.evaluate(ORGANISATION, BASE, PATIENT_SECONDS)["org/naming"] == NOTHING


def has_no_answer(engine: PolicyEngine, seconds: float) -> str:
    with pytest.raises(Unavailable) as caught:
        engine.evaluate(ENDLESS, LONG, seconds)
    assert caught.value.code == "policy_unavailable"
    return caught.value.message


def test_no_process_is_started_before_it_is_needed() -> None:
    engine = EmbeddedEngine()

    assert workers() == []
    assert engine.state().is_ready
    engine.close()


def test_getting_ready_keeps_nobody_waiting_and_starts_a_process(engine: EmbeddedEngine) -> None:
    engine.prepare(ORGANISATION)

    eventually(workers, "the worker to be started")
    assert answers(engine)
    assert engine.identity().startswith("embedded 1.")


def test_a_worker_killed_in_the_middle_costs_one_answer(engine: EmbeddedEngine) -> None:
    assert answers(engine)
    (worker,) = workers()
    said: list[str] = []
    asker = threading.Thread(target=lambda: said.append(has_no_answer(engine, PATIENT_SECONDS)))
    asker.start()
    eventually(lambda: worker.cpu_percent(0.05) > 20, "the evaluation to be under way")
    worker.kill()
    asker.join()

    assert "ended" in said[0]
    assert answers(engine)


def test_a_worker_killed_among_many_questions_costs_no_answer(engine: EmbeddedEngine) -> None:
    assert answers(engine)
    (worker,) = workers()
    found: list[Answer] = []
    many = threading.Thread(
        target=lambda: found.extend(engine.evaluate_many(ORGANISATION, [BASE] * 3000, PATIENT_SECONDS))
    )
    many.start()
    eventually(lambda: worker.cpu_percent(0.05) > 20, "the questions to be under way")
    worker.kill()
    many.join()

    assert workers() != [worker]
    assert [each["org/naming"] for each in found if not isinstance(each, Unavailable)] == [NOTHING] * 3000


def test_a_worker_killed_while_idle_costs_nothing(engine: EmbeddedEngine) -> None:
    for _ in range(3):
        assert answers(engine)
        (worker,) = workers()
        worker.kill()
        worker.wait(PATIENT_SECONDS)


def test_a_worker_that_was_stopped_misses_its_deadline_and_is_replaced(engine: EmbeddedEngine) -> None:
    assert answers(engine)
    (worker,) = workers()
    worker.suspend()

    with pytest.raises(Unavailable):
        engine.evaluate(ORGANISATION, BASE, 0.5)
    assert eventually(lambda: workers() != [worker], "the stopped worker to be gone")
    assert answers(engine)


def test_an_evaluation_without_end_is_ended(engine: EmbeddedEngine) -> None:
    has_no_answer(engine, 0.5)
    (first, *_rest) = workers() or [None]

    assert answers(engine)
    assert first is None or first not in workers()


def test_a_policy_that_ends_workers_again_and_again_rests_and_comes_back(engine: EmbeddedEngine) -> None:
    def is_back() -> bool:
        try:
            return engine.evaluate(ENDLESS, asking(s="b"), PATIENT_SECONDS)["contract"] == NOTHING
        except Unavailable:
            return False

    eventually(lambda: "rests" in has_no_answer(engine, 0.3), "the policy to be left alone")
    assert answers(engine)
    eventually(is_back, "the policy to be tried again")
    assert is_back()


def test_a_policy_that_others_use_well_is_not_taken_from_them_by_a_hostile_input(
    engine: EmbeddedEngine,
) -> None:
    for _ in range(4):
        has_no_answer(engine, 0.3)
        assert engine.evaluate(ENDLESS, asking(s="b"), PATIENT_SECONDS)["contract"] == NOTHING


def test_a_policy_that_fills_the_memory_is_ended_before_the_machine_is() -> None:
    engine = EmbeddedEngine(EmbeddedLimits(workers=1))
    greedy = a_policy(
        'deny contains "x" if {\n\tn := numbers.range(1, 50000000)\n\tcount([[i, i] | some i in n]) == 1\n}'
    )
    with pytest.raises(Unavailable):
        engine.evaluate(greedy, BASE, 20.0)
    assert answers(engine)
    engine.close()


def test_a_slow_question_does_not_hold_up_the_others() -> None:
    engine = EmbeddedEngine(EmbeddedLimits(workers=2))
    slow = threading.Thread(target=has_no_answer, args=(engine, 3.0))
    slow.start()
    answered = [answers(engine) for _ in range(20)]
    was_slow = slow.is_alive()
    slow.join()
    engine.close()

    assert all(answered)
    assert was_slow


def test_whoever_waits_too_long_for_a_free_worker_is_told_so(engine: EmbeddedEngine) -> None:
    assert answers(engine)
    slow = threading.Thread(target=has_no_answer, args=(engine, 2.0))
    slow.start()
    eventually(lambda: workers()[0].cpu_percent(0.05) > 20, "the worker to be busy")
    with pytest.raises(Unavailable, match="in time"):
        engine.evaluate(ORGANISATION, BASE, 0.1)
    slow.join()

    assert answers(engine)


def test_a_worker_is_replaced_after_its_share() -> None:
    engine = EmbeddedEngine(EmbeddedLimits(workers=1, questions_per_worker=5))
    pids = set()
    for _ in range(12):
        assert answers(engine)
        pids |= {worker.pid for worker in workers()}
    engine.close()

    assert len(pids) >= 3


def test_a_worker_knows_nothing_of_our_environment(
    engine: EmbeddedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVOW_CANARY", "canary-4711")
    assert answers(engine)
    (worker,) = workers()

    assert worker.environ().keys() <= {"LC_ALL"}
    assert worker.cwd() == "/"
    assert [connection for connection in worker.net_connections() if connection.status == "LISTEN"] == []


def test_closing_ends_every_process_also_in_the_middle_of_work() -> None:
    engine = EmbeddedEngine(EmbeddedLimits(workers=2))
    assert answers(engine)
    asker = threading.Thread(target=has_no_answer, args=(engine, PATIENT_SECONDS))
    asker.start()
    eventually(lambda: any(worker.cpu_percent(0.05) > 20 for worker in workers()), "work to be under way")
    engine.close()
    asker.join()

    assert workers() == []
    assert not engine.state().is_ready
    with pytest.raises(Unavailable):
        engine.evaluate(ORGANISATION, BASE, 1.0)


def test_workers_end_with_a_process_that_was_killed(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import sys, threading\n"
        "from policy.bundle import organisation\n"
        "from policy.embedded import EmbeddedEngine\n"
        "from policy.testing import BASE\n"
        "engine = EmbeddedEngine()\n"
        "engine.evaluate(organisation(), BASE, 30.0)\n"
        "print('ready', flush=True)\n"
        "threading.Event().wait()\n",
        "utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, env=environment, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ready\n"
        children = workers(parent.pid)
        parent.send_signal(signal.SIGKILL)

    assert len(children) == 1
    eventually(lambda: not any(child.is_running() for child in children), "the orphan to end")


def test_a_policy_that_ends_the_compiler_is_a_finding_and_no_crash(engine: EmbeddedEngine) -> None:
    # The linter would refuse it; the compiler must survive it all the same.
    crash = 'alias := data.t[input.x]\n\nr contains "y" if {\n\talias\n}\n\ndeny contains m if {\n\tsome m in r with input as {"x": "k"}\n}'  # noqa: E501  # one policy
    program = engine._linker.program(a_policy(crash))

    found = engine._compiler_findings(program)

    assert [finding.code for finding in found] == ["policy_ends_engine"]
    assert answers(engine)


def test_a_function_that_nobody_has_is_found_even_where_it_is_never_reached(engine: EmbeddedEngine) -> None:
    program = engine._linker.program(a_policy('deny contains "x" if {\n\tfalse\n\tcontans("a", "b")\n}'))

    assert "contans" in engine._compiler_findings(program)[0].message
