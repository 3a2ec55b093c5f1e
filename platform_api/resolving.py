"""Which revision somebody who asks is given, and how he is told that there is none.

Shared by commands and dry runs. What a request is on afterwards is decided by the same function
that every pass asks (`catalog.contracts.resolved`); here its answer meets a person.
"""

from catalog import canaries, contracts, lifecycles, requests
from catalog.contracts import Revision, Wish
from catalog.db import Tx
from catalog.errors import Conflict
from catalog.lifecycle import Lifecycle, State
from catalog.request import Request


def resolve(tx: Tx, wish: Wish, request_uid: str, held: Request | None = None) -> Revision:
    """Return the revision that a wish comes to.

    Args:
        held: the request as it stands; None for a new one.

    Raises:
        NotFound: `contract_not_found`.
        Conflict: `version_draft`, `version_retired`, `version_unresolvable`.
    """
    stays_on = None if held is None else held.contract_version
    found = contracts.resolved(tx, wish, request_uid, stays_on)
    if found is None and stays_on is not None:
        # Somebody asks for it by name or range, so what is deprecated will do; policy has the last word.
        found = contracts.resolved(tx, wish, request_uid)
    if found is None:
        raise _unresolvable(tx, wish)
    if found.version != stays_on:
        check_serving(found.name, found.version, found.lifecycle)
    return found


def check_serving(name: str, version: str, lifecycle: Lifecycle) -> None:
    """Pass a version that can be asked for.

    Raises:
        Conflict: `version_draft`, `version_retired`.
    """
    if lifecycle.state is State.DRAFT:
        raise Conflict(
            "version_draft",
            f"{name} {version} is a draft, and cannot be asked for yet.",
            fix=f"choose a published version: avow get contracts {name}",
        )
    if lifecycle.state is State.RETIRED:
        instead = lifecycle.replacement
        raise Conflict(
            "version_retired",
            f"{name} {version} is retired.",
            fix=f"use version {instead}" if instead else f"choose another: avow get contracts {name}",
        )


def hold_version(tx: Tx, request: Request, before: Request | None = None) -> None:
    """Keep the version that a request comes to from being retired before the transaction ends.

    Args:
        before: the request as it was read; where it stands by now it may stay.

    Raises:
        NotFound: `contract_not_found`, when it was deleted meanwhile.
        Conflict: `version_draft`, `version_retired`.
    """
    held = lifecycles.held(tx, request.contract, request.contract_version)
    if before is None or request.contract_version not in requests.by_uid(tx, before.uid).versions:
        check_serving(request.contract, request.contract_version, held)


def _unresolvable(tx: Tx, wish: Wish) -> Conflict:
    found = canaries.standings(tx, wish.contract)
    published = [each.version for each in found if each.state is State.PUBLISHED]
    known = f"published are {', '.join(published)}" if published else "nothing is published"
    wanted = "what is stable" if wish.version is None else wish.version
    return Conflict(
        "version_unresolvable",
        f"No version of {wish.contract} fits {wanted}; {known}.",
        fix=f"choose a published version, or a range that has one: avow get contracts {wish.contract}",
    )
