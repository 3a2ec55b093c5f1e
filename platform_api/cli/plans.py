"""A plan as a person reads it: what would happen, where, whether policy lets it, in which steps.

Pure, over the document that a dry run answers with. `plan` prints it as its answer, and
`request --watch` as the beginning of its story.
"""

from collections.abc import Iterator
from typing import Any

from platform_api.cli.failure import ExitCode, Failure, finding_lines
from platform_api.cli.output import Document
from platform_api.cli.spans import fine
from platform_api.cli.step_tree import step_lines
from platform_api.cli.tables import plain
from platform_api.cli.terminal import one_line

_LABEL_WIDTH = 9
_BAD = frozenset({"denied", "breaks"})
NOTHING_BEGINS = "nothing would be begun"


def is_denied(plan: Document) -> bool:
    """Say whether policy would not let it happen."""
    return _part(plan, "policy").get("outcome") == "deny"


def denial(plan: Document, *, is_shown: bool) -> Failure:
    """Return the end of a command whose plan policy denies.

    Args:
        is_shown: what policy says was printed already, with the plan.
    """
    results = _items(_part(plan, "policy"), "results")
    fixes = (_text(each, "remediation") for each in results if each.get("action") == "deny")
    fix = next(filter(None, fixes), "change what the policy names")
    details = () if is_shown else list(finding_lines(policy_findings(plan)))
    return Failure(ExitCode.DENIED, "Policy would deny this. Nothing was done.", details=details, fix=fix)


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
    if plan.get("follows"):
        yield _line("then", _text(plan, "follows"))
    yield _line("inputs", _inputs(plan))
    yield from _placement(_part(plan, "placement"))
    yield from _policy(_part(plan, "policy"))
    for child in _items(plan, "children"):
        yield from _child(child)
    yield from (_line("asks", _asks(each)) for each in _items(plan, "approvals"))
    yield from _estimate(_part(plan, "estimate"))
    steps = _items(plan, "steps")
    if steps:
        yield _line("steps", str(len(steps)))
        yield from step_lines(steps)
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


def child_line(child: Document) -> str:
    """Return what would be done about a child."""
    perhaps = "" if child.get("is_certain") is True else "perhaps "
    what = f"{perhaps}{_text(child, 'deed').replace('_', ' ')} {_text(child, 'request')}"
    outcome = _text(child, "outcome")
    aside = f"  ({outcome})" if outcome in _BAD else ""
    return f"{what}  {_text(child, 'contract')} {_text(child, 'version')}{aside}"


def child_findings(child: Document) -> list[Document]:
    """Return why a child cannot be delivered, and what policy says of it."""
    return [*_items(child, "findings"), *policy_findings({"policy": {"results": child.get("policy")}})]


def _child(child: Document) -> Iterator[str]:
    yield _line("child", child_line(child))
    told = [*(_line("asks", _asks(each)) for each in _items(child, "approvals"))]
    told += _estimate(_part(child, "estimate"))
    told += [f"  {line}" for line in finding_lines(child_findings(child))]
    yield from (f"  {line}" for line in told)


def _list(label: str, texts: list[str], joint: str) -> Iterator[str]:
    if texts:
        yield _line(label, f"{len(texts)}: {joint.join(texts)}")


def _asks(approval: Document) -> str:
    names = [_names(approval, "assignees"), *(f"group {name}" for name in _strings(approval, "groups"))]
    votes = f" ({_text(approval, 'quorum')} votes)" if approval.get("quorum") not in (None, 1) else ""
    whom = " or ".join(filter(None, names)) or "an approver of the project"
    parts = [f"{whom}{votes} at {_text(approval, 'step')}"]
    if approval.get("expires"):
        parts.append(f"expires after {_text(approval, 'expires')}, then {_text(approval, 'on_expiry')}")
    if approval.get("is_certain") is not True:
        conditions = " and ".join(_strings(approval, "conditions"))
        parts.append(f"perhaps: if {conditions}" if conditions else "perhaps, or more than once")
    return "; ".join(parts)


def _estimate(estimate: Document) -> Iterator[str]:
    work, people = _part(estimate, "work"), _part(estimate, "people")
    if work:
        asked = f"; people take {_spans(people)}" if people else ""
        yield _line("takes", _spans(work) + asked)
    elif estimate.get("reason") and estimate.get("reason") != NOTHING_BEGINS:
        yield _line("takes", f"not known: {_text(estimate, 'reason')}")


def _spans(found: Document) -> str:
    half, nearly_all = (_seconds(found.get(name)) for name in ("p50_seconds", "p95_seconds"))
    return f"{half}, nearly always less than {nearly_all}  ({_text(found, 'runs')} runs)"


def _seconds(value: object) -> str:
    return fine(value) if isinstance(value, int | float) else "-"


def _change(change: Document) -> str:
    before, after = (one_line(plain(change.get(side))) or "nothing" for side in ("before", "after"))
    return f"{_text(change, 'path')} {before} -> {after}"


def _strings(document: Document, name: str) -> list[str]:
    value = document.get(name)
    return [one_line(str(item)) for item in value] if isinstance(value, list) else []


def _names(document: Document, name: str) -> str:
    return " or ".join(_strings(document, name))


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
