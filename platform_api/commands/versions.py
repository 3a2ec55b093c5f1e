"""Steering one request between versions: up to a newer one, fast where it is, back to the one before.

Each is an ordinary change of what is wished, with a new generation, policy, audit and git; what
is made here is only the wish. Plans are made from the same wishes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from catalog import canaries, contracts
from catalog.contracts import Revision
from catalog.conversion import held_inputs, misfits
from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.errors import Conflict
from catalog.lifecycle import State
from catalog.request import Request
from catalog.selection import for_everybody, is_pin, precedence
from platform_api.commands.requests import Wanted
from platform_api.parts import Platform
from reconciler.situation import fit_of


@dataclass(frozen=True, slots=True)
class Steer:
    """A wish to go somewhere.

    Attributes:
        anew: try it also when it is what is wished already.
    """

    wanted: Wanted
    anew: bool = False


def upgrade(platform: Platform, held: Request, to: str | None) -> Steer:
    """Return the wish for what was asked, or for the newest version that fits the request's inputs.

    A request that follows goes there by itself; for one whose upgrade failed this is another try.
    """
    if to is not None:
        return Steer(_wish(held, to), anew=held.failed_version is not None)
    if not is_pin(held.version):
        return Steer(_wish(held, held.version), anew=held.failed_version is not None)
    with platform.db.read() as tx:
        return Steer(_wish(held, _newest_fitting(tx, held)), anew=held.failed_version is not None)


def pin(held: Request) -> Steer:
    """Return the wish to stay on the version that is delivered.

    Raises:
        Conflict: `not_delivered`.
    """
    if held.applied is None:
        raise Conflict(
            "not_delivered",
            f"Nothing of {held.name} is delivered yet.",
            fix=f"wait: avow wait {held.name}; or name a version: avow upgrade {held.name} --to VERSION",
        )
    return Steer(_wish(held, held.applied.contract_version), anew=held.failed_version is not None)


def rollback(platform: Platform, held: Request) -> Steer:
    """Return the wish for what was delivered before: that is what stands now while an upgrade is not through.

    The requester's own inputs go along where they fit that version, else those that it was delivered with.

    Raises:
        Conflict: `nothing_to_roll_back`.
        NotFound: `contract_not_found`, when the version was deleted.
    """
    applied = held.applied
    version = held.previous_version
    if applied is not None and (held.failed_version or applied.contract_version != held.contract_version):
        version = applied.contract_version
    if version is None:
        raise Conflict(
            "nothing_to_roll_back",
            f"No other version of {held.name} was delivered before.",
            fix=f"name a version: avow upgrade {held.name} --to VERSION",
        )
    with platform.db.read() as tx:
        revision = contracts.load(tx, held.contract, version)
    delivered = None if applied is None or applied.contract_version != version else applied.inputs
    inputs = _inputs_before(revision, held, delivered)
    return Steer(_wish(held, version, inputs, is_rewritten=True), anew=held.failed_version is not None)


def _newest_fitting(tx: Tx, held: Request) -> str:
    """Return the highest version for everybody that takes the request's inputs, else the highest."""
    found = list(_above(tx, held))
    fits = (each for each in found if fit_of(tx, contracts.load(tx, held.contract, each), held).is_good)
    return next(fits, found[0] if found else str(held.version))


def _above(tx: Tx, held: Request) -> Iterator[str]:
    own = precedence(str(held.version))
    standings = canaries.standings(tx, held.contract)
    published = [each for each in standings if each.state is State.PUBLISHED]
    for each in reversed(for_everybody(published)):
        if own < precedence(each.version):
            yield each.version


def _inputs_before(revision: Revision, held: Request, delivered: JsonObject | None) -> JsonObject:
    schema = revision.contract.inputs
    ways = (held.inputs, held_inputs(held), delivered)
    fitting = (each for each in ways if each is not None and not misfits(schema, each))
    return next(fitting, held.inputs)  # what does not fit is refused with its findings


def _wish(
    held: Request, version: str | None, inputs: JsonObject | None = None, *, is_rewritten: bool = False
) -> Wanted:
    return Wanted(
        name=held.name,
        contract=held.contract,
        version=version,
        environment=held.environment,
        owner=held.owner,
        labels=dict(held.labels),
        inputs=held.inputs if inputs is None else inputs,
        uses=held.uses,
        is_rewritten=is_rewritten,
    )
