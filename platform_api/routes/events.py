"""What happens, as it happens: one stream of server-sent events.

An event carries ids, a kind and a sentence, never a document; whoever wants more reads the
thing itself. `Last-Event-ID` resumes after an event; without it the stream begins now.
"""

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.requests import Request

from catalog import events, projects, requests
from catalog.actor import Actor
from catalog.errors import Invalid
from catalog.events import Cursor
from platform_api import access, auth, tokens
from platform_api.doors import Parts, QueryName, SignedIn, refusals
from platform_api.parts import Platform
from platform_api.run_views import EventView
from platform_api.streams import Selection, Streams, follow

router = APIRouter(prefix="/v1/events", tags=["events"])

READER_RETRIES_MILLISECONDS = 1000
_BIGGEST = 2**63 - 1


class Watch:
    """One open stream: counted while it lasts."""

    def __init__(self, platform: Platform, streams: Streams, token_id: str) -> None:
        self.platform = platform
        self.streams = streams
        self._token_id = token_id

    def may_go_on(self) -> bool:
        """Say whether the token that opened the stream is still good."""
        with self.platform.db.read() as tx:
            return tokens.load(tx, self._token_id).is_valid(self.platform.clock())


async def open_watch(request: Request, actor: SignedIn) -> AsyncIterator[Watch]:
    """Give a counted stream; counting it out again happens however it ends."""
    platform = auth.platform_of(request)
    streams: Streams = request.app.state.streams
    streams.reserve(actor.subject)
    try:
        yield Watch(platform, streams, auth.token_of(request).id)
    finally:
        streams.release(actor.subject)


def selection(
    platform: Parts, actor: SignedIn, project: QueryName = None, request: QueryName = None
) -> Selection:
    """Return which events are wanted, as far as the actor may read them."""
    if project is None:
        if request is not None:
            raise Invalid(
                "invalid_parameter", "A request's name needs its project.", fix="add project=<name>"
            )
        return Selection(_readable(actor), None)
    access.check_reader(actor, project)
    with platform.db.read() as tx:
        projects.load(tx, project)
        uid = None if request is None else requests.by_name(tx, project, request).uid
    return Selection((project,), uid)


def start(
    platform: Parts,
    last_event_id: Annotated[
        str | None, Header(max_length=40, description="Resume after this event; `0.0` is the beginning.")
    ] = None,
) -> Cursor:
    """Return where a stream begins."""
    if last_event_id:
        return _storable(Cursor.parse(last_event_id))
    with platform.db.read() as tx:
        return events.latest(tx)


@router.get(
    "",
    operation_id="watchEvents",
    response_class=EventSourceResponse,
    responses=refusals(404, 429),
)
async def watch_events(
    watch: Annotated[Watch, Depends(open_watch)],
    wanted: Annotated[Selection, Depends(selection)],
    cursor: Annotated[Cursor, Depends(start)],
) -> AsyncIterator[ServerSentEvent]:
    """Follow what happens in the projects that the caller may read."""
    stream = follow(
        watch.streams,
        watch.platform.db,
        wanted,
        cursor,
        may_go_on=watch.may_go_on,
        check_seconds=watch.platform.settings.stream_check_seconds,
    )
    async for happening in stream:
        if isinstance(happening, Cursor):
            yield ServerSentEvent(id=str(happening), retry=READER_RETRIES_MILLISECONDS, comment="follows")
        else:
            view = EventView.of(happening).model_dump(mode="json")
            yield ServerSentEvent(id=view["id"], event=view["kind"], raw_data=json.dumps(view))


def _storable(cursor: Cursor) -> Cursor:
    if max(cursor.xid, cursor.id) > _BIGGEST:
        raise Invalid(
            "invalid_cursor", "The event cursor is not one of ours.", fix="start without Last-Event-ID"
        )
    return cursor


def _readable(actor: Actor) -> tuple[str, ...] | None:
    readable = actor.readable_projects()
    return None if readable is None else tuple(sorted(readable))
