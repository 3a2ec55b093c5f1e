"""Pages by cursor: a list never loses or doubles what was there all along.

A page ends with a token that names the last item seen, not a position, so that rows which
come and go meanwhile move nothing. The token is signed and bound to the list and its
filters: it is opaque, and one from another list is refused instead of misread.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Query
from starlette.requests import Request

from catalog.digest import canonical_json
from catalog.errors import Invalid
from platform_api.parts import Platform
from platform_api.wire import Maybe, View

T = TypeVar("T")
V = TypeVar("V", bound=View)

DEFAULT_SIZE = 50
MAX_SIZE = 1000
_MAX_TOKEN = 500
_MAC_BYTES = 16

PageSize = Annotated[
    int, Query(ge=1, le=2**31, description=f"Items on a page; more than {MAX_SIZE} count as {MAX_SIZE}.")
]
PageToken = Annotated[str, Query(max_length=_MAX_TOKEN, description="`next_page_token` of the page before.")]

Position = Sequence[str | int]


class Page(View, Generic[V]):
    """One page of a list."""

    items: list[V]
    next_page_token: Maybe[str] = None


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a list is wanted.

    Attributes:
        after: where the page before ended; empty for the first page.
        bound: digest of the list and its filters.
    """

    size: int
    after: Position
    bound: bytes
    key: bytes

    @property
    def limit(self) -> int:
        """Return how many rows to fetch: one more, to see whether there is a next page."""
        return self.size + 1

    def page(self, rows: Sequence[T], view: Callable[[T], V], position: Callable[[T], Position]) -> Page[V]:
        """Return the page that fetched rows make.

        Args:
            position: the key of a row in the order of the list.
        """
        shown = rows[: self.size]
        token = encode(position(shown[-1]), self.bound, self.key) if len(rows) > self.size else None
        return Page(items=[view(row) for row in shown], next_page_token=token)


async def window(request: Request, page_size: PageSize = DEFAULT_SIZE, page_token: PageToken = "") -> Window:
    """Return which part of the list a request wants; a dependency of every list.

    Raises:
        Invalid: `invalid_page_token`.
    """
    platform: Platform = request.app.state.platform
    bound = _bound(request.url.path, dict(request.query_params))
    after = decode(page_token, bound, platform.signing_key) if page_token else ()
    return Window(min(page_size, MAX_SIZE), after, bound, platform.signing_key)


def encode(position: Position, bound: bytes, key: bytes) -> str:
    """Return the token that stands for a position in a list."""
    content = json.dumps(list(position), separators=(",", ":")).encode("utf-8")
    return base64.urlsafe_b64encode(_mac(content, bound, key) + content).rstrip(b"=").decode("ascii")


def decode(token: str, bound: bytes, key: bytes) -> Position:
    """Return the position that a token stands for.

    Raises:
        Invalid: `invalid_page_token`.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise _invalid() from error
    mac, content = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not hmac.compare_digest(mac, _mac(content, bound, key)):
        raise _invalid()
    position: Position = json.loads(content)
    return position


def _bound(path: str, filters: Mapping[str, str]) -> bytes:
    kept = {name: value for name, value in filters.items() if name not in ("page_token", "page_size")}
    return hashlib.sha256(canonical_json({"path": path, "filters": kept})).digest()


def _mac(content: bytes, bound: bytes, key: bytes) -> bytes:
    return hmac.digest(key, bound + content, "sha256")[:_MAC_BYTES]


def _invalid() -> Invalid:
    return Invalid(
        "invalid_page_token",
        "The page token does not belong to this list with these filters.",
        fix="start again without page_token",
    )
