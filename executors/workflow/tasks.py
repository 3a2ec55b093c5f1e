"""The Celery door: brings run ids to workers on other machines, and nothing else.

A message is a doorbell. It holds one run id; whoever hears it reads everything from the
database and claims there, so lost, doubled, late, forged and reordered messages are all
harmless, and what is lost is rung again by the sweeper. Hence no results, no retries, no
countdowns, no chains; each setting below is one of the ways in which those lose or double
work. Each child process builds its own worker after the fork, from an importable factory.
"""

import logging
import os
import pkgutil
import re
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import urlsplit

from celery import Celery, signals
from celery.worker.consumer import Consumer
from kombu.exceptions import KombuError, OperationalError

from catalog.clock import Clock
from catalog.errors import PlatformError
from executors.workflow.worker import Worker

TASK = "avow.drive"
QUEUE = "avow-runs"
MUTE_SECONDS = 5.0
"""After a failed publish the broker is left alone this long; the sweeper makes up for it."""

AMQP_SCHEMES = frozenset({"amqp", "amqps", "pyamqp"})
_RUN_ID = re.compile(r"run_[0-9a-z]{26}\Z")
_HUNG_EXIT_CODE = 70
_log = logging.getLogger(__name__)

SETTINGS = {
    # Acknowledge after the run was driven, and not at all when the child died in it (RabbitMQ: see below).
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    # Nothing but JSON is read, and nothing comes back.
    "accept_content": ["json"],
    "task_serializer": "json",
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "worker_deduplicate_successful_tasks": False,
    # Whoever publishes has committed already and must not hang on the broker.
    "task_publish_retry": False,
    "broker_pool_acquire_timeout": 1.0,
    # A worker waits for a lost broker for ever; fencing protects what it drives meanwhile.
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_soft_shutdown_timeout": 30.0,
    "worker_max_tasks_per_child": 1000,
    "worker_max_memory_per_child": 300_000,
    # Whoever reaches the broker must not be able to command workers.
    "worker_enable_remote_control": False,
    "task_send_sent_event": False,
    "worker_send_task_events": False,
    # Logging is set up by the wiring.
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "task_default_queue": QUEUE,
    "enable_utc": True,
}
AMQP_SETTINGS = {
    # RabbitMQ closes the channel of whoever holds a message for half an hour, and runs may take
    # longer. A doorbell that was heard is done with: what its worker then loses, the sweeper rings for.
    "task_acks_late": False,
    "task_reject_on_worker_lost": False,
    # The queue outlives the node that it was made on. Such queues know no prefetch that spans a
    # channel; Celery sees the type and asks for one per consumer.
    "task_default_queue_type": "quorum",
    "worker_detect_quorum_queues": True,
    # A queue that was deleted is made again, like a lost connection.
    "broker_channel_error_retry": True,
    "broker_heartbeat": 20,
    "worker_consumer": f"{__name__}:PlainConsumer",
}
CONSUMER_OPTIONS = {
    # Longer than it takes to claim; a run that is driven longer is protected by its claim,
    # so that a message delivered again finds nothing to do.
    "visibility_timeout": 90,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "health_check_interval": 10,
    "socket_keepalive": True,
    "retry_on_timeout": True,
}
_AT_ONCE = {"max_retries": 0, "connect_retries_timeout": 1.0}
PUBLISHER_OPTIONS = {**CONSUMER_OPTIONS, **_AT_ONCE, "socket_connect_timeout": 1.0, "socket_timeout": 2.0}
AMQP_PUBLISHER_OPTIONS = {**_AT_ONCE, "connect_timeout": 1.0, "read_timeout": 2.0, "write_timeout": 2.0}


def celery_app(broker_url: str, *, publishes: bool = False) -> Celery:
    """Return a Celery application with the settings that lose nothing.

    Args:
        publishes: for whoever must not be held up by a broker that does not answer.
    """
    app = Celery("avow", broker=broker_url, set_as_current=False)
    if urlsplit(broker_url).scheme in AMQP_SCHEMES:
        app.conf.update(SETTINGS | AMQP_SETTINGS)
        app.conf.broker_transport_options = AMQP_PUBLISHER_OPTIONS if publishes else {}
    else:
        app.conf.update(SETTINGS)
        app.conf.broker_transport_options = PUBLISHER_OPTIONS if publishes else CONSUMER_OPTIONS
    return app


