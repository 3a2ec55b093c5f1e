"""A capability's own OpenAPI document: the general one, narrowed to what its contract says.

Pure. The addresses, headers, refusals and shared schemas are taken from the description of
the whole API, so the two cannot say different things. What is narrowed: the capability is
named, inputs and outputs are the contract's own schemas, its examples and documentation
stand beside them, and operations and schemas are called after it.

A request may stand on another version than the one described here. Answers therefore say
that inputs and outputs are these, or those of the version that `contract_version` names.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.contract import Contract, Example
from catalog.schema import violations
from platform_api.capability_schemas import (
    SCHEMAS,
    components_of,
    inputs_with_secrets_named,
    merge_patch_of,
    outputs_with_secrets_named,
)

Part = dict[str, Any]

GENERAL_PATH = "/v1/capabilities/{name}/projects/{project}/requests"

_JSON = "application/json"
# Component of the general document -> what follows the capability's name in its own.
_NARROWED: Mapping[str, str] = {
    "SubmitCapabilityRequest": "Submission",
    "ReplaceCapabilityRequest": "Replacement",
    "RequestView": "Request",
    "Page_RequestView_": "Page",
    "PlanView": "Plan",
}
_OTHER = "What another version takes or promises, or nothing as long as nothing is delivered."
_SAYS = {"allow": "Policy allows it.", "deny": "Policy denies it: this shows a limit."}


@dataclass(frozen=True, slots=True)
class Described:
    """The revision by which a capability is described.

    Attributes:
        docs: its documentation; may be empty.
        is_pinned: the description is for requests that name this very version.
    """

    contract: Contract
    digest: str
    docs: str
    is_pinned: bool = False

    @property
    def stem(self) -> str:
        """Return what the capability's operations and schemas are called after: `PostgresDatabase`."""
        return "".join(word.capitalize() for word in self.contract.name.split("-"))

    def ref(self, suffix: str) -> Part:
        """Return a reference to one of the capability's own schemas."""
        return {"$ref": f"{SCHEMAS}{self.stem}{suffix}"}


def requests_path(capability: str) -> str:
    """Return where requests on a capability are sent, with a place for the project."""
    return GENERAL_PATH.replace("{name}", capability)


def openapi_path(capability: str, version: str | None = None) -> str:
    """Return where the OpenAPI document of a capability is, or that of one of its versions."""
    within = "" if version is None else f"/versions/{version}"
    return f"/v1/capabilities/{capability}{within}/openapi.json"


def document_of(general: Part, told: Described) -> Part:
    """Return the OpenAPI document of one capability.

    Args:
        general: the document of the whole API, which is left as it is.
    """
    names = {name: f"{told.stem}{suffix}" for name, suffix in _NARROWED.items()}
    held = general["components"]["schemas"]
    schemas = {name: _renamed(schema, names) for name, schema in held.items()}
    schemas |= {own: {**schemas[name], "title": own} for name, own in names.items()}
    _narrow(schemas, told)
    paths = {
        path.replace("{name}", told.contract.name): {
            method: _operation(_renamed(operation, names), told) for method, operation in item.items()
        }
        for path, item in general["paths"].items()
        if path.startswith(GENERAL_PATH)
    }
    return {
        "openapi": general["openapi"],
        "info": _info(told),
        "servers": [{"url": "/", "description": "The server that gave this document."}],
        "tags": [{"name": told.contract.name, "description": told.contract.description}],
        "paths": paths,
        "components": {
            "schemas": {name: schemas[name] for name in sorted(_reached(paths, schemas))},
            "securitySchemes": general["components"]["securitySchemes"],
        },
    }


def _info(told: Described) -> Part:
    contract = told.contract
    return {
        "title": contract.name,
        "version": contract.version,
        "summary": contract.description,
        "description": told.docs or contract.description,
        "contact": {"name": contract.owner},
        "x-avow": {
            "owner": contract.owner,
            "lifecycle": contract.lifecycle,
            "digest": told.digest,
            "service_levels": dict(contract.service_levels),
        },
    }


