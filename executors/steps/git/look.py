"""`git.inspect`: looks at a few files of a branch, of any remote or of a request's own repository."""

from collections.abc import Iterable, Mapping

from catalog.digest import Json, JsonObject
from executors.arguments import Arguments, taking
from executors.boundary import doing
from executors.port import Effect
from executors.repository import Absent, Repository
from executors.step import StepCall
from executors.steps import StepSettings
from executors.steps.git.remotes import BRANCH, CREDENTIALS, OWN, URL, Remotes, is_fit
from executors.steps.git.shelves import DESTINATION, NAME, Shelves, is_ours

_LOOK: JsonObject = {
    **taking(
        {},
        {
            "url": URL,
            "destination": DESTINATION,
            "name": NAME,
            "branch": BRANCH,
            "paths": {"type": "array", "maxItems": 1000, "items": {"type": "string"}},
            "credentials": CREDENTIALS,
            "own": OWN,
        },
    ),
    "oneOf": [{"required": ["url"]}, {"required": ["destination", "name"]}],
}


class Inspect:
    """Look at a few files of a branch: of a remote by its URL, or of the request's repository by name."""

    name = "git.inspect"
    effect = Effect.READ
    schema = _LOOK

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets
        self._remotes = Remotes(settings)
        self._shelves = Shelves(settings)

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `exists`, `commit` and `files`: the blob id by path, null where there is no file.

        `present` says whether any of the files is there. By name, a repository that is not the
        request's is not there: a request whose delivery never finished is as absent as one that
        was taken down. With `own`, neither is another project's.
        """
        paths = Arguments(call.arguments).texts("paths", ())
        with doing(self._secrets, call) as unsealed:
            url = self._address(call)
            if url is None:
                return _nothing(paths)
            with self._remotes.clone(call, unsealed, 1, url) as repository:
                try:
                    return _seen(repository, paths) if is_fit(call, repository) else _nothing(paths)
                except Absent:
                    return _nothing(paths)

    def observe(self, call: StepCall) -> Mapping[str, Json]:
        """Look again."""
        return self.run(call)

    def _address(self, call: StepCall) -> str | None:
        arguments = Arguments(call.arguments)
        if arguments.has("url"):
            return arguments.text("url")
        destination, name = arguments.within("destination"), arguments.text("name")
        is_there = is_ours(self._shelves.shelf(destination).owner(name), call)
        return self._shelves.address(destination, name) if is_there else None


def _seen(repository: Repository, paths: Iterable[str]) -> dict[str, Json]:
    tip = repository.fetch()
    there = {} if tip is None else repository.tree(tip)
    files: dict[str, Json] = {path: there.get(path) for path in paths}
    is_present = any(found is not None for found in files.values())
    return {"exists": True, "present": is_present, "commit": tip, "files": files}


def _nothing(paths: Iterable[str]) -> dict[str, Json]:
    return {"exists": False, "present": False, "commit": None, "files": dict.fromkeys(paths)}
