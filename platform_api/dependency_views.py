"""What a contract needs and who needs it, as they go over the wire."""

from catalog import requirements
from catalog.contract import Contract
from catalog.db import Tx
from catalog.dependencies import Need, fitting, lacks, needs_of
from platform_api.wire import Maybe, View


class NeededView(View):
    """A contract without which another cannot serve.

    Attributes:
        version: the range of versions that will do.
        child: the child that is made from it, when it is more than required.
        state: `available`, `unavailable` (published, but lacks something itself) or `missing`.
        message: what is missing, when something is.
    """

    contract: str
    version: str
    child: Maybe[str] = None
    state: str
    message: Maybe[str] = None


class DependentView(View):
    """A version that needs a contract, and the range that it takes."""

    contract: str
    version: str
    requires: str
    child: Maybe[str] = None


class Dependencies(View):
    """Whether a version can serve, and what it needs for that."""

    available: bool
    requires: list[NeededView]


def dependencies_of(tx: Tx, contract: Contract) -> Dependencies:
    """Return what a version needs, and how each of it stands."""
    needs = needs_of(contract)
    shelf = requirements.shelf(tx, {need.contract for need in needs})
    unmet = {lack.need: lack.message for lack in lacks(shelf, needs)}
    views = []
    for need in needs:
        state = "available"
        if need in unmet:
            state = "unavailable" if fitting(shelf, need) else "missing"
        views.append(_needed(need, state, unmet.get(need)))
    return Dependencies(available=not unmet, requires=views)


def dependents_of(tx: Tx, name: str) -> list[DependentView]:
    """Return the versions that say they need a contract."""
    return [
        DependentView(
            contract=each.name,
            version=each.version,
            requires=each.need.versions,
            child=each.need.child or None,
        )
        for each in requirements.dependents(tx, name)
    ]


def _needed(need: Need, state: str, message: str | None) -> NeededView:
    return NeededView(
        contract=need.contract,
        version=need.versions,
        child=need.child or None,
        state=state,
        message=message,
    )
