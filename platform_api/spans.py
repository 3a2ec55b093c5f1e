"""Which spans a run leaves behind, as plain values; `tracing` hands them to OpenTelemetry.

A run's span continues the one of the HTTP request that asked for it, its attempts' spans
continue the run's. Their ids follow from the run's id, so the attempts that one process made
and the end that another one saw meet in one trace, and a span that is told twice is one span.
Attributes are names of ours, never what somebody wrote.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from catalog import trace
from executors.claims import ClaimedRun
from executors.port import RunState
from executors.workflow.events import Side
from executors.workflow.facts import AttemptOver, Ending, Fact, RunOver
from executors.workflow.naming import cause_of, trace_id_of
from executors.workflow.places import taken_apart

_CODE = re.compile(r"[a-z][a-z0-9_]{0,62}\Z")


class SpanKind(StrEnum):
    """Whose work a span is."""

    INTERNAL = "internal"
    SERVER = "server"  # the answer to somebody else's call


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took from then to then.

    Attributes:
        parent: the span that it continues; None for the first of its trace.
        link: a span of another trace that it comes after.
        error: a code, empty when all went well.
    """

    name: str
    trace_id: str
    span_id: str
    began_at: datetime
    ended_at: datetime
    parent: trace.Parent | None = None
    kind: SpanKind = SpanKind.INTERNAL
    attributes: Mapping[str, str | int] = field(default_factory=dict)
    link: trace.Parent | None = None
    error: str = ""


Record = Callable[[Span], None]
"""Takes a finished span; never raises and never holds anybody up."""


def spans_of(run: ClaimedRun, fact: Fact) -> Iterator[Span]:
    """Yield the spans that end with what happened to a run."""
    if isinstance(fact, AttemptOver):
        yield _attempt_span(run, fact)
    elif isinstance(fact, RunOver):
        yield _run_span(run, fact)


def _run_span(run: ClaimedRun, fact: RunOver) -> Span:
    return Span(
        name=f"run {run.operation}",
        trace_id=trace_id_of(run.id, run.context),
        span_id=_run_span_id(run, fact.round),
        began_at=fact.began_at,
        ended_at=fact.ended_at,
        parent=cause_of(run.context),
        attributes=_names(run) | {"avow.outcome": fact.state.value},
        link=cause_of(run.context, "link"),
        error="" if fact.state is RunState.SUCCEEDED else code_of(fact.code, fact.state.value),
    )


def _attempt_span(run: ClaimedRun, fact: AttemptOver) -> Span:
    cause = cause_of(run.context)
    trace_id, is_sampled = trace_id_of(run.id, run.context), cause is None or cause.is_sampled
    verb = "look at" if fact.is_look else "do" if fact.side is Side.DO else "undo"
    went_well = fact.ending is Ending.SUCCEEDED
    attributes: dict[str, str | int] = {
        "avow.step": fact.step,
        "avow.attempt": fact.attempt,
        "avow.kind": fact.kind,
        "avow.outcome": fact.ending.value,
    }
    return Span(
        name=f"{verb} {taken_apart(fact.step)[1]}",
        trace_id=trace_id,
        span_id=trace.derived_span_id("call", run.id, fact.step, fact.side.value, fact.number),
        began_at=fact.began_at,
        ended_at=fact.ended_at,
        parent=trace.Parent(trace_id, _run_span_id(run, fact.round), is_sampled),
        attributes=_names(run) | attributes,
        error="" if went_well else code_of(fact.code, fact.ending.value),
    )


def code_of(code: str, otherwise: str) -> str:
    """Return a failure's code, or something else when that is no code: a step kind may be anybody's."""
    return code if _CODE.match(code) else otherwise


def _run_span_id(run: ClaimedRun, times_tried_again: int) -> str:
    return trace.derived_span_id("run", run.id, times_tried_again)


def _names(run: ClaimedRun) -> dict[str, str | int]:
    return {
        "avow.run": run.id,
        "avow.request": run.request_uid,
        "avow.project": run.project,
        "avow.operation": run.operation,
        "avow.contract": contract_of(run),
    }


def contract_of(run: ClaimedRun) -> str:
    """Return the name of the contract that a run serves, empty when its order does not say."""
    contract = run.context.get("contract")
    return str(contract.get("name", "")) if isinstance(contract, Mapping) else ""
