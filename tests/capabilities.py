"""Capabilities for tests of what a published contract becomes: the shipped ones, and one that has it all.

`general()` is the part of the API's description from which each capability's own is made.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from catalog.bundle import read_bundle, read_files
from catalog.contract import Contract, parse_contract
from platform_api.capability_openapi import Described, document_of
from platform_api.openapi import describe
from platform_api.routes import capability_requests
from tests.factories import contract_document, contract_files

ROOT = Path(__file__).parents[1]
SHIPPED = sorted(each.parent for each in (ROOT / "catalog/library").glob("*/contract.yaml"))
EXAMPLES = sorted(each.parent for each in (ROOT / "deploy/examples").rglob("contract.yaml"))

# Names that others have too, names that Python has, parts that refer to parts, and every way to choose.
INPUTS: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "additionalProperties": False,
    "required": ["zones", "max-size"],
    "$defs": {
        "zone": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name"],
            "description": "Where machines stand.",
            "properties": {
                "name": {"type": "string", "pattern": "^[a-z]+$", "description": "What it is called."},
                "weight": {"type": "number", "exclusiveMinimum": 0, "default": 1.5},
                "address": {"$ref": "#/$defs/Problem"},
            },
        },
        "Problem": {"type": "string", "format": "ipv4"},
        "problem": {"type": "object", "properties": {"$ref": {"type": "string"}}},
        "1st~/": {"enum": ["#/$defs/zone", "b"]},
        "anything": True,
    },
    "properties": {
        "zones": {
            "type": "array",
            "minItems": 1,
            "maxItems": 3,
            "items": {"$ref": "#/$defs/zone"},
            "description": "The zones that it spans.",
        },
        "max-size": {"type": "integer", "minimum": 1, "maximum": 10, "multipleOf": 2},
        "size": {"enum": ["s", "m", "l"], "default": "s", "description": 'How "large" it is.\\'},
        "sized": {"$ref": "#/properties/size"},
        "token": {"type": "string", "x-sensitive": True, "description": "Opens the firewall."},
        "class": {"type": ["string", "null"], "default": None},
        "where": {
            "description": "Where it stands.",
            "oneOf": [
                {
                    "type": "object",
                    "description": "By region.",
                    "required": ["region"],
                    "additionalProperties": False,
                    "properties": {"region": {"enum": ["eu", "us"]}},
                },
                {
                    "type": "object",
                    "required": ["site"],
                    "additionalProperties": False,
                    "properties": {"site": {"$ref": "#/$defs/zone/properties/name"}},
                },
            ],
        },
        "labels": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 20}},
        "a.b": {"type": "integer"},
        "first": {"$ref": "#/$defs/1st~0~1"},
        "whatever": {"$ref": "#/$defs/anything"},
        "Annotated": {"type": "boolean"},
        "model_config": {"type": "string", "minLength": 1},
        "due": {"type": "string", "format": "date", "default": "2026-01-01"},
        "parts": {"type": "object", "patternProperties": {"^x-": {"type": "integer"}}},
        "strange": {"$ref": "#/$defs/problem"},
        "both": {"allOf": [{"$ref": "#/$defs/zone"}, {"required": ["weight"]}]},
        "if": {"type": "object", "if": {"required": ["a"]}, "then": {"required": ["b"]}},
        "level": {"enum": [1, 2.5, None]},
        "literal": {"const": {"$ref": "#/$defs/zone"}},
    },
}
OUTPUTS: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["host"],
    "$defs": {"host": {"type": "string", "description": "Its name."}},
    "properties": {
        "host": {"$ref": "#/$defs/host"},
        "password": {"type": "string", "x-sensitive": True},
        "opened_at": {"type": "string", "format": "date-time"},
    },
}
SMALL = {"zones": [{"name": "a"}], "max-size": 2}


def network(version: str = "2.1.0") -> dict[str, Any]:
    """Return the contract that has it all, as its file says it."""
    return contract_document(
        name="network",
        version=version,
        inputs=INPUTS,
        outputs=OUTPUTS,
        service_levels={"provision_p95": "30s", "availability": 99.9},
        examples=[
            {"name": "small", "inputs": SMALL | {"size": "m"}},
            {
                "name": "large",
                "description": "It's for everybody.",
                "environment": "prod",
                "inputs": SMALL | {"labels": {"for": "all of it"}, "token": "secret://env/AVOW_SECRET_X"},
                "expect": {"decision": "deny"},
            },
        ],
    )


def network_files(version: str = "2.1.0") -> dict[str, str]:
    """Return its bundle's files."""
    return contract_files(network(version), {"docs/README.md": "# network\n\nA **network** of your own.\n"})


def library_files(name: str, version: str) -> dict[str, str]:
    """Return a shipped bundle's files, under a version of a test's own."""
    files = read_files(ROOT / "catalog/library" / name)
    return files | {"contract.yaml": files["contract.yaml"].replace("version: 1.0.0", f"version: {version}")}


@lru_cache(maxsize=1)
def general() -> dict[str, Any]:
    """Return the description of the addresses that every capability has."""
    app = FastAPI(title="Avow", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(capability_requests.router)
    return describe(app)


def contracts() -> dict[str, Contract]:
    """Return every contract that ships or stands in an example, and the one that has it all."""
    found = [read_bundle(folder).contract for folder in (*SHIPPED, *EXAMPLES)]
    return {contract.name: contract for contract in (*found, parse_contract(network()))}


def document(contract: Contract, docs: str = "", *, is_pinned: bool = False) -> dict[str, Any]:
    """Return a contract's own OpenAPI document."""
    return document_of(general(), Described(contract, "sha256:" + "0" * 64, docs, is_pinned=is_pinned))
