"""A contract: one immutable revision of a capability's promise.

Built from `contract.yaml` of a bundle. What a file may say is in `contract.v1.json`, which
is published; what only code can check (versions, schemas within the schema, paths that
must exist) is checked in `catalog.contract_check` and `catalog.bundle`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib import resources
from typing import Any, cast

from catalog.composing import needed_children
from catalog.contract_check import beyond_schema
from catalog.digest import JsonObject
from catalog.duration import duration
from catalog.errors import Invalid
from catalog.ids import ContractName
from catalog.schema import violations

NO_INPUTS: JsonObject = {"type": "object", "additionalProperties": False}
"""What an action takes that says nothing of inputs."""

SCHEMA: JsonObject = json.loads(resources.files("catalog").joinpath("contract.v1.json").read_text("utf-8"))


class OperationName(StrEnum):
    """What can be done to a delivered capability."""

    PROVISION = "provision"
    UPDATE = "update"
    REPAIR = "repair"
    DELETE = "delete"
    OBSERVE = "observe"  # reads, never changes


OPERATIONS = frozenset(map(str, OperationName))
"""The names of operations; no action has one of them."""


class DriftMode(StrEnum):
    """What to do about drift."""

    REPAIR = "repair"
    OBSERVE = "observe"  # report only


class Prefer(StrEnum):
    """How to choose among destinations that match."""

    LEAST_LOADED = "least-loaded"
    BY_NAME = "by-name"


@dataclass(frozen=True, slots=True)
class Operation:
    """Who does it, and the file that says how in that executor's format."""

    executor: str
    definition: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Which destinations will do.

    Attributes:
        same_environment: the destination's label `env` must equal the request's environment.
    """

    kind: str
    labels: Mapping[str, str] = field(default_factory=dict)
    same_environment: bool = False
    prefer: Prefer = Prefer.LEAST_LOADED


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """A path within the facts that may differ, why, and until when."""

    path: str
    reason: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """How often to look, and what to do about a difference."""

    interval: timedelta = timedelta(minutes=10)
    mode: DriftMode = DriftMode.REPAIR
    ignore: tuple[IgnoreRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """A contract without which another cannot serve, and the versions of it that will do."""

    contract: ContractName
    versions: str


@dataclass(frozen=True, slots=True)
class Child:
    """A request that each request on a contract makes.

    Attributes:
        inputs: values and references, to the parent's inputs and to what other children give.
        needs: the children that have to be ready before; those that `inputs` refers to are among them.
    """

    name: str
    contract: ContractName
    versions: str
    inputs: JsonObject = field(default_factory=dict)
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """Something that can be asked of what was delivered, besides changing it.

    Attributes:
        inputs: JSON Schema of what it takes.
    """

    description: str
    executor: str
    definition: str
    inputs: JsonObject


@dataclass(frozen=True, slots=True)
class Conversion:
    """How the inputs of requests on older versions become inputs of this one.

    Attributes:
        versions: the range of versions that it converts from.
        inputs: an expression for each field that is not simply kept.
    """

    versions: str
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Example:
    """Inputs that show how to ask, with the decision they must get."""

    name: str
    inputs: JsonObject
    environment: str = "dev"
    expect: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """One revision's content."""

    name: ContractName
    version: str
    owner: str
    lifecycle: str
    description: str
    inputs: JsonObject
    outputs: JsonObject
    service_levels: JsonObject
    operations: Mapping[OperationName, Operation]
    placement: Placement | None
    drift: Drift
    retry_failed: bool
    keep_runs: int
    policy: str | None
    examples: tuple[Example, ...]
    requires: tuple[Requirement, ...] = ()
    children: tuple[Child, ...] = ()
    actions: Mapping[str, Action] = field(default_factory=dict)
    conversion: Conversion | None = None

    @property
    def handed_over(self) -> tuple[Operation | Action, ...]:
        """Return all that executors are asked for: the operations, then the actions."""
        return (*self.operations.values(), *self.actions.values())

    def operation(self, name: OperationName) -> Operation:
        """Return who performs an operation; update and repair fall back to provision."""
        fallback = self.operations[OperationName.PROVISION]
        if name is OperationName.REPAIR:
            return self.operations.get(name, self.operations.get(OperationName.UPDATE, fallback))
        return self.operations.get(name, fallback)


def parse_contract(document: JsonObject, path: str = "contract.yaml") -> Contract:
    """Return the contract that a document describes.

    Raises:
        Invalid: `invalid_contract`, with every finding at once.
    """
    findings = violations(SCHEMA, document, f"{path}#") or tuple(beyond_schema(document, path))
    if findings:
        raise Invalid("invalid_contract", "The contract cannot be published as it is.", findings=findings)
    return _contract(cast("dict[str, Any]", document))


def _contract(document: dict[str, Any]) -> Contract:
    metadata, spec = document["metadata"], document["spec"]
    reconcile = spec.get("reconcile", {})
    return Contract(
        name=ContractName(metadata["name"]),
        version=metadata["version"],
        owner=metadata["owner"],
        lifecycle=metadata.get("lifecycle", "stable"),
        description=spec["description"],
        inputs=spec["inputs"],
        outputs=spec["outputs"],
        service_levels=spec.get("service_levels", {}),
        operations={OperationName(name): Operation(**part) for name, part in spec["operations"].items()},
        placement=_placement(spec.get("placement")),
        drift=_drift(spec.get("drift", {})),
        retry_failed=reconcile.get("retry_failed", True),
        keep_runs=reconcile.get("keep_runs", 5),
        policy=next(iter(spec.get("policies", ())), None),
        examples=tuple(_example(part) for part in spec.get("examples", ())),
        requires=tuple(Requirement(part["contract"], part["version"]) for part in spec.get("requires", ())),
        children=tuple(_child(part) for part in spec.get("children", ())),
        actions={name: _action(part) for name, part in spec.get("actions", {}).items()},
        conversion=_conversion(spec.get("conversion")),
    )


def _placement(part: dict[str, Any] | None) -> Placement | None:
    if part is None:
        return None
    match = part["match"]
    return Placement(
        kind=match["kind"],
        labels=match.get("labels", {}),
        same_environment=match.get("environment", False),
        prefer=Prefer(part.get("prefer", "least-loaded")),
    )


def _drift(part: dict[str, Any]) -> Drift:
    return Drift(
        interval=duration(part.get("interval", "10m")),
        mode=DriftMode(part.get("mode", "repair")),
        ignore=tuple(_ignore_rule(rule) for rule in part.get("ignore", ())),
    )


def _ignore_rule(part: dict[str, Any]) -> IgnoreRule:
    until = part.get("until")
    end = datetime.fromisoformat(until).replace(tzinfo=UTC) if until else None
    return IgnoreRule(path=part["path"], reason=part["reason"], until=end)


def _example(part: dict[str, Any]) -> Example:
    return Example(
        name=part["name"],
        inputs=part["inputs"],
        environment=part.get("environment", "dev"),
        expect=part.get("expect", {}).get("decision"),
        description=part.get("description", ""),
    )


def _child(part: dict[str, Any]) -> Child:
    inputs = part.get("inputs", {})
    needs = dict.fromkeys((*part.get("needs", ()), *needed_children(inputs)))
    return Child(part["name"], ContractName(part["contract"]), part["version"], inputs, tuple(needs))


def _action(part: dict[str, Any]) -> Action:
    inputs = part.get("inputs", NO_INPUTS)
    return Action(part["description"], part["executor"], part["definition"], inputs)


def _conversion(part: dict[str, Any] | None) -> Conversion | None:
    return None if part is None else Conversion(part["from"], part["inputs"])
