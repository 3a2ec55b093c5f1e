"""What only code can check of a contract document that fits the published schema.

Versions and ranges, schemas within the schema, durations, references between its parts.
`catalog.contract` calls it before it builds a contract; files that must exist are checked in
`catalog.bundle`, and what other contracts have to say in `catalog.dependencies`.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, cast

import semver

from catalog.composing import composing_findings
from catalog.digest import JsonObject
from catalog.duration import duration
from catalog.errors import Finding
from catalog.expression import Unfit, expression
from catalog.ranges import BadRange, parse_range
from catalog.schema import check_schema, escape, violations

MIN_INTERVAL = timedelta(seconds=1)
"""Looking again sooner would keep a worker busy with nothing else."""

RESERVED_ACTIONS = frozenset(
    {"keep", "pause", "pin", "reconcile", "resume", "rollback", "upgrade"}
    | {"create", "delete", "observe", "provision", "repair", "update"}
)
"""What is done to every request, by people or by the platform; a contract's own actions have other names."""


def beyond_schema(document: JsonObject, path: str) -> Iterator[Finding]:
    """Yield what is wrong with a document that has passed `contract.v1.json`."""
    checked = cast("dict[str, Any]", document)
    version = checked["metadata"]["version"]
    if not semver.Version.is_valid(version):
        pointer = f"{path}#/metadata/version"
        yield Finding(pointer, "invalid_version", "the version is not a semantic version", "write 1.0.0")
    spec = checked["spec"]
    yield from _relations(checked["metadata"]["name"], spec, f"{path}#/spec")
    yield from _actions(spec.get("actions", {}), f"{path}#/spec/actions")
    yield from _conversion(spec.get("conversion"), f"{path}#/spec/conversion")
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


def _relations(own: str, spec: Mapping[str, Any], pointer: str) -> Iterator[Finding]:
    named: set[str] = set()
    for index, requirement in enumerate(spec.get("requires", ())):
        place = f"{pointer}/requires/{index}"
        if requirement["contract"] == own:
            yield Finding(
                f"{place}/contract", "dependency_cycle", "a contract cannot require itself", "take it out"
            )
        if requirement["contract"] in named:
            message = "this contract is required twice"
            yield Finding(f"{place}/contract", "duplicate_requirement", message, "say it once")
        named.add(requirement["contract"])
        yield from _range(requirement["version"], f"{place}/version")
    for index, child in enumerate(spec.get("children", ())):
        yield from _range(child["version"], f"{pointer}/children/{index}/version")
    yield from composing_findings(spec, own, pointer)


def _actions(actions: Mapping[str, Any], pointer: str) -> Iterator[Finding]:
    for name, action in actions.items():
        place = f"{pointer}/{escape(name)}"
        if name in RESERVED_ACTIONS:
            yield Finding(
                place, "reserved_action", "every request has an action of this name", "choose another"
            )
        if "inputs" not in action:
            continue
        yield from check_schema(action["inputs"], f"{place}/inputs")
        if action["inputs"].get("type") != "object":
            yield Finding(
                f"{place}/inputs/type",
                "schema_not_object",
                "inputs must be of type object",
                "add type: object",
            )
        if action["inputs"].get("additionalProperties") is not False:
            message = "inputs must refuse unknown fields"
            yield Finding(
                f"{place}/inputs/additionalProperties",
                "open_inputs",
                message,
                "add additionalProperties: false",
            )


def _conversion(part: Mapping[str, Any] | None, pointer: str) -> Iterator[Finding]:
    if part is None:
        return
    yield from _range(part["from"], f"{pointer}/from")
    for name, text in part["inputs"].items():
        place = f"{pointer}/inputs/{escape(name)}"
        try:
            strange = expression(text).roots - {"inputs"}
        except Unfit as error:
            yield Finding(place, error.code, error.message, error.fix)
            continue
        if strange:
            message = f"there is no {', '.join(sorted(strange))} here"
            yield Finding(place, "unknown_reference", message, "refer to inputs, the old ones")


def _range(text: str, pointer: str) -> Iterator[Finding]:
    try:
        parse_range(text)
    except BadRange as error:
        yield Finding(pointer, "invalid_range", str(error), "write ^1.2.0")
