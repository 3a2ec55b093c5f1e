"""What an action's definition may say of the action, and others may not.

`action` is a root of references that only the definition of an action has: `${action.name}` and
`${action.inputs.keep}`. Works on paths, so that the check at publish and the author's own share it.
"""

from collections.abc import Iterable, Iterator, Mapping

from catalog.digest import Json, JsonObject
from catalog.errors import Finding
from catalog.references import Path

ACTION = "action"
"""The root under which an action's definition finds what it was asked for."""

_DEPTH = 2  # action.inputs.<field>


def action_root(name: str, inputs: JsonObject) -> dict[str, Json]:
    """Return what `${action...}` stands for."""
    return {"name": name, "inputs": inputs}


def action_findings(referred: Iterable[tuple[str, Path]], inputs: JsonObject | None) -> Iterator[Finding]:
    """Yield what is wrong with the references to an action in one definition.

    Args:
        referred: places and paths; those that do not speak of an action are left alone.
        inputs: schema of what the action takes; None for the definition of an operation.
    """
    for pointer, path in referred:
        if path[0] != ACTION:
            continue
        if inputs is None:
            message = "an operation is nobody's action"
            yield Finding(pointer, "unknown_reference", message, "refer to inputs, which are the request's")
        elif path[1:2] == ("inputs",) and len(path) > _DEPTH:
            yield from _input_findings(pointer, path[_DEPTH], inputs)


def _input_findings(pointer: str, name: str, inputs: JsonObject) -> Iterator[Finding]:
    declared = inputs.get("properties")
    known = sorted(declared) if isinstance(declared, Mapping) else []
    if name not in known:
        message = f"the action takes no input {name}"
        yield Finding(pointer, "unknown_input", message, f"it takes {', '.join(known) or 'nothing'}")
