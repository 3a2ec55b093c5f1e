"""Remotes as steps reach them: what may be spoken to, with which credentials, in which clone.

Used by the kinds beside it. A clone lives as long as the attempt, so nothing is shared between
two attempts, and one that was killed leaves only a folder, which the next one sweeps.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from catalog.digest import JsonObject
from executors.arguments import Arguments, taking
from executors.boundary import Unsealed
from executors.deadline import Deadline
from executors.repository import Absent, Access, Credentials, RemoteRules, Repository, mark_of
from executors.repository.rules import LOOPBACK
from executors.scratch import scratch
from executors.secrets import REFERENCE_PATTERN
from executors.step import StepCall
from executors.steps import StepSettings

URL: JsonObject = {"type": "string", "maxLength": 2048}
BRANCH: JsonObject = {"type": "string", "maxLength": 200, "default": "main"}
CREDENTIALS = taking(
    {
        "username": {"type": "string", "pattern": "^[^:\\s]{1,100}$"},
        "password": {"description": "a secret reference", "type": "string", "pattern": REFERENCE_PATTERN},
    }
)
OWN: JsonObject = {
    "description": "only a repository that was made for the call's project",
    "type": "boolean",
    "default": False,
}


def is_fit(call: StepCall, repository: Repository) -> bool:
    """Say whether a call may work on a remote; with `own`, on what was made for its project alone.

    A repository that is not there and one of another project are alike, so that nobody finds out
    what others have.
    """
    if not Arguments(call.arguments).flag("own", default=False):
        return True
    try:
        return repository.bears(mark_of(call.project))
    except Absent:
        return False


def remote_rules(settings: StepSettings) -> RemoteRules:
    """Return which remotes the installation lets steps speak to."""
    return RemoteRules(frozenset({*LOOPBACK, *settings.git_hosts}), settings.repository_roots)


class Remotes:
    """Opens short-lived clones as the installation allows it."""

    def __init__(self, settings: StepSettings) -> None:
        self._directory = settings.directory
        self._rules = remote_rules(settings)
        self._resolve = settings.resolve

    @contextmanager
    def clone(
        self, call: StepCall, unsealed: Unsealed, depth: int, url: str | None = None
    ) -> Iterator[Repository]:
        """Give a clone that is gone when the block ends; nothing is fetched yet.

        Args:
            url: the remote, when the call does not name it.
        """
        arguments = Arguments(call.arguments)
        access = Access(
            rules=self._rules,
            credentials=_credentials(arguments, unsealed),
            depth=depth,
            patience=Deadline(call.timeout_seconds).remaining,
            resolve=self._resolve,
        )
        url = arguments.text("url") if url is None else url
        branch = arguments.text("branch", "main")
        with (
            scratch(self._directory, "git-") as folder,
            Repository.open(folder / "clone", url, branch, access) as repository,
        ):
            yield repository


def _credentials(arguments: Arguments, unsealed: Unsealed) -> Credentials | None:
    if not arguments.has("credentials"):
        return None
    given = arguments.within("credentials")
    return Credentials(given.text("username"), unsealed.resolve(given.text("password")))
