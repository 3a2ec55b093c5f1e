"""The REST client of the command line: one server, one token, honest failures.

The only module here that knows HTTP. Every answer that is not a success leaves as a
`Failure`: a problem document whole, a server out of reach with what to do, an answer that
is not Avow's as such. A repeated submission carries one idempotency key, so that a lost
answer does not make a second request.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import httpx

from platform_api.cli.failure import ExitCode, Failure, Problem, Refused
from platform_api.cli.output import Document
from platform_api.cli.session import Session, is_loopback
from platform_api.cli.stream import Frame, frames

ANSWER_SECONDS = 60.0
CONNECT_SECONDS = 5.0
TRIES = 3
_PROBLEM = "application/problem+json"
_GIVE_ONE = (
    "give a token with --token, AVOW_TOKEN or AVOW_TOKEN_FILE; avow up leaves one in DATA_DIR/admin-token"
)
_GIVE_ANOTHER = "it may have expired, been revoked, or belong to another server; give another: AVOW_TOKEN"

Query = Mapping[str, str | int | bool | Sequence[str]]


class Unreachable(Failure):
    """The server does not answer, or stopped in the middle."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A success.

    Attributes:
        document: the body; empty when there was none.
        etag: what to send back as If-Match; empty when there was none.
    """

    status: int
    document: Document
    etag: str


class Client:
    """Talks to one server on behalf of one session."""

    def __init__(self, http: httpx.Client, url: str) -> None:
        self._http = http
        self._url = url
        self._has_token = "Authorization" in http.headers

    def get(self, path: str, query: Query | None = None) -> Answer:
        """Return what stands at a path."""
        return self._answer("GET", path, query)

    def find(self, path: str) -> Answer | None:
        """Return what stands at a path, None when there is nothing."""
        try:
            return self.get(path)
        except Refused as refused:
            if refused.code is ExitCode.NOT_FOUND:
                return None
            raise

    def send(
        self, method: str, path: str, body: object = None, *, query: Query | None = None, etag: str = ""
    ) -> Answer:
        """Change something and return the answer.

        Args:
            etag: what was read before; the server refuses when that is not true any more.
        """
        headers = {"If-Match": etag} if etag else {}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        return self._answer(method, path, query, body=body, headers=headers)

    def pages(self, path: str, query: Query | None = None, limit: int = 0) -> Iterator[Document]:
        """Yield the items of a list, page by page.

        Args:
            limit: how many at most; 0 means all.
        """
        asked, given = dict(query or {}), 0
        while True:
            page = self.get(path, asked).document
            for item in _items(page):
                yield item
                given += 1
                if given == limit:
                    return
            token = page.get("next_page_token")
            if not token:
                return
            asked["page_token"] = str(token)

    def with_commits(self, request: Document) -> Document:
        """Return a request with the files that git holds for it, for the eye."""
        where = path("projects", str(request.get("project")), "requests", str(request.get("name")), "git")
        found = self.find(where)
        return request if found is None else request | {"git": _items(found.document)}

    @contextmanager
    def events(
        self, path: str, query: Query, last_id: str, quiet_seconds: float
    ) -> Iterator[Iterator[Frame]]:
        """Give the frames of an event stream as they come.

        Args:
            last_id: resume after this one; empty starts with what happens from now on.
            quiet_seconds: how long the stream may say nothing before it counts as broken.

        Raises:
            Unreachable: from the iterator too, when the stream breaks.
        """
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        timeout = httpx.Timeout(quiet_seconds, connect=CONNECT_SECONDS)
        try:
            with self._http.stream("GET", path, params=query, headers=headers, timeout=timeout) as response:
                if response.status_code != httpx.codes.OK:
                    response.read()
                    raise self._refusal(response)
                yield frames(response.iter_lines())
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _answer(
        self,
        method: str,
        path: str,
        query: Query | None,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        response = self._response(method, path, query, body=body, headers=headers)
        if not response.is_success:
            raise self._refusal(response)
        if not response.content:
            return Answer(response.status_code, {}, "")
        document = _document(response)
        if document is None:
            raise self._foreign(response)
        return Answer(response.status_code, document, response.headers.get("ETag", ""))

    def _response(self, method: str, path: str, query: Query | None, **sent: Any) -> httpx.Response:
        json = sent.pop("body")
        is_repeatable = method == "GET" or "Idempotency-Key" in (sent["headers"] or {})
        for tries_left in reversed(range(TRIES if is_repeatable else 1)):
            try:
                return self._http.request(method, path, params=query, json=json, **sent)
            except (httpx.ConnectError, httpx.TimeoutException) as error:
                raise self._unreachable(error) from error
            except httpx.TransportError as error:
                if not tries_left:
                    raise self._unreachable(error) from error
            except httpx.InvalidURL as error:
                raise Failure(ExitCode.USAGE, f"{self._url}{path} is not usable: {error}.") from error
        raise AssertionError("the last try returns or raises")

    def _refusal(self, response: httpx.Response) -> Failure:
        document = _document(response)
        if document is None or not response.headers.get("Content-Type", "").startswith(_PROBLEM):
            return self._foreign(response)
        if response.status_code == httpx.codes.UNAUTHORIZED:
            document |= {"fix": _GIVE_ANOTHER if self._has_token else _GIVE_ONE}
        return Refused(Problem(response.status_code, document, response.headers.get("Retry-After", "")))

    def _foreign(self, response: httpx.Response) -> Failure:
        return Failure(
            ExitCode.OTHER,
            f"{self._url} answered {response.status_code} {response.reason_phrase}, and not in Avow's words.",
            details=[line[:200] for line in response.text.splitlines()[:3]],
            fix="check --url (AVOW_URL); a proxy in between may have answered",
        )

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = str(error) or type(error).__name__
        return Unreachable(
            ExitCode.OTHER,
            f"{self._url} does not answer: {reason}.",
            fix="start a server with: avow up, or name another with --url (AVOW_URL)",
        )


@contextmanager
def connect(session: Session) -> Iterator[Client]:
    """Give a client for a session, and close its connections in the end."""
    headers = {"Accept": "application/json", "User-Agent": "avow-cli"}
    if session.token:
        headers["Authorization"] = f"Bearer {session.token}"
    with httpx.Client(
        base_url=session.url,
        headers=headers,
        timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
        # A proxy of the environment is for elsewhere, never for a server on this machine.
        trust_env=not is_loopback(urlsplit(session.url).hostname or ""),
    ) as http:
        yield Client(http, session.url)


def path(*segments: str) -> str:
    """Return the address of something under `/v1`, each segment quoted so that none leads elsewhere."""
    return "/v1/" + "/".join(quote(segment, safe="") for segment in segments)


def _items(page: Document) -> list[Document]:
    items = page.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _document(response: httpx.Response) -> Document | None:
    try:
        document = response.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
