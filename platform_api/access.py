"""What an actor must be to come this far, and what is said to one who is not.

Whoever may not read a project is told the same as somebody who asked for one that is not
there, word for word. Whoever may read but not act is told so. Guards of routes and
commands both ask here.
"""

from catalog import projects
from catalog.actor import ANY, Actor
from catalog.errors import Denied
from catalog.ids import is_name


def check_reader(actor: Actor, project: str) -> None:
    """Let pass whoever may read a project.

    Raises:
        NotFound: `project_not_found`, as for one that is not there.
    """
    if not actor.may_read(project):
        raise projects.missing(project if is_name(project) else "of this name")


def check_requester(actor: Actor, project: str) -> None:
    """Let pass whoever may create, change and delete requests in a project.

    Raises:
        NotFound: as for a reader.
        Denied: `role_missing`.
    """
    check_reader(actor, project)
    if not actor.may_request(project):
        raise _missing(f"the role developer in {project}")


def check_approver(actor: Actor, project: str) -> None:
    """Let pass whoever may vote in a project at all; each approval says of whom it is asked.

    Raises:
        NotFound: as for a reader.
        Denied: `role_missing`.
    """
    check_reader(actor, project)
    if not actor.may_approve(project):
        raise _missing(f"the role approver in {project}")


def check_auditor(actor: Actor, project: str) -> None:
    """Let pass whoever may read a project's audit trail.

    Raises:
        NotFound: as for a reader.
        Denied: `role_missing`.
    """
    check_reader(actor, project)
    if not actor.may_audit(project):
        raise _missing(f"the role auditor in {project}")


def check_overseer(actor: Actor) -> None:
    """Let pass whoever may read every project's audit trail, and so may know of everybody's requests.

    Raises:
        Denied: `role_missing`.
    """
    if not actor.may_audit(ANY):
        raise _missing("the role auditor in all projects")


def check_publisher(actor: Actor, owner: str) -> None:
    """Let pass whoever may publish and hold the contracts of a team.

    Raises:
        Denied: `role_missing`.
    """
    if not actor.may_publish(owner):
        raise _missing(f"the role publisher for {owner}")


def check_any_publisher(actor: Actor) -> None:
    """Let pass whoever may publish contracts of some team, before it is known of which.

    Raises:
        Denied: `role_missing`.
    """
    if not actor.is_publisher:
        raise _missing("the role publisher for some team")


def check_admin(actor: Actor) -> None:
    """Let pass whoever runs this installation.

    Raises:
        Denied: `role_missing`.
    """
    if not actor.is_admin:
        raise _missing("the role admin")


def _missing(role: str) -> Denied:
    return Denied("role_missing", f"This needs {role}.", fix="ask an administrator for a token with it")
