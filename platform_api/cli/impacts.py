"""An impact as a person reads it: how many of what, and the requests that need somebody.

Pure, over the document that the server answers with. `publish --plan` and `policy impact` print it.
"""

from collections.abc import Iterator, Sequence

from platform_api.cli.compatibility_lines import compatibility_lines
from platform_api.cli.failure import finding_lines
from platform_api.cli.output import Document
from platform_api.cli.plans import child_findings, child_line, policy_findings
from platform_api.cli.tables import plain
from platform_api.cli.terminal import columns, one_line

LISTED = 100
"""So many requests are listed; `-o json` gives all of them."""

_BEST_FIRST = ("unchanged", "changes", "allowed", "warned", "needs_approval", "denied", "breaks")
_LEFT_ALONE = {"pinned": "pinned", "other_version": "on another version", "deleting": "being deleted"}
_GROUPS = (("by_project", "project"), ("by_owner", "owner"), ("by_environment", "env"), ("by_rule", "rule"))


def count_of(impact: Document, *outcomes: str) -> int:
    """Return how many requests have one of these outcomes."""
    counts = _part(_part(impact, "summary"), "outcomes")
    return sum(counts[name] for name in outcomes if isinstance(counts.get(name), int))


def impact_lines(impact: Document, what: str) -> Iterator[str]:
    """Yield an impact's lines.

    Args:
        what: whose impact it is, for the heading.
    """
    summary = _part(impact, "summary")
    yield from compatibility_lines(_part(impact, "compatibility"), what)
    yield f"Impact of {one_line(what)} on {_number(summary.get('requests'))} requests"
    counts = _part(summary, "outcomes")
    rows = [[_word(name), plain(counts[name])] for name in _ordered(counts)]
    rows += [
        [_LEFT_ALONE.get(name, one_line(name)), plain(count)]
        for name, count in _part(summary, "left_alone").items()
    ]
    yield from (f"  {line}" for line in (columns(rows) if rows else ()))
    for field, label in _GROUPS:
        yield from _grouped(_part(summary, field), label)
    yield from _listed(impact)


def _grouped(groups: Document, label: str) -> Iterator[str]:
    if len(groups) < 2 and label != "rule":  # noqa: PLR2004  # one group says what the whole says
        return
    for name in groups:
        counts = _part(groups, name)
        told = ", ".join(f"{plain(counts[outcome])} {_word(outcome)}" for outcome in _ordered(counts))
        yield f"  {label} {one_line(name) or '(nobody)'}: {told}"


def _listed(impact: Document) -> Iterator[str]:
    items = impact.get("items")
    rows = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    for row in rows:
        yield from _row(row)
    if impact.get("next_page_token"):
        yield "  and more: -o json lists all of them"


def _row(row: Document) -> Iterator[str]:
    aside = ", ".join(filter(None, (_text(row, "environment"), _text(row, "owner"), _held(row))))
    yield f"{_text(row, 'project')}/{_text(row, 'request')}  {_word(_text(row, 'outcome'))}  ({aside})"
    findings = row.get("findings")
    told = [*(findings if isinstance(findings, list) else ())]
    told += policy_findings({"policy": {"results": row.get("policy")}})
    yield from (f"  {line}" for line in finding_lines(told))
    children = row.get("children")
    for child in children if isinstance(children, list) else ():
        yield f"  {child_line(child)}"
        yield from (f"    {line}" for line in finding_lines(child_findings(child)))


def _held(row: Document) -> str:
    return f"held: {_text(row, 'held_by')}" if row.get("held_by") else ""


def _ordered(counts: Document) -> Sequence[str]:
    known = [name for name in _BEST_FIRST if name in counts]
    return [*known, *(name for name in counts if name not in known)]


def _word(outcome: str) -> str:
    return one_line(outcome).replace("_", " ")


def _number(value: object) -> str:
    return plain(value) or "0"


def _text(document: Document, name: str) -> str:
    return one_line(plain(document.get(name)))


def _part(document: Document, name: str) -> Document:
    value = document.get(name)
    return value if isinstance(value, dict) else {}
