"""What policy is in force, and what it said."""

from typing import Annotated

from fastapi import APIRouter, Query

from platform_api import lookups
from platform_api.decision_views import DecisionView
from platform_api.doors import PROJECT_IN_QUERY, SIGNED_IN, List, Parts, PathId, SignedIn, refusals
from platform_api.paging import Page
from platform_api.wire import NAME_PATTERN, Maybe, View
from policy import store as decisions

router = APIRouter(prefix="/v1", tags=["policy"])

ProjectQuery = Annotated[str, Query(pattern=NAME_PATTERN, max_length=63)]


class EngineView(View):
    """What evaluates policies, and whether it can answer now."""

    name: str
    version: Maybe[str] = None
    is_ready: bool
    message: Maybe[str] = None


class PoliciesView(View):
    """The organisation's policies in force; a contract may add its own and takes none away.

    Attributes:
        revision: digest over all of them; every decision names the one it was made under.
    """

    revision: str
    modules: list[str]
    engine: EngineView


@router.get("/policies", operation_id="getPolicies", dependencies=[SIGNED_IN])
def get_policies(platform: Parts) -> PoliciesView:
    """Show which policies are asked, and by which engine."""
    state = platform.engine.state()
    return PoliciesView(
        revision=platform.organisation.revision,
        modules=[module.policy for module in platform.organisation.modules],
        engine=EngineView(
            name=state.name,
            version=state.version or None,
            is_ready=state.is_ready,
            message=state.message or None,
        ),
    )


@router.get(
    "/decisions", operation_id="listDecisions", dependencies=[PROJECT_IN_QUERY], responses=refusals(404)
)
def list_decisions(platform: Parts, project: ProjectQuery, window: List) -> Page[DecisionView]:
    """List a project's decisions, newest first."""
    before = str(window.after[0]) if window.after else None
    with platform.db.read() as tx:
        rows = decisions.page(tx, project, window.limit, before=before)
    return window.page(rows, DecisionView.of, lambda row: [row.id])


@router.get("/decisions/{decision_id}", operation_id="getDecision")
def get_decision(platform: Parts, actor: SignedIn, decision_id: PathId) -> DecisionView:
    """Show a decision."""
    with platform.db.read() as tx:
        project = lookups.project_of_decision(tx, actor, decision_id)
        return DecisionView.of(decisions.get(tx, project, decision_id))
