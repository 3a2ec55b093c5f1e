"""Requests: asking for capabilities, changing one's mind, giving back."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from catalog.digest import JsonObject
from platform_api.asking import (
    CHANGED,
    DELETED,
    SHOWN,
    SUBMITTED,
    Asking,
    Narrowed,
    WhenUnused,
    find_request,
    listed,
    shown,
)
from platform_api.bodies import JsonBody, MergePatchBody
from platform_api.commands.uses import check_own
from platform_api.doors import (
    READER,
    Ends,
    EndsPlainly,
    List,
    Parts,
    PathName,
    QueryName,
    Requester,
    refusals,
)
from platform_api.paging import Page
from platform_api.preconditions import IfMatch, check_match
from platform_api.request_bodies import ReplaceRequest, SubmitRequest, patched
from platform_api.request_views import RequestView

router = APIRouter(prefix="/v1/projects/{project}/requests", tags=["requests"])


Submitted = Annotated[SubmitRequest, Depends(JsonBody(SubmitRequest))]
Replaced = Annotated[ReplaceRequest, Depends(JsonBody(ReplaceRequest))]
Patched = Annotated[JsonObject, Depends(MergePatchBody(ReplaceRequest))]


@router.post(
    "",
    operation_id="submitRequest",
    status_code=202,
    response_model=None,
    responses=SUBMITTED,
)
def submit_request(
    platform: Parts, actor: Requester, project: PathName, body: Submitted, ends: Ends
) -> Response:
    """Ask for a capability; with dry_run, see the plan."""
    return Asking(platform, actor, ends).submit(project, body.wanted(body.name))


@router.get("", operation_id="listRequests", dependencies=[READER], responses=refusals(404))
def list_requests(
    *, platform: Parts, project: PathName, window: List, wanted: Narrowed, contract: QueryName = None
) -> Page[RequestView]:
    """List a project's requests, oldest first."""
    return listed(platform, project, replace(wanted, projects=[project], contract=contract), window)


@router.get(
    "/{name}",
    operation_id="getRequest",
    dependencies=[READER],
    response_model=None,
    responses=SHOWN,
)
def get_request(platform: Parts, project: PathName, name: PathName) -> Response:
    """Show a request with its status; its ETag is its revision."""
    return shown(find_request(platform, project, name))


@router.put(
    "/{name}",
    operation_id="replaceRequest",
    status_code=202,
    response_model=None,
    responses=CHANGED,
)
def replace_request(
    *,
    platform: Parts,
    actor: Requester,
    project: PathName,
    name: PathName,
    body: Replaced,
    ends: EndsPlainly,
    if_match: IfMatch = "",
) -> Response:
    """Replace all of what is wanted."""
    held = find_request(platform, project, name)
    check_own(held)
    check_match(if_match, held.revision)
    return Asking(platform, actor, ends).change(held, body.wanted(held.name))


@router.patch(
    "/{name}",
    operation_id="patchRequest",
    status_code=202,
    response_model=None,
    responses=CHANGED,
)
def patch_request(
    *,
    platform: Parts,
    actor: Requester,
    project: PathName,
    name: PathName,
    body: Patched,
    ends: EndsPlainly,
    if_match: IfMatch = "",
) -> Response:
    """Change some of what is wanted, by merge patch (RFC 7396)."""
    held = find_request(platform, project, name)
    check_own(held)
    check_match(if_match, held.revision)
    return Asking(platform, actor, ends).change(held, patched(ReplaceRequest, held, body).wanted(held.name))


@router.delete(
    "/{name}",
    operation_id="deleteRequest",
    status_code=202,
    response_model=None,
    responses=DELETED,
)
def delete_request(
    *,
    platform: Parts,
    actor: Requester,
    project: PathName,
    name: PathName,
    ends: EndsPlainly,
    if_match: IfMatch = "",
    when_unused: WhenUnused = False,
) -> Response:
    """Ask for teardown; it ends when the thing was seen gone. Asking again changes nothing."""
    held = find_request(platform, project, name)
    return Asking(platform, actor, ends).delete(held, if_match, when_unused=when_unused)
