"""Pairs of object schemas that fill in defaults, and inputs that show what a verdict on them overlooks.

A tree of fields is written down as a schema, each field in one of the ways in which a schema
can come to it; only some of them have their defaults filled in. A few edits to the tree give
the other schema: most pairs mean the same values and fill in others.
"""

import random
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from catalog.compat.change import Bump
from catalog.compat.schemas import schema_changes
from catalog.compat.section import INPUTS
from catalog.schema import check_schema, with_defaults
from tests.property.compat_pairs import validator
from tests.property.random_schemas import NAMES, Schema

WAYS = ("plain", "plain", "plain", "reference", "base", "pattern", "others")
NEVER: Schema = {"not": {}}
Path = tuple[str, ...]


@dataclass
class Field:
    """A field of an object: how its schema comes to it, and what it holds.

    Attributes:
        below: the fields that it has, when it is an object.
        default: a list of one; empty when there is none.
        is_never: nobody may write it.
    """

    name: str
    way: str
    below: list["Field"] | None
    default: list[Any]
    is_required: bool = False
    is_never: bool = False


@dataclass
class Writer:
    """Writes fields down as one schema."""

    stored: dict[str, Schema] = field(default_factory=dict)

    def document(self, fields: list[Field]) -> dict[str, Schema]:
        """Return the schema of objects that have these fields."""
        body = self._object(fields)
        return body | {"$defs": self.stored} if self.stored else body

    def _object(self, fields: list[Field]) -> dict[str, Schema]:
        made: dict[str, Schema] = {"type": "object", "properties": {}, "unevaluatedProperties": False}
        for each in fields:
            self._place(made, each)
        required = [each.name for each in fields if each.is_required]
        return made | ({"required": required} if required else {})

    def _place(self, made: dict[str, Schema], each: Field) -> None:
        inner = {"type": "integer"} if each.below is None else self._object(each.below)
        inner |= {"default": each.default[0]} if each.default else {}
        inner |= NEVER if each.is_never else {}
        if each.way == "reference":
            key = f"d{len(self.stored)}"
            self.stored[key] = inner
            made["properties"][each.name] = {"$ref": f"#/$defs/{key}"}
        elif each.way == "base":
            made.setdefault("allOf", []).append({"properties": {each.name: inner}})
        elif each.way == "pattern":
            made.setdefault("patternProperties", {})[f"^{each.name}$"] = inner
        elif each.way == "others" and "additionalProperties" not in made:
            made["additionalProperties"] = inner
        else:
            made["properties"][each.name] = inner


class Gardener:
    """Grows trees of fields of one seed, and prunes them."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def chance(self, share: float) -> bool:
        """Return true that often."""
        return self.dice.random() < share

    def fields(self, depth: int) -> list[Field]:
        """Return the fields of an object that nests so deep at most."""
        return [self.field(name, depth) for name in self.dice.sample(NAMES[:3], self.dice.randint(1, 3))]

    def field(self, name: str, depth: int) -> Field:
        """Return a field."""
        below = self.fields(depth - 1) if depth and self.chance(0.6) else None
        default = [self.default(below)] if self.chance(0.4) else []
        return Field(name, self.dice.choice(WAYS), below, default, self.chance(0.25))

    def default(self, below: list[Field] | None) -> Any:
        """Return a default, which nothing judges."""
        if below is None:
            return self.dice.randint(0, 2)
        return {each.name: self.default(each.below) for each in below if self.chance(0.3)}

    def edited(self, fields: list[Field]) -> list[Field]:
        """Return the fields after some edits."""
        after = deepcopy(fields)
        for _ in range(self.dice.randint(1, 3)):
            self._edit(self.dice.choice(list(_beds(after, 0))))
        return after

    def _edit(self, bed: tuple[list[Field], int]) -> None:
        fields, depth = bed
        one, roll = self.dice.choice(fields), self.dice.random()
        missing = [name for name in NAMES if name not in {each.name for each in fields}]
        if roll < 0.35:
            one.way = self.dice.choice(WAYS)
        elif roll < 0.6:
            one.default = [] if self.chance(0.4) else [self.default(one.below)]
        elif roll < 0.7:
            one.is_required = not one.is_required and self.chance(0.2)
        elif missing:
            added = self.field(self.dice.choice(missing), max(0, 1 - depth))
            added.is_required, added.is_never = False, self.chance(0.2)
            fields.append(added)

    def value(self, fields: list[Field]) -> dict[str, Any]:
        """Return inputs, most of them valid."""
        wanted = [each for each in fields if self.chance(0.97 if each.is_required else 0.4)]
        return {each.name: 1 if each.below is None else self.value(each.below) for each in wanted}


def _beds(fields: list[Field], depth: int) -> Iterator[tuple[list[Field], int]]:
    yield fields, depth
    for each in fields:
        if each.below:
            yield from _beds(each.below, depth + 1)


@dataclass(frozen=True)
class Filled:
    """Two schemas that fill in defaults, with inputs that the old one takes."""

    old: dict[str, Schema]
    new: dict[str, Schema]
    inputs: tuple[dict[str, Any], ...]

    @property
    def bump(self) -> Bump:
        """Return what the step from the one to the other is judged to be."""
        return max((each.bump for each in schema_changes(INPUTS, self.old, self.new)), default=Bump.NONE)

    def broken(self, bump: Bump) -> Iterator[tuple[dict[str, Any], Path]]:
        """Yield inputs that get what the verdict rules out, and where.

        What breaks nobody fills in the same as before, but for fields that the old schema could
        not take; where nothing is even new, it fills in just the same.
        """
        takes = validator(self.old).is_valid
        for each in self.inputs:
            before, after = with_defaults(self.old, each), with_defaults(self.new, each)
            for path, is_added in differences(before, after, ()):
                if bump < Bump.MINOR or not is_added or takes(with_field(each, path, part_at(after, path))):
                    yield each, path


def pairs(first_seed: int) -> Iterator[Filled]:
    """Yield pairs without end."""
    for seed in count(first_seed):
        gardener = Gardener(seed)
        fields = gardener.fields(2)
        others = gardener.edited(fields)
        old, new = Writer().document(fields), Writer().document(others)
        if check_schema(old, "") or check_schema(new, ""):
            continue
        takes = validator(old).is_valid
        drawn = ({}, *(gardener.value(fields) for _ in range(12)))
        yield Filled(old, new, tuple(each for each in drawn if takes(each)))


def differences(before: Any, after: Any, path: Path) -> Iterator[tuple[Path, bool]]:
    """Yield where two values differ, and whether a field is only there after."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        if before != after:
            yield path, False
        return
    for name in before | after:
        if name in before and name in after:
            yield from differences(before[name], after[name], (*path, name))
        else:
            yield (*path, name), name in after


def part_at(value: Any, path: Path) -> Any:
    """Return what a value holds at a path."""
    for name in path:
        value = value[name]
    return value


def with_field(value: dict[str, Any], path: Path, held: Any) -> dict[str, Any]:
    """Return the value with something put at a path, and objects on the way to it."""
    name, *rest = path
    return value | {name: with_field(value.get(name, {}), tuple(rest), held) if rest else held}
