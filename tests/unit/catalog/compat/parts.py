"""The small schemas of which the tables are made, and what a comparison says of two of them."""

from typing import Any

from catalog.compat.change import Bump, Effect
from catalog.compat.schemas import schema_changes
from catalog.compat.section import Section
from catalog.schema import check_schema

Schema = Any

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer"}
PAIRS: Schema = {"type": "object", "properties": {"a": TEXT, "b": TEXT, "c": TEXT}}
CLOSED: Schema = PAIRS | {"additionalProperties": False}
LIST: Schema = {"type": "array", "items": TEXT}


def of_one(schema: Schema) -> dict[str, Schema]:
    """Return the schema of objects that may hold one thing, as x."""
    return {"type": "object", "additionalProperties": False, "properties": {"x": schema}}


def breaks(section: Section, old: Schema, new: Schema) -> list[tuple[str, str]]:
    """Return the codes and places of what breaks; each says what it means and what to do."""
    found = [change for change in schema_changes(section, old, new) if change.bump is Bump.MAJOR]
    assert all(change.effect is section.hits for change in found)
    assert all(change.message and change.fix for change in found)
    return [(change.code, change.pointer) for change in found]


def bump(section: Section, old: Schema, new: Schema) -> Bump:
    """Return the bump of a difference that hits nobody."""
    changes = schema_changes(section, old, new)
    assert all(change.effect is Effect.NOBODY and not change.fix for change in changes), changes
    return max((change.bump for change in changes), default=Bump.NONE)


def is_fit(*schemas: Schema) -> bool:
    """Say whether contracts may have these schemas."""
    return not any(check_schema(schema, "") for schema in schemas)
