"""Destinations with driver `directory`: folders of bare repositories, served under a base address.

Used by the kinds beside it. Only folders below the installation's roots are worked in, and
only a repository that bears a request's mark is that request's.
"""

from pathlib import Path

from catalog.digest import JsonObject
from executors.arguments import Arguments
from executors.repository import Owner, Shelf, check_url
from executors.step import Permanent, StepCall
from executors.steps import StepSettings
from executors.steps.git.remotes import URL, remote_rules

NAME: JsonObject = {"type": "string", "pattern": "^[a-z](?:[a-z0-9]|-[a-z0-9]){0,62}$"}
DESTINATION: JsonObject = {
    "description": "a destination's config; what other kinds read may stand beside",
    "type": "object",
    "required": ["root", "url"],
    "properties": {
        "driver": {"enum": ["directory"], "default": "directory"},
        "root": {"type": "string", "pattern": "^/"},
        "url": URL,
    },
}


class Shelves:
    """The folders of bare repositories that the installation lets steps work in."""

    def __init__(self, settings: StepSettings) -> None:
        self._roots = tuple(root.resolve() for root in settings.repository_roots)
        self._rules = remote_rules(settings)

    def shelf(self, destination: Arguments) -> Shelf:
        """Return the destination's folder.

        Raises:
            Permanent: `git_root_refused`.
        """
        root = Path(destination.text("root")).resolve()
        if not any(root.is_relative_to(allowed) for allowed in self._roots):
            raise Permanent(
                "git_root_refused", "The destination's folder is not one the installation allows."
            )
        return Shelf(root)

    def address(self, destination: Arguments, name: str) -> str:
        """Return where a repository of the destination is served."""
        return check_url(f"{destination.text('url').rstrip('/')}/{name}.git", self._rules).url


def is_ours(owner: Owner | None, call: StepCall) -> bool:
    """Say whether a repository belongs to the call's request."""
    return owner is not None and (owner.project, owner.request_uid) == (call.project, call.request_uid)
