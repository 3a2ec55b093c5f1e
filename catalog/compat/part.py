"""A subschema together with the place where it is written.

Every finding has to say where, and equal text in two places is two things to mend; so the
prover passes parts about, never bare schemas. References stay within one document and go
in no circles (`catalog.schema.check_schema` sees to both), so following them ends.
"""

import json
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from catalog.digest import Json, JsonObject, canonical_json
from catalog.schema import escape

P = ParamSpec("P")
T = TypeVar("T")


class TooHard(Exception):
    """The question cannot be answered, or not in as many steps as a comparison may take.

    Attributes:
        pointer: the place that stands in the way; empty when it is the whole.
    """

    def __init__(self, pointer: str = "") -> None:
        super().__init__(pointer)
        self.pointer = pointer


class Side(StrEnum):
    """Which of the two revisions."""

    OLD = "old"
    NEW = "new"


class Root:
    """One schema document: where it stands in contract.yaml, and what is known of its parts.

    It is read anew, so that it is plain JSON in whatever form it came.
    """

    def __init__(self, schema: JsonObject, pointer: str, side: Side) -> None:
        self.schema: JsonObject = json.loads(canonical_json(schema))
        self.pointer = pointer
        self.side = side
        self.known: dict[Hashable, Any] = {}

    def part(self) -> "Part":
        """Return the whole document."""
        return Part(self, self.pointer, self.schema)

    def at(self, pointer: str) -> "Spot | None":
        """Return the place that a pointer leads to, if there is one."""
        found: Json = self.schema
        for token in pointer.removeprefix(self.pointer).split("/")[1:]:
            found = _step(found, token.replace("~1", "/").replace("~0", "~"))
        return None if found is None else Spot(self.side, pointer, found)


def kept(work: Callable[Concatenate["Part", P], T]) -> Callable[Concatenate["Part", P], T]:
    """Have what is worked out about a part remembered with its document."""

    def known(part: "Part", /, *args: P.args, **kwargs: P.kwargs) -> T:
        question = (work, part.pointer, part.made, args)
        if question not in part.root.known:
            part.root.known[question] = work(part, *args, **kwargs)
        answer: T = part.root.known[question]
        return answer

    return cast("Callable[Concatenate[Part, P], T]", wraps(work)(known))


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in one of the two revisions, with what it says."""

    side: Side
    pointer: str
    value: Json = field(compare=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A subschema at its place.

    Attributes:
        made: says what for, when the schema is written nowhere but follows from what is.
    """

    root: Root
    pointer: str
    schema: Json = field(compare=False)
    made: str = ""

    @property
    def keywords(self) -> JsonObject:
        """Return what it says by keyword; nothing for true and false."""
        return self.schema if isinstance(self.schema, dict) else {}

    def below(self, keyword: str) -> "Part":
        """Return the schema that a keyword holds."""
        return Part(self.root, f"{self.pointer}/{keyword}", self.keywords[keyword], self.made)

    @kept
    def named(self, keyword: str) -> dict[str, "Part"]:
        """Return the schemas that a keyword holds by name."""
        held = self.keywords.get(keyword)
        names = held if isinstance(held, dict) else {}
        place = f"{self.pointer}/{keyword}"
        return {
            name: Part(self.root, f"{place}/{escape(name)}", each, self.made) for name, each in names.items()
        }

    @kept
    def listed(self, keyword: str) -> tuple["Part", ...]:
        """Return the schemas that a keyword lists."""
        held = self.keywords.get(keyword)
        each = held if isinstance(held, list) else ()
        place = f"{self.pointer}/{keyword}"
        return tuple(Part(self.root, f"{place}/{at}", one, self.made) for at, one in enumerate(each))

    def target(self) -> "Part":
        """Return what its `$ref` leads to.

        Raises:
            TooHard: it leads nowhere, which a validator overlooks where it never gets to.
        """
        pointer = self.root.pointer + str(self.keywords["$ref"]).removeprefix("#")
        found = self.root.at(pointer)
        if found is None or not isinstance(found.value, bool | dict):
            raise TooHard(f"{self.pointer}/$ref")
        return Part(self.root, pointer, found.value)

    def spot(self, *path: str | int) -> Spot:
        """Return the place of something within it."""
        value: Json = self.schema
        for token in path:
            value = _step(value, token)
        below = "".join(f"/{escape(str(token))}" for token in path)
        return Spot(self.root.side, self.pointer + below, value)


def closure(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the parts with all that holds whenever they do: what they refer to, and `allOf`."""
    return tuple({each: None for part in parts for each in _conjuncts(part)})


@kept
def _conjuncts(part: Part) -> tuple[Part, ...]:
    if part.schema is True:
        return ()
    referred = (part.target(),) if "$ref" in part.keywords else ()
    return (part, *closure((*referred, *part.listed("allOf"))))


def _step(value: Json, token: str | int) -> Json:
    """Return what an object or a list holds under a token; None when it holds nothing there."""
    held: Json = None
    if isinstance(value, dict):
        held = value.get(str(token))
    elif isinstance(value, list) and str(token).isdecimal() and int(token) < len(value):
        held = value[int(token)]
    return held
