"""The files that stand in git for a request, and the changes that put them there.

`main` holds what is wanted, `state` what was delivered; both under the same path. The same
request always gives the same bytes: sorted keys, one way to write each value, no clock. What
a contract marks `x-sensitive` is left out at any depth; not even a digest of it is shown,
because a short secret can be guessed from one. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import yaml

from catalog.actor import SYSTEM
from catalog.contract import Contract
from catalog.digest import Json, JsonObject
from catalog.request import Request
from reconciler.change import Branch, Change

API_VERSION = "avow/v1"
WITHHELD = "(sensitive)"
MAX_REFERENCES = 32
_STRING = "tag:yaml.org,2002:str"
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})  # text to us, not to all


class AuditHead(Protocol):
    """Where a project's audit trail ends; every commit carries it out of the database."""

    @property
    def seq(self) -> int:
        """Return the number of the last entry."""
        ...

    @property
    def hash(self) -> str:
        """Return its hash."""
        ...


@dataclass(frozen=True, slots=True)
class Origin:
    """Who caused a change, under which decision of policy, at which point of the trail."""

    actor: str
    head: AuditHead
    decision_id: str | None = None


def path_of(request: Request) -> str:
    """Return where the request's files lie, on either branch."""
    return f"projects/{request.project}/requests/{request.name}.yaml"


def desired_file(request: Request, contract: Contract) -> tuple[str, str]:
    """Return path and content of what is wanted."""
    uses: list[Json] = [{"request": use.request, "reason": use.reason} for use in request.uses]
    parent: JsonObject = {"parent": request.parent} if request.parent else {}
    document: JsonObject = {
        "apiVersion": API_VERSION,
        "kind": "Request",
        "metadata": {
            **parent,
            "project": request.project,
            "name": request.name,
            "uid": request.uid,
            "generation": request.generation,
            "owner": request.owner,
            "environment": request.environment,
            "labels": request.labels,
        },
        "spec": {
            "contract": request.contract,
            "version": request.version,
            "inputs": without_sensitive(request.inputs, contract.inputs),
            **({"uses": uses} if uses else {}),
        },
    }
    return path_of(request), yaml_text(document)


def state_file(request: Request) -> tuple[str, str]:
    """Return path and content of what was delivered last."""
    applied = request.applied
    status: JsonObject = (
        {}
        if applied is None
        else {
            "generation": applied.generation,
            "contract": {"version": applied.contract_version, "digest": applied.contract_digest},
            "facts": applied.facts,
        }
    )
    metadata = {"project": request.project, "name": request.name, "uid": request.uid}
    document: JsonObject = {
        "apiVersion": API_VERSION,
        "kind": "RequestState",
        "metadata": metadata,
        "status": {"destination": request.destination} | dict(status),
    }
    return path_of(request), yaml_text(document)


def desired_change(request: Request, contract: Contract, origin: Origin) -> Change:
    """Return the change that puts what is wanted into git."""
    _, content = desired_file(request, contract)
    return _change(request, Branch.MAIN, content, f"request generation {request.generation}", origin)


def desired_removal(request: Request, origin: Origin) -> Change:
    """Return the change that takes a request out of what is wanted."""
    return _change(request, Branch.MAIN, None, "delete", origin)


def state_change(request: Request, head: AuditHead) -> Change:
    """Return the change that puts what was delivered into git."""
    _, content = state_file(request)
    message = f"deliver generation {request.generation}"
    return _change(request, Branch.STATE, content, message, Origin(SYSTEM.subject, head))


def state_removal(request: Request, head: AuditHead) -> Change:
    """Return the change that takes a thing that is gone out of git."""
    return _change(request, Branch.STATE, None, "gone", Origin(SYSTEM.subject, head))


