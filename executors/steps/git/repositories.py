"""`git.create_repository` and `git.delete_repository`, on a destination with driver `directory`.

A repository bears the mark of the request it was made for. One without that mark is refused
when it is to be made, and left alone when it is to be deleted. Deleting puts it away: what a
developer committed is never destroyed.
"""

from collections.abc import Mapping

from catalog.digest import Json
from executors.arguments import Arguments, taking
from executors.boundary import doing, looking
from executors.port import Effect
from executors.repository import Owner, Shelf
from executors.step import Permanent, StepCall
from executors.steps import StepSettings
from executors.steps.git.shelves import DESTINATION, NAME, Shelves, is_ours


class CreateRepository:
    """Make an empty repository in a destination's folder."""

    name = "git.create_repository"
    effect = Effect.WRITE
    schema = taking({"destination": DESTINATION, "name": NAME})

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets
        self._shelves = Shelves(settings)

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `url` and `name`; a repository that the request already has is taken as it is.

        Raises:
            Permanent: `already_exists`, it belongs to another request or to nobody we know.
        """
        with doing(self._secrets, call):
            destination, name, shelf = self._place(call)
            address = self._shelves.address(destination, name)
            owner = Owner(call.idempotency_key, call.project, call.request_uid)
            if not shelf.exists(name) and shelf.create(name, owner):
                return {"url": address, "name": name}
            if not is_ours(shelf.owner(name), call):
                raise Permanent("already_exists", "Somebody else has a repository of this name.")
            return {"url": address, "name": name}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return `url` and `name` if the repository is there and is the request's."""
        with looking(self._secrets, call):
            destination, name, shelf = self._place(call)
            is_there = is_ours(shelf.owner(name), call)
            return {"url": self._shelves.address(destination, name), "name": name} if is_there else None

    def _place(self, call: StepCall) -> tuple[Arguments, str, Shelf]:
        arguments = Arguments(call.arguments)
        destination = arguments.within("destination")
        return destination, arguments.text("name"), self._shelves.shelf(destination)


class DeleteRepository:
    """Put a request's repository away."""

    name = "git.delete_repository"
    effect = Effect.WRITE
    schema = taking({"destination": DESTINATION, "name": NAME})

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets
        self._shelves = Shelves(settings)

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `name`; what is not the request's is left alone, and there is nothing to undo then."""
        with doing(self._secrets, call):
            name, shelf = self._place(call)
            if not shelf.archived(name, call.idempotency_key).exists() and is_ours(shelf.owner(name), call):
                shelf.put_away(name, call.idempotency_key)
            return {"name": name}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return `name` if the request has no repository of this name (any more)."""
        with looking(self._secrets, call):
            name, shelf = self._place(call)
            return None if is_ours(shelf.owner(name), call) else {"name": name}

    def _place(self, call: StepCall) -> tuple[str, Shelf]:
        arguments = Arguments(call.arguments)
        return arguments.text("name"), self._shelves.shelf(arguments.within("destination"))
