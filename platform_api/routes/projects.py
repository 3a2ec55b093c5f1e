"""Projects: the tenants."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from catalog import projects
from catalog.projects import Project
from platform_api.bodies import JsonBody
from platform_api.commands import projects as commands
from platform_api.doors import (
    READER,
    Admin,
    Ends,
    List,
    Parts,
    PathName,
    SignedIn,
    answer_of,
    answers,
)
from platform_api.paging import Page
from platform_api.receipts import Answer
from platform_api.wire import At, Body, Line, Name, View

router = APIRouter(prefix="/v1/projects", tags=["projects"])


class CreateProject(Body):
    """A project to be."""

    name: Name
    title: Line = Field("", description="For people; empty takes the name.")


class ProjectView(View):
    """A project."""

    name: str
    title: str
    created_at: At
    created_by: str

    @classmethod
    def of(cls, project: Project) -> "ProjectView":
        """Return the view of a project."""
        return cls(
            name=project.name,
            title=project.title,
            created_at=project.created_at,
            created_by=project.created_by,
        )


Created = Annotated[CreateProject, Depends(JsonBody(CreateProject))]


@router.post(
    "",
    operation_id="createProject",
    status_code=201,
    response_model=None,
    responses=answers(ProjectView, 200, 201),
)
def create_project(platform: Parts, actor: Admin, body: Created, ends: Ends) -> Response:
    """Create a project."""
    command = partial(commands.create, platform, actor, body.name, body.title or body.name)
    return ends.settle(command, _created)


@router.get("", operation_id="listProjects")
def list_projects(platform: Parts, actor: SignedIn, window: List) -> Page[ProjectView]:
    """List the projects that the caller may read, by name."""
    after = str(window.after[0]) if window.after else ""
    with platform.db.read() as tx:
        rows = projects.page(tx, after, window.limit, among=actor.readable_projects())
    return window.page(rows, ProjectView.of, lambda row: [row.name])


@router.get("/{project}", operation_id="getProject", dependencies=[READER])
def get_project(platform: Parts, project: PathName) -> ProjectView:
    """Show a project."""
    with platform.db.read() as tx:
        return ProjectView.of(projects.load(tx, project))


def _created(project: Project) -> Answer:
    return answer_of(ProjectView.of(project), 201, {"Location": f"/v1/projects/{project.name}"})
