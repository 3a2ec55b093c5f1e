"""A chart as a tree of plain letters, for a terminal of 80 columns.

Steps stand in the order in which they can begin at the earliest; those with the same number
can be under way side by side. What a step needs is said only where it is not simply everything
of the number before.
"""

import textwrap
from collections.abc import Iterator

from executors.workflow.picture.chart import Chart, Node

WIDTH = 80
_MARGIN = "      "


def tree(chart: Chart, width: int = WIDTH) -> str:
    """Return the chart as lines that are no wider than asked."""
    lines = [chart.name, *_lines(chart, width)]
    undone = " > ".join(chart.undo_order())
    if undone:
        lines += textwrap.wrap(f"on failure undone in this order: {undone}", width, subsequent_indent="  ")
    return "\n".join(line.rstrip() for line in lines)


def _lines(chart: Chart, width: int) -> Iterator[str]:
    ranks = _ranks(chart)
    room = min(max(len(node.id) for node in chart.nodes), 24)
    for rank in sorted(set(ranks.values())):
        beside = [node for node in chart.nodes if ranks[node.id] == rank]
        before = {node.id for node in chart.nodes if ranks[node.id] == rank - 1}
        for number, node in enumerate(beside):
            head = f"{rank:>3} " if number == 0 else "  | "
            own = "+-" if len(beside) > 1 else "--"
            yield from _wrapped(f"{head}{own} {node.id:<{room}}  {node.does}", width)
            yield from (
                line for note in _notes(node, before) for line in _wrapped(_MARGIN + "  " + note, width)
            )
            if node.inside is not None:
                inner = _lines(node.inside, width - len(_MARGIN))
                yield from (_MARGIN + line for line in inner)


def _notes(node: Node, before: set[str]) -> Iterator[str]:
    if set(node.needs) != before:
        yield f"needs {', '.join(node.needs) or 'nothing'}"
    yield from node.notes
    if node.undo:
        yield f"undo  {node.undo}"


def _wrapped(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    return textwrap.wrap(line, width, subsequent_indent=_MARGIN + "    ", break_long_words=True)


def _ranks(chart: Chart) -> dict[str, int]:
    """Return for each step how many must have ended one after the other before it, plus one."""
    ranks: dict[str, int] = {}
    needs = {node.id: node.needs for node in chart.nodes}

    # A step may need one that is listed after it, so the list is walked until all are placed.
    waiting = list(needs)
    while waiting:
        placed = [step for step in waiting if all(need in ranks for need in needs[step])]
        for step in placed or waiting[:1]:
            ranks[step] = 1 + max((ranks.get(need, 0) for need in needs[step]), default=0)
            waiting.remove(step)
    return ranks
