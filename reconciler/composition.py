"""What becomes of a request's children: a pure function from what is known to what to do next.

A request on a contract with children is kept true by keeping its children true: each is made
once those that it needs are ready, changed when what its parent gives it changes, and given
back when the contract has it no more, or in the reverse order when the parent goes. A child is
an ordinary request; what is not decided here is decided by its own passes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from catalog.conditions import Status, Type
from catalog.contract import Child, Contract
from catalog.digest import Json, JsonObject, is_same
from catalog.errors import Finding
from catalog.ids import is_name
from catalog.references import Unresolved, resolved
from catalog.request import Phase, Request
from catalog.schema import violations
from catalog.sensitive import secrets_in_clear
from executors.port import ContractRef
from reconciler.relation import Member, Obstacle, because
from reconciler.roots import children_root, request_root

PARENT_LABEL = "avow.dev/parent"
"""The label by which the children of a request are found."""

_SHOWN = 3
_HELD_UP = frozenset({Phase.BLOCKED, Phase.FAILED})


class Deed(StrEnum):
    """What is done about a child."""

    MAKE = "make"
    CHANGE = "change"
    GIVE_BACK = "give back"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a child should be.

    Attributes:
        contract: the revision that its range leads to, with `ref`.
    """

    contract: Contract
    ref: ContractRef
    versions: str
    owner: str
    labels: Mapping[str, str]
    inputs: JsonObject


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing to do about one child.

    Attributes:
        wish: None when it is given back.
    """

    member: Member
    wish: Wish | None = None

    @property
    def deed(self) -> Deed:
        """Return what is done."""
        if self.wish is None:
            return Deed.GIVE_BACK
        return Deed.MAKE if self.member.held is None else Deed.CHANGE

    def __str__(self) -> str:
        return f"{self.deed} {self.member.called}"


@dataclass(frozen=True, slots=True)
class Composition:
    """What to do about the children now, and what they still keep from being done.

    Attributes:
        obstacle: the first child for which the parent has to wait.
        leaving: children that the contract has no more and that are not gone; nobody waits for them.
    """

    errands: tuple[Errand, ...] = ()
    obstacle: Obstacle | None = None
    leaving: tuple[Member, ...] = ()


NOTHING = Composition()


def composition(
    parent: Request, inputs: JsonObject, members: Sequence[Member], *, is_delivered: bool
) -> Composition:
    """Return what to do about the children of a request that stays.

    Args:
        inputs: the parent's, defaults filled in.
        is_delivered: the parent is delivered as it is wanted, and needs nothing of before.
    """
    ready: dict[str, JsonObject] = {}
    errands: list[Errand] = []
    obstacles: list[Obstacle] = []
    for member in members:
        if member.child is None or not all(need in ready for need in member.child.needs):
            continue
        step = _step(parent, inputs, ready, member, member.child)
        if isinstance(step, Errand):
            errands.append(step)
            obstacles.append(_on_its_way(step.member))
        elif step is not None:
            obstacles.append(step)
        elif member.held is not None:
            ready[member.name] = member.held.outputs
    dropped = tuple(member for member in members if member.child is None)
    if is_delivered and not errands and not obstacles:
        errands += _given_back(dropped)
    return Composition(tuple(errands), next(iter(obstacles), None), dropped)


def parting(members: Sequence[Member]) -> Composition:
    """Return what to do about the children of a request that goes: last come, first to go."""
    there = [member for member in members if member.held is not None]
    errands = [errand for member in there if not _is_needed(member, there) for errand in _farewell(member)]
    first = next((member for member in there if not _is_needed(member, there)), None)
    return Composition(tuple(errands), None if first is None else leaving(first), tuple(there))


def leaving_first(members: Sequence[Member]) -> Obstacle | None:
    """Return what there is to say about children that the contract has no more."""
    going = (each for each in members if each.held is not None and each.held.is_deleting)
    first = next(going, None)
    return None if first is None else leaving(first)


def _step(
    parent: Request, inputs: JsonObject, ready: Mapping[str, JsonObject], member: Member, child: Child
) -> Errand | Obstacle | None:
    """Return what to do about a child whose needs are met, or what to wait for; None when it is ready."""
    held = member.held
    if held is None and member.is_taken:
        return name_taken(member)
    if held is not None and is_replaced(held, child):
        return next(iter(_farewell(member)), leaving(member))
    found = _wished(parent, inputs, ready, member, child)
    if isinstance(found, Obstacle):
        return found
    if held is None or not is_as_wished(held, found):
        return Errand(member, found)
    return None if held.phase is Phase.READY else unready(member, held)


def _wished(
    parent: Request, inputs: JsonObject, ready: Mapping[str, JsonObject], member: Member, child: Child
) -> Wish | Obstacle:
    roots = roots_of(parent, inputs, ready)
    try:
        given = {name: resolved(value, roots) for name, value in child.inputs.items()}
    except Unresolved as error:
        return misfit(member, str(error))
    found = wish_of(parent, member, child, given)
    if isinstance(found, Obstacle):
        return found
    problem = problem_of(given, found.contract.inputs)
    return misfit(member, problem) if problem else found


def roots_of(parent: Request, inputs: JsonObject, outputs: Mapping[str, JsonObject]) -> dict[str, Json]:
    """Return what the inputs of a child may refer to.

    Args:
        outputs: what other children hand back.
    """
    return {"inputs": inputs, "request": request_root(parent), "children": children_root(outputs)}


def wish_of(parent: Request, member: Member, child: Child, given: JsonObject) -> Wish | Obstacle:
    """Return what a child should be with these inputs, whatever its contract says of them."""
    if member.contract is None or member.ref is None:
        return misfit(member, "no version of its contract is published for it")
    if not is_name(member.called):
        return misfit(member, "its name would be too long")
    labels = {**parent.labels, PARENT_LABEL: parent.name}
    return Wish(member.contract, member.ref, child.versions, parent.owner, labels, given)


def problem_of(given: JsonObject, schema: JsonObject) -> str:
    """Return why a child cannot be given these inputs; empty when it can."""
    findings = (*violations(schema, given, "/inputs"), *_secrets_in_clear(schema, given))
    return "; ".join(f"{finding.pointer} {finding.message}" for finding in findings[:_SHOWN])


def _secrets_in_clear(schema: JsonObject, given: JsonObject) -> list[Finding]:
    return [
        Finding(each.pointer, "secret_in_clear", "must be a secret reference")
        for each in secrets_in_clear(schema, given, "/inputs")
    ]


def is_replaced(held: Request, child: Child) -> bool:
    """Say whether a child has to go before the one that is wanted can be made under its name."""
    return held.is_deleting or held.contract != child.contract


def is_as_wished(held: Request, wish: Wish) -> bool:
    """Say whether a child's request says what is wished of it."""
    is_kept = held.deletion_queued_at is None
    stands = (held.version, held.owner, held.labels)
    is_same_wish = stands == (wish.versions, wish.owner, wish.labels)
    return is_kept and is_same_wish and is_same(held.inputs, wish.inputs)


