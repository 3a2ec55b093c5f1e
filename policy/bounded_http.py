"""HTTP with an end: a deadline over the whole exchange and a limit on what comes back.

The OPA client brings its own session and knows only pauses between bytes, so a server that
sends one byte a second would hold a caller for ever. `policy.opa` therefore mounts this
adapter in that session and wraps each call in `within`. At the deadline the connection is
cut from a timer's thread, which ends whatever the caller is waiting for. Redirects, proxies
and compressed bodies play no part: what is asked where is set in one place.
"""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

_CHUNK = 64 * 1024
_LEAST_SECONDS = 0.001  # zero would mean "do not wait at all" to a socket


class _Exchange:
    """What one thread may still spend, and the connection it waits on."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._deadline = monotonic() + seconds
        self._monotonic = monotonic
        self._connection: socket.socket | None = None
        self._is_over = False
        self._lock = threading.Lock()

    def left(self) -> float:
        return max(self._deadline - self._monotonic(), _LEAST_SECONDS)

    def waits_on(self, connection: socket.socket | None) -> None:
        with self._lock:
            self._connection = connection
            self._cut_when_over()

    def end(self) -> None:
        with self._lock:
            self._is_over = True
            self._cut_when_over()

    def _cut_when_over(self) -> None:
        if self._is_over and self._connection is not None:
            with suppress(OSError):  # the other side may have been faster
                socket.socket.shutdown(self._connection, socket.SHUT_RDWR)


class _Thread(threading.local):
    exchange: _Exchange | None = None


_this_thread = _Thread()


@contextmanager
def within(seconds: float, monotonic: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Let all exchanges of this thread within the block be over in so many seconds altogether."""
    exchange = _Exchange(seconds, monotonic)
    timer = threading.Timer(seconds, exchange.end)
    timer.daemon = True
    timer.start()
    _this_thread.exchange = exchange
    try:
        yield
    finally:
        _this_thread.exchange = None
        exchange.waits_on(None)
        timer.cancel()


class _Connection(HTTPConnection):
    def getresponse(self) -> Any:
        if _this_thread.exchange is not None:
            _this_thread.exchange.waits_on(self.sock)
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> Any:
        if _this_thread.exchange is not None:
            _this_thread.exchange.waits_on(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class BoundedAdapter(HTTPAdapter):
    """Sends once and reads the whole body, within the thread's deadline and the limit."""

    def __init__(self, max_bytes: int, connections: int) -> None:
        self._max_bytes = max_bytes
        super().__init__(pool_connections=1, pool_maxsize=connections, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:  # noqa: FBT001, FBT002  # the library's signature
        """Make pools of connections that say what they wait on."""
        super().init_poolmanager(connections, maxsize, block, **more)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Return the response with its body read.

        Raises:
            requests.RequestException: for every failure, a missed deadline and a huge body included.
        """
        exchange = _this_thread.exchange
        if exchange is not None:
            options["timeout"] = exchange.left()
        request.headers["Accept-Encoding"] = "identity"
        response = super().send(request, *args, **{**options, "stream": True, "proxies": {}})
        response.raw = io.BytesIO(self._body(response.raw))
        return response

    def _body(self, raw: BaseHTTPResponse) -> bytes:
        parts, size = [], 0
        try:
            for part in raw.stream(_CHUNK, decode_content=False):
                parts.append(part)
                size += len(part)
                if size > self._max_bytes:
                    break
        except (HTTPError, OSError, ValueError) as error:
            raw.close()
            raise requests.ConnectionError("the connection broke off") from error
        if size > self._max_bytes:
            raw.close()
            raise requests.ConnectionError("the answer is too large")
        return b"".join(parts)
