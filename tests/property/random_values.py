"""Random values that are likely to be valid by a schema, or to just miss it.

A value is drawn along the schema: branches are picked, names and bounds are kept to mostly.
Whether it is valid is for the validator to say; many are not, and that is the point.
"""

from collections.abc import Iterator
from typing import Any

from tests.property.random_schemas import KINDS, NAMES, NUMBERS, TEXTS, Maker, Schema

_OBJECT = frozenset({"properties", "required", "additionalProperties", "patternProperties", "propertyNames"})
_MORE_OBJECT = frozenset({"minProperties", "maxProperties", "dependentRequired", "unevaluatedProperties"})
_ARRAY = frozenset({"items", "prefixItems", "contains", "minItems", "maxItems", "uniqueItems"})
_STRING = frozenset({"minLength", "maxLength", "pattern", "format"})
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def values(maker: Maker, schema: dict[str, Schema], amount: int) -> Iterator[Any]:
    """Yield values drawn along a schema, some of them nudged off it."""
    drawer = _Drawer(maker, schema)
    for _ in range(amount):
        value = drawer.value(schema, 3)
        yield drawer.nudged(value) if maker.chance(0.35) else value


class _Drawer:
    def __init__(self, maker: Maker, root: dict[str, Schema]) -> None:
        self.maker = maker
        self.dice = maker.dice
        self.root = root

    def value(self, schema: Schema, depth: int) -> Any:
        """Return a value along a schema."""
        stated = self._flat(schema, 3)
        if depth == 0 or self.maker.chance(0.04):
            return self.maker.value(1)
        if "const" in stated and self.maker.chance(0.9):
            return stated["const"]
        if stated.get("enum") and self.maker.chance(0.9):
            return self.dice.choice(stated["enum"])
        kind = self._kind(stated)
        if kind == "null":
            return None
        if kind == "boolean":
            return self.maker.chance(0.5)
        if kind in {"integer", "number"}:
            return self._number(stated, kind)
        if kind == "string":
            letters = (self.dice.choice("abc1") for _ in range(self.dice.randint(0, 5)))
            return self.dice.choice(TEXTS) if self.maker.chance(0.8) else "".join(letters)
        return self._array(stated, depth) if kind == "array" else self._object(stated, depth)

    def nudged(self, value: Any) -> Any:
        """Return a value near this one."""
        if isinstance(value, dict) and value:
            return self._nudged_object(dict(value))
        if isinstance(value, list) and value:
            return self._nudged_array(list(value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value + self.dice.choice([-1, 1, -0.5, 0.5])
        if isinstance(value, str):
            return self.dice.choice([value + "a", value[:-1], value + "1", self.dice.choice(TEXTS)])
        return self.maker.value(1)

    def _nudged_object(self, value: dict[str, Any]) -> Any:
        name, roll = self.dice.choice(sorted(value)), self.dice.random()
        if roll < 0.3:
            del value[name]
        elif roll < 0.5:
            value[self.dice.choice(NAMES)] = self.maker.value(1)
        else:
            value[name] = self.nudged(value[name])
        return value

    def _nudged_array(self, value: list[Any]) -> Any:
        index, roll = self.dice.randrange(len(value)), self.dice.random()
        if roll < 0.3:
            del value[index]
        elif roll < 0.5:
            value.insert(index, self.maker.value(1))
        elif roll < 0.6:
            value.insert(index, value[index])
        else:
            value[index] = self.nudged(value[index])
        return value

    def _number(self, stated: dict[str, Schema], kind: str) -> float:
        near: list[float] = self.dice.sample(NUMBERS, 3)
        for bound in _BOUNDS:
            near += [stated[bound] + step for step in (0, 1, -1, 0.5, -0.5)] if bound in stated else []
        near += [stated["multipleOf"] * times for times in range(-2, 5)] if "multipleOf" in stated else []
        whole = [number for number in near if number == int(number)]
        return self.dice.choice(whole or [0]) if kind == "integer" else self.dice.choice(near)

    def _array(self, stated: dict[str, Schema], depth: int) -> list[Any]:
        front = stated.get("prefixItems", [])
        lengths = [stated.get(name, 1) for name in ("minItems", "maxItems", "minContains", "maxContains")]
        length = self.dice.choice([0, 1, 2, 3, len(front), len(front) + 1, *lengths])
        return [self._item(stated, index, depth) for index in range(min(int(length), 5))]

    def _item(self, stated: dict[str, Schema], index: int, depth: int) -> Any:
        front = stated.get("prefixItems", [])
        along = [front[index]] * 3 if index < len(front) else []
        if not along and "items" in stated:
            along = [stated["items"]] * 3
        along += [stated[name] for name in ("contains", "unevaluatedItems") if name in stated]
        return self.value(self.dice.choice(along), depth - 1) if along else self.maker.value(1)

    def _object(self, stated: dict[str, Schema], depth: int) -> dict[str, Any]:
        properties = stated.get("properties", {})
        names = {name for name in stated.get("required", ()) if self.maker.chance(0.95)}
        names |= {name for name in properties if self.maker.chance(0.6)}
        names |= {self.dice.choice([*NAMES, "ab", "zz", "1"])} if self.maker.chance(0.4) else set()
        for name, needed in stated.get("dependentRequired", {}).items():
            names |= set(needed) if name in names and self.maker.chance(0.8) else set()
        while len(names) < min(stated.get("minProperties", 0), 4):
            names.add(self.dice.choice([*NAMES, "ab", "zz", "1"]))
        kept = sorted(names)[: int(stated.get("maxProperties", 9))]
        return {name: self._property(stated, name, depth) for name in kept}

    def _property(self, stated: dict[str, Schema], name: str, depth: int) -> Any:
        if name in stated.get("properties", {}):
            return self.value(stated["properties"][name], depth - 1)
        along = list(stated.get("patternProperties", {}).values())
        along += [
            stated[rest] for rest in ("additionalProperties", "unevaluatedProperties") if rest in stated
        ]
        along = [schema for schema in along if schema is not False]
        return self.value(self.dice.choice(along), depth - 1) if along else self.maker.value(1)

    def _kind(self, stated: dict[str, Schema]) -> str:
        if "type" in stated:
            kinds = stated["type"]
            return str(kinds if isinstance(kinds, str) else self.dice.choice(kinds))
        spoken_of = {
            "object": _OBJECT | _MORE_OBJECT,
            "array": _ARRAY | {"minContains", "maxContains", "unevaluatedItems"},
            "string": _STRING,
            "number": frozenset(_BOUNDS) | {"multipleOf"},
        }
        likely = [kind for kind, keywords in spoken_of.items() if not keywords.isdisjoint(stated)]
        return self.dice.choice(likely if likely and self.maker.chance(0.85) else KINDS)

    def _flat(self, schema: Schema, depth: int) -> dict[str, Schema]:
        """Return what a schema and some of what it combines say, more or less."""
        if not isinstance(schema, dict):
            return {}
        parts = [schema, *self._combined(schema)] if depth > 0 else [schema]
        made: dict[str, Schema] = {}
        for part in [parts[0], *(self._flat(part, depth - 1) for part in parts[1:])]:
            for keyword, held in part.items():
                if keyword == "properties":
                    made[keyword] = made.get(keyword, {}) | held
                elif keyword == "required":
                    made[keyword] = [*made.get(keyword, []), *held]
                elif keyword not in made or self.maker.chance(0.5):
                    made[keyword] = held
        return made

    def _combined(self, schema: dict[str, Schema]) -> list[Schema]:
        found = list(schema.get("allOf", ()))
        found += [self.dice.choice(schema[keyword]) for keyword in ("anyOf", "oneOf") if schema.get(keyword)]
        if "$ref" in schema:
            found.append(self.root.get("$defs", {}).get(schema["$ref"].rpartition("/")[2], {}))
        if "if" in schema and self.maker.chance(0.5):
            found += [schema["if"], schema.get("then", {})]
        elif "if" in schema:
            found.append(schema.get("else", {}))
        found += [part for part in schema.get("dependentSchemas", {}).values() if self.maker.chance(0.5)]
        return found