def _given_back(dropped: Sequence[Member]) -> list[Errand]:
    # What needed what is not known any more, but whatever needs another is younger than it.
    for member in dropped:
        if member.held is not None and not stays(member):
            return _farewell(member)
    return []


def _farewell(member: Member) -> list[Errand]:
    held = member.held
    is_said = held is None or held.is_deleting or stays(member)
    return [] if is_said else [Errand(member)]


def stays(member: Member) -> bool:
    """Say whether a child waits for others to leave it; it goes by itself when they have."""
    return member.held is not None and member.held.deletion_queued_at is not None and member.is_used


def _is_needed(member: Member, there: Sequence[Member]) -> bool:
    if member.child is None:  # one of those that only the last version had: the youngest goes first
        return any(other.child is None for other in there[: there.index(member)])
    return any(other.child is None or member.name in other.child.needs for other in there)


def name_taken(member: Member) -> Obstacle:
    """Return that a child cannot be made because another request has its name."""
    message = f"{member.called} is the name of a request that was there before"
    return _obstacle(Status.FALSE, "ChildNameTaken", message, member)


def _on_its_way(member: Member) -> Obstacle:
    message = f"its child {member.called} is being made or changed"
    return _obstacle(Status.UNKNOWN, "ChildNotReady", message, member)


def unready(member: Member, held: Request) -> Obstacle:
    """Return that a parent waits for a child that is as wished and not ready."""
    message = f"its child {member.called} is {held.phase}{because(held)}"
    if held.phase in _HELD_UP:
        return _obstacle(Status.FALSE, "ChildHeldUp", message, member)
    return _obstacle(Status.UNKNOWN, "ChildNotReady", message, member)


def leaving(member: Member) -> Obstacle:
    """Return that a parent waits for a child to be gone."""
    held = member.held
    waits = "" if held is None else because(held)
    if held is not None and held.deletion_queued_at is not None and not held.is_deleting:
        waits = ": other requests use it"
    message = f"its child {member.called} has to go{waits}"
    return _obstacle(Status.UNKNOWN, "ChildrenLeaving", message, member)


def misfit(member: Member, problem: str) -> Obstacle:
    """Return that a child cannot be made as the contract says."""
    message = f"the child {member.called} cannot be made as the contract says: {problem}"
    return _obstacle(Status.FALSE, "ChildMisfit", message, member)


def _obstacle(status: Status, reason: str, message: str, member: Member) -> Obstacle:
    return Obstacle(Type.COMPOSED, status, reason, message, member.called)
