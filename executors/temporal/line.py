"""The line to a Temporal server, for callers that know nothing of event loops.

One thread per process runs one event loop, started on first use, so that a process that never
asks pays nothing and one that forks before does no harm. What goes wrong on the line becomes
`Unavailable`; the two answers that mean something else (there is no such run, it is there
already) reach the caller as values.
"""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from temporalio.client import Client
from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import PayloadLimitsConfig, RetryConfig, RPCError, RPCStatusCode

from catalog.errors import Invalid, Unavailable
from executors.temporal.place import Place
from executors.temporal.squeeze import CONVERTER

PATIENCE_SECONDS = 10.0
"""How long a caller waits for any one answer."""

CALL_TIMEOUT = timedelta(seconds=5)
_QUICKLY = RetryConfig(max_elapsed_time_millis=4000, max_retries=4)
_log = logging.getLogger(__name__)

T = TypeVar("T")
Question = Callable[[Client], Awaitable[T]]


class Line:
    """A client of one server, asked from any thread."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._client: Client | None = None

    def ask(self, question: Question[T]) -> T | None:
        """Return the server's answer, None when it knows no such run.

        Raises:
            Unavailable: `executor_unavailable`, it is not known what the server did.
            Invalid: `order_refused`, the server will never take it.
        """
        waiting = on_loop(self._asked(question))
        try:
            return waiting.result(PATIENCE_SECONDS)
        except TimeoutError as error:
            waiting.cancel()
            raise _unavailable() from error

    async def client(self) -> Client:
        """Return the client, connecting on first use.

        Raises:
            RuntimeError, RPCError: the server does not answer.
        """
        if self._client is None:
            place = self.place
            self._client = await Client.connect(
                place.address,
                namespace=place.namespace,
                api_key=place.api_key or None,
                tls=True if place.is_tls else None,
                data_converter=CONVERTER,
                retry_config=_QUICKLY,
                connect_timeout=CALL_TIMEOUT,
                payload_limits=PayloadLimitsConfig(payloads_warn_size=0, memo_warn_size=0),
                runtime=_runtime(),
            )
        return self._client

    async def _asked(self, question: Question[T]) -> T | None:
        try:
            return await question(await self.client())
        except RPCError as error:
            if _is_no_such_run(error):
                return None
            if error.status is RPCStatusCode.INVALID_ARGUMENT:
                raise Invalid("order_refused", f"Temporal refuses it: {error.message}") from error
            _log.warning("Temporal does not answer: %s", error.message)
            raise _unavailable() from error
        except RuntimeError as error:  # so the library says that it could not connect
            _log.warning("there is no line to Temporal at %s: %s", self.place.address, error)
            raise _unavailable() from error


def on_loop(work: Coroutine[Any, Any, T]) -> "Future[T]":
    """Run something on this process's event loop and return what to wait for."""
    return asyncio.run_coroutine_threadsafe(work, _loop())


class _Loop:
    """The event loop's thread, started once."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self) -> asyncio.AbstractEventLoop:
        with self._guard:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name="avow-temporal", daemon=True).start()
            return self._loop


_loop = _Loop()


@cache
def _runtime() -> Runtime:
    # The library's own log lines go where all others go; nothing of this machine is told to the server.
    forwarding = LogForwardingConfig(logger=_log)
    logs = LoggingConfig(
        filter=TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding=forwarding
    )
    return Runtime(
        telemetry=TelemetryConfig(logging=logs), worker_heartbeat_interval=None, disable_environment_info=True
    )


def leave(code: int) -> None:
    """End the process here when the library's native threads run in it, and else return.

    They cannot be stopped, and one that takes the interpreter's lock while that is being torn down
    aborts the process (https://github.com/temporalio/sdk-python/issues/300): whoever asked it to
    stop would read of a crash. To be called at a program's very end, with everything stopped.
    """
    if _runtime.cache_info().currsize == 0:
        return
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _is_no_such_run(error: RPCError) -> bool:
    # A namespace that is not there is an error in the settings, and says nothing of any run.
    details = error.grpc_status.details
    return error.status is RPCStatusCode.NOT_FOUND and any(
        detail.type_url.endswith(".NotFoundFailure") for detail in details
    )


def _unavailable() -> Unavailable:
    return Unavailable("executor_unavailable", "Temporal does not answer.", retry_after_seconds=1)
