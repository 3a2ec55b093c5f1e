"""What every answer about a deprecated version says in its headers, and about a request on one.

Whoever reads or changes what an answer is about tells here which version that is on; the edge
of the HTTP door puts the headers on (`Deprecation`, RFC 9745; `Sunset`, RFC 8594; `Link`), so
that no route has to remember it and refusals carry them too. Outside of an HTTP request nobody
listens, and telling does nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import format_datetime

from catalog import lifecycles, requests
from catalog.db import Tx
from catalog.errors import NotFound
from catalog.lifecycle import Lifecycle, State
from catalog.lifecycles import Key
from catalog.request import Request


@dataclass(slots=True)
class Notices:
    """What is known of the versions that one answer speaks of.

    Attributes:
        subject: the version that it is about, when that is deprecated.
    """

    subject: Key | None = None
    known: dict[Key, Lifecycle] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        """Return what the answer's head says."""
        if self.subject is None:
            return {}
        return headers_of(*self.subject, self.known[self.subject])


_here: ContextVar[Notices | None] = ContextVar("avow_notices", default=None)


@contextmanager
def gathered() -> Iterator[Notices]:
    """Gather what is told while one HTTP request is answered."""
    notices = Notices()
    token = _here.set(notices)
    try:
        yield notices
    finally:
        _here.reset(token)


def tell(name: str, version: str, lifecycle: Lifecycle) -> None:
    """Say which version the answer is about; what was said last counts."""
    notices = _here.get()
    if notices is not None:
        is_old = lifecycle.deprecated_at is not None
        notices.subject = (name, version) if is_old else None
        notices.known[name, version] = lifecycle


def tell_of(tx: Tx, request: Request) -> None:
    """Say that the answer is about a request."""
    tell_of_version(tx, request.contract, request.contract_version)


def tell_of_version(tx: Tx, name: str, version: str) -> None:
    """Say that the answer is about a version, or about something that will be on it."""
    if _here.get() is not None:
        tell(name, version, lifecycles.told(tx, name, version))


def tell_of_uid(tx: Tx, request_uid: str) -> None:
    """Say that the answer is about something of a request, be that gone by now."""
    try:
        tell_of(tx, requests.by_uid(tx, request_uid))
    except NotFound:
        return


def learn(tx: Tx, found: Iterable[Request]) -> None:
    """Find out about the versions of requests that are listed."""
    notices = _here.get()
    if notices is not None:
        notices.known |= lifecycles.told_of(tx, [(each.contract, each.contract_version) for each in found])


def known(request: Request) -> Lifecycle | None:
    """Return the lifecycle of a request's version when that is known to be deprecated."""
    notices = _here.get()
    found = None if notices is None else notices.known.get((request.contract, request.contract_version))
    return found if found is not None and found.state is State.DEPRECATED else None


def said() -> Mapping[str, str]:
    """Return the headers by what was told so far, for an answer that is kept."""
    notices = _here.get()
    return {} if notices is None else notices.headers


def headers_of(name: str, version: str, lifecycle: Lifecycle) -> dict[str, str]:
    """Return the headers that tell of a deprecated version; none of any other."""
    if lifecycle.deprecated_at is None:
        return {}
    here = f"/v1/contracts/{name}/versions"
    links = [f'<{here}/{version}/lifecycle>; rel="deprecation"; type="application/json"']
    headers = {"Deprecation": f"@{int(lifecycle.deprecated_at.timestamp())}"}
    if lifecycle.sunset_at is not None:
        headers["Sunset"] = format_datetime(lifecycle.sunset_at.astimezone(UTC), usegmt=True)
    if lifecycle.replacement is not None:
        links.append(f'<{here}/{lifecycle.replacement}>; rel="successor-version"')
    return headers | {"Link": ", ".join(links)}
