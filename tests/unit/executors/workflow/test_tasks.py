"""The Celery door publishes ids and nothing else, never harms its caller, and believes no message."""

import base64
import json
import socket
from typing import Any

import pytest
import redis

from executors.workflow.tasks import MUTE_SECONDS, QUEUE, SETTINGS, TASK, Publisher, _Child, celery_app
from tests.engine import VirtualClock
from tests.services.redis import Redis

RUN_ID = "run_" + "0" * 26


class Driven:
    """A worker that notes what it is told to drive."""

    def __init__(self) -> None:
        self.runs: list[str] = []

    def drive(self, run_id: str) -> None:
        self.runs.append(run_id)


@pytest.fixture
def broker(redis_server: Redis) -> str:
    return redis_server.new_url()


def messages(broker: str) -> list[dict[str, Any]]:
    with redis.Redis.from_url(broker) as client:
        raw = client.lrange(QUEUE, 0, -1)
    return [json.loads(message) for message in raw]


def test_a_ring_puts_the_id_and_nothing_else_into_the_queue(broker: str) -> None:
    publisher = Publisher(broker, VirtualClock())
    publisher.ring(RUN_ID)
    publisher.close()
    [message] = messages(broker)
    assert message["headers"]["task"] == TASK
    assert message["content-type"] == "application/json"
    args, kwargs, embedded = json.loads(base64.b64decode(message["body"]))
    assert (args, kwargs) == ([RUN_ID], {})
    assert not any(embedded.values()), "no chains, chords or callbacks"
    assert message["headers"]["eta"] is None


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_broker_that_is_down_costs_the_caller_nothing_but_a_moment(
    caplog: pytest.LogCaptureFixture,
) -> None:
    publisher = Publisher(f"redis://127.0.0.1:{closed_port()}/0", VirtualClock())
    publisher.ring(RUN_ID)
    assert "the broker does not answer" in caplog.text
    publisher.close()


def test_a_broker_that_never_answers_is_given_up_and_then_left_alone() -> None:
    clock = VirtualClock()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        publisher = Publisher(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", clock)
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


def test_a_broker_that_came_back_is_used_again(redis_server: Redis) -> None:
    clock = VirtualClock()
    broker = redis_server.new_url()
    publisher = Publisher(broker, clock)
    good, publisher._app = (
        publisher._app,
        celery_app(f"redis://127.0.0.1:{closed_port()}/0", {"max_retries": 0}),
    )
    publisher.ring(RUN_ID)
    publisher._app = good
    publisher.ring(RUN_ID)
    assert messages(broker) == []
    clock.advance(MUTE_SECONDS)
    publisher.ring(RUN_ID)
    assert len(messages(broker)) == 1
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


def test_the_settings_that_lose_or_double_work_are_off() -> None:
    conf = celery_app("redis://127.0.0.1/0").conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.accept_content == ["json"]
    assert conf.result_backend is None
    assert not conf.task_publish_retry
    assert not conf.worker_enable_remote_control
    assert conf.broker_transport_options["visibility_timeout"] <= 120
    assert set(SETTINGS) <= set(conf.keys()), "every name is one that Celery knows"
