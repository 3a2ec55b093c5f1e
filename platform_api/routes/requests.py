"""Requests: asking for capabilities, changing one's mind, giving back."""

from enum import StrEnum
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field
from starlette.responses import JSONResponse, Response

from catalog import projects, requests
from catalog.digest import JsonObject
from catalog.errors import Gone, NotFound
from catalog.request import Phase, Request
from platform_api.bodies import JsonBody, MergePatchBody, check_model, merge_patch
from platform_api.commands import requests as commands
from platform_api.commands.requests import Wanted
from platform_api.doors import (
    READER,
    Ends,
    EndsPlainly,
    List,
    Parts,
    PathName,
    QueryName,
    Requester,
    answer_of,
    answers,
    refusals,
)
from platform_api.paging import Page
from platform_api.parts import Platform
from platform_api.preconditions import IfMatch, check_match, etag
from platform_api.previews import PlanView, check_name_free, plan_view
from platform_api.receipts import Answer
from platform_api.request_views import RequestView, path_of
from platform_api.wire import Body, Given, JsonDocument, Labels, Name, Version

router = APIRouter(prefix="/v1/projects/{project}/requests", tags=["requests"])

Owner = Annotated[str, Field(pattern=r"^([a-z]([a-z0-9]|-[a-z0-9])*)?$", max_length=63)]
LABELS_PATTERN = (
    r"^[A-Za-z0-9._/-]{1,63}=[A-Za-z0-9._/-]{1,63}(,[A-Za-z0-9._/-]{1,63}=[A-Za-z0-9._/-]{1,63})*$"
)


class ReplaceRequest(Body):
    """All of what is wanted; what is left out goes back to its default."""

    contract: Name
    version: Given[Version] = Field(None, description="An exact version; without it the newest is followed.")
    environment: Name = "dev"
    owner: Owner = Field("", description="The team that answers for it.")
    labels: Labels = Field(default_factory=dict)
    inputs: JsonDocument = Field(default_factory=dict)

    def wanted(self, name: str) -> Wanted:
        """Return what somebody asks for."""
        return Wanted(
            name=name,
            contract=self.contract,
            version=self.version,
            environment=self.environment,
            owner=self.owner,
            labels=self.labels,
            inputs=self.inputs,
        )


class SubmitRequest(ReplaceRequest):
    """What is wanted, and under which name."""

    name: Name


class RequestAction(StrEnum):
    """What can be done to a request besides changing it."""

    RECONCILE = "reconcile"
    PAUSE = "pause"
    RESUME = "resume"


Submitted = Annotated[SubmitRequest, Depends(JsonBody(SubmitRequest))]
Replaced = Annotated[ReplaceRequest, Depends(JsonBody(ReplaceRequest))]
Patched = Annotated[JsonObject, Depends(MergePatchBody(ReplaceRequest))]


@router.post(
    "",
    operation_id="submitRequest",
    status_code=202,
    response_model=None,
    responses=answers(RequestView, 202) | answers(PlanView, 200) | refusals(404, 409),
)
def submit_request(
    platform: Parts, actor: Requester, project: PathName, body: Submitted, ends: Ends
) -> Response:
    """Ask for a capability; with dry_run, see the plan."""
    wanted = body.wanted(body.name)
    if ends.is_dry:
        revision = commands.revision_for(platform, project, wanted)
        proposed = commands.new_request(platform, actor, project, wanted, revision)
        check_name_free(platform, proposed)
        return _planned(plan_view(platform, actor, "create", proposed, revision))
    return ends.settle(partial(commands.submit, platform, actor, project, wanted), _accepted)


@router.get("", operation_id="listRequests", dependencies=[READER], responses=refusals(404))
def list_requests(
    *,
    platform: Parts,
    project: PathName,
    window: List,
    phase: Annotated[Phase | None, Query()] = None,
    contract: QueryName = None,
    owner: QueryName = None,
    environment: QueryName = None,
    destination: QueryName = None,
    labels: Annotated[
        str | None, Query(pattern=LABELS_PATTERN, max_length=1000, description="name=value,...")
    ] = None,
    q: Annotated[
        str | None, Query(pattern="^[a-z0-9-]+$", max_length=63, description="Part of the name.")
    ] = None,
) -> Page[RequestView]:
    """List a project's requests, oldest first."""
    wanted = requests.Filter(
        projects=[project],
        phase=phase,
        contract=contract,
        owner=owner,
        environment=environment,
        destination=destination,
        labels=dict(pair.split("=", 1) for pair in labels.split(",")) if labels else None,
        text=q,
    )
    after = str(window.after[0]) if window.after else ""
    with platform.db.read() as tx:
        projects.load(tx, project)
        rows = requests.page(tx, wanted, after, window.limit)
    return window.page(rows, RequestView.of, lambda row: [row.uid])


