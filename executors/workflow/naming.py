"""What a run's log lines and spans are found by: its names, and the trace that it belongs to.

Used by whoever says something about a run. A run that continues nobody's span has a trace of
its own, whose id follows from the run's, so that every process that drives it agrees.
"""

from collections.abc import Mapping

from catalog import trace
from catalog.digest import JsonObject
from executors.claims import ClaimedRun
from executors.port import TRACE
from executors.workflow.act import Held
from executors.workflow.exchange import Call


def cause_of(context: JsonObject, how: str = "parent") -> trace.Parent | None:
    """Return the span that a run continues, or with `link` the one that it comes after."""
    caused = context.get(TRACE)
    return trace.parent_of(caused.get(how)) if isinstance(caused, Mapping) else None


def trace_id_of(run_id: str, context: JsonObject) -> str:
    """Return the trace that a run belongs to."""
    parent = cause_of(context)
    return trace.derived_trace_id("run", run_id) if parent is None else parent.trace_id


def names_of(run: ClaimedRun) -> dict[str, str]:
    """Return what a log line about a run carries."""
    return {
        "run": run.id,
        "request": run.request_uid,
        "project": run.project,
        "trace_id": trace_id_of(run.id, run.context),
    }


def names_of_call(held: Held, call: Call) -> dict[str, str]:
    """Return what a log line about a call carries, whoever writes it."""
    named = {"step": call.step, "request": held.request_uid, "project": held.project}
    if not held.run_id:  # a look on its own, outside of any run
        return named
    return {"run": held.run_id, **named, "trace_id": trace_id_of(held.run_id, held.course.context)}
