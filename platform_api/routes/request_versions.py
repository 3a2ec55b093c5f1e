"""Steering a request between versions of its contract; a change like any other, with a plan."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from catalog.request import Request
from platform_api.asking import Asking, find_request
from platform_api.bodies import JsonBody
from platform_api.commands import versions
from platform_api.commands.versions import Steer
from platform_api.doors import Ends, Parts, PathName, Requester, answers, refusals
from platform_api.request_views import RequestView
from platform_api.wire import Body, Given, VersionWish

router = APIRouter(
    prefix="/v1/projects/{project}/requests/{name}/actions",
    tags=["requests"],
    responses=answers(RequestView, 200, 202) | refusals(404, 409, 410),
)


class UpgradeRequest(Body):
    """Where to go."""

    to: Given[VersionWish] = Field(
        None, description="A version, a range or a channel; without it, the newest version that fits."
    )


@router.post("/upgrade", operation_id="upgradeRequest", status_code=202, response_model=None)
def upgrade_request(
    *,
    platform: Parts,
    actor: Requester,
    project: PathName,
    name: PathName,
    body: Annotated[UpgradeRequest, Depends(JsonBody(UpgradeRequest, is_needed=False))],
    ends: Ends,
) -> Response:
    """Go to a newer version, or to the one that is named; after a failed upgrade, try again."""
    held = find_request(platform, project, name)
    return _steered(Asking(platform, actor, ends), held, versions.upgrade(platform, held, body.to))


@router.post("/pin", operation_id="pinRequest", status_code=202, response_model=None)
def pin_request(
    *, platform: Parts, actor: Requester, project: PathName, name: PathName, ends: Ends
) -> Response:
    """Stay on the version that is delivered now, whatever is published."""
    held = find_request(platform, project, name)
    return _steered(Asking(platform, actor, ends), held, versions.pin(held))


@router.post("/rollback", operation_id="rollBackRequest", status_code=202, response_model=None)
def roll_back_request(
    *, platform: Parts, actor: Requester, project: PathName, name: PathName, ends: Ends
) -> Response:
    """Go back to the version before; after a failed upgrade, to the one that is delivered."""
    held = find_request(platform, project, name)
    return _steered(Asking(platform, actor, ends), held, versions.rollback(platform, held))


def _steered(asking: Asking, held: Request, steer: Steer) -> Response:
    return asking.change(held, steer.wanted, anew=steer.anew)