@router.get(
    "/{name}",
    operation_id="getRequest",
    dependencies=[READER],
    response_model=None,
    responses=answers(RequestView, 200) | refusals(404, 410),
)
def get_request(platform: Parts, project: PathName, name: PathName) -> Response:
    """Show a request with its status; its ETag is its revision."""
    request = find_request(platform, project, name)
    return _shown(request)


@router.put(
    "/{name}",
    operation_id="replaceRequest",
    status_code=202,
    response_model=None,
    responses=answers(RequestView, 200, 202) | refusals(404, 409, 410, 412, 428),
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
    check_match(if_match, held.revision)
    return _change(platform, actor, held, body, ends)


@router.patch(
    "/{name}",
    operation_id="patchRequest",
    status_code=202,
    response_model=None,
    responses=answers(RequestView, 200, 202) | refusals(404, 409, 410, 412, 428),
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
    check_match(if_match, held.revision)
    merged = check_model(ReplaceRequest, merge_patch(_desired(held), body))
    return _change(platform, actor, held, merged, ends)


@router.delete(
    "/{name}",
    operation_id="deleteRequest",
    status_code=202,
    response_model=None,
    responses=answers(RequestView, 202) | answers(PlanView, 200) | refusals(404, 410, 412, 428),
)
def delete_request(
    *,
    platform: Parts,
    actor: Requester,
    project: PathName,
    name: PathName,
    ends: EndsPlainly,
    if_match: IfMatch = "",
) -> Response:
    """Ask for teardown; it ends when the thing was seen gone. Asking again changes nothing."""
    held = find_request(platform, project, name)
    check_match("*" if if_match.strip() and held.is_deleting else if_match, held.revision)
    if ends.is_dry:
        return _planned(_teardown_plan(platform, actor, held))
    return ends.settle(partial(commands.delete, platform, actor, held), _accepted)


@router.post(
    "/{name}/actions/{action}",
    operation_id="actOnRequest",
    status_code=202,
    response_model=None,
    responses=answers(RequestView, 200, 202) | refusals(404, 409, 410),
)
def act_on_request(
    *, platform: Parts, actor: Requester, project: PathName, name: PathName, action: RequestAction, ends: Ends
) -> Response:
    """Look at it now (`reconcile`), hold it (`pause`) or let it go on (`resume`)."""
    find_request(platform, project, name)
    if action is RequestAction.RECONCILE:
        return ends.settle(partial(commands.reconcile, platform, actor, project, name), _accepted)
    hold = partial(commands.pause, paused=action is RequestAction.PAUSE)
    return ends.settle(partial(hold, platform, actor, project, name), _accepted)


def find_request(platform: Platform, project: str, name: str) -> Request:
    """Return the live request of this name.

    Raises:
        NotFound: `project_not_found`, `request_not_found`.
        Gone: `request_deleted`, when there was one.
    """
    with platform.db.read() as tx:
        try:
            return requests.by_name(tx, project, name)
        except NotFound:
            projects.load(tx, project)
            last = requests.last_deleted(tx, project, name)
            if last is None:
                raise
    raise Gone(
        "request_deleted", f"{name} was deleted and seen gone.", fix="the name is free: request it anew"
    )


def _change(
    platform: Platform, actor: Requester, held: Request, body: ReplaceRequest, ends: EndsPlainly
) -> Response:
    wanted = body.wanted(held.name)
    if ends.is_dry:
        revision = commands.revision_for(platform, held.project, wanted)
        commands.check_changeable(held, wanted)
        after = commands.changed(platform, held, wanted, revision)
        return _planned(plan_view(platform, actor, "update", after, revision))
    return ends.settle(
        partial(commands.change, platform, actor, held, wanted),
        lambda after: _accepted(after) if after.generation > held.generation else _answer(after, 200),
    )


def _teardown_plan(platform: Platform, actor: Requester, held: Request) -> PlanView:
    revision, deleting = commands.teardown(platform, held)
    return plan_view(platform, actor, "delete", deleting, revision)


def _desired(held: Request) -> JsonObject:
    document: JsonObject = {
        "contract": held.contract,
        "version": held.version,
        "environment": held.environment,
        "owner": held.owner,
        "labels": dict(held.labels),
        "inputs": dict(held.inputs),
    }
    return {name: value for name, value in document.items() if value is not None}


def _accepted(request: Request) -> Answer:
    return _answer(request, 202)


def _answer(request: Request, status: int) -> Answer:
    headers = {"ETag": etag(request.revision), "Location": path_of(request)}
    return answer_of(RequestView.of(request), status, headers)


def _shown(request: Request) -> Response:
    return JSONResponse(
        RequestView.of(request).model_dump(mode="json"), 200, {"ETag": etag(request.revision)}
    )


def _planned(plan: PlanView) -> Response:
    return JSONResponse(plan.model_dump(mode="json"), 200)
