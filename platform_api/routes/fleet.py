"""What exists, and where it differs from what was delivered."""

from fastapi import APIRouter

from catalog import fleet_store
from catalog.fleet import Resource
from platform_api import lookups
from platform_api.doors import List, Parts, QueryName, SignedIn
from platform_api.paging import Page
from platform_api.routes.request_details import DifferenceView, differences_of
from platform_api.wire import At, JsonDocument, Maybe, View

router = APIRouter(prefix="/v1", tags=["fleet"])


class ResourceView(View):
    """A thing that exists on behalf of a request."""

    request_uid: str
    project: str
    destination: str
    kind: str
    name: str
    facts: JsonDocument
    first_seen_at: Maybe[At] = None
    last_seen_at: Maybe[At] = None

    @classmethod
    def of(cls, resource: Resource) -> "ResourceView":
        """Return the view of a resource."""
        return cls(
            request_uid=resource.request_uid,
            project=resource.project,
            destination=resource.destination,
            kind=resource.kind,
            name=resource.name,
            facts=dict(resource.facts),
            first_seen_at=resource.first_seen_at,
            last_seen_at=resource.last_seen_at,
        )


class DriftView(View):
    """A request whose thing is not as it was delivered."""

    request_uid: str
    project: str
    name: str
    phase: str
    differences: list[DifferenceView]


@router.get("/resources", operation_id="listResources")
def list_resources(
    platform: Parts, actor: SignedIn, window: List, destination: QueryName = None
) -> Page[ResourceView]:
    """List what exists in the projects that the caller may read."""
    after = str(window.after[0]) if window.after else ""
    with platform.db.read() as tx:
        rows = fleet_store.resource_page(
            tx, after, window.limit, projects=actor.readable_projects(), destination=destination
        )
    return window.page(rows, ResourceView.of, lambda row: [row.request_uid])


@router.get("/drift", operation_id="listDrift")
def list_drift(platform: Parts, actor: SignedIn, window: List) -> Page[DriftView]:
    """List what drifted in the projects that the caller may read, with the paths that differ."""
    after = str(window.after[0]) if window.after else ""
    with platform.db.read() as tx:
        rows = lookups.drifted(tx, actor.readable_projects(), after, window.limit)
        found = {row.uid: differences_of(platform, tx, row) for row in rows}
    return window.page(
        rows,
        lambda row: DriftView(
            request_uid=row.uid,
            project=row.project,
            name=row.name,
            phase=str(row.phase),
            differences=[DifferenceView.of(each) for each in found[row.uid]],
        ),
        lambda row: [row.uid],
    )
