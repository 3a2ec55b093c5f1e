"""Every path that a workflow document speaks of, in references and conditions, sub-workflows included.

Pure. Used by whoever knows what the roots of a contract hold and the workflow format does not.
"""

from collections.abc import Iterator, Mapping, Sequence

from catalog.digest import Json, JsonObject
from catalog.expression import Unfit, expression
from catalog.references import Path, references
from catalog.schema import escape
from executors.workflow.linkage import followed, pointer_of

_CONDITION = "if"


def referred(definition: JsonObject, files: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Yield the places and the paths of a definition, and of the sub-workflows among its bundle's files."""
    inner = followed(definition, files).documents
    for pointer, document in (("", definition), *((pointer_of(file), each) for file, each in inner.items())):
        yield from ((each.pointer, each.path) for each in references(document, pointer))
        yield from _conditions(document, pointer)


def _conditions(value: Json, pointer: str) -> Iterator[tuple[str, Path]]:
    if isinstance(value, Mapping):
        for name, part in value.items():
            place = f"{pointer}/{escape(name)}"
            if name == _CONDITION and isinstance(part, str):
                yield from ((place, path) for path in _paths(part))
            else:
                yield from _conditions(part, place)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, part in enumerate(value):
            yield from _conditions(part, f"{pointer}/{index}")


def _paths(text: str) -> tuple[Path, ...]:
    try:
        return expression(text).paths
    except Unfit:
        return ()  # the executor's own check says what is wrong with it
