"""Random schemas with every keyword of a contract, and small edits to them.

All comes from one seed. Names, texts and numbers are few, so that keywords get in each
other's way; edits tighten and relax anywhere, so that most pairs are near misses.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from typing import Any

Schema = Any
Path = tuple[str | int, ...]

NAMES = ("a", "b", "c", "dd")
TEXTS = ("", "a", "ab", "abc", "b1", "1", "zz", "2026-01-31", "2026-02-30", "1.2.3.4", "a@b.co")
NUMBERS = (-2, -1, 0, 1, 2, 3, 4, 5, 6, 0.5, 1.5, 2.5)
PATTERNS = ("^a", "b", "^[a-c]*$", "[0-9]", "^.{2}$")
FORMATS = ("date", "ipv4", "email")
KINDS = ("null", "boolean", "integer", "number", "string", "array", "object")
REFERENCES = ("#/$defs/x", "#/$defs/y")

ONE = ("items", "contains", "additionalProperties", "propertyNames", "not", "if", "then", "else")
ONE_MORE = ("unevaluatedItems", "unevaluatedProperties")
LISTS = ("prefixItems", "allOf", "anyOf", "oneOf")
NAMED = ("properties", "patternProperties", "dependentSchemas", "$defs")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_COMBINING = ("allOf", "anyOf", "anyOf", "oneOf", "oneOf", "not", "if", "if", "$ref")
_OF_NUMBERS = (*_BOUNDS, "multipleOf")
_OF_ARRAYS = ("minItems", "maxItems", "uniqueItems", "items", "prefixItems", "unevaluatedItems", "contains")
_OF_OBJECTS = ("properties", "required", "additionalProperties", "unevaluatedProperties", "patternProperties")
_MORE_OF_OBJECTS = (
    "propertyNames",
    "minProperties",
    "maxProperties",
    "dependentRequired",
    "dependentSchemas",
)
_BY_KIND = {
    "integer": _OF_NUMBERS,
    "number": _OF_NUMBERS,
    "string": ("minLength", "maxLength", "pattern", "format"),
    "array": (*_OF_ARRAYS, "contains"),
    "object": (*_OF_OBJECTS, *_MORE_OF_OBJECTS, "properties"),
}
KEYWORDS = tuple(sorted({"const", "enum", "type", *_COMBINING}.union(*_BY_KIND.values())))
"""Every keyword that comes up; each may be the favourite."""

_FLAT = frozenset(KEYWORDS) - {*ONE, *ONE_MORE, *LISTS, *NAMED} | {"propertyNames"}
"""Keywords that hold no schema, or one of a few."""

_PARTNERS = {
    "contains": {"minContains": 0.5, "maxContains": 0.4},
    "if": {"then": 0.8, "else": 0.5},
}
_NAME_SCHEMAS: tuple[Schema, ...] = (
    {"maxLength": 1},
    {"pattern": "^a"},
    {"enum": ["a", "b", "dd"]},
    {"minLength": 2},
    {"not": {"const": "a"}},
)

_TURNED = {
    "minimum": "exclusiveMinimum",
    "exclusiveMinimum": "minimum",
    "maximum": "exclusiveMaximum",
    "exclusiveMaximum": "maximum",
    "anyOf": "oneOf",
    "oneOf": "anyOf",
}
"""What an edit may put instead of a keyword, with the same value."""


class Maker:
    """Makes schemas of one seed; a favourite keyword comes up more often than others."""

    def __init__(self, seed: int, favourite: str = "") -> None:
        self.dice = random.Random(seed)
        self.favourite = favourite

    def chance(self, share: float) -> bool:
        """Return true that often."""
        return self.dice.random() < share

    def value(self, depth: int = 2) -> Any:
        """Return a small value."""
        kind = self.dice.random()
        if depth == 0 or kind < 0.6:
            numbers, texts = self.dice.sample(NUMBERS, 3), self.dice.sample(TEXTS, 3)
            return self.dice.choice([None, True, False, *numbers, *texts])
        if kind < 0.8:
            return [self.value(depth - 1) for _ in range(self.dice.randint(0, 4))]
        names = self.dice.sample(NAMES, self.dice.randint(0, 4))
        return {name: self.value(depth - 1) for name in names}

    def document(self) -> dict[str, Schema]:
        """Return a schema with what it refers to."""
        body = self.schema(3)
        while not isinstance(body, dict):
            body = self.schema(3)
        if any(f"'{reference}'" in str(body) for reference in REFERENCES):
            body["$defs"] = {name: without_references(self.schema(1)) for name in ("x", "y")}
        return body

    def schema(self, depth: int) -> Schema:
        """Return a schema that nests so deep at most."""
        roll = self.dice.random()
        if roll < 0.04:
            return self.chance(0.7)
        if roll < 0.08:
            return {"const": self.value(1)}
        if roll < 0.14:
            return {"enum": [self.value(1) for _ in range(self.dice.randint(1, 4))]}
        if roll < (0.4 if self.favourite.startswith("unevaluated") else 0.2) and depth > 1:
            return self._composed(depth - 1)
        kinds = self.dice.sample(KINDS, 1 if self.chance(0.7) else 2)
        made: dict[str, Schema] = {}
        if self.chance(0.75):
            made["type"] = kinds[0] if len(kinds) == 1 else kinds
        for kind in kinds:
            for _ in range(self.dice.randint(0, 3)):
                made.update(self.keyword(kind, depth))
        if depth > 0 and self.chance(0.3):
            made.update(self.combination(depth - 1))
        return made

    def keyword(self, kind: str, depth: int) -> dict[str, Schema]:
        """Return a keyword that judges values of a kind, or the favourite."""
        if self.favourite in KEYWORDS and self.chance(0.3):
            return self._said(self.favourite, depth)
        return self._said(self.dice.choice(_BY_KIND[kind]), depth) if kind in _BY_KIND else {}

    def combination(self, depth: int) -> dict[str, Schema]:
        """Return a keyword that combines schemas."""
        return self._said(self.dice.choice(_COMBINING), depth + 1)

    def _said(self, keyword: str, depth: int) -> dict[str, Schema]:
        """Return a keyword with something to say, and its partners with it."""
        if keyword in _FLAT:
            return {keyword: self._flat(keyword)}
        if depth == 0:
            return {}
        held: dict[str, Schema] = {keyword: self._held(keyword, depth - 1)}
        for partner, share in _PARTNERS.get(keyword, {}).items():
            if self.chance(share):
                count = self.dice.randint(0, 3)
                held[partner] = count if partner in {"minContains", "maxContains"} else self.schema(depth - 1)
        return held

    def _flat(self, keyword: str) -> Schema:
        name = self.dice.choice(NAMES)
        choices: dict[str, Sequence[Schema]] = {
            "multipleOf": (1, 2, 3, 4, 6, 0.5, 1.5),
            "pattern": PATTERNS,
            "format": FORMATS,
            "uniqueItems": (True, True, True, False),
            "required": ([name], self.dice.sample(NAMES, 2)),
            "propertyNames": _NAME_SCHEMAS,
            "dependentRequired": ({name: self.dice.sample(NAMES, self.dice.randint(1, 2))},),
            "const": (self.value(1),),
            "type": (self.dice.choice(KINDS), self.dice.sample(KINDS, 2)),
            "enum": ([self.value(1) for _ in range(self.dice.randint(1, 4))],),
            "$ref": REFERENCES,
        }
        counts = range(5) if keyword.startswith("max") else range(4)
        some = choices.get(keyword, NUMBERS if keyword in _BOUNDS else counts)
        return deepcopy(self.dice.choice(some))  # edits reach into what they find

    def _held(self, keyword: str, depth: int) -> Schema:
        several = self.dice.randint(1, 3)
        if keyword in LISTS:
            return [self.schema(depth) for _ in range(several)]
        if keyword in NAMED:
            names = PATTERNS if keyword == "patternProperties" else NAMES
            count = several if keyword == "properties" else min(several, 2)
            return {name: self.schema(depth) for name in self.dice.sample(names, count)}
        closes = keyword in {"additionalProperties", "unevaluatedProperties", "unevaluatedItems"}
        return False if closes and self.chance(0.6) else self.schema(depth)

    def _composed(self, depth: int) -> Schema:
        """Return an object or an array put together from parts, and closed after that."""
        kind = self.dice.choice(["object", "object", "array"])
        several = [self._portion(kind, depth) for _ in range(3)]
        ways: list[dict[str, Schema]] = [
            {"allOf": several[:2]},
            {"anyOf": several[:2]},
            {"oneOf": several[:2]},
            {"if": several[0], "then": several[1], "else": several[2]},
            {"dependentSchemas": {self.dice.choice(NAMES): several[0]}} if kind == "object" else {},
        ]
        rest = "unevaluatedProperties" if kind == "object" else "unevaluatedItems"
        return (
            self._portion(kind, depth) | self.dice.choice(ways) | {rest: self.chance(0.2) and self.schema(0)}
        )

    def _portion(self, kind: str, depth: int) -> dict[str, Schema]:
        if kind == "array":
            front = {"prefixItems": [self.schema(depth) for _ in range(self.dice.randint(1, 2))]}
            return front if self.chance(0.6) else {"contains": self.schema(depth)}
        names = self.dice.sample(NAMES, self.dice.randint(1, 2))
        portion: dict[str, Schema] = {"properties": {name: self.schema(depth) for name in names}}
        if self.chance(0.3):
            several = self.dice.sample(PATTERNS, self.dice.randint(1, 2))
            portion["patternProperties"] = {pattern: self.schema(depth) for pattern in several}
        return portion | ({"required": names[:1]} if self.chance(0.3) else {})

    def edited(self, schema: dict[str, Schema], edits: int) -> dict[str, Schema]:
        """Return the schema after some edits."""
        changed: Schema = deepcopy(schema)
        for _ in range(edits):
            path = self.dice.choice([path for path in places(changed) if path != ("$defs",)])
            part = self._part(part_at(changed, path), max(0, 2 - len(path) // 2))
            if path:
                part_at(changed, path[:-1])[path[-1]] = part
            else:
                changed = part if isinstance(part, dict) else changed
        return dict(changed)

    def _part(self, part: Schema, depth: int) -> Schema:
        if not isinstance(part, dict):
            return self.dice.choice([True, False, {}, self.schema(depth)])
        stores = {"$defs": part["$defs"]} if "$defs" in part else {}
        bare = {keyword: held for keyword, held in part.items() if keyword != "$defs"}
        edits: list[Callable[[dict[str, Schema], int], Schema]] = [
            *[self._dropped] * 5,
            *[self._tweaked] * 7,
            *[self._grown] * 6,
            self._wrapped,
            self._remarked,
            self._emptied,
            self._widened,
            self._shuffled,
        ]
        changed = self.dice.choice(edits)(bare, depth)
        return changed | stores if isinstance(changed, dict) else changed

    def _dropped(self, part: dict[str, Schema], depth: int) -> Schema:
        if part:
            del part[self.dice.choice(sorted(part))]
        return part

    def _tweaked(self, part: dict[str, Schema], depth: int) -> Schema:
        if part:
            keyword = self.dice.choice(sorted(part))
            other = _TURNED.get(keyword, keyword) if self.chance(0.3) else keyword
            if other != keyword:
                part[other] = part.pop(keyword)
            else:
                part[keyword] = self._tweak(keyword, part[keyword], depth)
        return part

    def _grown(self, part: dict[str, Schema], depth: int) -> Schema:
        kind = self.dice.choice(["integer", "string", "array", "array", "object", "object"])
        more = self.combination(depth) if self.chance(0.2) else self.keyword(kind, depth + 1)
        return part | {keyword: held for keyword, held in more.items() if keyword != "$ref"}

    def _wrapped(self, part: dict[str, Schema], depth: int) -> Schema:
        ways: list[Schema] = [{"allOf": [part]}, {"anyOf": [part, self.schema(depth)]}, {"oneOf": [part]}]
        return self.dice.choice([*ways, {"not": {"not": part}}, {"anyOf": [part]}])

    def _remarked(self, part: dict[str, Schema], depth: int) -> Schema:
        return part | {"description": "words"}

    def _emptied(self, part: dict[str, Schema], depth: int) -> Schema:
        return {"type": part["type"]} if "type" in part and self.chance(0.5) else {}

    def _widened(self, part: dict[str, Schema], depth: int) -> Schema:
        stated = part.get("type", list(KINDS))
        kinds = {stated} if isinstance(stated, str) else set(stated)
        return part | {"type": sorted(kinds | {self.dice.choice(KINDS)})}

    def _shuffled(self, part: dict[str, Schema], depth: int) -> Schema:
        return dict(self.dice.sample(sorted(part.items(), key=lambda item: item[0]), len(part)))

    def _tweak(self, keyword: str, held: Schema, depth: int) -> Schema:
        if isinstance(held, bool):
            return not held
        if keyword in {"multipleOf", "pattern", "format", "$ref", "type", "const", "propertyNames"}:
            return self._flat(keyword)
        if isinstance(held, int | float):
            step = self.dice.choice([-1, 1, -0.5, 0.5])
            is_count = keyword.startswith(("min", "max")) and keyword not in {"minimum", "maximum"}
            return max(0, round(held + 2 * step)) if is_count else held + step
        if keyword in {*ONE, *ONE_MORE}:
            return self.schema(depth)
        if isinstance(held, dict):
            return self._renamed(keyword, held, depth)
        return self._relisted(keyword, held, depth)

    def _renamed(self, keyword: str, held: dict[str, Schema], depth: int) -> Schema:
        held = dict(held)
        if self.chance(0.4) and held:
            del held[self.dice.choice(sorted(held))]
        elif keyword == "dependentRequired":
            held[self.dice.choice(NAMES)] = self.dice.sample(NAMES, 1)
        else:
            held[self.dice.choice(PATTERNS if keyword == "patternProperties" else NAMES)] = self.schema(depth)
        return held

    def _relisted(self, keyword: str, held: list[Schema], depth: int) -> Schema:
        held, roll = list(held), self.dice.random()
        if roll < 0.4 and len(held) > 1:
            del held[self.dice.randrange(len(held))]
        elif roll < 0.7:
            if keyword == "required":
                return sorted({*held, self.dice.choice(NAMES)})
            held.append(self.value(1) if keyword == "enum" else self.schema(depth))
        else:
            self.dice.shuffle(held)
        return held


def without_references(schema: Schema) -> Schema:
    """Return the schema with nothing in it that refers elsewhere."""
    if isinstance(schema, dict):
        return {name: without_references(held) for name, held in schema.items() if name != "$ref"}
    return [without_references(held) for held in schema] if isinstance(schema, list) else schema


def places(schema: Schema, path: Path = ()) -> Iterator[Path]:
    """Yield the path of every subschema."""
    yield path
    if not isinstance(schema, dict):
        return
    for keyword in (*ONE, *ONE_MORE):
        if keyword in schema:
            yield from places(schema[keyword], (*path, keyword))
    for keyword in LISTS:
        for at, held in enumerate(schema.get(keyword, ())):
            yield from places(held, (*path, keyword, at))
    for keyword in NAMED:
        for name, held in schema.get(keyword, {}).items():
            yield from places(held, (*path, keyword, name))


def part_at(schema: Schema, path: Path) -> Schema:
    """Return the subschema at a path."""
    for step in path:
        schema = schema[step]
    return schema
