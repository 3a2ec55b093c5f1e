"""What a request has to do with others, as far as a plan depends on it.

It needs contracts that are published, it may use other requests of its project, it may be made
of children, and others may use it. Loaded by `reconciler.relating`; what becomes of children is
decided in `reconciler.composition`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from catalog.conditions import Status, Type
from catalog.contract import Child, Contract
from catalog.dependencies import Lack
from catalog.request import Phase, Request
from executors.port import ContractRef


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something outside of a request that keeps a delivery from beginning.

    Attributes:
        type: the condition that says so, with `status`, `reason` and `message`.
        ref: the thing at hand: a request by name, or a contract with its range.
        owner: the team behind it; empty when there is none.
    """

    type: Type
    status: Status
    reason: str
    message: str
    ref: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A child of a request, as the contract has it and as it stands.

    Attributes:
        name: within the contract.
        called: the name of its request.
        child: None when the contract has it no more.
        contract: the revision that its range leads to, with `ref`; None when none is published.
        held: its request; None when there is none yet.
        is_used: other requests use it.
        is_taken: a request of its name is there, and is another's.
    """

    name: str
    called: str
    child: Child | None = None
    contract: Contract | None = None
    ref: ContractRef | None = None
    held: Request | None = None
    is_used: bool = False
    is_taken: bool = False


@dataclass(frozen=True, slots=True)
class Relations:
    """All of it, for one request.

    Attributes:
        lacking: what its contract needs and nobody has published.
        awaited: what it uses and is not ready.
        members: its children: those of the contract, each after those that it needs, then those
            that the contract has no more, the youngest first.
        is_used: others use it, or a child of it; asked only while its deletion waits for that.
    """

    lacking: Obstacle | None = None
    awaited: Obstacle | None = None
    members: tuple[Member, ...] = ()
    is_used: bool = True


NONE = Relations()


def requirement_missing(found: Sequence[Lack], owner: str) -> Obstacle | None:
    """Return what stands in the way when a contract's needs are not met; None when all are.

    Args:
        owner: the team that owns the name of what is missing first; empty when nobody does.
    """
    if not found:
        return None
    message = "; ".join(lack.message for lack in found)
    root = str(found[0].root)
    return Obstacle(Type.AVAILABLE, Status.FALSE, "RequirementMissing", message, root, owner)


def used_not_ready(request: Request, used: Sequence[Request]) -> Obstacle | None:
    """Return the first request, in the order named, that another uses and that is not ready."""
    there = {each.name: each for each in used}
    for use in request.uses:
        found = there.get(use.request)
        if found is None or found.phase is not Phase.READY:
            where = "is not there" if found is None else f"is {found.phase}{because(found)}"
            message = f"it uses {use.request}, which {where}"
            return Obstacle(Type.AVAILABLE, Status.FALSE, "UsedNotReady", message, use.request)
    return None


def because(request: Request) -> str:
    """Return why a request is not ready, to follow its phase; empty when that says it all."""
    ready = request.conditions.get(Type.READY)
    return "" if ready is None else f": {ready.message}"
