"""The life of a contract version: deprecating, retiring, deleting it, and who still lives on it."""

from enum import StrEnum
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import JSONResponse, Response

from catalog import contracts, lifecycles, requests
from catalog.lifecycle import State, Terms
from platform_api import notices
from platform_api.bodies import JsonBody
from platform_api.commands import lifecycles as commands
from platform_api.commands.lifecycles import Move, Standing
from platform_api.doors import (
    SIGNED_IN,
    EndsPlainly,
    List,
    Parts,
    PathName,
    PathVersion,
    SignedIn,
    answer_of,
    answers,
    refusals,
)
from platform_api.lifecycle_views import LaggardView, LifecycleView
from platform_api.paging import Page
from platform_api.preconditions import IfMatch, etag
from platform_api.receipts import Answer
from platform_api.wire import Body, Given, Moment, Text, Version

router = APIRouter(
    prefix="/v1/contracts/{name}/versions/{version}", tags=["contracts"], responses=refusals(404)
)


class NextState(StrEnum):
    """Where a version can be moved; it leaves being a draft when it is published."""

    PUBLISHED = "published"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


class SetLifecycle(Body):
    """Where a version is to go; all but the state and the reason is for deprecating it."""

    state: Annotated[NextState, Field(strict=False)]
    sunset_at: Given[Moment] = Field(None, description="Until when the version may be counted on.")
    replacement: Given[Version] = Field(None, description="The version to go to.")
    reason: Text = ""

    def move(self, if_match: str) -> Move:
        """Return what somebody wants."""
        return Move(State(self.state), Terms(self.sunset_at, self.replacement, self.reason), if_match)


@router.get(
    "/lifecycle",
    operation_id="getLifecycle",
    dependencies=[SIGNED_IN],
    response_model=None,
    responses=answers(LifecycleView, 200),
)
def get_lifecycle(platform: Parts, name: PathName, version: PathVersion) -> Response:
    """Show where a version stands in its life; its ETag is its revision."""
    with platform.db.read() as tx:
        held = lifecycles.load(tx, name, version)
    notices.tell(name, version, held)
    view = LifecycleView.of(name, version, held)
    return JSONResponse(view.model_dump(mode="json"), 200, {"ETag": etag(held.revision)})


@router.put(
    "/lifecycle",
    operation_id="setLifecycle",
    response_model=None,
    responses=answers(LifecycleView, 200) | refusals(412, 428),
)
def set_lifecycle(
    *,
    platform: Parts,
    actor: SignedIn,
    name: PathName,
    version: PathVersion,
    body: Annotated[SetLifecycle, Depends(JsonBody(SetLifecycle))],
    ends: EndsPlainly,
    if_match: IfMatch = "",
) -> Response:
    """Deprecate a version, take that back (`published`), or retire it when nobody uses it."""
    command = partial(commands.move, platform, actor, (name, version), body.move(if_match))
    return ends.settle(command, partial(_answer, 200))


@router.delete(
    "",
    operation_id="deleteContractVersion",
    status_code=204,
    response_model=None,
    responses=answers(LifecycleView, 200) | refusals(412, 428),
)
def delete_contract_version(
    *,
    platform: Parts,
    actor: SignedIn,
    name: PathName,
    version: PathVersion,
    ends: EndsPlainly,
    if_match: IfMatch = "",
) -> Response:
    """Delete a draft, or a retired version; If-Match is the ETag of its lifecycle."""
    command = partial(commands.remove, platform, actor, (name, version), if_match)
    return ends.settle(command, partial(_answer, 204))


@router.get("/requests", operation_id="listVersionRequests")
def list_version_requests(
    platform: Parts, actor: SignedIn, name: PathName, version: PathVersion, window: List
) -> Page[LaggardView]:
    """List who lives on a version: for its owners all, for others what they may read."""
    after = str(window.after[0]) if window.after else ""
    with platform.db.read() as tx:
        held = lifecycles.load(tx, name, version)
        is_owner = actor.may_publish(contracts.owner_of(tx, name) or "")
        among = None if is_owner else actor.readable_projects()
        wanted = requests.Filter(projects=among, contract=name, standing_on=version)
        rows = requests.page(tx, wanted, after, window.limit)
    notices.tell(name, version, held)
    now = platform.clock()
    return window.page(rows, lambda row: LaggardView.of(row, held, now), lambda row: [row.uid])


def _answer(status: int, standing: Standing) -> Answer:
    notices.tell(standing.name, standing.version, standing.lifecycle)
    view = LifecycleView.of(standing.name, standing.version, standing.lifecycle)
    return answer_of(view, status, {"ETag": etag(standing.lifecycle.revision)})
