"""A step's arguments: what a kind takes, and typed reading of what it was given.

`taking` states a kind's schema. The engine checks arguments against it; `Arguments` then
narrows JSON to the types that the code works with and names the place when something got past
the schema. Used by step kinds only.
"""

from collections.abc import Mapping, Sequence
from typing import NoReturn

from catalog.digest import Json, JsonObject
from executors.step import Permanent


def taking(required: JsonObject, optional: JsonObject | None = None) -> JsonObject:
    """Return the schema of an object with these members and no others."""
    properties = {**required, **(optional or {})}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


class Arguments:
    """A JSON object whose members are asked for by type."""

    def __init__(self, values: JsonObject, pointer: str = "") -> None:
        self._values = values
        self._pointer = pointer

    def has(self, name: str) -> bool:
        """Say whether the member was given and is not null."""
        return self._values.get(name) is not None

    def text(self, name: str, default: str | None = None) -> str:
        """Return a string member."""
        value = self._values.get(name, default)
        if isinstance(value, str):
            return value
        return self._refuse(name, "a string")

    def whole(self, name: str, default: int | None = None) -> int:
        """Return an integer member."""
        value = self._values.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        return self._refuse(name, "a whole number")

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a member that is true or false."""
        value = self._values.get(name, default)
        return value if isinstance(value, bool) else self._refuse(name, "true or false")

    def texts(self, name: str, default: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return a list of strings."""
        values = self._items(name, default)
        fit = tuple(value for value in values if isinstance(value, str))
        return fit if len(fit) == len(values) else self._refuse(name, "a list of strings")

    def wholes(self, name: str, default: Sequence[int] | None = None) -> tuple[int, ...]:
        """Return a list of integers."""
        values = self._items(name, default)
        fit = tuple(value for value in values if isinstance(value, int) and not isinstance(value, bool))
        return fit if len(fit) == len(values) else self._refuse(name, "a list of whole numbers")

    def members(self, name: str, default: JsonObject | None = None) -> JsonObject:
        """Return an object member as it is."""
        value = self._values.get(name, default)
        if isinstance(value, Mapping):
            return value
        return self._refuse(name, "an object")

    def texts_by_name(self, name: str, default: JsonObject | None = None) -> dict[str, str]:
        """Return an object whose values are strings."""
        found = Arguments(self.members(name, default), f"{self._pointer}/{name}")
        return {member: found.text(member) for member in self.members(name, default)}

    def within(self, name: str, default: JsonObject | None = None) -> "Arguments":
        """Return an object member, to be asked for its own members."""
        return Arguments(self.members(name, default), f"{self._pointer}/{name}")

    def _items(self, name: str, default: Sequence[Json] | None) -> Sequence[Json]:
        value = self._values.get(name, default)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return value
        return self._refuse(name, "a list")

    def _refuse(self, name: str, wanted: str) -> NoReturn:
        raise Permanent("invalid_arguments", f"{self._pointer}/{name} must be {wanted}.")
