"""What to do next about one request: a pure function from what is known to one move.

A plan is immutable and says at most one thing to do. The same function serves the pass
that acts and the preview that a developer asks for, so a preview cannot lie. The order of
the questions below is the order in which a person would ask them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from catalog.conditions import Type
from catalog.contract import Contract, DriftMode, OperationName
from catalog.conversion import held_inputs, written_for
from catalog.digest import Json, JsonObject, digest, is_same
from catalog.fleet import Observation, Presence
from catalog.request import Request, desired_digest
from catalog.schema import escape, with_defaults
from executors.port import ContractRef
from reconciler import composition
from reconciler.composition import Composition
from reconciler.drift import Difference, differences
from reconciler.operation import Operation, OperationState
from reconciler.placement import Placed
from reconciler.relation import NONE as NO_RELATIONS
from reconciler.relation import Obstacle, Relations
from reconciler.upgrade import WRITTEN, Trouble

REPAIRS_THAT_HOLD = 5
"""So many repairs within the window mean that somebody, or we, undo them again."""

STILL_SEEN = timedelta(minutes=1)
"""So long a thing that was taken down may still be seen before it is taken down again."""

GONE = "Gone"


class Move(StrEnum):
    """What a plan says to do."""

    NOTHING = "nothing"  # all is as it should be
    WAIT = "wait"  # something must change first; the reason says what
    OPERATE = "operate"  # hand `operation` to its executor
    RELEASE = "release"  # the thing was seen gone: take it off the books and out of git
    FORGET = "forget"  # the books are closed: leave a tombstone
    COMPOSE = "compose"  # make, change or give back children
    GIVE_BACK = "give-back"  # nothing uses it any more: begin the deletion that waited for that


@dataclass(frozen=True, slots=True)
class Situation:
    """All that a plan depends on.

    Attributes:
        contract: the revision that the request should be on, with its reference.
        current: the revision that was delivered; the same when nothing was.
        observation: this pass's look; None when there was nothing to look at.
        last: the newest finished operation that was not superseded.
        was_touched: whether any operation was ever begun.
        repairs: how many repairs succeeded lately.
        pending_writes: changes that git does not have yet.
        relations: what it has to do with other contracts and requests.
        given: the inputs in force for `contract`, before its defaults; None for those of the request.
        trouble: why the request is kept on `contract` although it wishes another revision.
        is_composed: its children are taken to be as they should be; only whoever looks ahead says so.
    """

    request: Request
    contract: Contract
    contract_ref: ContractRef
    current: Contract
    current_ref: ContractRef
    placed: Placed
    observation: Observation | None = None
    last: Operation | None = None
    was_touched: bool = False
    repairs: int = 0
    pending_writes: int = 0
    contract_paused: bool = False
    relations: Relations = NO_RELATIONS
    given: JsonObject | None = None
    trouble: Trouble | None = None
    is_composed: bool = False

    @property
    def inputs(self) -> dict[str, Json]:
        """Return the inputs with the contract's defaults filled in."""
        held = held_inputs(self.request) if self.given is None else self.given
        return with_defaults(self.contract.inputs, held)

    @property
    def rewritten(self) -> JsonObject:
        """Return what an operation's plan says of inputs that it brings to another version."""
        version = self.contract_ref.version
        if self.trouble is not None or version == written_for(self.request):
            return {}
        is_converted = self.given not in (None, self.request.inputs)
        return {WRITTEN: {"version": version, "inputs": self.given if is_converted else None}}

    def inputs_for(self, operation: OperationName) -> JsonObject:
        """Return the inputs that an operation works with: the delivered ones when it mends or takes down."""
        applied = self.request.applied
        keeps = operation in (OperationName.DELETE, OperationName.REPAIR)
        return applied.inputs if keeps and applied is not None else self.inputs

    @property
    def desired_digest(self) -> str:
        """Return the digest of what should be delivered."""
        destination = None if self.placed.destination is None else self.placed.destination.name
        return desired_digest(self.contract_ref.digest, destination, self.inputs, self.children)

    @property
    def children(self) -> dict[str, JsonObject]:
        """Return what the children that the contract has hand back at present."""
        members = self.relations.members
        return {each.name: each.held.outputs for each in members if each.child and each.held}

    def children_for(self, operation: OperationName) -> Mapping[str, JsonObject]:
        """Return what children hand back to an operation: as `inputs_for` does."""
        applied = self.request.applied
        keeps = operation in (OperationName.DELETE, OperationName.REPAIR, OperationName.OBSERVE)
        return applied.children if keeps and applied is not None else self.children

    @property
    def composition(self) -> Composition:
        """Return what to do about the children, and what they still hold up."""
        members = self.relations.members
        if self.is_composed:
            return composition.NOTHING
        if self.request.is_deleting:
            return composition.parting(members)
        return composition.composition(self.request, self.inputs, members, is_delivered=self.is_delivered)

    @property
    def obstacle(self) -> Obstacle | None:
        """Return what keeps a delivery, or the end of a teardown, from coming about."""
        if self.request.is_deleting:
            return self.composition.obstacle if self.is_released else None
        return self.relations.lacking or self.relations.awaited or self.composition.obstacle

    @property
    def is_released(self) -> bool:
        """Say whether it was seen gone after its deletion was requested, and that is on record."""
        observed = self.request.conditions.get(Type.OBSERVED)
        return self.request.is_deleting and observed is not None and observed.reason == GONE

    @property
    def is_delivered(self) -> bool:
        """Say whether the last delivery was of exactly what is wanted."""
        applied = self.request.applied
        return applied is not None and applied.desired_digest == self.desired_digest

    @property
    def drifted(self) -> tuple[Difference, ...]:
        """Return what differs between delivered and seen; empty when either is unknown."""
        applied, seen = self.request.applied, self.observation
        if applied is None or seen is None or seen.presence is not Presence.PRESENT:
            return ()
        return differences(applied.facts, seen.facts, self.current.drift.ignore, seen.observed_at)


