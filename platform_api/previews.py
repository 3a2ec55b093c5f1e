"""The plan that a dry run answers with: what would happen to a request, and why.

It is made by the parts that would do it: the schema, policy and the planner. Nothing is
written, and a denial is part of the answer instead of a refusal, because whoever asks for
a plan wants to see all of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from catalog import requests
from catalog.actor import Actor
from catalog.contract import OperationName
from catalog.contracts import Revision
from catalog.digest import Json
from catalog.errors import Conflict, NotFound
from catalog.request import Request
from platform_api.admission import question
from platform_api.decision_views import PolicyVerdict
from platform_api.parts import Platform
from platform_api.wire import JsonDocument, Maybe, View
from policy.decision import Decision
from reconciler.plan import Move
from reconciler.preview import Preview, preview


class ConsideredView(View):
    """One destination that was looked at."""

    destination: str
    objection: Maybe[str] = None


class PlacementView(View):
    """Where it would land, and why there."""

    destination: Maybe[str] = None
    message: str
    considered: list[ConsideredView]


class StepOutline(View):
    """One step of the workflow that would run."""

    id: str
    uses: str


class ChangeView(View):
    """One thing that would become different."""

    path: str
    before: Any = None
    after: Any = None


class ContractChoice(View):
    """The revision that it would be made from."""

    name: str
    version: str
    digest: str


class PlanView(View):
    """What would happen.

    Attributes:
        action: the operation that would run; `none` or `wait` when there is none.
        inputs: as the workflow would get them, with the contract's defaults filled in.
        defaults: the inputs that were filled in.
    """

    dry_run: bool = True
    action: str
    reason: str
    message: str
    generation: int
    contract: ContractChoice
    inputs: JsonDocument
    defaults: list[str]
    placement: PlacementView
    policy: PolicyVerdict
    steps: list[StepOutline]
    changes: list[ChangeView]


def plan_view(
    platform: Platform, actor: Actor, operation: str, request: Request, revision: Revision
) -> PlanView:
    """Return what accepting a request like this would lead to.

    Raises:
        Unavailable: `policy_unavailable`; without policy's answer there is no plan.
    """
    decision = platform.admission.decide(question(actor, operation, request, revision))
    with platform.db.read() as tx:
        seen = preview(tx, request, revision, platform.clock())
    return _view(request, revision, seen, decision)


def check_name_free(platform: Platform, request: Request) -> None:
    """Refuse a plan for a name that is taken, as submitting would.

    Raises:
        Conflict: `request_exists`.
    """
    with platform.db.read() as tx:
        try:
            requests.by_name(tx, request.project, request.name)
        except NotFound:
            return
    raise Conflict(
        "request_exists",
        f"The project {request.project} has a request {request.name} already.",
        fix="change it with PUT, or choose another name",
    )


def _view(request: Request, revision: Revision, seen: Preview, decision: Decision) -> PlanView:
    plan, situation, placed = seen.plan, seen.situation, seen.placed
    given = request.inputs
    allowed = decision.is_allowed
    return PlanView(
        action=_action(plan.move, plan.operation) if allowed else "none",
        reason=plan.reason if allowed else "PolicyDenied",
        message=plan.message if allowed else "policy denies it: nothing would be done",
        generation=request.generation,
        contract=ContractChoice(name=revision.name, version=revision.version, digest=revision.digest),
        inputs=situation.inputs,
        defaults=sorted(name for name in situation.inputs if name not in given),
        placement=PlacementView(
            destination=None if placed.destination is None else placed.destination.name,
            message=placed.message,
            considered=[
                ConsideredView(destination=each.destination, objection=each.objection or None)
                for each in placed.considered
            ],
        ),
        policy=PolicyVerdict.of(decision),
        steps=list(_steps(revision, plan.operation)) if allowed else [],
        changes=[
            ChangeView(path=each.path, before=each.applied, after=each.observed) for each in plan.changes
        ],
    )


def _action(move: Move, operation: OperationName | None) -> str:
    if operation is not None:
        return str(operation)
    return "wait" if move is Move.WAIT else "none"


def _steps(revision: Revision, operation: OperationName | None) -> Iterator[StepOutline]:
    # Only some executors speak of steps; a definition that does not is simply not outlined.
    if operation is None:
        return
    steps: Json = revision.bundle.definition(operation).get("steps")
    for step in steps if isinstance(steps, list) else ():
        if isinstance(step, Mapping) and "id" in step:
            yield StepOutline(id=str(step["id"]), uses=str(step.get("uses", "")))
