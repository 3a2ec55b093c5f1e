"""What can be done to a request besides changing it: what every request has, and its contract's own actions.

The former have addresses of their own, before that of the latter; no contract can name an action
like one of them (`catalog.contract_check.RESERVED_ACTIONS`).
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from catalog import contracts
from catalog.actor import Actor
from catalog.request import Request
from platform_api.action_plans import action_plan
from platform_api.action_views import ActionView
from platform_api.asking import Asking, find_request
from platform_api.bodies import JsonBody
from platform_api.commands import actions
from platform_api.commands import requests as commands
from platform_api.commands.actions import Wish
from platform_api.doors import (
    READER,
    Ends,
    Parts,
    PathName,
    Requester,
    answer_of,
    answers,
    refusals,
    respond,
)
from platform_api.parts import Platform
from platform_api.previews import PlanView
from platform_api.receipts import Receipt
from platform_api.request_views import RequestView
from platform_api.wire import Body, JsonDocument, Line, View

router = APIRouter(prefix="/v1/projects/{project}/requests/{name}/actions", tags=["requests"])

_DONE = answers(RequestView, 200, 202) | refusals(404, 409, 410)
_ASKED = (
    answers(RequestView, 202, headers=["ETag", "Location"])
    | answers(PlanView, 200)
    | refusals(404, 409, 410, 412)
)

Command = Callable[[Platform, Actor, str, str, Receipt[Request]], Request]
"""Does something to the request of that project and name."""


async def _doing(
    platform: Parts, actor: Requester, project: PathName, name: PathName, ends: Ends
) -> Callable[[Command], Response]:
    """Return how a command is carried out on the request at this address."""

    def do(command: Command) -> Response:
        find_request(platform, project, name)
        meant = partial(command, platform, actor, project, name)
        return ends.settle(meant, Asking(platform, actor, ends).accepted)

    return do


Doing = Annotated[Callable[[Command], Response], Depends(_doing)]


class ActRequest(Body):
    """What an action takes, and why it is asked for."""

    inputs: JsonDocument = Field(default_factory=dict)
    reason: Line = Field("", description="Kept in the audit trail.")


class ActionList(View):
    """What can be asked of a request, by the version that was delivered."""

    contract: str
    version: str
    items: list[ActionView]


@router.get("", operation_id="listRequestActions", dependencies=[READER], responses=refusals(404, 410))
def list_request_actions(platform: Parts, project: PathName, name: PathName) -> ActionList:
    """List what can be asked of a request besides changing it."""
    held = find_request(platform, project, name)
    digest = held.contract_digest if held.applied is None else held.applied.contract_digest
    with platform.db.read() as tx:
        contract = contracts.by_digest(tx, digest).contract
    return ActionList(contract=contract.name, version=contract.version, items=ActionView.of_all(contract))


@router.post(
    "/reconcile", operation_id="reconcileRequest", status_code=202, response_model=None, responses=_DONE
)
def reconcile_request(do: Doing) -> Response:
    """Look at it now, and let it try again what failed."""
    return do(commands.reconcile)


@router.post("/pause", operation_id="pauseRequest", status_code=202, response_model=None, responses=_DONE)
def pause_request(do: Doing) -> Response:
    """Hold it: nothing is done to it, and changes wait."""
    return do(partial(commands.pause, paused=True))


@router.post("/resume", operation_id="resumeRequest", status_code=202, response_model=None, responses=_DONE)
def resume_request(do: Doing) -> Response:
    """Let it go on."""
    return do(partial(commands.pause, paused=False))


@router.post("/keep", operation_id="keepRequest", status_code=202, response_model=None, responses=_DONE)
def keep_request(do: Doing) -> Response:
    """Keep it after all: take back a deletion that waits until nothing uses it."""
    return do(commands.keep)


@router.post("/{action}", operation_id="actOnRequest", status_code=202, response_model=None, responses=_ASKED)
def act_on_request(
    *,
    platform: Parts,
    actor: Requester,
    project: PathName,
    name: PathName,
    action: PathName,
    body: Annotated[ActRequest, Depends(JsonBody(ActRequest, is_needed=False))],
    ends: Ends,
) -> Response:
    """Ask for an action of the contract that was delivered; with dry_run, see its plan."""
    held = find_request(platform, project, name)
    wish = Wish(action, body.inputs, body.reason)
    if ends.is_dry:
        proposal = actions.proposed(platform, actor, held, wish)
        with platform.db.read() as tx:
            actions.check_ready(tx, held)
        plan = action_plan(platform, actor, proposal, frozenset(body.inputs))
        return respond(answer_of(plan, 200))
    command = partial(actions.act, platform, actor, held, wish)
    return ends.settle(command, Asking(platform, actor, ends).accepted)