@dataclass(frozen=True, slots=True)
class Plan:
    """One move, with its reason.

    Attributes:
        operation: what to do; only with Move.OPERATE.
        reason: CamelCase, stable.
        again_at: when waiting ends by itself; None means only a change ends it.
        changes: what would become different, for people.
    """

    move: Move
    reason: str
    message: str
    operation: OperationName | None = None
    again_at: datetime | None = None
    changes: tuple[Difference, ...] = ()

    def document(self, situation: Situation) -> dict[str, Json]:
        """Return the plan as policy sees it and as it is stored."""
        destination = situation.placed.destination
        ref = situation.contract_ref
        return {
            "move": str(self.move),
            "operation": None if self.operation is None else str(self.operation),
            "reason": self.reason,
            "message": self.message,
            "generation": situation.request.generation,
            "contract": {"name": ref.name, "version": ref.version, "digest": ref.digest},
            "destination": None if destination is None else destination.name,
            "changes": [
                {"path": each.path, "before": each.applied, "after": each.observed} for each in self.changes
            ],
        }


def plan(situation: Situation, now: datetime) -> Plan:
    """Return the next move for a request that has no open operation."""
    if situation.request.is_deleting:
        return _teardown(situation, now)
    return (
        _unused(situation)
        or _held(situation)
        or _composing(situation)
        or _waiting(situation, now)
        or _delivery(situation)
        or _repair(situation)
    )


def plan_digest(document: JsonObject) -> str:
    """Return the digest that identifies a plan's content."""
    return digest(document)


def _teardown(situation: Situation, now: datetime) -> Plan:
    seen = situation.observation
    if not situation.was_touched:
        return _gone(situation, "nothing was ever delivered")
    if situation.is_released and situation.relations.members:
        return _gone(situation, "it was seen gone")  # its workflows may speak of children that are gone too
    if seen is None or seen.presence is Presence.UNKNOWN:
        return Plan(Move.WAIT, "ObserveFailed", "cannot see whether it is gone" + _colon(seen))
    if seen.presence is Presence.ABSENT:
        return _gone(situation, "it was seen gone")
    take_down = Plan(Move.OPERATE, "DeletionRequested", "take it down", OperationName.DELETE)
    return _waiting_for_teardown(situation.last, now) or take_down


def _waiting_for_teardown(last: Operation | None, now: datetime) -> Plan | None:
    if last is None or last.name is not OperationName.DELETE:
        return None
    if last.state is not OperationState.SUCCEEDED:
        return _backing_off(last, now)
    again_at = (last.finished_at or last.created_at) + STILL_SEEN
    if again_at <= now:
        return None
    return Plan(Move.WAIT, "TakenDown", "taken down, but still seen", again_at=again_at)


def _gone(situation: Situation, message: str) -> Plan:
    if not situation.is_released:
        return Plan(Move.RELEASE, GONE, message)
    parting = situation.composition
    if parting.errands:
        return Plan(Move.COMPOSE, "ChildrenLeaving", _listed(parting))
    if parting.obstacle is not None:
        return Plan(Move.WAIT, parting.obstacle.reason, parting.obstacle.message)
    if situation.pending_writes:
        return Plan(Move.WAIT, "WritePending", "git still has to learn that it is gone")
    return Plan(Move.FORGET, GONE, message)


