"""Files that declare requests, projects and destinations, as `apply` and git read them.

Pure: text in, manifests out, everything wrong named with its place. The YAML is read by the
catalogue's own safe reader, so that a file means the same here and to the server.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from catalog.documents import read_yaml
from catalog.errors import Finding, Invalid

API_VERSION = "avow/v1"
_SEPARATOR = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)
_SOMETHING = re.compile(r"^[^#\s]", re.MULTILINE)


class ManifestKind(StrEnum):
    """What can be declared, in the order in which it is made."""

    PROJECT = "Project"
    DESTINATION = "Destination"
    REQUEST = "Request"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One declared thing.

    Attributes:
        project: where a request belongs; empty when the file leaves that to the command.
        body: what the API takes for it, beside its name.
        place: file and line, for messages.
    """

    kind: ManifestKind
    name: str
    project: str
    body: dict[str, Any]
    place: str


# What the file has under metadata and spec beside the name; what git adds to it is ignored.
_METADATA = {
    ManifestKind.PROJECT: frozenset[str](),
    ManifestKind.DESTINATION: frozenset({"labels"}),
    ManifestKind.REQUEST: frozenset({"environment", "owner", "labels"}),
}
_SPEC = {
    ManifestKind.PROJECT: frozenset({"title"}),
    ManifestKind.DESTINATION: frozenset({"kind", "config", "projects", "capacity", "cordoned"}),
    ManifestKind.REQUEST: frozenset({"contract", "version", "inputs", "uses"}),
}
_MAPPINGS = frozenset({"labels", "config", "inputs"})
_ADDED_BY_GIT = frozenset({"uid", "generation", "parent"})


def read_manifests(text: str, path: str) -> list[Manifest]:
    """Return what a file of one or more documents declares.

    Raises:
        Invalid: `invalid_document`, with file and line.
    """
    return [_manifest(read_yaml(part, path), f"{path}:{line}") for part, line in _documents(text)]


def _documents(text: str) -> Iterator[tuple[str, int]]:
    # Each part keeps the lines above it as empty ones, so that its findings name the file's lines.
    start = line = 0
    for end in [*_SEPARATOR.finditer(text), None]:
        part = text[start : end.start() if end else len(text)]
        if _SOMETHING.search(part):
            yield "\n" * line + part, line + 1
        if end:
            start = end.end()
            line = text.count("\n", 0, start)


def _manifest(document: Mapping[str, Any], place: str) -> Manifest:
    findings = list(_head_findings(document))
    if findings:
        raise _refused(place, findings)
    kind = ManifestKind(document["kind"])
    metadata, spec = document["metadata"], document.get("spec", {})
    findings = list(_unknown(metadata, {"name", "project"} | _METADATA[kind] | _ADDED_BY_GIT, "/metadata"))
    findings += _unknown(spec, _SPEC[kind], "/spec")
    findings += _not_mappings(metadata, "/metadata")
    findings += _not_mappings(spec, "/spec")
    if findings:
        raise _refused(place, findings)
    said = {name: metadata[name] for name in sorted(_METADATA[kind]) if name in metadata} | spec
    body = {name: value for name, value in said.items() if value is not None}
    if isinstance(body.get("uses"), list):
        body["uses"] = [{"request": use} if isinstance(use, str) else use for use in body["uses"]]
    return Manifest(kind, metadata["name"], str(metadata.get("project") or ""), body, place)


def _head_findings(document: Mapping[str, Any]) -> Iterator[Finding]:
    yield from _unknown(document, {"apiVersion", "kind", "metadata", "spec"}, "")
    if document.get("apiVersion") != API_VERSION:
        yield Finding("/apiVersion", "enum", f"must be {API_VERSION}", f"write apiVersion: {API_VERSION}")
    if document.get("kind") not in list(ManifestKind):
        kinds = ", ".join(ManifestKind)
        yield Finding(
            "/kind", "enum", f"must be one of {kinds}", "contracts are published: avow publish FOLDER"
        )
    metadata = document.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        yield Finding("/metadata/name", "required", "the thing needs a name", "add it")
    if not isinstance(document.get("spec", {}), dict):
        yield Finding("/spec", "wrong_type", "must be a mapping", "write key: value pairs")


def _unknown(part: Mapping[str, Any], known: frozenset[str] | set[str], pointer: str) -> Iterator[Finding]:
    for name in part:
        if name not in known:
            listed = ", ".join(sorted(known - _ADDED_BY_GIT))
            yield Finding(
                f"{pointer}/{name}", "unknown_field", "this field is not known here", f"known: {listed}"
            )


def _not_mappings(part: Mapping[str, Any], pointer: str) -> Iterator[Finding]:
    for name in _MAPPINGS & part.keys():
        if not isinstance(part[name], dict | None):
            yield Finding(f"{pointer}/{name}", "wrong_type", "must be a mapping", "write key: value pairs")


def _refused(place: str, findings: list[Finding]) -> Invalid:
    return Invalid("invalid_document", f"{place} does not declare anything that is known.", findings=findings)
