"""What is wrong with a single step of a workflow document, apart from its references.

Called by `check` for documents that fit the schema. It knows the installed step kinds by what
they say of themselves and never calls them.
"""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.digest import JsonObject
from catalog.duration import duration
from catalog.errors import Finding
from catalog.references import references
from catalog.schema import violations
from executors.port import Effect
from executors.step import StepKind
from executors.workflow.instant import instant

DAY_SECONDS = 24 * 3600.0
MAX_TIMEOUT_SECONDS = DAY_SECONDS
MAX_WAIT_SECONDS = 366 * DAY_SECONDS
"""No timer, deadline or approval lasts longer; what is later is another request."""

DOINGS = ("uses", "approval", "wait", "workflow")
_ONLY_FOR: Mapping[str, tuple[str, ...]] = {
    "with": ("uses", "workflow"),
    **dict.fromkeys(
        ("retry", "timeout", "compensate", "on_unknown", "concurrency", "rate", "breaker"), ("uses",)
    ),
}
_WAITS = ("timer", "until", "signal")
_ALWAYS_TRUE = frozenset({"required", "unknown_field"})

Kinds = Mapping[str, StepKind]
Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Span:
    """A duration in a document, and how long it may be at most."""

    path: tuple[str, ...]
    longest_seconds: float
    code: str


_SPANS = (
    _Span(("timeout",), MAX_TIMEOUT_SECONDS, "timeout_out_of_range"),
    _Span(("retry", "max"), DAY_SECONDS, "wait_out_of_range"),
    _Span(("deadline",), MAX_WAIT_SECONDS, "deadline_out_of_range"),
    _Span(("wait", "timer"), MAX_WAIT_SECONDS, "wait_out_of_range"),
    _Span(("wait", "timeout"), MAX_WAIT_SECONDS, "wait_out_of_range"),
    _Span(("approval", "expires"), MAX_WAIT_SECONDS, "wait_out_of_range"),
    _Span(("approval", "remind"), MAX_WAIT_SECONDS, "wait_out_of_range"),
    _Span(("approval", "escalate", "after"), MAX_WAIT_SECONDS, "wait_out_of_range"),
    _Span(("rate", "per"), DAY_SECONDS, "wait_out_of_range"),
    _Span(("breaker", "rest"), DAY_SECONDS, "wait_out_of_range"),
)


def step_findings(step: Part, pointer: str, kinds: Kinds, *, reads_only: bool) -> Iterator[Finding]:
    """Yield what is wrong with a step."""
    doings = [doing for doing in DOINGS if doing in step]
    if len(doings) != 1:
        message = "a step does exactly one thing"
        yield Finding(pointer, "not_one_thing", message, f"write one of {', '.join(DOINGS)}")
        return
    yield from _misplaced(step, pointer, doings[0])
    yield from span_findings(step, pointer)
    yield from _list_findings(step, pointer)
    match doings[0]:
        case "uses":
            yield from _call_findings(step, pointer, kinds, reads_only=reads_only)
        case "approval":
            yield from _approval_findings(step["approval"], f"{pointer}/approval")
        case "wait":
            yield from _wait_findings(step["wait"], f"{pointer}/wait")
    if reads_only and doings[0] in ("approval", "wait"):
        message = "a look does not wait"
        yield Finding(f"{pointer}/{doings[0]}", "waits_in_observe", message, "use step kinds that read")


def span_findings(part: Part, pointer: str) -> Iterator[Finding]:
    """Yield the durations that are nothing or too long."""
    for span in _SPANS:
        text: Any = part
        for name in span.path:
            text = text.get(name) if isinstance(text, dict) else None
        seconds = None if text is None else duration(text).total_seconds()
        least = -1.0 if span.path == ("retry", "max") else 0.0
        if seconds is not None and not least < seconds <= span.longest_seconds:
            longest = f"{span.longest_seconds / DAY_SECONDS:g}d"
            message = f"it is longer than 0 and at most {longest}"
            yield Finding(f"{pointer}/{'/'.join(span.path)}", span.code, message, "write 30s")


def _misplaced(step: Part, pointer: str, doing: str) -> Iterator[Finding]:
    for field, doings in _ONLY_FOR.items():
        if field in step and doing not in doings:
            message = f"{field} means nothing beside {doing}"
            yield Finding(f"{pointer}/{field}", "misplaced_field", message, "remove it")


def _list_findings(step: Part, pointer: str) -> Iterator[Finding]:
    if "max_parallel" in step and "for_each" not in step:
        message = "max_parallel means nothing without for_each"
        yield Finding(f"{pointer}/max_parallel", "misplaced_field", message, "remove it")
    listed = step.get("for_each")
    if isinstance(listed, str) and not any(references(listed, "")):
        message = "for_each is a list, or the reference to one"
        yield Finding(f"{pointer}/for_each", "not_a_list", message, "write [a, b] or ${inputs.names}")


