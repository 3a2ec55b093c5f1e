"""One HTTP exchange with a server of somebody else, guarded.

Used by the HTTP steps, and meant for every adapter that speaks HTTP. No redirects, no
proxies, no cookies, no connection kept. The address is judged when the connection is made,
and the connection goes to the address that was judged. One deadline holds for the whole
exchange, so that a server that sends a byte a second is a slow server and not a hung worker.
It is built on httpcore, below httpx, because that is where connecting can be taken over.
"""

import json
import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NoReturn
from urllib.parse import quote, urlsplit

import httpcore

from catalog.digest import Json
from catalog.errors import Invalid, Unavailable
from executors.deadline import Deadline
from executors.network import AddressGuard

LARGEST_BODY = 1024 * 1024
_PORTS = {"https": 443, "http": 80}
_PLAIN = re.compile(r"[!-\[\]-~]+\Z")  # visible ASCII without the backslash
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}\Z")
_OURS = frozenset(
    {
        *(
            "host",
            "content-length",
            "transfer-encoding",
            "connection",
            "content-type",
            "expect",
            "te",
            "upgrade",
        ),
        *("idempotency-key", "x-fencing-token", "user-agent", "accept-encoding", "proxy-authorization"),
    }
)
_SHORTEST_WAIT = 0.001  # zero would mean "do not wait at all", which is another mode of a socket


class NoAnswer(Unavailable):
    """The request was sent, and its whole answer did not come: it may have had its effect."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent.

    Attributes:
        path: segments that are appended to the address, each percent-encoded.
        headers: the caller's; those that Avow sets itself are refused.
        key: goes out as `Idempotency-Key`.
        fence: goes out as `X-Fencing-Token`.
    """

    method: str
    base_url: str
    key: str
    fence: int
    path: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered.

    Attributes:
        body: parsed when it is JSON, text otherwise; None when it cannot be read or is too large.
    """

    status: int
    body: Json
    retry_after_seconds: float | None


def exchange(guard: AddressGuard, deadline: Deadline, request: Request) -> Reply:
    """Send a request and return the answer, whatever its status.

    Raises:
        Invalid: `url_refused`, `header_refused`; nothing was sent.
        Denied: `address_refused`; nothing was sent.
        NoAnswer: it was sent and the answer did not come whole.
        Unavailable: the server could not be connected to; nothing was sent.
    """
    url = _url(request, guard)
    headers = _headers(request)
    with httpcore.ConnectionPool(ssl_context=_trust(), network_backend=_Backend(guard, deadline)) as pool:
        try:
            with pool.stream(request.method, url, headers=headers, content=request.body) as response:
                return _reply(response)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            raise Unavailable("http_unreachable", "The server cannot be connected to.") from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise NoAnswer("http_no_answer", "The request was sent; no whole answer came.") from error


def _url(request: Request, guard: AddressGuard) -> httpcore.URL:
    try:
        parts = urlsplit(request.base_url)
        port = parts.port
    except ValueError as error:
        raise Invalid("url_refused", "The address is not well formed.") from error
    if _PLAIN.match(request.base_url) is None or "@" in parts.netloc:
        raise Invalid("url_refused", "The address holds credentials or unusual characters.")
    if parts.scheme not in _PORTS or not parts.hostname or parts.query or parts.fragment:
        raise Invalid("url_refused", "The address is not plain http or https.")
    if parts.scheme == "http" and not guard.lists(parts.hostname):
        raise Invalid("url_refused", "Without TLS only listed hosts are called.")
    if any(segment in {"", ".", ".."} for segment in request.path):
        raise Invalid("url_refused", "A path segment is empty or made of dots.")
    target = "/".join((parts.path.rstrip("/"), *(quote(segment, safe="") for segment in request.path))) or "/"
    return httpcore.URL(
        scheme=parts.scheme, host=parts.hostname, port=port or _PORTS[parts.scheme], target=target
    )


def _headers(request: Request) -> list[tuple[str, str]]:
    ours = {
        "Host": urlsplit(request.base_url).netloc,
        "User-Agent": "avow",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "Idempotency-Key": request.key,
        "X-Fencing-Token": str(request.fence),
        "Connection": "close",
    }
    if request.body is not None:
        ours |= {"Content-Type": "application/json", "Content-Length": str(len(request.body))}
    for name, value in request.headers.items():
        if name.lower() in _OURS or _NAME.match(name) is None:
            raise Invalid("header_refused", "A header that Avow sets itself, or an odd one, cannot be set.")
        if not value.isascii() or not value.isprintable():
            raise Invalid("header_refused", "A header's value must be printable ASCII.")
    return [*ours.items(), *request.headers.items()]


class _Backend(httpcore.NetworkBackend):
    """Connects to judged addresses only, and gives every wait what is left of the time."""

    def __init__(self, guard: AddressGuard, deadline: Deadline) -> None:
        self._guard = guard
        self._deadline = deadline
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in self._guard.addresses(host, port):
            try:
                stream = self._plain.connect_tcp(address, port, _left(self._deadline))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Timed(stream, self._deadline)
        raise failure or httpcore.ConnectError("the host has no address")


class _Timed(httpcore.NetworkStream):
    """A stream whose every wait ends at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._deadline.has_passed:
            raise httpcore.ReadTimeout
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if self._deadline.has_passed:
            raise httpcore.WriteTimeout
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        tls = self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline))
        return _Timed(tls, self._deadline)

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _left(deadline: Deadline) -> float:
    return max(deadline.remaining(), _SHORTEST_WAIT)


@cache
def _trust() -> ssl.SSLContext:
    # Reading the system's certificates takes longer than most calls.
    return ssl.create_default_context()


def _reply(response: httpcore.Response) -> Reply:
    content = b""
    for chunk in response.iter_stream():
        content += chunk
        if len(content) > LARGEST_BODY:
            return Reply(response.status, None, _retry_after(response))
    return Reply(response.status, _parsed(content, response), _retry_after(response))


def _retry_after(response: httpcore.Response) -> float | None:
    told = {name.lower(): value for name, value in response.headers}.get(b"retry-after", b"")
    return float(told) if told.isdigit() and len(told) < len("1000000") else None


def _parsed(content: bytes, response: httpcore.Response) -> Json:
    kinds = [value for name, value in response.headers if name.lower() == b"content-type"]
    text = content.decode("utf-8", "replace").replace("\0", "")
    if not kinds or b"json" not in kinds[0].lower():
        return text
    try:
        parsed: Json = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        return None
    return parsed


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
