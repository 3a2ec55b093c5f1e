"""Destinations: where things land; for whoever runs the installation."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import JSONResponse, Response

from catalog import fleet_store
from catalog.fleet import Destination
from platform_api.bodies import JsonBody
from platform_api.commands import destinations as commands
from platform_api.doors import (
    ADMIN,
    Admin,
    Ends,
    EndsPlainly,
    List,
    Parts,
    PathName,
    answer_of,
    answers,
    refusals,
)
from platform_api.paging import Page
from platform_api.preconditions import IfMatch, etag
from platform_api.receipts import Answer
from platform_api.wire import At, Body, Given, JsonDocument, Labels, Maybe, Name, View

router = APIRouter(prefix="/v1/destinations", tags=["destinations"])


class ReplaceDestination(Body):
    """All that is said about a destination."""

    kind: Name
    labels: Labels = Field(default_factory=dict)
    config: JsonDocument = Field(default_factory=dict, description="Secrets only as secret:// references.")
    projects: list[Name] = Field(
        default_factory=list, max_length=1000, description="Who may use it; empty: everybody."
    )
    capacity: Given[Annotated[int, Field(ge=0, le=1_000_000)]] = Field(
        None, description="How many requests it takes."
    )
    cordoned: bool = Field(default=False, description="Takes no new requests.")

    def destination(self, name: str, platform: Parts) -> Destination:
        """Return the destination that this describes."""
        return Destination(
            name=name,
            kind=self.kind,
            labels=self.labels,
            config=self.config,
            created_at=platform.clock(),
            projects=tuple(self.projects),
            capacity=self.capacity,
            cordoned=self.cordoned,
        )


class CreateDestination(ReplaceDestination):
    """A destination to be."""

    name: Name


class DestinationView(View):
    """A destination; `revision` is its ETag."""

    name: str
    kind: str
    labels: dict[str, str]
    config: JsonDocument
    projects: list[str]
    capacity: Maybe[int] = None
    cordoned: bool
    revision: int
    created_at: At

    @classmethod
    def of(cls, destination: Destination) -> "DestinationView":
        """Return the view of a destination."""
        return cls(
            name=destination.name,
            kind=destination.kind,
            labels=dict(destination.labels),
            config=dict(destination.config),
            projects=list(destination.projects),
            capacity=destination.capacity,
            cordoned=destination.cordoned,
            revision=destination.revision,
            created_at=destination.created_at,
        )


Created = Annotated[CreateDestination, Depends(JsonBody(CreateDestination))]
Replaced = Annotated[ReplaceDestination, Depends(JsonBody(ReplaceDestination))]


@router.post(
    "",
    operation_id="createDestination",
    status_code=201,
    response_model=None,
    responses=answers(DestinationView, 200, 201),
)
def create_destination(platform: Parts, actor: Admin, body: Created, ends: Ends) -> Response:
    """Register a destination."""
    wanted = body.destination(body.name, platform)
    return ends.settle(partial(commands.create, platform, actor, wanted), partial(_answer, 201))


@router.get("", operation_id="listDestinations", dependencies=[ADMIN])
def list_destinations(platform: Parts, window: List) -> Page[DestinationView]:
    """List destinations by name."""
    after = str(window.after[0]) if window.after else ""
    with platform.db.read() as tx:
        rows = fleet_store.destination_page(tx, after, window.limit)
    return window.page(rows, DestinationView.of, lambda row: [row.name])


@router.get(
    "/{name}",
    operation_id="getDestination",
    dependencies=[ADMIN],
    response_model=None,
    responses=answers(DestinationView, 200),
)
def get_destination(platform: Parts, name: PathName) -> Response:
    """Show a destination; its ETag is its revision."""
    with platform.db.read() as tx:
        found = fleet_store.destination(tx, name)
    view = DestinationView.of(found)
    return JSONResponse(view.model_dump(mode="json"), 200, {"ETag": etag(found.revision)})


@router.put(
    "/{name}",
    operation_id="replaceDestination",
    response_model=None,
    responses=answers(DestinationView, 200) | refusals(412, 428),
)
def replace_destination(
    *,
    platform: Parts,
    actor: Admin,
    name: PathName,
    body: Replaced,
    ends: EndsPlainly,
    if_match: IfMatch = "",
) -> Response:
    """Replace all that is said about a destination, except for its kind."""
    wanted = body.destination(name, platform)
    return ends.settle(partial(commands.change, platform, actor, wanted, if_match), partial(_answer, 200))


@router.delete(
    "/{name}",
    operation_id="deleteDestination",
    status_code=204,
    response_model=None,
    responses=answers(DestinationView, 200) | refusals(412, 428),
)
def delete_destination(
    *, platform: Parts, actor: Admin, name: PathName, ends: EndsPlainly, if_match: IfMatch = ""
) -> Response:
    """Remove a destination on which nothing lies."""
    command = partial(commands.delete, platform, actor, name, if_match)
    return ends.settle(command, partial(_answer, 204))


def _answer(status: int, destination: Destination) -> Answer:
    headers = {"ETag": etag(destination.revision), "Location": f"/v1/destinations/{destination.name}"}
    return answer_of(DestinationView.of(destination), status, headers)