def _call_findings(step: Part, pointer: str, kinds: Kinds, *, reads_only: bool) -> Iterator[Finding]:
    yield from _kind_findings(step, pointer, kinds)
    if "compensate" in step:
        yield from span_findings(step["compensate"], f"{pointer}/compensate")
        yield from _kind_findings(step["compensate"], f"{pointer}/compensate", kinds)
    elif step.get("on_unknown") == "compensate":
        message = "nothing says how to undo this step"
        yield Finding(f"{pointer}/on_unknown", "nothing_undoes_it", message, "add compensate, or write halt")
    if reads_only:
        yield from _effect_findings(step, pointer, kinds)


def _effect_findings(step: Part, pointer: str, kinds: Kinds) -> Iterator[Finding]:
    kind = kinds.get(step["uses"])
    if kind is not None and kind.effect is not Effect.READ:
        message = f"{step['uses']} changes things, and this workflow may only look"
        yield Finding(f"{pointer}/uses", "writes_in_observe", message, "use a step kind that reads")
    if "compensate" in step:
        message = "a look leaves nothing to undo"
        yield Finding(f"{pointer}/compensate", "writes_in_observe", message, "remove it")


def _kind_findings(part: Part, pointer: str, kinds: Kinds) -> Iterator[Finding]:
    kind = kinds.get(part["uses"])
    if kind is None:
        yield _unknown_kind(part["uses"], f"{pointer}/uses", kinds)
    else:
        yield from _arguments(part.get("with", {}), f"{pointer}/with", kind)


def _unknown_kind(name: str, pointer: str, kinds: Kinds) -> Finding:
    close = difflib.get_close_matches(name, kinds, n=1)
    fix = f"did you mean {close[0]}?" if close else "use one of " + ", ".join(sorted(kinds))
    return Finding(pointer, "unknown_step_kind", "there is no step kind of this name here", fix)


def _arguments(arguments: JsonObject, pointer: str, kind: StepKind) -> Iterator[Finding]:
    """Judge what stands there literally; a reference's value is judged when it is known."""
    unknown_yet = [reference.pointer for reference in references(arguments, pointer)]
    for finding in violations(kind.schema, arguments, pointer):
        covered = any(
            place == finding.pointer or place.startswith(f"{finding.pointer}/") for place in unknown_yet
        )
        if finding.code in _ALWAYS_TRUE or not covered:
            yield finding


def _approval_findings(asked: Part, pointer: str) -> Iterator[Finding]:
    groups, assignees = asked.get("groups", []), asked.get("assignees", [])
    for field, names in (("groups", groups), ("assignees", assignees)):
        if isinstance(names, str) and not any(references(names, "")):
            message = f"{field} is a list of names, or the reference to one"
            yield Finding(f"{pointer}/{field}", "not_a_list", message, f"write [{names[:40]}]")
    if not groups and not assignees:
        yield Finding(pointer, "nobody_asked", "nobody is asked", "name groups or assignees")
        return
    escalates_to = asked.get("escalate", {}).get("to", [])
    is_counted = isinstance(assignees, list) and not groups and not escalates_to
    if is_counted and not any(references(assignees, "")) and len(set(assignees)) < asked.get("quorum", 1):
        message = "fewer people are asked than have to approve"
        yield Finding(f"{pointer}/quorum", "quorum_out_of_reach", message, "lower it, or ask more people")
    if asked.get("on_expiry") == "escalate" and not (escalates_to and "expires" in asked):
        message = "it says neither when it expires nor whom to ask then"
        yield Finding(
            f"{pointer}/on_expiry", "nobody_to_ask", message, "add expires and escalate, or write reject"
        )


def _wait_findings(wait: Part, pointer: str) -> Iterator[Finding]:
    if sum(name in wait for name in _WAITS) != 1:
        message = "a wait is for one thing"
        yield Finding(pointer, "not_one_thing", message, f"write one of {', '.join(_WAITS)}")
    if "timeout" in wait and "signal" not in wait:
        message = "timeout means nothing without signal"
        yield Finding(f"{pointer}/timeout", "misplaced_field", message, "remove it")
    until = wait.get("until")
    if until is not None and not any(references(until, "")) and instant(until) is None:
        message = "it is no time as in RFC 3339, with its offset"
        yield Finding(
            f"{pointer}/until", "format", message, "write 2030-01-31T09:00:00Z, or ${inputs.not_before}"
        )
