"""Contracts: what may be asked for; published by teams, readable by everybody."""

from enum import StrEnum
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from catalog import contracts
from catalog.contracts import Listed, Revision
from catalog.errors import NotFound
from platform_api.bodies import MIB, JsonBody
from platform_api.commands import contracts as commands
from platform_api.commands.contracts import Published
from platform_api.doors import (
    SIGNED_IN,
    Ends,
    List,
    Parts,
    PathName,
    PathVersion,
    QueryName,
    SignedIn,
    answer_of,
    answers,
    refusals,
)
from platform_api.paging import Page
from platform_api.receipts import Answer
from platform_api.wire import At, Body, JsonDocument, View

router = APIRouter(prefix="/v1/contracts", tags=["contracts"])

FilePath = Annotated[str, Field(min_length=1, max_length=300)]


class PublishContract(Body):
    """A bundle: its text files by path."""

    files: dict[FilePath, str] = Field(min_length=1, max_length=200)


class RevisionListed(View):
    """A published revision, without what it says."""

    name: str
    version: str
    digest: str
    owner: str
    published_at: At
    published_by: str

    @classmethod
    def of(cls, listed: Listed | Revision) -> "RevisionListed":
        """Return the view of a revision in a list."""
        return cls(
            name=listed.name,
            version=listed.version,
            digest=listed.digest,
            owner=listed.owner,
            published_at=listed.published_at,
            published_by=listed.published_by,
        )


class ExampleView(View):
    """Inputs that show how to ask."""

    name: str
    environment: str
    inputs: JsonDocument


class RevisionView(RevisionListed):
    """A published revision."""

    lifecycle: str
    description: str
    inputs: JsonDocument
    outputs: JsonDocument
    service_levels: JsonDocument
    operations: dict[str, dict[str, str]]
    examples: list[ExampleView]
    files: dict[str, str]

    @classmethod
    def whole(cls, revision: Revision) -> "RevisionView":
        """Return the view of a whole revision."""
        contract = revision.contract
        head = RevisionListed.of(revision).model_dump()
        return cls(
            **head,
            lifecycle=contract.lifecycle,
            description=contract.description,
            inputs=dict(contract.inputs),
            outputs=dict(contract.outputs),
            service_levels=dict(contract.service_levels),
            operations={
                str(name): {"executor": part.executor, "definition": part.definition}
                for name, part in contract.operations.items()
            },
            examples=[
                ExampleView(name=part.name, environment=part.environment, inputs=dict(part.inputs))
                for part in contract.examples
            ],
            files=dict(revision.files),
        )


class ContractView(View):
    """A contract over all its versions."""

    name: str
    owner: str
    paused: bool
    versions: list[str]
    newest: RevisionView


class PublishedView(RevisionListed):
    """What was published; `is_new` is false when exactly this was there already."""

    is_new: bool


class HoldView(View):
    """Whether all requests on a contract are held."""

    name: str
    paused: bool


class ContractAction(StrEnum):
    """What can be done to all requests on a contract at once."""

    PAUSE = "pause"
    RESUME = "resume"


PublishedBody = Annotated[PublishContract, Depends(JsonBody(PublishContract, limit=3 * MIB))]


@router.post(
    "",
    operation_id="publishContract",
    status_code=201,
    response_model=None,
    responses=answers(PublishedView, 200, 201),
)
def publish_contract(platform: Parts, actor: SignedIn, body: PublishedBody, ends: Ends) -> Response:
    """Publish a contract bundle; for publishers of the owning team."""
    return ends.settle(partial(commands.publish, platform, actor, body.files), _published)


@router.get("", operation_id="listContracts", dependencies=[SIGNED_IN])
def list_contracts(platform: Parts, window: List, name: QueryName = None) -> Page[RevisionListed]:
    """List every published revision by name and version."""
    after = (str(window.after[0]), str(window.after[1])) if window.after else ("", "")
    with platform.db.read() as tx:
        rows = contracts.page(tx, after, window.limit, name=name)
    return window.page(rows, RevisionListed.of, lambda row: [row.name, row.version])


@router.get("/{name}", operation_id="getContract", dependencies=[SIGNED_IN])
def get_contract(platform: Parts, name: PathName) -> ContractView:
    """Show a contract with its newest version in full."""
    with platform.db.read() as tx:
        newest = contracts.newest(tx, name)
        return ContractView(
            name=name,
            owner=newest.owner,
            paused=contracts.is_paused(tx, name),
            versions=contracts.versions(tx, name),
            newest=RevisionView.whole(newest),
        )


@router.get("/{name}/versions/{version}", operation_id="getContractVersion", dependencies=[SIGNED_IN])
def get_contract_version(platform: Parts, name: PathName, version: PathVersion) -> RevisionView:
    """Show one version in full."""
    with platform.db.read() as tx:
        return RevisionView.whole(contracts.load(tx, name, version))


@router.post(
    "/{name}/actions/{action}",
    operation_id="actOnContract",
    response_model=None,
    responses=answers(HoldView, 200) | refusals(404),
)
def act_on_contract(
    platform: Parts, actor: SignedIn, name: PathName, action: ContractAction, ends: Ends
) -> Response:
    """Hold all requests on a contract (`pause`), or let them go on (`resume`)."""
    _check_there(platform, name)
    command = partial(commands.pause, platform, actor, name, paused=action is ContractAction.PAUSE)
    return ends.settle(command, lambda paused: answer_of(HoldView(name=name, paused=paused), 200))


def _check_there(platform: Parts, name: str) -> None:
    with platform.db.read() as tx:
        if contracts.owner_of(tx, name) is None:
            raise NotFound(
                "contract_not_found", f"There is no contract {name}.", fix="see avow get contracts"
            )


def _published(published: Published) -> Answer:
    revision = published.revision
    view = PublishedView(**RevisionListed.of(revision).model_dump(), is_new=published.is_new)
    location = f"/v1/contracts/{revision.name}/versions/{revision.version}"
    return answer_of(view, 201 if published.is_new else 200, {"Location": location})
