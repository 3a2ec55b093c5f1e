"""Where the values of a YAML document stand in its text.

Tools for authors call this to say `file:line:column` where the rest of the house says a JSON
Pointer. The text was admitted by `catalog.documents` before, which has refused everything
that could make reading it expensive. A member stands where its key does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import yaml

from catalog.schema import escape


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a text; both numbers count from one."""

    line: int
    column: int


START = Position(1, 1)


def positions(text: str) -> dict[str, Position]:
    """Return the position of every value of an admitted document, by JSON Pointer."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    return {} if root is None else dict(_walk(root, "", root.start_mark))


def nearest(known: Mapping[str, Position], pointer: str) -> Position:
    """Return the position of a value; of what it would stand in, when it is not there."""
    while pointer and pointer not in known:
        pointer = pointer.rpartition("/")[0]
    return known.get(pointer, START)


def _walk(node: yaml.Node, pointer: str, mark: yaml.Mark) -> Iterator[tuple[str, Position]]:
    yield pointer, Position(mark.line + 1, mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _walk(value, f"{pointer}/{escape(key.value)}", key.start_mark)
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            yield from _walk(child, f"{pointer}/{index}", child.start_mark)
