"""Migrations of runs: POST under a run, or under a contract's version for all of its parked runs."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from catalog.actor import Actor
from catalog.errors import Finding, Invalid
from platform_api import lookups
from platform_api.bodies import JsonBody
from platform_api.commands import migrations as commands
from platform_api.commands.migrations import Move, Moved, Report
from platform_api.doors import (
    ID_PATTERN,
    Ends,
    Parts,
    PathId,
    PathName,
    PathVersion,
    SignedIn,
    answer_of,
    answers,
    refusals,
)
from platform_api.receipts import Answer
from platform_api.wire import VERSION_PATTERN, Body, Given, JsonDocument, Maybe, View

router = APIRouter(tags=["runs"], responses=refusals(404))

StepPath = Annotated[str, Field(min_length=1, max_length=200)]
Version = Annotated[str, Field(pattern=VERSION_PATTERN, max_length=64)]
Mapping = Annotated[
    dict[StepPath, StepPath | None],
    Field(default_factory=dict, max_length=1000, description="Old step to new; null gives one up."),
]


class MigrateRuns(Body):
    """Where the parked runs of a version are to go."""

    contract_version: Version
    mapping: Mapping
    keep_approvals: bool = Field(
        default=False, description="What people approved holds for the new definition as well."
    )
    after: Annotated[str, Field(pattern=rf"^$|{ID_PATTERN}", max_length=40)] = Field(
        default="", description="Go on behind this run."
    )


class MigrateRun(Body):
    """Where a run is to go: to a version of its contract, or to a definition of its own."""

    contract_version: Given[Version] = None
    definition: Given[JsonDocument] = Field(None, description="A workflow document; for admins.")
    mapping: Mapping
    keep_approvals: bool = Field(
        default=False, description="What people approved holds for the new definition as well."
    )


class FindingView(View):
    """What keeps a run from being moved."""

    pointer: str
    code: str
    message: str
    fix: str

    @classmethod
    def of(cls, finding: Finding) -> "FindingView":
        """Return the view of a finding."""
        return cls(pointer=finding.pointer, code=finding.code, message=finding.message, fix=finding.fix)


class MovedView(View):
    """What comes of it for one run; the run takes the letter in by itself."""

    run_id: str
    project: Maybe[str] = None
    operation: str
    outcome: str
    former: str
    definition: Maybe[str] = None
    findings: list[FindingView]

    @classmethod
    def of(cls, actor: Actor, moved: Moved) -> "MovedView":
        """Return the view of what comes of it; of whose run it is only to whoever may read there."""
        return cls(
            run_id=moved.run_id,
            project=moved.project if actor.may_read(moved.project) else None,
            operation=moved.operation,
            outcome="refused" if moved.findings else "migrating",
            former=moved.former,
            definition=moved.definition or None,
            findings=[FindingView.of(finding) for finding in moved.findings],
        )


class ReportView(View):
    """What comes of it for all; `after` says where to go on when there are more."""

    migrating: int
    refused: int
    items: list[MovedView]
    after: Maybe[str] = None


@router.post(
    "/v1/runs/{run_id}/migrate",
    operation_id="migrateRun",
    status_code=202,
    response_model=None,
    responses=answers(MovedView, 200, 202),
)
def migrate_run(
    platform: Parts,
    actor: SignedIn,
    run_id: PathId,
    body: Annotated[MigrateRun, Depends(JsonBody(MigrateRun))],
    ends: Ends,
) -> Response:
    """Let a parked run follow another definition; what it did is kept."""
    with platform.db.read() as tx:
        project = lookups.project_of_run(tx, actor, run_id)
    if (body.contract_version is None) is (body.definition is None):
        fix = "give contract_version, or a definition"
        finding = Finding("/contract_version", "one_of_two", "exactly one goal is needed", fix)
        raise Invalid("invalid_body", "The body is not what is expected here.", findings=(finding,))
    move = Move(body.contract_version, body.definition, body.mapping, body.keep_approvals)
    command = partial(commands.migrate, platform, actor, (project, run_id), move)
    return ends.settle(command, lambda moved: _accepted(MovedView.of(actor, moved), run_id))


@router.post(
    "/v1/contracts/{name}/versions/{version}/migrate",
    operation_id="migrateRuns",
    response_model=None,
    responses=answers(ReportView, 200),
)
def migrate_runs(
    *,
    platform: Parts,
    actor: SignedIn,
    name: PathName,
    version: PathVersion,
    body: Annotated[MigrateRuns, Depends(JsonBody(MigrateRuns))],
    ends: Ends,
) -> Response:
    """Let every parked run of a version follow another version, and report on each."""
    move = Move(body.contract_version, None, body.mapping, body.keep_approvals)
    command = partial(commands.migrate_all, platform, actor, (name, version, body.after), move)
    return ends.settle(command, lambda report: answer_of(_report(actor, report), 200))


def _accepted(view: MovedView, run_id: str) -> Answer:
    return answer_of(view, 202, {"Location": f"/v1/runs/{run_id}"})


def _report(actor: Actor, report: Report) -> ReportView:
    refused = sum(bool(moved.findings) for moved in report.runs)
    return ReportView(
        migrating=len(report.runs) - refused,
        refused=refused,
        items=[MovedView.of(actor, moved) for moved in report.runs],
        after=report.after or None,
    )
