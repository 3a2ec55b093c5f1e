"""A contract: one immutable revision of a capability's promise.

Built from `contract.yaml` of a bundle. What a file may say is in `contract.v1.json`, which
is published; what only code can check (versions, schemas within the schema, paths that
must exist) is checked here and in `catalog.bundle`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib import resources
from typing import Any, cast

import semver

from catalog.digest import JsonObject
from catalog.duration import duration
from catalog.errors import Finding, Invalid
from catalog.ids import ContractName
from catalog.schema import check_schema, violations

MIN_INTERVAL = timedelta(seconds=1)
"""Looking again sooner would keep a worker busy with nothing else."""

SCHEMA: JsonObject = json.loads(resources.files("catalog").joinpath("contract.v1.json").read_text("utf-8"))


class OperationName(StrEnum):
    """What can be done to a delivered capability."""

    PROVISION = "provision"
    UPDATE = "update"
    REPAIR = "repair"
    DELETE = "delete"
    OBSERVE = "observe"  # reads, never changes


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
class Example:
    """Inputs that show how to ask, with the decision they must get."""

    name: str
    inputs: JsonObject
    environment: str = "dev"
    expect: str | None = None


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
    findings = violations(SCHEMA, document, f"{path}#") or tuple(_beyond_schema(document, path))
    if findings:
        raise Invalid("invalid_contract", "The contract cannot be published as it is.", findings=findings)
    return _contract(cast("dict[str, Any]", document))


def _beyond_schema(document: JsonObject, path: str) -> Iterator[Finding]:
    # The document has passed the published schema, so its shape is known here.
    checked = cast("dict[str, Any]", document)
    version = checked["metadata"]["version"]
    if not semver.Version.is_valid(version):
        pointer = f"{path}#/metadata/version"
        yield Finding(pointer, "invalid_version", "the version is not a semantic version", "write 1.0.0")
    spec = checked["spec"]
    yield from _timing(spec.get("drift", {}), f"{path}#/spec/drift")
    for part in ("inputs", "outputs"):
        yield from check_schema(spec[part], f"{path}#/spec/{part}")
        if spec[part].get("type") != "object":
            pointer = f"{path}#/spec/{part}/type"
            yield Finding(pointer, "schema_not_object", f"{part} must be of type object", "add type: object")
    if spec["inputs"].get("additionalProperties") is not False:
        pointer = f"{path}#/spec/inputs/additionalProperties"
        yield Finding(
            pointer, "open_inputs", "inputs must refuse unknown fields", "add additionalProperties: false"
        )
    for index, example in enumerate(spec.get("examples", ())):
        pointer = f"{path}#/spec/examples/{index}/inputs"
        yield from (
            violations(spec["inputs"], example["inputs"], pointer)
            if not check_schema(spec["inputs"], "")
            else ()
        )


def _timing(drift: dict[str, Any], pointer: str) -> Iterator[Finding]:
    if duration(drift.get("interval", "10m")) < MIN_INTERVAL:
        message = "the interval is shorter than a second"
        yield Finding(f"{pointer}/interval", "interval_too_short", message, "write 10m")
    for index, rule in enumerate(drift.get("ignore", ())):
        if rule.get("until", "").startswith("0000"):  # a year to JSON Schema, none to Python
            message = "there is no year 0"
            yield Finding(f"{pointer}/ignore/{index}/until", "invalid_date", message, "write 2027-01-01")


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
    )
