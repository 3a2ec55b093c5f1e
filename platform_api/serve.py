"""Running a process until it is told to stop; called by the command line, by name.

`serve` plays the roles that it is given, in this process. With the API among them the HTTP
server owns the signals; otherwise the first signal ends the wait. A stop closes the event
streams first, because a server that waits for its readers to leave would wait for ever.
"""

import logging
import os
import pkgutil
import signal
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from socket import socket

import uvicorn
from fastapi import FastAPI

from platform_api import bootstrap, metering
from platform_api import settings as configuration
from platform_api.app import create_app
from platform_api.settings import Settings
from platform_api.telemetry import configure_logging
from platform_api.wiring import ALL_ROLES, Role, Runtime, build

HEADER_BYTES = 64 * 1024
KEEP_ALIVE_SECONDS = 30
_log = logging.getLogger(__name__)
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

OnReady = Callable[[str], None]
"""Called once everything runs, with the server's address; empty when there is none."""


def serve(
    settings: Settings, roles: Collection[Role] = ALL_ROLES, on_ready: OnReady = lambda url: None
) -> None:
    """Play these roles until a signal comes, then finish what is under way.

    Raises:
        Invalid: `invalid_settings`, `invalid_policy`, when they cannot be played.
        Unavailable: `database_unavailable`.
    """
    configure_logging(settings.log_format, settings.log_level)
    runtime = build(settings)
    with _running(runtime, roles):
        if Role.API in roles:
            _serve_http(runtime, on_ready)
        else:
            until_told_to_stop(on_ready)


def serve_worker(settings: Settings, on_ready: OnReady = lambda url: None) -> int:
    """Drive runs until a signal comes; return the exit code.

    With a broker the runs are those that it announces, driven in child processes; without
    one, threads look for them in the database.
    """
    if not settings.broker_url:
        serve(settings, (Role.WORKER,), on_ready)
        return 0
    configure_logging(settings.log_format, settings.log_level)
    if settings.temporal_address:
        _log.warning(
            "this worker hears the broker alone; start one without a broker URL for runs on Temporal"
        )
    build(settings).stop()  # brings the database up to date and checks the settings
    configuration.hand_down(settings)
    consume = pkgutil.resolve_name("executors.workflow.tasks:serve")
    on_ready("")
    code: int = consume(settings.broker_url, "platform_api.wiring:new_worker", concurrency=settings.workers)
    return code


class Server(uvicorn.Server):
    """A server that says when it listens, and lets go of its streams when it stops."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, on_ready: OnReady) -> None:
        super().__init__(config)
        self._app = app
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Listen, and say where."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """End the streams, then everything else."""
        self._app.state.streams.stop()
        await super().shutdown(sockets)


def server_of(app: FastAPI, settings: Settings, on_ready: OnReady) -> Server:
    """Return a server for an application, not started."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    return Server(config, app, on_ready)


@contextmanager
def _running(runtime: Runtime, roles: Collection[Role]) -> Iterator[None]:
    try:
        if Role.API in roles:
            bootstrap.furnish(runtime.platform)
        runtime.start(roles)
        yield
    finally:
        runtime.stop()


def _serve_http(runtime: Runtime, on_ready: OnReady) -> None:
    app = create_app(runtime.platform, record=runtime.record)
    metering.install(app.state.metrics, runtime.platform)
    server_of(app, runtime.platform.settings, on_ready).run()


def until_told_to_stop(on_ready: OnReady, signals: Collection[signal.Signals] = _SIGNALS) -> None:
    """Say that it is ready, and wait for a signal, at whatever moment it comes."""
    # The interpreter writes the signal's number into the pipe at once. A handler of ours would run
    # only between two steps of this thread, which may by then be asleep, or hold the lock of an event.
    heard, told = os.pipe()
    os.set_blocking(told, False)
    before = {number: signal.signal(number, lambda *_: None) for number in signals}
    told_before = signal.set_wakeup_fd(told)
    try:
        on_ready("")
        while os.read(heard, 1)[0] not in signals:
            pass
    finally:
        signal.set_wakeup_fd(told_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(heard)
        os.close(told)
