"""Who asks.

An actor is a subject with grants; a grant is a role in a scope. The questions that the
rest of the system asks ("may this actor publish for that team?") are answered here and
nowhere else, so that a new route cannot invent its own rule. A token is only a way to
prove who one is: two tokens of one person are the same subject. Groups say of whom an
approval is asked; they open no door by themselves.
"""

from dataclasses import dataclass
from enum import StrEnum

ANY = "*"


class Role(StrEnum):
    """What a subject may do, always within a grant's scope."""

    ADMIN = "admin"  # everything, everywhere; scope is always ANY
    PUBLISHER = "publisher"  # publish contracts owned by the team in scope
    DEVELOPER = "developer"  # request capabilities in the project in scope
    APPROVER = "approver"  # read the project in scope and vote on approvals there
    AUDITOR = "auditor"  # read everything in the project in scope, with its audit trail


_READERS = frozenset({Role.DEVELOPER, Role.APPROVER, Role.AUDITOR})


@dataclass(frozen=True, slots=True)
class Grant:
    """A role within a scope: a project, a team (for publishers), or ANY."""

    role: Role
    scope: str = ANY

    def covers(self, name: str) -> bool:
        """Say whether the scope includes this project or team."""
        return self.scope in (ANY, name)


@dataclass(frozen=True, slots=True)
class Actor:
    """A proven subject with its grants and the groups that it belongs to."""

    subject: str
    grants: tuple[Grant, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        """Say whether the actor runs this installation."""
        return self._holds(Role.ADMIN, ANY)

    @property
    def is_publisher(self) -> bool:
        """Say whether the actor may publish contracts of some team at all."""
        return self.is_admin or any(grant.role is Role.PUBLISHER for grant in self.grants)

    def may_read(self, project: str) -> bool:
        """Say whether the actor may know what is in a project."""
        return self.is_admin or any(self._holds(role, project) for role in _READERS)

    def may_request(self, project: str) -> bool:
        """Say whether the actor may create, change and delete requests in a project."""
        return self.is_admin or self._holds(Role.DEVELOPER, project)

    def may_approve(self, project: str) -> bool:
        """Say whether the actor may vote in a project at all; each approval says of whom it is asked."""
        return self.is_admin or self._holds(Role.APPROVER, project)

    def may_publish(self, owner: str) -> bool:
        """Say whether the actor may publish contracts that a team owns."""
        return self.is_admin or self._holds(Role.PUBLISHER, owner)

    def may_audit(self, project: str) -> bool:
        """Say whether the actor may read a project's audit trail."""
        return self.is_admin or self._holds(Role.AUDITOR, project)

    def readable_projects(self) -> frozenset[str] | None:
        """Return the projects the actor may read; None stands for all of them."""
        return self._projects(_READERS)

    def approvable_projects(self) -> frozenset[str] | None:
        """Return the projects in which the actor may vote; None stands for all of them."""
        return self._projects(frozenset({Role.APPROVER}))

    def _projects(self, roles: frozenset[Role]) -> frozenset[str] | None:
        if self.is_admin:
            return None
        scopes = {grant.scope for grant in self.grants if grant.role in roles}
        return None if ANY in scopes else frozenset(scopes)

    def _holds(self, role: Role, name: str) -> bool:
        return any(grant.role is role and grant.covers(name) for grant in self.grants)


SYSTEM = Actor("system:avow", (Grant(Role.ADMIN),))
"""The platform itself, as it stands in the audit trail for what nobody asked for by hand."""
