"""A chart as DOT, for Graphviz and whatever reads it."""

import json
from collections.abc import Iterator

from executors.workflow.picture.chart import Chart, Node, Sort

_SHAPES = {Sort.CALL: "box", Sort.APPROVAL: "diamond", Sort.WAIT: "ellipse", Sort.NESTED: "box3d"}


def dot(chart: Chart) -> str:
    """Return the chart as a directed graph."""
    head = [f"digraph {_text(chart.name)} {{", "  rankdir=TB;", "  compound=true;"]
    return "\n".join([*head, *_nodes(chart, "", "  "), *_edges(chart, ""), "}"])


def _nodes(chart: Chart, scope: str, margin: str) -> Iterator[str]:
    for node in chart.nodes:
        place = f"{scope}{node.id}"
        yield f"{margin}{_text(place)} [shape={_SHAPES[node.sort]}, label={_label(node)}];"
        if node.undo:
            undo = _text(f"undo: {node.undo}")
            yield f"{margin}{_text(place + '!undo')} [shape=cds, style=dashed, label={undo}];"
        if node.inside is not None:
            yield f"{margin}subgraph {_text('cluster_' + place)} {{"
            yield f"{margin}  label={_text(node.inside.name)};"
            yield from _nodes(node.inside, f"{place}/", margin + "  ")
            yield f"{margin}}}"


def _edges(chart: Chart, scope: str) -> Iterator[str]:
    for node in chart.nodes:
        place = f"{scope}{node.id}"
        yield from (f"  {_text(scope + need)} -> {_text(place)};" for need in node.needs)
        if node.undo:
            yield f"  {_text(place)} -> {_text(place + '!undo')} [style=dashed];"
        if node.inside is not None:
            first = next(iter(node.inside.nodes)).id
            yield f"  {_text(place)} -> {_text(f'{place}/{first}')} [style=dotted];"
            yield from _edges(node.inside, f"{place}/")


def _label(node: Node) -> str:
    return _text("\n".join([node.id, node.does, *node.notes]))


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