def _narrow(schemas: dict[str, Part], told: Described) -> None:
    """Put the contract's schemas in, and where they belong."""
    contract, stem = told.contract, told.stem
    inputs = components_of(inputs_with_secrets_named(contract.inputs), f"{stem}Inputs")
    outputs = components_of(outputs_with_secrets_named(contract.outputs), f"{stem}Outputs")
    inputs[f"{stem}Inputs"].setdefault("description", f"What may be asked of {contract.name}.")
    outputs[f"{stem}Outputs"].setdefault("description", f"What {contract.name} promises back.")
    schemas |= inputs | outputs
    schemas[f"{stem}Other"] = {"type": "object", "additionalProperties": True, "description": _OTHER}
    for body in ("Submission", "Replacement"):
        schemas[f"{stem}{body}"] = _body(schemas[f"{stem}{body}"], told)
    schemas[f"{stem}PatchInputs"] = merge_patch_of(inputs[f"{stem}Inputs"])
    schemas[f"{stem}Patch"] = _patch(schemas[f"{stem}Replacement"], told)
    request, plan = schemas[f"{stem}Request"]["properties"], schemas[f"{stem}Plan"]["properties"]
    request["contract"] = {"type": "string", "const": contract.name}
    request["inputs"] = plan["inputs"] = {"anyOf": [told.ref("Inputs"), told.ref("Other")]}
    request["outputs"] = {"anyOf": [told.ref("Outputs"), told.ref("Other")]}


def _body(general: Part, told: Described) -> Part:
    narrowed = {
        **general["properties"],
        "version": _version(general["properties"]["version"], told),
        "inputs": told.ref("Inputs"),
    }
    needed = {"inputs"} if violations(told.contract.inputs, {}) else set()
    needed |= {"version"} if told.is_pinned else set()
    required = [name for name in narrowed if name in needed.union(general.get("required", ()))]
    return {**general, "properties": narrowed, **({"required": required} if required else {})}


def _version(general: Part, told: Described) -> Part:
    """Return what may be said of the version in a body: anything, or the one that is described."""
    if not told.is_pinned:
        return general
    return {"type": "string", "const": told.contract.version, "description": "The version described here."}


def _patch(replacement: Part, told: Described) -> Part:
    patch: Part = merge_patch_of(replacement)
    members = {**patch["properties"], "labels": {"type": "object"}, "inputs": told.ref("PatchInputs")}
    told_of = f"A merge patch (RFC 7396) of {told.stem}Replacement."
    return {**patch, "description": told_of, "properties": members}


def _operation(operation: Part, told: Described) -> Part:
    verb = operation["operationId"].partition("Capability")[0]
    shown = {
        **operation,
        "operationId": f"{verb}{told.stem}",
        "summary": f"{verb.capitalize()} {told.contract.name}",
        "tags": [told.contract.name],
        "parameters": [each for each in operation["parameters"] if each["name"] != "name"],
    }
    match verb:
        case "submit" | "replace":
            body = operation["requestBody"]["content"][_JSON]
            examples = dict(_examples(told, is_named=verb == "submit"))
            content = {_JSON: {**body, **({"examples": examples} if examples else {})}}
            shown["requestBody"] = {"required": True, "content": content}
        case "patch":
            media_types = operation["requestBody"]["content"]
            content = {media_type: {"schema": told.ref("Patch")} for media_type in media_types}
            shown["requestBody"] = {"required": True, "content": content}
    return shown


def _examples(told: Described, *, is_named: bool) -> Iterator[tuple[str, Part]]:
    for example in told.contract.examples:
        named = {"name": example.name} if is_named else {}
        pinned = {"version": told.contract.version} if told.is_pinned else {}
        value = {**named, **pinned, "environment": example.environment, "inputs": dict(example.inputs)}
        yield example.name, {**_about(example), "value": value}


def _about(example: Example) -> Part:
    told = {"summary": example.description, "description": _SAYS.get(example.expect or "", "")}
    return {name: text for name, text in told.items() if text}


def _renamed(part: Any, names: Mapping[str, str]) -> Any:
    """Return a copy of a part in which references lead to the capability's own schemas."""
    if isinstance(part, list):
        return [_renamed(child, names) for child in part]
    if not isinstance(part, dict):
        return part
    copy = {name: _renamed(child, names) for name, child in part.items()}
    name = str(copy.get("$ref", "")).removeprefix(SCHEMAS)
    return copy | {"$ref": f"{SCHEMAS}{names[name]}"} if name in names else copy


def _reached(start: Any, schemas: Mapping[str, Any]) -> set[str]:
    """Return the schemas to which references lead, from a part on."""
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        # A value may look like a reference and lead nowhere.
        new = set(_referred(waiting.pop())) & schemas.keys() - reached
        reached |= new
        waiting += [schemas[name] for name in new]
    return reached


def _referred(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        target = part.get("$ref")
        if isinstance(target, str):
            yield target.removeprefix(SCHEMAS).partition("/")[0]
        for child in part.values():
            yield from _referred(child)
    elif isinstance(part, list):
        for child in part:
            yield from _referred(child)
