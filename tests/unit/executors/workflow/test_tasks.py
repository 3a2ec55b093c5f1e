"""The Celery door publishes ids and nothing else, never harms its caller, and believes no message."""

import json
import socket

import pytest

from executors.workflow.tasks import (
    AMQP_SETTINGS,
    MUTE_SECONDS,
    QUEUE,
    SETTINGS,
    TASK,
    Publisher,
    _Child,
    celery_app,
)
from tests.engine import VirtualClock
from tests.services.brokers import taken, waiting
from tests.services.polling import eventually

RUN_ID = "run_" + "0" * 26


class Driven:
    """A worker that notes what it is told to drive."""

    def __init__(self) -> None:
        self.runs: list[str] = []

    def drive(self, run_id: str) -> None:
        self.runs.append(run_id)


def test_a_ring_puts_the_id_and_nothing_else_into_the_queue(broker_url: str) -> None:
    publisher = Publisher(broker_url, VirtualClock())
    publisher.ring(RUN_ID)
    publisher.close()
    message = taken(broker_url, QUEUE)
    assert message.headers["task"] == TASK
    assert message.content_type == "application/json"
    args, kwargs, embedded = json.loads(message.body)
    assert (args, kwargs) == ([RUN_ID], {})
    assert not any(embedded.values()), "no chains, chords or callbacks"
    assert message.headers["eta"] is None
    assert waiting(broker_url, QUEUE) == 0


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_down_costs_the_caller_nothing_but_a_moment(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = Publisher(f"{scheme}://127.0.0.1:{closed_port()}/0", VirtualClock())
    publisher.ring(RUN_ID)
    assert "the broker does not answer" in caplog.text
    publisher.close()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_never_answers_is_given_up_and_then_left_alone(scheme: str) -> None:
    clock = VirtualClock()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        publisher = Publisher(f"{scheme}://127.0.0.1:{silent.getsockname()[1]}/0", clock)
        publisher.ring(RUN_ID)
        knocks = len(open_connections(silent))
        for _ in range(1000):
            publisher.ring(RUN_ID)
        assert len(open_connections(silent)) == 0, "nobody knocked again"
        assert knocks >= 1
        clock.advance(MUTE_SECONDS)
        publisher.ring(RUN_ID)
        assert len(open_connections(silent)) >= 1
        publisher.close()


def open_connections(server: socket.socket) -> list[socket.socket]:
    """Accept and close whoever is waiting, and return them."""
    server.settimeout(0)
    found = []
    try:
        while True:
            connection, _ = server.accept()
            connection.close()
            found.append(connection)
    except BlockingIOError:
        return found


def test_a_broker_that_came_back_is_used_again(broker_url: str) -> None:
    clock = VirtualClock()
    publisher = Publisher(broker_url, clock)

    def is_connected() -> bool:  # a broker on a busy machine may be too slow for the publisher's patience
        clock.advance(MUTE_SECONDS)
        publisher.ring(RUN_ID)
        return waiting(broker_url, QUEUE) > 0

    eventually(is_connected, "the broker to be there")
    before = waiting(broker_url, QUEUE)
    down = celery_app(f"redis://127.0.0.1:{closed_port()}/0", publishes=True)
    good, publisher._app = publisher._app, down
    publisher.ring(RUN_ID)
    publisher._app = good
    publisher.ring(RUN_ID)
    assert waiting(broker_url, QUEUE) == before
    clock.advance(MUTE_SECONDS)
    publisher.ring(RUN_ID)
    assert waiting(broker_url, QUEUE) == before + 1
    publisher.close()


@pytest.mark.parametrize(
    "arguments",
    [(), (None,), (7,), ("../etc/passwd",), ("run_'; DROP TABLE",), ({"run_id": RUN_ID},), (RUN_ID + "x",)],
    ids=repr,
)
def test_a_forged_message_is_dropped(arguments: tuple[object, ...]) -> None:
    child, worker = _Child(lambda: pytest.fail("not built here")), Driven()
    child._worker = worker  # type: ignore[assignment]  # notes what it is told
    child.drive(*arguments)
    assert worker.runs == []
    child.drive(RUN_ID, "more", than="asked for")
    assert worker.runs == [RUN_ID]


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_the_settings_that_lose_or_double_work_are_off(scheme: str) -> None:
    conf = celery_app(f"{scheme}://127.0.0.1/0").conf
    assert conf.worker_prefetch_multiplier == 1
    assert conf.accept_content == ["json"]
    assert conf.result_backend is None
    assert not conf.task_publish_retry
    assert not conf.worker_enable_remote_control
    assert set(SETTINGS | AMQP_SETTINGS) <= set(conf.keys()), "every name is one that Celery knows"


def test_redis_keeps_a_message_until_its_run_was_driven() -> None:
    conf = celery_app("redis://127.0.0.1/0").conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.broker_transport_options["visibility_timeout"] <= 120


def test_rabbitmq_is_never_kept_waiting_for_the_end_of_a_run() -> None:
    conf = celery_app("amqps://127.0.0.1/0").conf
    assert not conf.task_acks_late, "it closes the channel of whoever holds a message for too long"
    assert conf.task_default_queue_type == "quorum"
