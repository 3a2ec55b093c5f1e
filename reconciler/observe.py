"""Looking at what a request delivered; changes nothing.

A look that fails is an observation as well, of presence `unknown`: it is never taken for
"absent", because acting on a failed look is how platforms delete what is still in use.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from catalog.contract import OperationName
from catalog.contracts import Revision
from catalog.digest import Json
from catalog.errors import PlatformError
from catalog.fleet import Observation, Presence
from catalog.ids import RequestUid
from catalog.storable import unstorable
from executors.port import Executor, RunReport, RunState
from reconciler.drift import EXISTS
from reconciler.orders import order_context, read_order
from reconciler.outcome import readable
from reconciler.plan import Situation

ExecutorNamed = Callable[[str], Executor]


def look(
    situation: Situation, current: Revision, executor_named: ExecutorNamed, key: str, now: datetime
) -> Observation:
    """Return what is there now, as the contract that delivered it knows how to look."""
    request, ref = situation.request, situation.current_ref
    applied = request.applied
    inputs = situation.inputs if applied is None else applied.inputs
    children = situation.children_for(OperationName.OBSERVE)
    context = order_context(request, ref, inputs, situation.placed.destination, children)
    try:
        definition = current.bundle.definition(OperationName.OBSERVE)
        order = read_order(key, request, ref, definition, context)
        executor = executor_named(current.contract.operation(OperationName.OBSERVE).executor)
        report = executor.start(order)
    except PlatformError as error:
        return Observation(request.uid, Presence.UNKNOWN, {}, now, error.message)
    return _observation(request.uid, readable(report), now)


def _observation(uid: RequestUid, report: RunReport, now: datetime) -> Observation:
    if report.state is not RunState.SUCCEEDED:
        return Observation(uid, Presence.UNKNOWN, {}, now, report.message or "the look did not finish")
    exists = report.facts.get(EXISTS)
    if not isinstance(exists, bool):
        return Observation(uid, Presence.UNKNOWN, {}, now, "the observe workflow states no `exists`")
    if any(unstorable(dict(report.facts))):
        return Observation(uid, Presence.UNKNOWN, {}, now, "the observe workflow's facts cannot be stored")
    facts: Mapping[str, Json] = report.facts if exists else {}
    return Observation(uid, Presence.PRESENT if exists else Presence.ABSENT, facts, now)
