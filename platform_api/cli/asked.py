"""An approval as a person reads it before voting: what, asked by whom, of whom, until when.

Pure, over the API's documents; `approvals` prints it.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from platform_api.cli.output import Document
from platform_api.cli.spans import age, coarse, moment
from platform_api.cli.tables import plain
from platform_api.cli.terminal import one_line

_LABEL_WIDTH = 11


def headline(approval: Document) -> str:
    """Return an approval in a few words: which operation of which request, at which step."""
    name = _text(approval, "request") or _text(approval, "request_uid")
    return f"{_text(approval, 'operation')} of {name} at {_text(approval, 'step')}"


def standing_of(approval: Document) -> str:
    """Return where an approval stands, for a sentence."""
    if approval.get("state") != "open":
        return _text(approval, "message") or _text(approval, "state")
    votes = f"{_text(approval, 'approvals')} of {_text(approval, 'quorum')} votes"
    return f"{votes}; it waits for {_text(approval, 'whom')}"


def approval_lines(approval: Document, now: datetime) -> Iterator[str]:
    """Yield what there is to know about an approval."""
    state = _text(approval, "state").upper()
    yield f"{state}  {headline(approval)}  (project {_text(approval, 'project')})"
    yield from _asked(approval, now)
    yield from _plan(approval)
    for vote in _items(approval, "votes"):
        yield _line("vote", _vote(vote))
    for handed in _items(approval, "delegations"):
        yield _line("delegated", f"{_text(handed, 'person')} to {_text(handed, 'delegate')}")
    claim = approval.get("claim")
    if isinstance(claim, dict):
        yield _line("in hand", f"{_text(claim, 'person')} until {_text(claim, 'until')}")
    if approval.get("message"):
        yield _line("ended", _text(approval, "message"))
    yield from _you(approval)


def _asked(approval: Document, now: datetime) -> Iterator[str]:
    if approval.get("reason"):
        yield _line("because", _text(approval, "reason"))
    requesters = approval.get("requesters")
    if isinstance(requesters, list) and requesters:
        yield _line("asked by", ", ".join(one_line(str(each)) for each in requesters))
    votes = f"{_text(approval, 'approvals')} of {_text(approval, 'quorum')} votes"
    yield _line("asked of", f"{_text(approval, 'whom')}  ({votes})")
    yield _line("since", f"{age(approval.get('opened_at'), now)} ago")
    expires_at = moment(approval.get("expires_at"))
    if expires_at is not None and approval.get("state") == "open":
        seconds = (expires_at - now).total_seconds()
        yield _line("expires", f"in {coarse(seconds)}" if seconds > 0 else "now")
    if approval.get("needs_evidence"):
        yield _line("needs", "evidence: --evidence KIND=ADDRESS")


def _plan(approval: Document) -> Iterator[str]:
    plan = approval.get("plan")
    if not isinstance(plan, dict):
        return
    yield _line("plan", f"{_text(plan, 'message')}  ({_text(plan, 'reason')})")
    if plan.get("destination"):
        yield _line("lies on", _text(plan, "destination"))
    inputs = plan.get("inputs")
    if isinstance(inputs, dict) and inputs:
        pairs = (f"{one_line(name)}={one_line(plain(value)) or '-'}" for name, value in inputs.items())
        yield _line("inputs", "  ".join(pairs))
    for change in _items(plan, "changes"):
        before, after = (one_line(plain(change.get(side))) or "nothing" for side in ("before", "after"))
        yield _line("changes", f"{_text(change, 'path')}  from {before} to {after}")
    if approval.get("decision_id"):
        yield _line("policy", f"allowed: avow get decisions {_text(approval, 'decision_id')}")


def _vote(vote: Document) -> str:
    seat = f" for {_text(vote, 'seat')}" if vote.get("seat") else ""
    why = f": {_text(vote, 'reason')}" if vote.get("reason") else ""
    shown = [f"{_text(each, 'kind')} {_text(each, 'uri')}" for each in _items(vote, "evidence")]
    rest = f"  [{'; '.join(shown)}]" if shown else ""
    return f"{_text(vote, 'person')}{seat} says {_text(vote, 'verdict')}{why}{rest}"


def _you(approval: Document) -> Iterator[str]:
    you = approval.get("you")
    if approval.get("state") != "open" or not isinstance(you, dict):
        return
    name = _text(approval, "id")
    if you.get("may_vote") is not True:
        yield _line("you", f"cannot vote: {_text(you, 'message')}")
        return
    seat = f" (in the place of {_text(you, 'seat')})" if you.get("seat") else ""
    yield _line("you can", f"avow approve {name}, or avow reject {name} --reason TEXT{seat}")


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}} {text}"


def _items(document: Document, name: str) -> list[Document]:
    items = document.get(name)
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return "" if value is None else one_line(str(value))
