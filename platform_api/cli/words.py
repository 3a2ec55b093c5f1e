"""What `plan` and `request` have in common: reading what is asked for.

From arguments, settings and a file: either a manifest, or contract and name with a file
that holds the inputs alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catalog.selection import is_pin
from platform_api.cli.client import Client, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.inputs import file_inputs, inputs_from, pairs
from platform_api.cli.local import text_of, told_as_failure
from platform_api.cli.manifests import ManifestKind, read_manifests


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one command line, as they stand."""

    contract: str = ""
    name: str = ""
    sets: Sequence[str] = ()
    json_sets: Sequence[str] = ()
    file: Path | None = None
    environment: str = ""
    owner: str = ""
    labels: Sequence[str] = ()
    version: str = ""
    uses: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that somebody asks for.

    Attributes:
        body: what the API takes for it, beside its name.
    """

    name: str
    project: str
    body: dict[str, Any]

    @property
    def list_path(self) -> str:
        """Return where it is sent."""
        return path("projects", self.project, "requests")

    @property
    def item_path(self) -> str:
        """Return where it stands afterwards."""
        return path("projects", self.project, "requests", self.name)


def asked(client: Client, words: Words, project: str) -> Asked:
    """Return what the words ask for.

    Raises:
        Failure: when they are not enough, or do not fit together.
    """
    if words.contract and words.name:
        held = {} if words.file is None else _inputs(words.file)
        return Asked(words.name, project, _body(client, words, {"contract": words.contract, "inputs": held}))
    if words.contract or words.file is None:
        raise Failure(
            ExitCode.USAGE,
            "Name a contract and the request, or a file that declares it.",
            fix="avow request CONTRACT NAME --set size=s, or avow request -f FILE",
        )
    with told_as_failure():
        found = read_manifests(text_of(words.file), str(words.file))
    if len(found) != 1 or found[0].kind is not ManifestKind.REQUEST:
        raise Failure(
            ExitCode.USAGE, f"{words.file} does not declare exactly one request.", fix="avow apply -f FILE"
        )
    return Asked(found[0].name, found[0].project or project, _body(client, words, found[0].body))


def _body(client: Client, words: Words, held: dict[str, Any]) -> dict[str, Any]:
    said = {"version": words.version, "environment": words.environment, "owner": words.owner}
    body = held | {name: value for name, value in said.items() if value}
    if words.labels:
        body["labels"] = body.get("labels", {}) | pairs(words.labels, "--label")
    if words.uses:
        held = body.get("uses", [])
        body["uses"] = [*held, *({"request": name} for name in dict.fromkeys(words.uses))]
    schema = _schema(client, body) if words.sets else {}
    body["inputs"] = inputs_from(words.sets, words.json_sets, body.get("inputs", {}), schema)
    return body


def _schema(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """Return the contract's inputs, so that `--set` knows a number from a text; empty without one."""
    wish = str(body.get("version") or "")
    version = ("versions", wish) if is_pin(wish) else ()
    answer = client.find(path("contracts", str(body.get("contract")), *version))
    found = {} if answer is None else answer.document
    newest = found.get("newest")
    schema = (newest if isinstance(newest, dict) else found).get("inputs")
    return schema if isinstance(schema, dict) else {}


def _inputs(file: Path) -> dict[str, Any]:
    with told_as_failure():
        return file_inputs(text_of(file), str(file))
