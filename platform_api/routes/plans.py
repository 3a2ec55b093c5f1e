"""Plans that are kept: shown, and submitted as they stand; for whoever may ask for the thing itself."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import JSONResponse, Response

from catalog.errors import Finding, Invalid
from catalog.request import Request
from platform_api import notices, plans
from platform_api.asking import find_request
from platform_api.bodies import JsonBody
from platform_api.commands import plans as commands
from platform_api.commands.plans import Intent
from platform_api.doors import (
    Ends,
    List,
    Parts,
    PathId,
    PathName,
    Requester,
    answer_of,
    answers,
    refusals,
)
from platform_api.paging import Page
from platform_api.parts import Platform
from platform_api.plan_binding import HELD
from platform_api.plans import PlannedOperation, StoredPlan
from platform_api.preconditions import etag
from platform_api.previews import PlanView
from platform_api.receipts import Answer
from platform_api.request_bodies import ReplaceRequest
from platform_api.request_views import RequestView, path_of
from platform_api.wire import At, JsonDocument, Maybe, Name, View

router = APIRouter(prefix="/v1/projects/{project}/plans", tags=["requests"], responses=refusals(404))


class MakePlan(ReplaceRequest):
    """What is to become of which request; a deletion says nothing else."""

    operation: Annotated[PlannedOperation, Field(strict=False)]
    name: Name
    contract: Name = ""


class PlanListed(View):
    """A plan, without what it says.

    Attributes:
        action: the operation that would run; `none` or `wait` when there is none.
        state: `open` plans can be submitted.
    """

    id: str
    project: str
    request: str
    operation: str
    action: str
    state: str
    created_at: At
    created_by: str
    expires_at: At
    submitted_at: Maybe[At] = None

    @classmethod
    def head(cls, plan: StoredPlan, now: At) -> "PlanListed":
        """Return the view of a plan in a list."""
        return PlanListed(
            id=plan.id,
            project=plan.project,
            request=plan.request,
            operation=str(plan.operation),
            action=str(plan.document["action"]),
            state=str(plan.state(now)),
            created_at=plan.created_at,
            created_by=plan.created_by,
            expires_at=plan.expires_at,
            submitted_at=plan.submitted_at,
        )


class StoredPlanView(PlanListed):
    """A stored plan.

    Attributes:
        binding: what it rests on, as digests and revisions; it can be submitted while all of it holds.
        plan: as a dry run would have answered when it was made.
    """

    binding: JsonDocument
    plan: JsonDocument

    @classmethod
    def whole(cls, plan: StoredPlan, now: At) -> "StoredPlanView":
        """Return the view of a whole plan."""
        head = PlanListed.head(plan, now).model_dump()
        return cls(**head, binding=dict(plan.binding), plan=dict(plan.document))


Made = Annotated[MakePlan, Depends(JsonBody(MakePlan))]


@router.post(
    "",
    operation_id="makePlan",
    status_code=201,
    response_model=None,
    responses=answers(StoredPlanView, 200, 201) | refusals(409, 410),
)
def make_plan(platform: Parts, actor: Requester, project: PathName, body: Made, ends: Ends) -> Response:
    """Plan what is asked for and keep the plan, so that exactly this can be submitted."""
    _check_fields(body)
    is_new = body.operation is PlannedOperation.CREATE
    intent = Intent(
        operation=body.operation,
        project=project,
        name=body.name,
        uid=platform.mint("req") if is_new else find_request(platform, project, body.name).uid,
        wanted=None if body.operation is PlannedOperation.DELETE else body.wanted(body.name),
    )

    def made(plan: StoredPlan) -> Answer:
        view = StoredPlanView.whole(plan, ends.now)
        return answer_of(view, 201, {"Location": f"/v1/projects/{project}/plans/{plan.id}"})

    return ends.settle(partial(commands.save, platform, actor, intent), made)


@router.get("", operation_id="listPlans")
def list_plans(platform: Parts, _actor: Requester, project: PathName, window: List) -> Page[PlanListed]:
    """List a project's plans, newest first."""
    before = str(window.after[0]) if window.after else None
    with platform.db.read() as tx:
        rows = plans.page(tx, project, window.limit, before=before)
    now = platform.clock()
    return window.page(rows, lambda plan: PlanListed.head(plan, now), lambda plan: [plan.id])


@router.get("/{plan_id}", operation_id="getPlan")
def get_plan(platform: Parts, _actor: Requester, project: PathName, plan_id: PathId) -> StoredPlanView:
    """Show a plan as it was made."""
    return StoredPlanView.whole(_plan(platform, project, plan_id), platform.clock())


@router.post(
    "/{plan_id}/submit",
    operation_id="submitPlan",
    status_code=202,
    response_model=None,
    responses=answers(RequestView, 202) | answers(RequestView | PlanView, 200) | refusals(409, 410),
)
def submit_plan(
    platform: Parts, actor: Requester, project: PathName, plan_id: PathId, ends: Ends
) -> Response:
    """Do exactly what was planned; refused, with what changed, when that is not what would happen now."""
    plan = _plan(platform, project, plan_id)
    if ends.is_dry:
        commands.check_fresh(platform, actor, plan)
        return JSONResponse(dict(plan.document), 200)

    def accepted(request: Request) -> Answer:
        headers = {"ETag": etag(request.revision), "Location": path_of(request)}
        return answer_of(RequestView.of(request), _status(plan, request), headers)

    return ends.settle(partial(commands.submit, platform, actor, plan), accepted)


def _status(plan: StoredPlan, request: Request) -> int:
    """Return the status with which changing the request itself is answered."""
    held = plan.binding[HELD]
    is_delivery = not isinstance(held, Mapping) or held["generation"] != request.generation
    return 200 if plan.operation is PlannedOperation.UPDATE and not is_delivery else 202


def _plan(platform: Platform, project: str, plan_id: str) -> StoredPlan:
    with platform.db.read() as tx:
        plan = plans.load(tx, project, plan_id)
        contract = plan.document["contract"]
        if isinstance(contract, Mapping):
            notices.tell_of_version(tx, str(contract["name"]), str(contract["version"]))
        return plan


def _check_fields(body: MakePlan) -> None:
    """Pass a body that says what is wanted, or for a deletion nothing.

    Raises:
        Invalid: `invalid_body`.
    """
    if body.operation is not PlannedOperation.DELETE:
        missing = (
            [] if body.contract else [Finding("/contract", "required", "this field is required", "add it")]
        )
    else:
        said = sorted(body.model_fields_set - {"operation", "name"})
        missing = [
            Finding(f"/{name}", "unknown_field", "a deletion asks for nothing", "remove it") for name in said
        ]
    if missing:
        raise Invalid("invalid_body", "The body is not what is expected here.", findings=missing)
