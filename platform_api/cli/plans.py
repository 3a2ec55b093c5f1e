"""A plan as a person reads it: what would happen, where, whether policy lets it, in which steps.

Pure, over the document that a dry run answers with. `plan` prints it as its answer, and
`request --watch` as the beginning of its story.
"""

from collections.abc import Iterator
from typing import Any

from platform_api.cli.failure import finding_lines
from platform_api.cli.output import Document
from platform_api.cli.tables import plain
from platform_api.cli.terminal import one_line

_LABEL_WIDTH = 9


def is_denied(plan: Document) -> bool:
    """Say whether policy would not let it happen."""
    return _part(plan, "policy").get("outcome") == "deny"


def plan_lines(plan: Document, name: str, asked: Document) -> Iterator[str]:
    """Yield a plan's lines.

    Args:
        asked: what was asked for: environment, owner.
    """
    contract = _part(plan, "contract")
    aside = ", ".join(
        f"{word} {one_line(str(asked[key]))}"
        for word, key in (("env", "environment"), ("owner", "owner"))
        if asked.get(key)
    )
    head = f"Plan   {_text(contract, 'name')} {_text(contract, 'version')} -> {name}"
    yield f"{head}  ({aside})" if aside else head
    yield _line("does", f"{_text(plan, 'action')}: {_text(plan, 'message')}")
    yield _line("inputs", _inputs(plan))
    yield from _placement(_part(plan, "placement"))
    yield from _policy(_part(plan, "policy"))
    yield from _list("steps", [_step(step) for step in _items(plan, "steps")], joint=", ")
    yield from _list("changes", [_change(change) for change in _items(plan, "changes")], joint="; ")


def policy_findings(plan: Document) -> list[Document]:
    """Return what policy says against it, or warns of, in the form of a problem's places."""
    return [
        {
            "pointer": f"{result.get('policy', '')} {result.get('path') or ''}".strip(),
            "code": result.get("rule"),
            "detail": result.get("message"),
            "fix": result.get("remediation"),
        }
        for result in _items(_part(plan, "policy"), "results")
    ]


def _inputs(plan: Document) -> str:
    filled = plan.get("defaults") or ()
    shown = (
        one_line(f"{name}={plain(value)}{' (default)' if name in filled else ''}")
        for name, value in _part(plan, "inputs").items()
    )
    return "  ".join(shown) or "none"


def _placement(placement: Document) -> Iterator[str]:
    where = _text(placement, "destination")
    message = _text(placement, "message")
    if where or message:
        yield _line("lands on", f"{where}  ({message})" if where and message else where or message)
    if not where:
        for each in _items(placement, "considered"):
            yield f"    x  {_text(each, 'destination')}  {_text(each, 'objection')}".rstrip()


def _policy(policy: Document) -> Iterator[str]:
    results = _items(policy, "results")
    denied = sum(result.get("action") == "deny" for result in results)
    said = f"{denied} denied" if policy.get("outcome") == "deny" else "allowed"
    warned = len(results) - denied
    yield _line("policy", f"{said}, {warned} warned" if warned else said)
    yield from (f"    {line}" for line in finding_lines(policy_findings({"policy": policy})))


def _list(label: str, texts: list[str], joint: str) -> Iterator[str]:
    if texts:
        yield _line(label, f"{len(texts)}: {joint.join(texts)}")


def _step(step: Document) -> str:
    return f"{_text(step, 'id')} ({_text(step, 'uses')})"


def _change(change: Document) -> str:
    before, after = (one_line(plain(change.get(side))) or "nothing" for side in ("before", "after"))
    return f"{_text(change, 'path')} {before} -> {after}"


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}} {text}"


def _text(document: Document, name: str) -> str:
    return one_line(plain(document.get(name)))


def _part(document: Document, name: str) -> dict[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _items(document: Document, name: str) -> list[Document]:
    value = document.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
