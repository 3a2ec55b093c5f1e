"""Canaries: how many requests follow a version; a part of the version, with an ETag of its own."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import JSONResponse, Response

from catalog import canaries
from catalog.selection import Canary
from platform_api.bodies import JsonBody
from platform_api.commands import canaries as commands
from platform_api.doors import (
    SIGNED_IN,
    EndsPlainly,
    Parts,
    PathName,
    PathVersion,
    SignedIn,
    answer_of,
    answers,
    refusals,
)
from platform_api.lookups import followers
from platform_api.preconditions import IfMatch, etag
from platform_api.receipts import Answer
from platform_api.wire import At, Body, Maybe, View

router = APIRouter(
    prefix="/v1/contracts/{name}/versions/{version}/canary", tags=["contracts"], responses=refusals(404)
)


class SetCanary(Body):
    """How many requests of a hundred follow a version: 0 none, 100 all."""

    share: Annotated[int, Field(ge=0, le=100, strict=True)]


class CanaryView(View):
    """How far a version has come; `revision` is its ETag."""

    name: str
    version: str
    trial: str
    share: Maybe[int] = None
    revision: int
    changed_at: Maybe[At] = None
    changed_by: Maybe[str] = None

    @classmethod
    def of(cls, canary: Canary) -> "CanaryView":
        """Return the view of a canary."""
        return cls(
            name=canary.name,
            version=canary.version,
            trial=str(canary.trial),
            share=canary.share,
            revision=canary.revision,
            changed_at=canary.changed_at,
            changed_by=canary.changed_by or None,
        )


class CanaryStatus(CanaryView):
    """The same, with how many live requests stand on the version."""

    requests: int


@router.get(
    "",
    operation_id="getCanary",
    dependencies=[SIGNED_IN],
    response_model=None,
    responses=answers(CanaryStatus, 200),
)
def get_canary(platform: Parts, name: PathName, version: PathVersion) -> Response:
    """Show how many requests follow a version, and how many stand on it."""
    with platform.db.read() as tx:
        found = canaries.load(tx, name, version)
        count = followers(tx, name, version)
    view = CanaryStatus(**CanaryView.of(found).model_dump(), requests=count)
    return JSONResponse(view.model_dump(mode="json"), 200, {"ETag": etag(found.revision)})


@router.put(
    "",
    operation_id="setCanary",
    response_model=None,
    responses=answers(CanaryView, 200) | refusals(412, 428),
)
def set_canary(
    *,
    platform: Parts,
    actor: SignedIn,
    name: PathName,
    version: PathVersion,
    body: Annotated[SetCanary, Depends(JsonBody(SetCanary))],
    ends: EndsPlainly,
    if_match: IfMatch = "",
) -> Response:
    """Let a share of the requests that pin no version follow this one; 100 promotes it, 0 takes it back."""
    command = partial(commands.set_share, platform, actor, (name, version), (body.share, if_match))
    return ends.settle(command, _answer)


def _answer(canary: Canary) -> Answer:
    return answer_of(CanaryView.of(canary), 200, {"ETag": etag(canary.revision)})
