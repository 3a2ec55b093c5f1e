"""What the routes have in common: who asks, how a write ends, how an answer goes out.

A route names, in this order, the parts it works with, its guard, its body and how it ends;
FastAPI resolves them in the order in which they are named, so nobody unknown gets a body
read or a key looked up.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import UnionType
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from catalog.actor import Actor
from catalog.digest import digest_bytes
from platform_api import auth
from platform_api.paging import Window, window
from platform_api.parts import Platform
from platform_api.receipts import Answer, Key, Receipt, check_key, raise_if_answered
from platform_api.wire import LABEL_PATTERN, NAME_PATTERN, VERSION_PATTERN, View

T = TypeVar("T")

ID_PATTERN = r"^[a-z]{1,8}_[0-9a-z]{26}$"


# What needs no database is async although nothing is awaited in it: a thread costs more than the work.
async def parts_of(request: Request) -> Platform:
    """Return the parts that the application was made of."""
    return auth.platform_of(request)


Parts = Annotated[Platform, Depends(parts_of)]

SignedIn = Annotated[Actor, Depends(auth.SIGNED_IN)]
Admin = Annotated[Actor, Depends(auth.ADMIN)]
Requester = Annotated[Actor, Depends(auth.PROJECT_REQUESTER)]

# For routes that need the guard and not the actor.
ANYONE = Depends(auth.ANYONE)
SIGNED_IN = Depends(auth.SIGNED_IN)
ADMIN = Depends(auth.ADMIN)
READER = Depends(auth.PROJECT_READER)
PROJECT_IN_QUERY = Depends(auth.PROJECT_QUERIED)
AUDITOR = Depends(auth.PROJECT_AUDITOR)

PathName = Annotated[str, Path(pattern=NAME_PATTERN, max_length=63)]
PathVersion = Annotated[str, Path(pattern=VERSION_PATTERN, max_length=64)]
PathId = Annotated[str, Path(pattern=ID_PATTERN, max_length=40)]

QueryName = Annotated[str | None, Query(pattern=NAME_PATTERN, max_length=63)]
QueryText = Annotated[str | None, Query(pattern=LABEL_PATTERN, max_length=63)]
DryRun = Annotated[bool, Query(description="Say what would happen, and write nothing.")]

List = Annotated[Window, Depends(window)]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a write ends, as its caller wishes."""

    now: datetime
    key: Key | None
    is_dry: bool

    def settle(self, command: Callable[[Receipt[T]], T], answer: Callable[[T], Answer]) -> Response:
        """Carry out a command and answer with what came of it."""
        return respond(answer(command(self.receipt(answer))))

    def receipt(self, answer: Callable[[T], Answer]) -> Receipt[T]:
        """Return what a command is handed to end with."""
        return Receipt(self.now, answer, self.key, self.is_dry)


async def ending(
    request: Request,
    dry_run: DryRun = False,  # noqa: FBT002  # FastAPI passes it by name
    idempotency_key: Annotated[
        str | None, Header(description="Repeat a request with its key to get its answer again.")
    ] = None,
) -> Ending:
    """Return how a POST ends; a repeated one ends here, with the answer that it got."""
    platform = auth.platform_of(request)
    now = platform.clock()
    if idempotency_key is None:
        return Ending(now, None, dry_run)
    key = Key(
        subject=auth.token_of(request).subject,
        route=f"{request.method} {request.url.path}"[:300],
        key=check_key(idempotency_key),
        body_digest=getattr(request.state, "body_digest", digest_bytes(b"")),
    )
    if not dry_run:
        await run_in_threadpool(_look_up, platform, key)
    return Ending(now, key, dry_run)


def _look_up(platform: Platform, key: Key) -> None:
    with platform.db.read() as tx:
        raise_if_answered(tx, key)


async def plain_ending(
    request: Request,
    dry_run: DryRun = False,  # noqa: FBT002  # FastAPI passes it by name
) -> Ending:
    """Return how a PUT, PATCH or DELETE ends; these can be repeated as they are."""
    return Ending(auth.platform_of(request).clock(), None, dry_run)


Ends = Annotated[Ending, Depends(ending)]
EndsPlainly = Annotated[Ending, Depends(plain_ending)]


def answer_of(view: View, status: int, headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer that shows a view."""
    return Answer(status, view.model_dump(mode="json"), headers or {})


def respond(answer: Answer) -> Response:
    """Return the response for an answer."""
    if answer.status == 204:  # noqa: PLR2004  # nothing may follow this status
        return Response(status_code=204)
    return JSONResponse(dict(answer.body), answer.status, dict(answer.headers))


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of the statuses with which a route refuses, beyond what its parts say."""
    return {status: problem_response_of(_WHEN[status]) for status in statuses}


def answers(
    view: type[View] | UnionType, *statuses: int, headers: Iterable[str] = ()
) -> dict[int | str, dict[str, Any]]:
    """Return the description of the statuses with which a route shows a view."""
    carried = {"headers": {name: _HEADERS[name] for name in headers}} if headers else {}
    return {status: {"model": view, "description": _WHEN[status], **carried} for status in statuses}


def problem_response_of(description: str) -> dict[str, Any]:
    """Return the description of one refusal."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def automatic_refusals(*, guard: auth.Guard, has_path: bool, has_body: bool, is_write: bool) -> Iterable[int]:
    """Yield the statuses that follow from what a route is made of."""
    yield from (400, 414, 422, 431, 500, 503)
    if not guard.is_open:
        yield 401
    if guard.name not in ("anyone", "signed-in") or is_write:
        yield 403
    if has_path or guard.name.startswith("project"):
        yield 404
    if has_body:
        yield from (408, 413, 415)
    if is_write:
        yield 409


def when(status: int) -> str:
    """Return what a status means here."""
    return _WHEN[status]


_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "ETag": {"description": "What to send back as If-Match.", "schema": {"type": "string"}},
    "Location": {"description": "Where it is found.", "schema": {"type": "string"}},
}
_WHEN = {
    200: "Done; or, with dry_run, what would be done.",
    201: "Created.",
    202: "Accepted; the Location shows what becomes of it.",
    204: "Gone.",
    400: "The request cannot be understood.",
    401: "No valid token.",
    403: "The token's grants, or policy, do not allow it.",
    404: "There is no such thing for this actor.",
    408: "The body comes too slowly.",
    409: "It does not fit the present state.",
    410: "It was here and is gone.",
    412: "It was changed since it was read.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "The body is of a type that is not taken.",
    422: "The request is understood and wrong; `errors` says where.",
    428: "If-Match is missing.",
    429: "Too much at once.",
    431: "The headers are too large.",
    500: "A mistake of Avow's own.",
    503: "A needed part does not answer; try again later.",
}
