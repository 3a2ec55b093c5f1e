"""Capabilities: what can be asked for here, each with a manual, a description and an address of its own.

A capability is described by one revision of its contract: the one that is named, or the
newest that is for everybody. Anybody with a token may read it.
"""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from catalog import contracts
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.digest import digest
from platform_api import notices
from platform_api.action_views import ActionView
from platform_api.capability_openapi import Described, document_of, openapi_path, requests_path
from platform_api.doors import SIGNED_IN, List, Parts, PathName, PathVersion
from platform_api.openapi import describe
from platform_api.paging import Page
from platform_api.parts import Platform
from platform_api.preconditions import IfNoneMatch, is_held
from platform_api.routes.contracts import ExampleView
from platform_api.wire import At, JsonDocument, View

router = APIRouter(prefix="/v1/capabilities", tags=["capabilities"], dependencies=[SIGNED_IN])

DOCS = "docs/README.md"
_DOCUMENT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The document; its ETag changes when it does.",
        "headers": {"ETag": {"description": "What to send as If-None-Match.", "schema": {"type": "string"}}},
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
    304: {"description": "It is what you have."},
}


class CapabilityListed(View):
    """A capability in a list, by the version that is for everybody."""

    name: str
    description: str
    owner: str
    version: str
    lifecycle: str

    @classmethod
    def of(cls, revision: Revision) -> "CapabilityListed":
        """Return the view of a capability by one of its revisions."""
        contract = revision.contract
        return cls(
            name=revision.name,
            description=contract.description,
            owner=revision.owner,
            version=revision.version,
            lifecycle=contract.lifecycle,
        )


class CapabilityView(CapabilityListed):
    """A capability: what may be asked for, what is promised back, and where to ask.

    Attributes:
        docs: what its publishers wrote for whoever asks and operates; Markdown.
        endpoint: where requests on it are sent, once a project is put in.
        openapi: where the OpenAPI document of that address is.
    """

    digest: str
    published_at: At
    versions: list[str]
    inputs: JsonDocument
    outputs: JsonDocument
    service_levels: JsonDocument
    actions: list[ActionView]
    examples: list[ExampleView]
    docs: str
    endpoint: str
    openapi: str


@router.get("", operation_id="listCapabilities")
def list_capabilities(platform: Parts, window: List) -> Page[CapabilityListed]:
    """List what can be asked for, by name."""
    after = str(window.after[0]) if window.after else ""
    with platform.db.read() as tx:
        rows = [_revision(tx, name) for name in contracts.names(tx, after, window.limit)]
    return window.page(rows, CapabilityListed.of, lambda row: [row.name])


@router.get("/{name}", operation_id="getCapability")
def get_capability(platform: Parts, name: PathName) -> CapabilityView:
    """Show a capability by the version that is for everybody."""
    return _shown(platform, name)


@router.get("/{name}/versions/{version}", operation_id="getCapabilityVersion")
def get_capability_version(platform: Parts, name: PathName, version: PathVersion) -> CapabilityView:
    """Show a capability by one of its versions."""
    return _shown(platform, name, version)


@router.get(
    "/{name}/openapi.json",
    operation_id="getCapabilityOpenapi",
    response_model=None,
    responses=_DOCUMENT,
)
def get_capability_openapi(
    request: Request, platform: Parts, name: PathName, if_none_match: IfNoneMatch = ""
) -> Response:
    """Describe the capability's own address, in the version that is for everybody (OpenAPI 3.1)."""
    return _described(request, platform, if_none_match, name)


@router.get(
    "/{name}/versions/{version}/openapi.json",
    operation_id="getCapabilityVersionOpenapi",
    response_model=None,
    responses=_DOCUMENT,
)
def get_capability_version_openapi(
    request: Request, platform: Parts, name: PathName, version: PathVersion, if_none_match: IfNoneMatch = ""
) -> Response:
    """Describe the capability's own address for requests that are pinned to a version (OpenAPI 3.1)."""
    return _described(request, platform, if_none_match, name, version)


def _shown(platform: Platform, name: str, version: str | None = None) -> CapabilityView:
    with platform.db.read() as tx:
        revision = _revision(tx, name, version)
        versions = contracts.serving(tx, name)
    notices.tell(name, revision.version, revision.lifecycle)
    contract = revision.contract
    return CapabilityView(
        **CapabilityListed.of(revision).model_dump(),
        digest=revision.digest,
        published_at=revision.published_at,
        versions=versions,
        inputs=dict(contract.inputs),
        outputs=dict(contract.outputs),
        service_levels=dict(contract.service_levels),
        actions=ActionView.of_all(contract),
        examples=[ExampleView.of(example) for example in contract.examples],
        docs=_docs(revision),
        endpoint=requests_path(name),
        openapi=openapi_path(name, version),
    )


def _described(
    request: Request, platform: Platform, if_none_match: str, name: str, version: str | None = None
) -> Response:
    with platform.db.read() as tx:
        revision = _revision(tx, name, version)
    notices.tell(name, revision.version, revision.lifecycle)
    told = Described(revision.contract, revision.digest, _docs(revision), is_pinned=version is not None)
    document = document_of(describe(request.app), told)
    tag = digest(document)
    # It is remembered, and asked for again each time; an unchanged one is not sent again.
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}
    if is_held(if_none_match, tag):
        return Response(status_code=304, headers=headers)
    return JSONResponse(document, headers=headers)


def _revision(tx: Tx, name: str, version: str | None = None) -> Revision:
    """Return the revision by which a capability is described; all that is known of versions here."""
    return contracts.newest(tx, name) if version is None else contracts.load(tx, name, version)


def _docs(revision: Revision) -> str:
    return revision.files.get(DOCS, "")
