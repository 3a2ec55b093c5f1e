"""Canaries: published versions that only a share of the requests follows.

A version without a row here is for everybody, as far as it is no pre-release. One with a row
is for so many requests of a hundred; which ones follows from the request's uid alone, so that
a larger share adds requests to those that have it and takes it from none. A share of 100 makes
a version, be it a pre-release, one for everybody; a share of 0 takes it back. What follows from
it all is decided in `catalog.selection`.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from catalog.db import Tx
from catalog.errors import Conflict, NotFound
from catalog.lifecycle import State
from catalog.lifecycles import IS_OF
from catalog.selection import Canary, Trial, precedence, stable
from catalog.tables import canaries, contracts, lifecycles

_COLUMNS = ("name", "version", "share", "revision", "changed_at", "changed_by")

_named = contracts.c.name == sa.bindparam("named")
_STANDINGS = (
    sa.select(contracts.c.name, contracts.c.version, lifecycles.c.state)
    .add_columns(*(canaries.c[name] for name in ("share", "revision", "changed_at", "changed_by")))
    .select_from(
        contracts.outerjoin(
            canaries, (canaries.c.name == contracts.c.name) & (canaries.c.version == contracts.c.version)
        ).outerjoin(lifecycles, IS_OF)
    )
    .where(_named)
)


def standings(tx: Tx, name: str) -> list[Canary]:
    """Return how every published version of a contract stands, lowest first; empty without any.

    Build metadata counts for nothing in a version's precedence; the text decides between such.
    """
    found = (_canary(row) for row in tx.execute(_STANDINGS, {"named": name}).all())
    return sorted(found, key=lambda each: precedence(each.version))


def load(tx: Tx, name: str, version: str) -> Canary:
    """Return how one version stands.

    Raises:
        NotFound: `contract_not_found`.
    """
    found = next((each for each in standings(tx, name) if each.version == version), None)
    if found is None:
        raise NotFound(
            "contract_not_found", f"There is no contract {name} {version}.", fix="see avow get contracts"
        )
    return found


def set_share(tx: Tx, held: Canary, share: int, now: datetime, by: str) -> Canary:
    """Give a version a share and return how it stands then; whoever calls has checked the revision.

    Raises:
        Conflict: `canary_not_published`, `canary_alone`, `canary_not_newest`, `revision_changed`.
    """
    after = replace(held, share=share, revision=held.revision + 1, changed_at=now, changed_by=by)
    check_share(standings(tx, held.name), after)
    row = {name: getattr(after, name) for name in _COLUMNS}
    if held.share is None:
        is_stored = tx.insert_missing(canaries, row)
    else:
        mine = (canaries.c.name == held.name) & (canaries.c.version == held.version)
        update = canaries.update().where(mine, canaries.c.revision == held.revision).values(**row)
        is_stored = tx.execute(update).rowcount == 1
    if not is_stored:
        raise Conflict("revision_changed", "It was changed meanwhile.", fix="read it again and repeat")
    return after


def check_share(published: Sequence[Canary], after: Canary) -> None:
    """Pass a share that leaves every request a version to follow, and that has an effect.

    Raises:
        Conflict: `canary_not_published`, `canary_alone`, `canary_not_newest`.
    """
    if after.state is not State.PUBLISHED:
        raise Conflict(
            "canary_not_published",
            f"{after.name} {after.version} is {after.state}, so nobody follows it.",
            fix="set the share of a published version",
        )
    others = [each for each in published if each.version != after.version and each.state is State.PUBLISHED]
    base = stable(others)
    if after.trial is not Trial.PROMOTED and base is None:
        raise Conflict(
            "canary_alone",
            f"No other version of {after.name} is for everybody.",
            fix="publish or promote one first",
        )
    if after.trial is not Trial.ABORTED and base and precedence(after.version) < precedence(base):
        raise Conflict(
            "canary_not_newest",
            f"{base} is newer than {after.version}, and for everybody.",
            fix="publish it anew under a higher version",
        )


def _canary(row: sa.Row[tuple[object, ...]]) -> Canary:
    state = State.PUBLISHED if row.state is None else State(row.state)
    if row.share is None:
        return Canary(row.name, row.version, state=state)
    return Canary(row.name, row.version, row.share, row.revision, row.changed_at, row.changed_by, state)
