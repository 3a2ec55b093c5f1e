"""The step kinds that Avow ships, and what they are given to work with.

Each module holds the kinds of one area and nothing imports a sibling. A kind's class takes
`StepSettings` and keeps what it needs; that is also the shape of an entry point in the group
`avow.step_kinds`. `builtin` is what the wiring calls; a module is imported when a workflow
first uses one of its kinds.
"""

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path

from catalog.clock import Clock
from executors.jail import Jail
from executors.network import Resolve, system_resolve
from executors.registry import STEP_KINDS, Factory, Registry, plugs
from executors.secrets import SecretStore
from executors.step import StepKind

SHIPPED = {
    "ansible.play": "executors.steps.ansible.play:Play",
    "command.run": "executors.steps.command:Run",
    "files.render": "executors.steps.files:Render",
    "git.commit": "executors.steps.git.files:CommitFiles",
    "git.create_repository": "executors.steps.git.repositories:CreateRepository",
    "git.delete_repository": "executors.steps.git.repositories:DeleteRepository",
    "git.inspect": "executors.steps.git.look:Inspect",
    "http.call": "executors.steps.http:Call",
    "http.read": "executors.steps.http:Read",
    "postgres.create_database": "executors.steps.postgres.databases:CreateDatabase",
    "postgres.create_role": "executors.steps.postgres.roles:CreateRole",
    "postgres.drop_database": "executors.steps.postgres.databases:DropDatabase",
    "postgres.drop_role": "executors.steps.postgres.roles:DropRole",
    "postgres.end_connections": "executors.steps.postgres.sessions:EndConnections",
    "postgres.grant": "executors.steps.postgres.roles:Grant",
    "postgres.inspect": "executors.steps.postgres.databases:Inspect",
    "secret.create": "executors.steps.secret:Create",
    "secret.delete": "executors.steps.secret:Delete",
    "secret.inspect": "executors.steps.secret:Inspect",
    "terraform.apply": "executors.steps.terraform.kinds:Apply",
    "terraform.destroy": "executors.steps.terraform.kinds:Destroy",
    "terraform.inspect": "executors.steps.terraform.kinds:Inspect",
}


@dataclass(frozen=True, slots=True)
class StepSettings:
    """What the installation gives to step kinds; everything that reaches outside is off by default.

    Attributes:
        directory: for short-lived clones; made private on first use.
        hosts: private hosts that `http.*` may call, and the only ones it calls without TLS.
        git_hosts: the same for git remotes.
        repository_roots: folders in which `git.create_repository` may work and `file://` remotes may lie.
        commands: programs that `command.run` may run: absolute path by the name that workflows use.
        command_variables: environment variables that a workflow may set for a command.
        terraform: program of `terraform.*`; None refuses these kinds.
        stacks: where Terraform's states are kept; a folder in `directory` unless named.
        ansible: program of `ansible.play`; None refuses this kind.
        jail: how programs are locked in.
        author: who git commits are by, `Name <mail>`.
        entropy: yields random bytes for new secrets.
    """

    directory: Path
    secrets: SecretStore
    clock: Clock
    hosts: Collection[str] = ()
    git_hosts: Collection[str] = ()
    repository_roots: tuple[Path, ...] = ()
    commands: Mapping[str, Path] = field(default_factory=dict)
    command_variables: Collection[str] = ()
    terraform: Path | None = None
    stacks: Path | None = None
    ansible: Path | None = None
    jail: Jail = field(default_factory=Jail)
    author: str = "Avow <avow@localhost>"
    entropy: Callable[[int], bytes] = os.urandom
    resolve: Resolve = system_resolve


def builtin(settings: StepSettings, found: Iterable[EntryPoint] | None = None) -> Registry[StepKind]:
    """Return every step kind by name: the shipped ones and those of installed distributions.

    Args:
        found: entry points to use instead of the installed ones.

    Raises:
        Conflict: `duplicate_step_kind`.
    """

    def build(factory: Factory[StepKind]) -> StepKind:
        return factory(settings)

    return Registry("step kind", plugs(STEP_KINDS, "step kind", SHIPPED, found), build)
