"""Projects: created by whoever runs the installation."""

from catalog import audit, projects
from catalog.actor import Actor
from catalog.projects import Project
from platform_api import access
from platform_api.parts import Platform
from platform_api.receipts import Receipt


def create(platform: Platform, actor: Actor, name: str, title: str, receipt: Receipt[Project]) -> Project:
    """Create a project.

    Raises:
        Conflict: `project_exists`.
    """
    access.check_admin(actor)
    project = Project(name, title, platform.clock(), actor.subject)
    with platform.db.write() as tx:
        receipt.claim(tx)
        projects.create(tx, project)
        audit.append(
            tx,
            name,
            project.created_at,
            actor=actor.subject,
            action="project.created",
            subject=f"project/{name}",
            detail={"title": title},
        )
        return receipt.keep(tx, project)