class Publisher:
    """The dispatcher of a process whose workers are elsewhere."""

    def __init__(self, broker_url: str, clock: Clock) -> None:
        self._app = celery_app(broker_url, publishes=True)
        self._clock = clock
        self._muted_until: datetime | None = None

    def ring(self, run_id: str) -> None:
        """Publish a run's id; a broker that does not answer costs a log line and some patience."""
        if self._muted_until is not None and self._clock() < self._muted_until:
            return
        try:
            self._app.send_task(TASK, args=[run_id], queue=QUEUE, retry=False, ignore_result=True)
            self._muted_until = None
        except (KombuError, OperationalError, OSError) as error:
            self._muted_until = self._clock() + timedelta(seconds=MUTE_SECONDS)
            _log.warning("the broker does not answer (%s); runs are rung again later", type(error).__name__)

    def close(self) -> None:
        """Close the connections to the broker."""
        self._app.close()


def serve(broker_url: str, factory: str, *, concurrency: int, log_level: str = "WARNING") -> int:
    """Drive what the broker announces, in child processes, until a signal ends it.

    Args:
        factory: `module:function` that returns a new `Worker`; called once in each child.
    """
    app = celery_app(broker_url)
    child = _Child(pkgutil.resolve_name(factory))
    app.task(name=TASK, ignore_result=True)(child.drive)
    signals.worker_process_init.connect(child.begin, weak=False)
    signals.worker_process_shutdown.connect(child.end, weak=False)
    signals.worker_shutting_down.connect(child.close, weak=False)
    worker = app.Worker(
        pool_cls="prefork",
        concurrency=concurrency,
        optimization="fair",
        loglevel=log_level,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        queues=[QUEUE],
    )
    worker.start()
    return int(worker.exitcode or 0)


class PlainConsumer(Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's consumer, without the thirty queues that it would declare beside a quorum queue.

    They are for delayed messages, of which there are none here.
    """

    class Blueprint(Consumer.Blueprint):  # type: ignore[misc]  # Celery has no types
        """The steps of its start."""

        default_steps: ClassVar[list[str]] = [
            step for step in Consumer.Blueprint.default_steps if "delayed_delivery" not in step
        ]


class _Child:
    """What one child process has; made in the parent, filled after the fork."""

    def __init__(self, build: Callable[[], Worker]) -> None:
        self._build = build
        self._worker: Worker | None = None
        # The parent cannot call into a child that is driving a run. A pipe's end is seen by every
        # child, and a child that was killed leaves nothing locked, unlike a shared event.
        self._end_of_work, write_end = os.pipe()
        self._work_goes_on: int | None = write_end

    def begin(self, **_: object) -> None:
        """Build this child's worker."""
        self.close()
        worker = self._build()
        worker.keeper.on_hung = _end_child
        worker.keeper.start()
        threading.Thread(target=self._await_close, args=[worker], name="avow-close", daemon=True).start()
        self._worker = worker

    def drive(self, run_id: object = None, *_rest: object, **_more: object) -> None:
        """Drive the run that a message names; anything else that a message may hold is dropped."""
        if self._worker is None or not isinstance(run_id, str) or _RUN_ID.match(run_id) is None:
            _log.warning("a message that names no run was dropped")
            return
        try:
            self._worker.drive(run_id)
        except PlatformError as error:
            _log.warning("run %s is left for later: %s", run_id, error.message, extra={"run": run_id})

    def end(self, **_: object) -> None:
        """Let go of what this child holds."""
        if self._worker is not None:
            self._worker.stop()
            self._worker.keeper.stop()

    def close(self, **_: object) -> None:
        """Let go of the pipe's writing end; when the parent does, by choice or by dying, children stop."""
        if self._work_goes_on is not None:
            os.close(self._work_goes_on)
            self._work_goes_on = None

    def _await_close(self, worker: Worker) -> None:
        os.read(self._end_of_work, 1)
        worker.stop()


def _end_child(run_id: str) -> None:
    # A call that hangs cannot be ended from outside, but its process can; Celery starts another.
    _log.error("this worker process ends because run %s hangs in it", run_id)
    os._exit(_HUNG_EXIT_CODE)
