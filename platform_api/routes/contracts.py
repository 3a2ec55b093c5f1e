"""Contracts: what may be asked for; published by teams, readable by everybody."""

from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from catalog import canaries, contracts, lifecycles, provenance_store
from catalog.actor import Actor
from catalog.contract import Example
from catalog.contracts import Listed, Revision
from catalog.provenance import Provenance
from platform_api import notices
from platform_api.bodies import MIB, JsonBody
from platform_api.commands import contracts as commands
from platform_api.commands.contracts import Offer, Published
from platform_api.dependency_views import (
    Dependencies,
    DependentView,
    NeededView,
    dependencies_of,
    dependents_of,
)
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
from platform_api.lifecycle_views import DeprecationView, LifecycleView
from platform_api.paging import Page
from platform_api.parts import Platform
from platform_api.receipts import Answer
from platform_api.source_views import SourceView
from platform_api.wire import At, Body, Given, JsonDocument, Maybe, View

router = APIRouter(prefix="/v1/contracts", tags=["contracts"])

FilePath = Annotated[str, Field(min_length=1, max_length=300)]


class SealBody(Body):
    """One signature of an envelope."""

    keyid: str = Field(max_length=200)
    sig: str = Field(max_length=1000, description="Base64.")


class EnvelopeBody(Body):
    """A DSSE envelope, as `avow contract sign` writes it."""

    payload: str = Field(max_length=8000, description="Base64 of the statement that is signed.")
    payload_type: str = Field(max_length=200, alias="payloadType")
    signatures: list[SealBody] = Field(max_length=8)


class GitBody(Body):
    """A folder of a git repository."""

    url: str = Field(max_length=2048, description="https; others as the operators allow.")
    ref: str = Field(max_length=200, description="A branch, a tag, or a full commit id.")
    path: str = Field("", max_length=200, description="The bundle's folder; everything unless said.")


class SourceBody(Body):
    """Where the server finds a bundle."""

    git: GitBody


class PublishContract(Body):
    """A bundle: its text files by path, or where they are."""

    files: Given[Annotated[dict[FilePath, str], Field(min_length=1, max_length=200)]] = None
    source: Given[SourceBody] = Field(None, description="Instead of files.")
    signature: Given[EnvelopeBody] = Field(None, description="Of the bundle, by a key that is trusted here.")
    canary: Given[Annotated[int, Field(ge=0, le=100, strict=True)]] = Field(
        None, description="How many requests of a hundred follow it from the first; all unless said."
    )
    draft: bool = Field(default=False, description="Nobody can ask for it yet, and it may be replaced.")

    @model_validator(mode="after")
    def _check_one(self) -> "PublishContract":
        if (self.files is None) == (self.source is None):
            raise PydanticCustomError("one_of", "give files or source, one of the two")
        return self


class RevisionListed(View):
    """A published revision, without what it says."""

    name: str
    version: str
    digest: str
    owner: str
    published_at: At
    published_by: str
    share: Maybe[int] = None
    state: str
    deprecation: Maybe[DeprecationView] = None

    @classmethod
    def of(cls, listed: Listed | Revision) -> "RevisionListed":
        """Return the view of a revision in a list."""
        held = listed.lifecycle
        return cls(
            name=listed.name,
            version=listed.version,
            digest=listed.digest,
            owner=listed.owner,
            published_at=listed.published_at,
            published_by=listed.published_by,
            share=listed.share if isinstance(listed, Listed) else None,
            state=str(held.state),
            deprecation=None if held.deprecated_at is None else DeprecationView.of(held),
        )


class SignatureView(View):
    """Who signed a bundle, and when; with the public key, anybody can verify the envelope."""

    key_id: str
    signed_at: At
    envelope: JsonDocument


class ProvenanceView(View):
    """Where a revision came from, as far as that is known."""

    source: Maybe[SourceView] = None
    signature: Maybe[SignatureView] = None


