"""Where a request stands, as a person reads it: its status, its tree, the reason why, the end.

Pure, over the API's documents. `status` and `why` print it, and whatever waited for a
request prints the end.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from platform_api.cli.output import Document
from platform_api.cli.spans import age, coarse, fine, moment
from platform_api.cli.tables import plain
from platform_api.cli.terminal import columns, one_line
from platform_api.cli.verdict import NEEDED, unmet

_LABEL_WIDTH = 10


def status_lines(request: Document, now: datetime) -> Iterator[str]:
    """Yield what there is to say about a request."""
    yield headline(request)
    yield from _facts(request, now)
    yield from _conditions(request, now)


def tree_lines(request: Document, now: datetime) -> Iterator[str]:
    """Yield a request with everything below it, each level further in."""
    yield from status_lines(request, now)
    for run in _items(request, "runs"):
        took = _took(run.get("created_at"), run.get("ended_at"))
        yield f"  run {_text(run, 'id')}  {_text(run, 'operation')}  {_text(run, 'state')}{took}"
        if run.get("message"):
            yield f"      {_text(run, 'message')}"
        rows = [_step_row(step) for step in _items(run, "steps")]
        yield from (f"    {line}" for line in columns(rows)) if rows else ()


def why_lines(why: Document, now: datetime) -> Iterator[str]:
    """Yield why a request is where it is: what, since when, whose move it is, what to do."""
    since = f" since {age(why.get('since'), now)}" if why.get("since") else ""
    yield f"{_text(why, 'name')} is {_text(why, 'phase').upper()}{since}"
    yield _line("why", f"{_text(why, 'message')}  ({_text(why, 'reason')})")
    for user in _items(why, "used_by"):
        reason = f": {_text(user, 'reason')}" if user.get("reason") else ""
        yield _line("used by", f"{_text(user, 'kind')} {_text(user, 'ref')}{reason}")
    yield from deprecation_line(why, now)
    waiting = why.get("waiting_on")
    waiting = waiting if isinstance(waiting, dict) else {}
    if waiting.get("kind") == "nobody":
        return
    for each in _items(why, "differences"):
        delivered, seen = (one_line(plain(each.get(side))) or "nothing" for side in ("delivered", "seen"))
        yield _line("differs", f"{_text(each, 'path')}  delivered {delivered}, seen {seen}")
    move = "  ".join(filter(None, (_text(waiting, key) for key in ("kind", "owner", "ref"))))
    yield _line("whose move", move or "unknown")
    again = moment(why.get("retry_at"))
    if again is not None:
        seconds = (again - now).total_seconds()
        yield _line("again", f"in {coarse(seconds)}" if seconds > 0 else "now")
    yield _line("you can", _text(why, "next_action"))


def end_lines(request: Document, seconds: float | None) -> Iterator[str]:
    """Yield the good end: ready, how long it took, what came of it, where git has it.

    Args:
        seconds: None when nobody had to wait.
    """
    yield headline(request) if seconds is None else f"{headline(request)}  in {fine(seconds)}"
    yield from _outputs(request)
    yield from _commits(request)


def headline(request: Document) -> str:
    """Return a request in one line: phase, name, contract."""
    aside = [f"project {_text(request, 'project')}", f"env {_text(request, 'environment')}"]
    aside += [f"owner {_text(request, 'owner')}"] if request.get("owner") else []
    what = f"{_text(request, 'contract')} {_text(request, 'contract_version')}"
    return f"{_text(request, 'phase').upper()}  {_text(request, 'name')}  {what}  ({', '.join(aside)})"


def deprecated(held: Document, now: datetime) -> str:
    """Return what follows "is deprecated": how long it may be counted on, where to go, why."""
    parts = []
    sunset = moment(held.get("sunset_at"))
    if sunset is not None:
        left = (sunset - now).total_seconds()
        day = f"{sunset:%Y-%m-%d}"
        parts.append(f"until {day}, {coarse(left)} left" if left > 0 else f"its sunset was {day}")
    if held.get("replacement"):
        parts.append(f"go to {_text(held, 'replacement')}")
    if held.get("reason"):
        parts.append(_text(held, "reason"))
    return "".join(f"; {part}" for part in parts)


def deprecation_line(request: Document, now: datetime) -> Iterator[str]:
    """Yield that a request's version is deprecated, when it is."""
    held = request.get("deprecation")
    if isinstance(held, dict):
        what = f"{_text(request, 'contract_version')} is deprecated{deprecated(held, now)}"
        yield _line("version", what)


