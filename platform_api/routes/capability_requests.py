"""A capability's own address for requests: as `/v1/projects/{project}/requests`, of one contract.

The contract is said by the address, so a body cannot name another, and requests of other
contracts are as good as none. Each capability describes these addresses in its own OpenAPI
document, which is made of what stands here and of its contract.
"""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from catalog import contracts
from catalog.digest import JsonObject
from catalog.request import Request
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
from platform_api.doors import READER, Ends, EndsPlainly, List, Parts, PathName, Requester, refusals
from platform_api.paging import Page
from platform_api.preconditions import IfMatch, check_match
from platform_api.request_bodies import ReplaceCapabilityRequest, SubmitCapabilityRequest, patched
from platform_api.request_views import RequestView

router = APIRouter(prefix="/v1/capabilities/{name}/projects/{project}/requests", tags=["capabilities"])


def _held(platform: Parts, name: PathName, project: PathName, request: PathName) -> Request:
    return find_request(platform, project, request, name)


def _seen(
    platform: Parts, name: PathName, project: PathName, request: PathName, if_match: IfMatch = ""
) -> Request:
    held = find_request(platform, project, request, name)
    check_match(if_match, held.revision)
    return held


Submitted = Annotated[SubmitCapabilityRequest, Depends(JsonBody(SubmitCapabilityRequest))]
Replaced = Annotated[ReplaceCapabilityRequest, Depends(JsonBody(ReplaceCapabilityRequest))]
Patched = Annotated[JsonObject, Depends(MergePatchBody(ReplaceCapabilityRequest))]


@router.post(
    "",
    operation_id="submitCapabilityRequest",
    status_code=202,
    response_model=None,
    responses=SUBMITTED,
)
def submit_capability_request(
    *, platform: Parts, actor: Requester, name: PathName, project: PathName, body: Submitted, ends: Ends
) -> Response:
    """Ask for the capability; with dry_run, see the plan."""
    return Asking(platform, actor, ends, _address).submit(project, body.wish(body.name, name))


@router.get("", operation_id="listCapabilityRequests", dependencies=[READER], responses=refusals(404))
def list_capability_requests(
    platform: Parts, name: PathName, project: PathName, window: List, wanted: Narrowed
) -> Page[RequestView]:
    """List a project's requests on the capability, oldest first."""
    with platform.db.read() as tx:
        contracts.check_known(tx, name)
    return listed(platform, project, replace(wanted, projects=[project], contract=name), window)


@router.get(
    "/{request}",
    operation_id="getCapabilityRequest",
    dependencies=[READER],
    response_model=None,
    responses=SHOWN,
)
def get_capability_request(held: Annotated[Request, Depends(_held)]) -> Response:
    """Show a request with its status; its ETag is its revision."""
    return shown(held)


@router.put(
    "/{request}",
    operation_id="replaceCapabilityRequest",
    status_code=202,
    response_model=None,
    responses=CHANGED,
)
def replace_capability_request(
    platform: Parts,
    actor: Requester,
    body: Replaced,
    held: Annotated[Request, Depends(_seen)],
    ends: EndsPlainly,
) -> Response:
    """Replace all of what is wanted."""
    return Asking(platform, actor, ends, _address).change(held, body.wish(held.name, held.contract))


@router.patch(
    "/{request}",
    operation_id="patchCapabilityRequest",
    status_code=202,
    response_model=None,
    responses=CHANGED,
)
def patch_capability_request(
    platform: Parts,
    actor: Requester,
    body: Patched,
    held: Annotated[Request, Depends(_seen)],
    ends: EndsPlainly,
) -> Response:
    """Change some of what is wanted, by merge patch (RFC 7396)."""
    wish = patched(ReplaceCapabilityRequest, held, body).wish(held.name, held.contract)
    return Asking(platform, actor, ends, _address).change(held, wish)


@router.delete(
    "/{request}",
    operation_id="deleteCapabilityRequest",
    status_code=202,
    response_model=None,
    responses=DELETED,
)
def delete_capability_request(
    *,
    platform: Parts,
    actor: Requester,
    held: Annotated[Request, Depends(_held)],
    ends: EndsPlainly,
    if_match: IfMatch = "",
    when_unused: WhenUnused = False,
) -> Response:
    """Ask for teardown; it ends when the thing was seen gone. Asking again changes nothing."""
    return Asking(platform, actor, ends, _address).delete(held, if_match, when_unused=when_unused)


def _address(request: Request) -> str:
    return f"/v1/capabilities/{request.contract}/projects/{request.project}/requests/{request.name}"
