"""Where a request lands, and why there.

The choice is made once and kept: a delivered thing does not move because a label changed.
It is deterministic, so a preview and the pass that follows agree, and it explains itself
for every destination that was looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.contract import Placement, Prefer
from catalog.fleet import Destination
from catalog.request import Request


@dataclass(frozen=True, slots=True)
class Considered:
    """One destination that was looked at, and what spoke against it; empty when nothing did."""

    destination: str
    objection: str


@dataclass(frozen=True, slots=True)
class Placed:
    """The outcome of placing.

    Attributes:
        destination: the choice; None when nothing fits or nothing is needed.
        is_needed: False when the contract places nothing.
    """

    destination: Destination | None
    is_needed: bool
    message: str
    considered: tuple[Considered, ...] = ()

    @property
    def is_settled(self) -> bool:
        """Say whether the request can go on as far as its place is concerned."""
        return self.destination is not None or not self.is_needed


def place(
    rule: Placement | None, request: Request, destinations: Sequence[Destination], held: Mapping[str, int]
) -> Placed:
    """Return where a request lies or would land.

    Args:
        destinations: every destination of the rule's kind.
        held: how many live requests each carries.
    """
    if rule is None:
        return Placed(None, is_needed=False, message="this contract needs no destination")
    kept = next((each for each in destinations if each.name == request.destination), None)
    if kept is not None:
        return Placed(kept, is_needed=True, message=f"stays on {kept.name}")
    considered = tuple(Considered(each.name, _objection(rule, request, each, held)) for each in destinations)
    fitting = [each for each, seen in zip(destinations, considered, strict=True) if not seen.objection]
    if not fitting:
        return Placed(None, is_needed=True, message=_nothing_fits(rule, considered), considered=considered)
    chosen = min(fitting, key=lambda each: _rank(rule, each, held))
    return Placed(chosen, is_needed=True, message=_why(rule, chosen, held), considered=considered)


def _objection(rule: Placement, request: Request, each: Destination, held: Mapping[str, int]) -> str:
    if each.projects and request.project not in each.projects:
        return f"not open to project {request.project}"
    if each.cordoned:
        return "cordoned: takes no new requests"
    if rule.same_environment and each.labels.get("env") != request.environment:
        return f"label env is not {request.environment}"
    for name, value in rule.labels.items():
        if each.labels.get(name) != value:
            return f"label {name} is not {value}"
    if each.capacity is not None and held.get(each.name, 0) >= each.capacity:
        return f"full: carries {each.capacity}"
    return ""


def _rank(rule: Placement, each: Destination, held: Mapping[str, int]) -> tuple[int, str]:
    load = held.get(each.name, 0) if rule.prefer is Prefer.LEAST_LOADED else 0
    return (load, each.name)


def _why(rule: Placement, chosen: Destination, held: Mapping[str, int]) -> str:
    if rule.prefer is Prefer.BY_NAME:
        return f"{chosen.name} is the first that fits by name"
    return f"{chosen.name} fits and carries the least ({held.get(chosen.name, 0)})"


def _nothing_fits(rule: Placement, considered: Sequence[Considered]) -> str:
    if not considered:
        return f"there is no destination of kind {rule.kind}"
    objections = "; ".join(f"{each.destination}: {each.objection}" for each in considered[:5])
    return f"no destination of kind {rule.kind} fits: {objections}"
