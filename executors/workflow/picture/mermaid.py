"""A chart as Mermaid, for READMEs and pull requests, where it is drawn in place.

Calls are boxes, approvals are diamonds, waits are rounded, sub-workflows are frames. Needs
are arrows; a dotted arrow leads to what undoes a step on failure.
"""

from collections.abc import Iterator

from executors.workflow.picture.chart import Chart, Node, Sort

_SHAPES = {
    Sort.CALL: ('["', '"]'),
    Sort.APPROVAL: ('{"', '"}'),
    Sort.WAIT: ('(["', '"])'),
    Sort.NESTED: ('[["', '"]]'),
}
_NAME = str.maketrans({"_": "_u", "-": "_d", "/": "_s"})
_UNDO = "_x"
_ESCAPES = {"&": "&amp;", '"': "&quot;", "<": "&lt;", ">": "&gt;", "#": "&num;"}


def mermaid(chart: Chart) -> str:
    """Return the chart as a flowchart."""
    lines = [f"---\ntitle: {_text(chart.name)}\n---", "flowchart TD"]
    lines += _nodes(chart, "", "  ")
    lines += _edges(chart, "")
    return "\n".join(lines)


def _nodes(chart: Chart, scope: str, margin: str) -> Iterator[str]:
    for node in chart.nodes:
        name = _name(scope, node.id)
        if node.inside is not None:
            yield f'{margin}subgraph {name}["{_label(node)}"]'
            yield from _nodes(node.inside, f"{scope}{node.id}/", margin + "  ")
            yield f"{margin}end"
        else:
            opening, closing = _SHAPES[node.sort]
            yield f"{margin}{name}{opening}{_label(node)}{closing}"
        if node.undo:
            yield f'{margin}{name}{_UNDO}>"undo: {_text(node.undo)}"]'


def _edges(chart: Chart, scope: str) -> Iterator[str]:
    for node in chart.nodes:
        name = _name(scope, node.id)
        yield from (f"  {_name(scope, need)} --> {name}" for need in node.needs)
        if node.undo:
            yield f"  {name} -.-> {name}{_UNDO}"
        if node.inside is not None:
            yield from _edges(node.inside, f"{scope}{node.id}/")


def _label(node: Node) -> str:
    return "<br/>".join([f"<b>{_text(node.id)}</b>", _text(node.does), *map(_text, node.notes)])


def _name(scope: str, step: str) -> str:
    # Mermaid takes `end` for a word of its own and `--` for an arrow; no two steps get one name.
    return "s_" + f"{scope}{step}".translate(_NAME)


def _text(text: str) -> str:
    return "".join(_ESCAPES.get(letter, letter) for letter in text)
