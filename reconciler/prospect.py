"""What is done about a request's children on the whole way to what is wanted: a pure function.

`reconciler.composition` says what a pass does next; whoever plans wants to know all that follows.
What a child hands back is known only once it was made or changed, and so is whether those that
take it are changed as well: that is said to be uncertain. For whoever looks ahead; no pass asks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from catalog.composing import needed_children
from catalog.contract import Child
from catalog.digest import Json, JsonObject
from catalog.ids import RequestUid
from catalog.references import Unresolved, resolved
from catalog.request import Phase, Request
from reconciler import children
from reconciler.composition import (
    Deed,
    Wish,
    is_as_wished,
    is_replaced,
    leaving,
    misfit,
    name_taken,
    problem_of,
    roots_of,
    stays,
    unready,
    wish_of,
)
from reconciler.relation import Member, Obstacle


@dataclass(frozen=True, slots=True)
class Prospect:
    """One thing that will be done about one child.

    Attributes:
        wish: what it should be, with the inputs that are known; None when it is given back.
        is_certain: it is done whatever other children hand back.
        is_whole: all of its inputs are known.
        is_awaited: the parent is not delivered before.
    """

    member: Member
    deed: Deed
    wish: Wish | None = None
    is_certain: bool = True
    is_whole: bool = True
    is_awaited: bool = True

    @property
    def contract(self) -> str:
        """Return the name of the contract that it is on."""
        held = self.member.held
        if self.wish is not None:
            return self.wish.ref.name
        return "" if held is None else held.contract

    @property
    def needs(self) -> frozenset[str]:
        """Return the children that come before it."""
        child = self.member.child
        return frozenset() if child is None or self.wish is None else frozenset(child.needs)

    def request(self, parent: Request, now: datetime) -> Request:
        """Return the child's request as it would be stored; one that is not there has no uid of its own."""
        held, wish = self.member.held, self.wish
        if wish is None:
            assert held is not None  # noqa: S101  # what is not there is not given back; tells mypy
            return replace(held, deletion_requested_at=held.deletion_requested_at or now)
        if self.deed is Deed.MAKE or held is None:
            uid = RequestUid(f"{parent.uid}/{self.member.name}")
            return children.made(parent, self.member, wish, uid, now)
        return children.changed(parent, held, wish)


@dataclass(frozen=True, slots=True)
class Prospects:
    """All that will be done about the children of one request.

    Attributes:
        children: each after those that it needs.
        misfits: why children cannot be as the contract says; those that need them are left as they are.
        waits: what the parent waits for that nothing of this ends.
    """

    children: tuple[Prospect, ...] = ()
    misfits: tuple[Obstacle, ...] = ()
    waits: tuple[Obstacle, ...] = ()


NOTHING = Prospects()


def prospects(
    parent: Request, inputs: JsonObject, members: Sequence[Member], *, is_whole: bool = True
) -> Prospects:
    """Return what will be done about the children of a request until it is as it is wanted.

    Args:
        inputs: the parent's, defaults filled in.
        is_whole: they are all of them; else the others are known only later.
    """
    if parent.is_deleting:
        return Prospects(tuple(_farewells(_as_they_go(members), is_awaited=True)))
    way = _Way(parent, inputs, is_whole)
    for member in members:
        if member.child is not None:
            way.go(member, member.child)
    dropped = [member for member in members if member.child is None]
    going = () if way.misfits else tuple(_farewells(dropped, is_awaited=False))
    return Prospects((*way.found, *going), tuple(way.misfits), tuple(way.waits))


@dataclass(slots=True)
class _Way:
    """What is known on the way from child to child.

    Attributes:
        outputs: what children that are there hand back at present.
        moving: children that may hand back something else once they were changed, or made.
        held_up: children that come to nothing.
    """

    parent: Request
    inputs: JsonObject
    is_whole: bool
    outputs: dict[str, JsonObject] = field(default_factory=dict)
    moving: set[str] = field(default_factory=set)
    held_up: set[str] = field(default_factory=set)
    found: list[Prospect] = field(default_factory=list)
    misfits: list[Obstacle] = field(default_factory=list)
    waits: list[Obstacle] = field(default_factory=list)

    def go(self, member: Member, child: Child) -> None:
        """Find out what is done about the next child."""
        if self.held_up & set(child.needs):
            self.held_up.add(member.name)
            return
        if member.held is None and member.is_taken:
            self._hold_up(name_taken(member), member)
            return
        held = member.held
        if held is not None and is_replaced(held, child):
            self._replace(member)
            held = None
        wish = self._wish(member, child, held)
        if isinstance(wish, Obstacle):
            self._hold_up(wish, member)
        else:
            self._decide(member, wish, held)

    def _replace(self, member: Member) -> None:
        self.found += _farewells([member], is_awaited=True)
        if stays(member):
            self.waits.append(leaving(member))

    def _hold_up(self, why: Obstacle, member: Member) -> None:
        self.misfits.append(why)
        self.held_up.add(member.name)

    def _decide(self, member: Member, wish: "_Wished", held: Request | None) -> None:
        if held is None:
            self.found.append(Prospect(member, Deed.MAKE, wish.wish, is_whole=wish.is_whole))
            self.moving.add(member.name)
            return
        self.outputs[member.name] = held.outputs
        is_other = not is_as_wished(held, wish.wish)
        if is_other or not wish.is_settled:
            self.found.append(
                Prospect(member, Deed.CHANGE, wish.wish, is_certain=is_other, is_whole=wish.is_whole)
            )
        elif held.phase is not Phase.READY:
            self.waits.append(unready(member, held))
        if children.is_delivery(held, wish.wish) or not wish.is_settled or held.phase is not Phase.READY:
            self.moving.add(member.name)

    def _wish(self, member: Member, child: Child, held: Request | None) -> "_Wished | Obstacle":
        roots, given = roots_of(self.parent, self.inputs, self.outputs), dict[str, Json]()
        is_settled, is_whole = self.is_whole, True
        for name, value in child.inputs.items():
            is_moving = bool(self.moving & set(needed_children({name: value})))
            is_settled = is_settled and not is_moving
            try:
                given[name] = resolved(value, roots)
            except Unresolved as error:
                if self.is_whole and not is_moving:
                    return misfit(member, str(error))
                is_whole = False
                if held is not None and name in held.inputs:
                    given[name] = held.inputs[name]
        found = wish_of(self.parent, member, child, given)
        if isinstance(found, Obstacle):
            return found
        problem = problem_of(given, found.contract.inputs) if is_settled and is_whole else ""
        return misfit(member, problem) if problem else _Wished(found, is_settled, is_whole)


@dataclass(frozen=True, slots=True)
class _Wished:
    """What a child should be.

    Attributes:
        is_settled: nothing that comes before makes it another one.
        is_whole: all of its inputs are known.
    """

    wish: Wish
    is_settled: bool
    is_whole: bool


def _as_they_go(members: Sequence[Member]) -> list[Member]:
    """Return children as they go with their parent: last come, first to go; the dropped are younger still."""
    return [
        *(member for member in members if member.child is None),
        *(member for member in reversed(members) if member.child is not None),
    ]


def _farewells(members: Sequence[Member], *, is_awaited: bool) -> list[Prospect]:
    return [
        Prospect(member, Deed.GIVE_BACK, is_awaited=is_awaited)
        for member in members
        if member.held is not None and not member.held.is_deleting and not stays(member)
    ]
