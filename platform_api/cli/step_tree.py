"""The steps of a plan as a tree of plain letters.

Pure, over the list that a plan's document holds. Steps stand in the order in which they can begin
at the earliest; those with the same number can be under way side by side. What a step needs is
said only where it is not simply everything of the number before. The steps of a sub-workflow
stand below the step that runs it.
"""

from collections.abc import Iterator, Mapping, Sequence

from platform_api.cli.output import Document
from platform_api.cli.terminal import one_line

_ROOM = 28
_MARGIN = "    "


def step_lines(steps: Sequence[Document]) -> Iterator[str]:
    """Yield a line for each step."""
    named = {one_line(str(step.get("id", ""))): step for step in steps}
    yield from _lines(named, "", _MARGIN)


def _lines(named: Mapping[str, Document], scope: str, margin: str) -> Iterator[str]:
    here = {name: _needs(step) for name, step in named.items() if name.rpartition("/")[0] == scope}
    ranks = _ranks(here)
    room = min(max((len(_last(name)) for name in here), default=0), _ROOM)
    for rank in sorted(set(ranks.values())):
        beside = [name for name in here if ranks[name] == rank]
        before = {name for name in here if ranks[name] == rank - 1}
        for number, name in enumerate(beside):
            head = f"{rank:>3} " if number == 0 else "  | "
            branch = "+-" if len(beside) > 1 else "--"
            needs = "" if set(here[name]) == before else f"; needs {_list(here[name])}"
            yield f"{margin}{head}{branch} {_last(name):<{room}}  {_does(named[name])}{needs}".rstrip()
            if name and name != scope:
                yield from _lines(named, name, margin + _MARGIN)


def _ranks(needs: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return for each step how many must have ended one after the other before it, plus one."""
    ranks: dict[str, int] = {}
    waiting = list(needs)
    while waiting:
        placed = [step for step in waiting if all(need in ranks or need not in needs for need in needs[step])]
        for step in placed or waiting[:1]:
            ranks[step] = 1 + max((ranks.get(need, 0) for need in needs[step]), default=0)
            waiting.remove(step)
    return ranks


def _does(step: Document) -> str:
    parts = [one_line(str(step.get("uses") or ""))]
    if step.get("for_each"):
        parts.append(f"for each of {one_line(str(step['for_each']))}")
    if step.get("if"):
        parts.append(f"if {one_line(str(step['if']))}: {_answer(step.get('holds'))}")
    if step.get("compensate") is True:
        parts.append("undone when it fails later")
    return ", ".join(filter(None, parts))


def _answer(holds: object) -> str:
    if holds is None:
        return "shows when it runs"
    return "yes" if holds is True else "no"


def _needs(step: Document) -> list[str]:
    needs = step.get("needs")
    return [one_line(str(need)) for need in needs] if isinstance(needs, list) else []


def _list(needs: Sequence[str]) -> str:
    return ", ".join(_last(need) for need in needs) or "nothing"


def _last(name: str) -> str:
    return name.rpartition("/")[2]
