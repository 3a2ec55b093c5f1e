"""What of a capability's schemas a Python client can say in types.

Pure. JSON Schema says more than types do, and a generator of models that meets the rest
makes classes that nobody can construct. So a contract's schemas are brought to the part
that becomes plain classes: properties, lists, choices, references and simple limits. What
is left out is only looser: the server checks the whole contract all the same.

What comes in is read tolerantly, so that a client goes on working when a later version of
the contract promises more.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from catalog.schema import violations
from platform_api.cli.schema_words import part_at

Part = dict[str, Any]

SCHEMAS = "#/components/schemas/"
_SUBMIT = "submit"
_FAMILIES = ("Inputs", "PatchInputs", "Outputs")
_WHOLE = ("Request", "Plan", "Page")
_PROBLEM = "Problem"

_LIMITS = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength"}
    | {"minItems", "maxItems"}
)
_PLAIN = frozenset({"type", "description"})
_JUDGED = _LIMITS | {"type", "enum", "const", "multipleOf", "pattern"}
_CHOICES = ("anyOf", "oneOf", "allOf")


@dataclass(frozen=True, slots=True)
class Described:
    """What a client must know of a capability, read from its OpenAPI document.

    Attributes:
        stem: what its operations and schemas are called after: `PostgresDatabase`.
        path: where its requests are, with `{project}` in it.
        pinned: the one version that the document is about; empty when it is about the newest.
    """

    name: str
    version: str
    stem: str
    path: str
    pinned: str
    digest: str


def described(document: Part) -> Described:
    """Return what an OpenAPI document of a capability says of it."""
    path, operation = next((path, item["post"]) for path, item in document["paths"].items() if "post" in item)
    info, stem = document["info"], operation["operationId"].removeprefix(_SUBMIT)
    version = document["components"]["schemas"][f"{stem}Submission"]["properties"]["version"]
    return Described(
        name=info["title"],
        version=info["version"],
        stem=stem,
        path=path,
        pinned=version.get("const", ""),
        digest=info["x-avow"]["digest"],
    )


def for_models(document: Part, compiles: Callable[[str], bool]) -> Part:
    """Return an OpenAPI document of nothing but the schemas that a client needs, brought to types.

    Args:
        compiles: says whether the models could hold a text to a regular expression.
    """
    stem, held = described(document).stem, document["components"]["schemas"]
    needed = {f"{stem}{suffix}" for suffix in (*_FAMILIES, *_WHOLE)} | {_PROBLEM}
    schemas: Part = {}
    while left := sorted(needed - schemas.keys()):
        for name in left:
            schemas[name] = _brought(name, held[name], stem, compiles)
            needed |= {target.partition("/")[0] for target in _referred(schemas[name])}
    return {**document, "paths": {}, "components": {"schemas": _without_dead_ends(schemas, schemas)}}


def _brought(name: str, schema: Part, stem: str, compiles: Callable[[str], bool]) -> Part:
    is_own = any(name.startswith(f"{stem}{family}") for family in _FAMILIES)
    if not is_own:
        shared: Part = _untitled(schema)
        return shared
    return _Reduction(is_open=name.startswith(f"{stem}Outputs"), compiles=compiles).part(schema)


@dataclass(frozen=True, slots=True)
class _Reduction:
    """Brings one contract's schema to what types can say.

    Attributes:
        is_open: what is not known is let in, whatever the schema says.
    """

    is_open: bool
    compiles: Callable[[str], bool]

    def part(self, part: Any) -> Part:
        """Return a schema, reduced; `true` becomes one that says nothing."""
        if not isinstance(part, dict):
            return {}
        kept = {name: value for name, value in part.items() if name in _PLAIN}
        if "$ref" in part:
            return {"$ref": part["$ref"]} | {name: kept[name] for name in kept if name == "description"}
        if "properties" in part or part.get("additionalProperties") is False:
            return kept | self._object(part)
        choice = next((name for name in _CHOICES if name in part), None)
        if choice is not None:
            kept.pop("type", None)
            return kept | {choice: [self.part(each) for each in part[choice]]}
        return kept | self._simple(part) | self._nested(part)

    def _object(self, part: Part) -> Part:
        properties = part.get("properties", {})
        is_closed = part.get("additionalProperties") is False and "patternProperties" not in part
        known = {name: self.part(each) for name, each in properties.items() if each is not False}
        required = [name for name in part.get("required", ()) if name in known]
        return {
            "type": part.get("type", "object"),
            "properties": known,
            "additionalProperties": self.is_open or not is_closed,
            **({"required": required} if required else {}),
        }

    def _nested(self, part: Part) -> Part:
        rest = part.get("additionalProperties")
        return {
            **({"items": self.part(part["items"])} if isinstance(part.get("items"), dict) else {}),
            **({"additionalProperties": self.part(rest)} if isinstance(rest, dict) else {}),
        }

    def _simple(self, part: Part) -> Part:
        kept = {name: value for name, value in part.items() if name in _LIMITS}
        values = part.get("enum", [part["const"]] if "const" in part else None)
        if values is not None and all(map(_is_literal, values)):
            kept["enum"] = values
        if isinstance(part.get("multipleOf"), int):
            kept["multipleOf"] = part["multipleOf"]
        if self.compiles(part.get("pattern", "")):
            kept["pattern"] = part["pattern"]
        if "default" in part and _fits(part["default"], part):
            kept["default"] = part["default"]
        return kept


def _is_literal(value: object) -> bool:
    return value is None or isinstance(value, str | int)


def _fits(default: object, part: Part) -> bool:
    """Say whether a default can stand as one in Python: a simple value of just the type."""
    simple = {name: value for name, value in part.items() if name in _JUDGED}
    if not isinstance(default, str | int | float) or violations(simple, default):
        return False
    return not (isinstance(default, float) and "number" not in part.get("type", ()))


def _untitled(part: Any) -> Any:
    """Return one of the schemas that all capabilities share, without the titles of its fields."""
    if isinstance(part, list):
        return [_untitled(each) for each in part]
    if not isinstance(part, dict):
        return part
    kept = {name: _untitled(each) for name, each in part.items()}
    return {name: each for name, each in kept.items() if name != "title" or not isinstance(each, str)}


def _without_dead_ends(part: Any, schemas: Part) -> Any:
    """Return a part without references to what was left out."""
    if isinstance(part, list):
        return [_without_dead_ends(each, schemas) for each in part]
    if not isinstance(part, dict):
        return part
    target = part.get("$ref")
    if isinstance(target, str) and part_at(target.removeprefix(SCHEMAS), schemas) is None:
        return {name: value for name, value in part.items() if name != "$ref"}
    return {name: _without_dead_ends(each, schemas) for name, each in part.items()}


def _referred(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].removeprefix(SCHEMAS)
        for each in part.values():
            yield from _referred(each)
    elif isinstance(part, list):
        for each in part:
            yield from _referred(each)