def _facts(request: Document, now: datetime) -> Iterator[str]:
    yield from _version(request)
    yield from deprecation_line(request, now)
    inputs = request.get("inputs")
    if isinstance(inputs, dict) and inputs:
        yield _line("inputs", _pairs(inputs))
    yield from _outputs(request)
    yield from _relations(request)
    if request.get("destination"):
        yield _line("lies on", _text(request, "destination"))
    yield from _commits(request)
    made = f"{age(request.get('created_at'), now)} ago by {_text(request, 'created_by')}"
    yield _line("requested", f"{made}, generation {_text(request, 'generation')}")
    if request.get("phase") not in ("ready", "deleted"):
        message = _text(unmet(request), "message")
        yield _line("waits for", f"{message or 'its turn'}; see avow why {_text(request, 'name')}")


def _relations(request: Document) -> Iterator[str]:
    if request.get("parent"):
        yield _line("child of", _text(request, "parent"))
    uses = [_text(use, "request") for use in _items(request, "uses")]
    if uses:
        yield _line("uses", "  ".join(uses))
    if request.get("deletion_queued_at"):
        yield _line("goes", "once nothing uses it")


def _version(request: Document) -> Iterator[str]:
    """Yield what is wished, where that is no plain version, and what became of the last upgrade."""
    wish, held = _text(request, "version"), _text(request, "contract_version")
    if wish not in ("", held):
        yield _line("version", f"{held}, for {wish}")
    if request.get("failed_version"):
        applied = request.get("applied")
        delivered = _text(applied, "contract_version") if isinstance(applied, dict) else ""
        failed = f"the upgrade to {_text(request, 'failed_version')} failed"
        yield _line("version", f"{failed}; {delivered} is delivered")


def _outputs(request: Document) -> Iterator[str]:
    outputs = request.get("outputs")
    if isinstance(outputs, dict) and outputs:
        yield _line("outputs", _pairs(outputs))


def _commits(request: Document) -> Iterator[str]:
    for commit in _items(request, "git"):
        where = f"{_text(commit, 'path')} on {_text(commit, 'branch')}"
        yield _line("git", f"{_text(commit, 'commit')[:10]}  {where}")


def _conditions(request: Document, now: datetime) -> Iterator[str]:
    stated = sorted(_items(request, "conditions"), key=lambda each: _place_of(_text(each, "type")))
    rows = [
        [
            _text(each, "type"),
            _text(each, "status"),
            age(each.get("since"), now),
            _text(each, "reason"),
            _text(each, "message"),
        ]
        for each in stated
    ]
    if rows:
        yield from (
            f"  {line}" for line in columns([["CONDITION", "HOLDS", "FOR", "REASON", "MESSAGE"], *rows])
        )


def _place_of(condition: str) -> int:
    return NEEDED.index(condition) if condition in NEEDED else len(NEEDED)


def _step_row(step: Document) -> list[str]:
    attempts = step.get("attempts")
    tries = f"try {attempts}" if isinstance(attempts, int) and attempts > 1 else ""
    undone = f"undo {_text(step, 'undo')}" if step.get("undo") else ""
    took = _took(step.get("began_at"), step.get("ended_at")).strip()
    return [
        _text(step, "state"),
        _text(step, "id"),
        _text(step, "uses"),
        took,
        tries,
        f"{undone} {_text(step, 'message')}".strip(),
    ]


def _took(began: object, ended: object) -> str:
    begin, end = moment(began), moment(ended)
    return f"  {fine((end - begin).total_seconds())}" if begin and end else ""


def _pairs(values: dict[str, Any]) -> str:
    return "  ".join(f"{one_line(name)}={one_line(plain(value))}" for name, value in values.items())


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL_WIDTH}} {text}".rstrip()


def _text(document: Document, name: str) -> str:
    value = document.get(name)
    return "" if value is None else one_line(str(value))


def _items(document: Document, name: str) -> list[Document]:
    value = document.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
