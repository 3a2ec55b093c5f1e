"""`git.commit`: puts files into a branch of a remote, and takes files out of it.

A commit carries its idempotency key as a trailer, which is how a second attempt finds it.
Commits of others are never lost, because a push only succeeds on what was read; when somebody
was faster, the branch is read again and the commit is built again.
"""

from collections.abc import Mapping

from catalog.digest import Json, JsonObject
from executors.arguments import Arguments, taking
from executors.boundary import doing, looking
from executors.paths import check_paths
from executors.port import Effect
from executors.repository import (
    Absent,
    Commit,
    Rejected,
    Repository,
    Unsure,
    blob_id,
    trailer,
    with_trailers,
)
from executors.step import OutcomeUnknown, Permanent, StepCall, Transient
from executors.steps import StepSettings
from executors.steps.git.remotes import BRANCH, CREDENTIALS, OWN, URL, Remotes, is_fit

KEY_TRAILER = "Avow-Key"
_TRIES = 5
_HISTORY = 200  # commits looked through for a trailer; nobody pushes more between two attempts
_FILES: JsonObject = {
    "description": "content by path; null deletes",
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1000,
    "additionalProperties": {"type": ["string", "null"], "maxLength": 1048576},
}
_REMOVE: JsonObject = {
    "description": "paths that are to go",
    "type": "array",
    "minItems": 1,
    "maxItems": 1000,
    "items": {"type": "string"},
}
_MESSAGE: JsonObject = {"type": "string", "minLength": 1, "maxLength": 2000}
_COMMIT: JsonObject = {
    **taking(
        {"url": URL, "message": _MESSAGE},
        {"files": _FILES, "remove": _REMOVE, "branch": BRANCH, "credentials": CREDENTIALS, "own": OWN},
    ),
    "anyOf": [{"required": ["files"]}, {"required": ["remove"]}],
}


class CommitFiles:
    """Put files into a branch."""

    name = "git.commit"
    effect = Effect.WRITE
    schema = _COMMIT

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets
        self._remotes = Remotes(settings)
        self._author = settings.author
        self._clock = settings.clock

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `commit` and `files`, the blob id by path; nothing is committed if all is there.

        Raises:
            Permanent: `not_of_this_project`, with `own`.
        """
        with doing(self._secrets, call) as unsealed:
            changes = _changes(Arguments(call.arguments))
            with self._remotes.clone(call, unsealed, _HISTORY) as repository:
                if not is_fit(call, repository):
                    raise Permanent("not_of_this_project", "This project has no repository there.")
                for _ in range(_TRIES):
                    try:
                        return _outputs(self._settled(call, repository, changes), changes)
                    except Rejected:
                        continue  # somebody pushed meanwhile: read again, build again
                    except Unsure as error:
                        raise OutcomeUnknown(error.code, error.message) from error
        raise Transient("git_rejected", "Others push to the branch all the time.")

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return the outputs if our commit, or the same content, is on the branch."""
        with looking(self._secrets, call) as unsealed:
            changes = _changes(Arguments(call.arguments))
            with self._remotes.clone(call, unsealed, _HISTORY) as repository:
                try:
                    repository.fetch()
                except Absent:
                    return None
                found = _already(repository, changes, call.idempotency_key)
                return None if found is None else _outputs(found, changes)

    def _settled(self, call: StepCall, repository: Repository, changes: Mapping[str, bytes | None]) -> str:
        """Return the commit that holds the changes, made now if there is none."""
        tip = repository.fetch()
        found = _already(repository, changes, call.idempotency_key)
        if found is not None:
            return found
        trailers = {
            KEY_TRAILER: call.idempotency_key,
            "Avow-Request": call.request_uid,
            "Avow-Run": call.run_id,
        }
        message = with_trailers(_message(Arguments(call.arguments)), trailers)
        (sha,) = repository.build([Commit(changes, message, self._author, self._clock())], tip)
        repository.push(sha, tip)
        return sha


def _changes(arguments: Arguments) -> dict[str, bytes | None]:
    given = arguments.members("files", {})
    gone = arguments.texts("remove", ())
    check_paths([*given, *gone])
    texts = Arguments(given, "/files")
    try:
        put = {path: texts.text(path).encode() if texts.has(path) else None for path in given}
        return put | dict.fromkeys(gone)
    except UnicodeEncodeError:
        raise Permanent("invalid_arguments", "A file's content is not Unicode text.") from None


def _message(arguments: Arguments) -> str:
    message = arguments.text("message")
    if any(line.lower().startswith("avow-") for line in message.splitlines()):
        raise Permanent("message_refused", "A commit message must not hold lines that begin with Avow-.")
    return message


def _already(repository: Repository, changes: Mapping[str, bytes | None], key: str) -> str | None:
    """Return the commit that carries the key, or the tip if it holds the content already."""
    if repository.tip is None:
        return None
    for made in repository.log(_HISTORY):
        if trailer(made.message, KEY_TRAILER) == key:
            return made.sha
    there = repository.tree(repository.tip)
    same = all(there.get(path) == _blob(content) for path, content in changes.items())
    return repository.tip if same else None


def _blob(content: bytes | None) -> str | None:
    return None if content is None else blob_id(content)


def _outputs(commit: str, changes: Mapping[str, bytes | None]) -> dict[str, Json]:
    return {"commit": commit, "files": {path: _blob(content) for path, content in changes.items()}}