def _unused(situation: Situation) -> Plan | None:
    if situation.request.deletion_queued_at is None or situation.relations.is_used:
        return None
    return Plan(Move.GIVE_BACK, "DeletionRequested", "nothing uses it any more")


def _held(situation: Situation) -> Plan | None:
    if situation.request.paused:
        return Plan(Move.WAIT, "Paused", "this request is paused")
    if situation.contract_paused:
        return Plan(Move.WAIT, "ContractPaused", f"all requests on {situation.contract.name} are paused")
    if not situation.placed.is_settled:
        return Plan(Move.WAIT, "NoDestination", situation.placed.message)
    return None


def _composing(situation: Situation) -> Plan | None:
    if situation.relations.lacking is not None or situation.relations.awaited is not None:
        return None  # what is not there yet is not begun in parts
    found = situation.composition
    return Plan(Move.COMPOSE, "Composing", _listed(found)) if found.errands else None


def _listed(found: Composition) -> str:
    return ", ".join(str(errand) for errand in found.errands)


def _waiting(situation: Situation, now: datetime) -> Plan | None:
    last = situation.last
    if last is None or last.state is OperationState.SUCCEEDED:
        return None
    if last.desired_digest != situation.desired_digest:
        return None  # what failed is not wanted any more
    return _backing_off(last, now)


def _delivery(situation: Situation) -> Plan | None:
    applied = situation.request.applied
    if applied is not None and situation.is_delivered:
        return None
    if situation.obstacle is not None:
        return _obstructed(situation, situation.obstacle)
    if applied is None:
        return Plan(Move.OPERATE, "NotDelivered", "nothing is delivered yet", OperationName.PROVISION)
    changes = tuple(_changes(situation, applied.contract_version))
    if situation.observation is not None and situation.observation.presence is Presence.ABSENT:
        return Plan(
            Move.OPERATE,
            "Missing",
            "it is gone, and another is wanted",
            OperationName.PROVISION,
            None,
            changes,
        )
    return Plan(Move.OPERATE, "DesiredChanged", _summary(changes), OperationName.UPDATE, None, changes)


def _obstructed(situation: Situation, obstacle: Obstacle) -> Plan:
    """Return the waiting for an obstacle; what was delivered before is mended meanwhile."""
    if situation.request.applied is not None:
        mending = _repair(situation)
        if mending.operation is OperationName.REPAIR:
            return mending
    return Plan(Move.WAIT, obstacle.reason, obstacle.message)


def _repair(situation: Situation) -> Plan:
    seen = situation.observation
    if seen is None or seen.presence is Presence.UNKNOWN:
        return Plan(Move.WAIT, "ObserveFailed", "cannot see it at present" + _colon(seen))
    absent = seen.presence is Presence.ABSENT
    drifted = situation.drifted
    if not absent and not drifted:
        return Plan(Move.NOTHING, "InSync", "what is there is what was delivered")
    message = (
        "it is gone"
        if absent
        else f"changed outside the platform: {', '.join(each.path for each in drifted[:5])}"
    )
    if situation.current.drift.mode is DriftMode.OBSERVE:
        return Plan(Move.WAIT, "DriftReported", message, changes=drifted)
    if situation.repairs >= REPAIRS_THAT_HOLD:
        return Plan(
            Move.WAIT,
            "RepairsDoNotHold",
            f"{message}; repaired {situation.repairs} times within the hour",
            changes=drifted,
        )
    operation = OperationName.PROVISION if absent else OperationName.REPAIR
    return Plan(Move.OPERATE, "Missing" if absent else "Drifted", message, operation, None, drifted)


def _backing_off(failed: Operation, now: datetime) -> Plan | None:
    if failed.next_attempt_at is not None and failed.next_attempt_at <= now:
        return None
    return Plan(Move.WAIT, failed.reason, failed.message, again_at=failed.next_attempt_at)


def _changes(situation: Situation, applied_version: str) -> Iterator[Difference]:
    if applied_version != situation.contract_ref.version:
        yield Difference("/contract/version", applied_version, situation.contract_ref.version)
    applied = situation.request.applied
    before: Mapping[str, Json] = {} if applied is None else applied.inputs
    after = situation.inputs
    for name in sorted(before.keys() | after.keys()):
        if not is_same(before.get(name), after.get(name)):
            yield Difference(f"/inputs/{escape(name)}", before.get(name), after.get(name))


def _summary(changes: tuple[Difference, ...]) -> str:
    return "what is wanted changed: " + (", ".join(each.path for each in changes[:5]) or "placement")


def _colon(seen: Observation | None) -> str:
    return f": {seen.message}" if seen is not None and seen.message else ""
