"""Projects: the tenants. Whatever a developer owns lies in one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from catalog.audit import PLATFORM
from catalog.db import Tx
from catalog.errors import Conflict, NotFound
from catalog.tables import projects

_NAMED = sa.select(projects).where(projects.c.name == sa.bindparam("named"))


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant."""

    name: str
    title: str
    created_at: datetime
    created_by: str


def create(tx: Tx, project: Project) -> None:
    """Store a new project.

    Raises:
        Conflict: `project_exists`; also for the one reserved name.
    """
    row = {
        "name": project.name,
        "title": project.title,
        "created_at": project.created_at,
        "created_by": project.created_by,
    }
    if project.name == PLATFORM or not tx.insert_missing(projects, row):
        raise Conflict(
            "project_exists", f"The project name {project.name} is taken.", fix="choose another name"
        )


def load(tx: Tx, name: str) -> Project:
    """Return a project.

    Raises:
        NotFound: `project_not_found`.
    """
    row = tx.execute(_NAMED, {"named": name}).mappings().one_or_none()
    if row is None:
        raise missing(name)
    return Project(**row)


def page(tx: Tx, after: str, limit: int, *, among: Collection[str] | None = None) -> list[Project]:
    """Return projects by name; `among=None` means all of them."""
    query = sa.select(projects).where(projects.c.name > after)
    if among is not None:
        query = query.where(projects.c.name.in_(among))
    return [Project(**row) for row in tx.execute(query.order_by(projects.c.name).limit(limit)).mappings()]


def missing(name: str) -> NotFound:
    """Return the error for a project that is not there, or that the actor may not know of."""
    return NotFound("project_not_found", f"There is no project {name}.", fix="see avow get projects")