class ExampleView(View):
    """Inputs that show how to ask."""

    name: str
    description: Maybe[str] = None
    environment: str
    inputs: JsonDocument
    decision: Maybe[str] = None

    @classmethod
    def of(cls, example: Example) -> "ExampleView":
        """Return the view of an example."""
        return cls(
            name=example.name,
            description=example.description or None,
            environment=example.environment,
            inputs=dict(example.inputs),
            decision=example.expect,
        )


class RevisionView(RevisionListed, ProvenanceView):
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
    def whole(cls, revision: Revision, provenance: Provenance) -> "RevisionView":
        """Return the view of a whole revision."""
        contract = revision.contract
        head = RevisionListed.of(revision).model_dump() | provenance.documents()
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
            examples=[ExampleView.of(part) for part in contract.examples],
            files=dict(revision.files),
        )


class ShareView(View):
    """A version that only a share of the requests follows, or that was one."""

    version: str
    trial: str
    share: int


class ContractView(View):
    """A contract over all its versions; `available` and `requires` speak of the newest."""

    name: str
    owner: str
    paused: bool
    versions: list[str]
    canaries: list[ShareView]
    lifecycles: list[LifecycleView]
    available: bool
    requires: list[NeededView]
    required_by: list[DependentView]
    newest: RevisionView


class VersionView(RevisionView, Dependencies):
    """A published revision, with how it stands."""


class PublishedView(RevisionListed, ProvenanceView):
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
    offer = offer_of(platform, actor, body)
    command = partial(commands.publish, platform, actor, offer, share=body.canary, is_draft=body.draft)
    return ends.settle(command, _published)


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
        needed = dependencies_of(tx, newest.contract)
        return ContractView(
            name=name,
            owner=newest.owner,
            paused=contracts.is_paused(tx, name),
            versions=contracts.versions(tx, name),
            canaries=[
                ShareView(version=each.version, trial=str(each.trial), share=each.share)
                for each in canaries.standings(tx, name)
                if each.share is not None
            ],
            lifecycles=[
                LifecycleView.of(*which, held) for which, held in lifecycles.told_by(tx, name).items()
            ],
            available=needed.available,
            requires=needed.requires,
            required_by=dependents_of(tx, name),
            newest=RevisionView.whole(newest, provenance_store.load(tx, name, newest.version)),
        )


@router.get("/{name}/versions/{version}", operation_id="getContractVersion", dependencies=[SIGNED_IN])
def get_contract_version(platform: Parts, name: PathName, version: PathVersion) -> VersionView:
    """Show one version in full."""
    with platform.db.read() as tx:
        revision = contracts.load(tx, name, version)
        needed = dependencies_of(tx, revision.contract)
        whole = RevisionView.whole(revision, provenance_store.load(tx, name, version))
    notices.tell(name, version, revision.lifecycle)
    return VersionView(**whole.model_dump(), available=needed.available, requires=needed.requires)


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
    with platform.db.read() as tx:
        contracts.check_known(tx, name)
    command = partial(commands.pause, platform, actor, name, paused=action is ContractAction.PAUSE)
    return ends.settle(command, lambda paused: answer_of(HoldView(name=name, paused=paused), 200))


def offer_of(platform: Platform, actor: Actor, body: PublishContract) -> Offer:
    """Return the bundle that a body brings or names."""
    envelope = None if body.signature is None else body.signature.model_dump(by_alias=True)
    if body.source is None:
        return Offer(body.files or {}, envelope=envelope)
    git = body.source.git
    return replace(commands.fetched(platform, actor, git.url, git.ref, git.path), envelope=envelope)


def _published(published: Published) -> Answer:
    revision = published.revision
    head = RevisionListed.of(revision).model_dump() | published.provenance.documents()
    view = PublishedView(**head, is_new=published.is_new)
    location = f"/v1/contracts/{revision.name}/versions/{revision.version}"
    return answer_of(view, 201 if published.is_new else 200, {"Location": location})