def _change(request: Request, branch: Branch, content: str | None, message: str, origin: Origin) -> Change:
    trailers = {
        "Avow-Request": request.uid,
        "Avow-Generation": str(request.generation),
        "Avow-Contract": f"{request.contract}@{request.contract_version}",
        "Avow-Actor": origin.actor,
        "Avow-Audit-Head": f"{origin.head.seq} {origin.head.hash}",
    }
    if origin.decision_id is not None:
        trailers["Avow-Decision"] = origin.decision_id
    subject = f"{request.project}/{request.name}: {message}"
    return Change(request.project, request.uid, branch, path_of(request), content, subject, trailers)


def without_sensitive(value: Json, schema: Json) -> Json:
    """Return the value with everything withheld that its schema marks, wherever the mark stands."""
    return _withheld(value, schema, schema, 0)


def _withheld(value: Json, schema: Json, root: Json, references: int) -> Json:
    if not isinstance(schema, Mapping):
        return value
    if schema.get("x-sensitive"):
        return WITHHELD
    reference = schema.get("$ref")
    if isinstance(reference, str):
        if references == MAX_REFERENCES:
            return WITHHELD
        value = _withheld(value, _target(root, reference), root, references + 1)
    for branch in _alternatives(schema):
        value = _withheld(value, branch, root, references)
    if isinstance(value, Mapping):
        return {name: _property(name, part, schema, root) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_item(index, part, schema, root) for index, part in enumerate(value)]
    return value


def _alternatives(schema: JsonObject) -> list[Json]:
    # Which branch applies does not matter: what any of them marks is withheld.
    found = [schema[name] for name in ("if", "then", "else") if name in schema]
    for name in ("allOf", "anyOf", "oneOf"):
        branches = schema.get(name)
        if isinstance(branches, Sequence) and not isinstance(branches, str):
            found += branches
    dependent = schema.get("dependentSchemas")
    return found + (list(dependent.values()) if isinstance(dependent, Mapping) else [])


def _property(name: str, value: Json, schema: JsonObject, root: Json) -> Json:
    named = schema.get("properties")
    rules = [named[name]] if isinstance(named, Mapping) and name in named else []
    patterns = schema.get("patternProperties")
    rules += list(patterns.values()) if isinstance(patterns, Mapping) else []
    rules += [schema[key] for key in ("additionalProperties", "unevaluatedProperties") if key in schema]
    for rule in rules:
        value = _withheld(value, rule, root, 0)
    return value


def _item(index: int, value: Json, schema: JsonObject, root: Json) -> Json:
    first = schema.get("prefixItems")
    is_first = isinstance(first, Sequence) and not isinstance(first, str) and index < len(first)
    rules = [first[index]] if is_first and isinstance(first, Sequence) else []
    rules += [schema[key] for key in ("items", "contains", "unevaluatedItems") if key in schema]
    for rule in rules:
        value = _withheld(value, rule, root, 0)
    return value


def _target(root: Json, reference: str) -> Json:
    part = root
    for token in reference.removeprefix("#").split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        part = part.get(name) if isinstance(part, Mapping) else None
    return part


class _Dumper(yaml.SafeDumper):
    """Writes each value in one way, which YAML 1.1 and 1.2 read alike."""

    def ignore_aliases(self, data: object) -> bool:
        """Write a value that stands twice twice: our own reader refuses aliases."""
        return True

    def text(self, value: str) -> yaml.ScalarNode:
        """Leave plain only what every reader takes for text."""
        is_text = value.isascii() and value[:1].isalpha() and value.lower() not in _WORDS
        return self.represent_scalar(_STRING, value, style=None if is_text else '"')


_Dumper.add_representer(str, _Dumper.text)


def yaml_text(document: JsonObject) -> str:
    """Return the one YAML text that stands for a document."""
    plain = _plain(document)
    return yaml.dump(plain, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=float("inf"))


def _plain(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, str):
        return str(value)  # also of the enums and named strings that the dumper does not know
    if isinstance(value, Sequence):
        return [_plain(part) for part in value]
    return value
