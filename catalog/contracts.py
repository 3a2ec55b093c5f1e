"""The published revisions: stored once, never changed, found by name and version or digest.

Only a draft may be stored again with other content, until it is published.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog import canaries, lifecycles, requirements
from catalog.bundle import Bundle, bundle_from_files
from catalog.contract import Contract
from catalog.db import Tx
from catalog.errors import Conflict, NotFound
from catalog.lifecycle import PUBLISHED, SERVING, Lifecycle, State, Terms, moved
from catalog.provenance import UNKNOWN, Provenance
from catalog.request import Request
from catalog.selection import Canary, chosen, is_pin, stable
from catalog.tables import canaries as canaries_table
from catalog.tables import contract_controls, contracts
from catalog.tables import lifecycles as lifecycles_table

_PARSED: dict[str, Bundle] = {}
_PARSED_LIMIT = 256


@dataclass(frozen=True, slots=True)
class Revision:
    """A published bundle."""

    name: str
    version: str
    digest: str
    owner: str
    published_at: datetime
    published_by: str
    bundle: Bundle
    lifecycle: Lifecycle = PUBLISHED

    @property
    def contract(self) -> Contract:
        """Return what is promised."""
        return self.bundle.contract

    @property
    def files(self) -> Mapping[str, str]:
        """Return the bundle's files by path."""
        return self.bundle.files


@dataclass(frozen=True, slots=True)
class Listed:
    """A revision without its files, for lists.

    Attributes:
        share: how many requests of a hundred follow it; None when it never was a canary.
    """

    name: str
    version: str
    digest: str
    owner: str
    published_at: datetime
    published_by: str
    share: int | None = None
    lifecycle: Lifecycle = PUBLISHED


@dataclass(frozen=True, slots=True)
class Wish:
    """Which version of a contract somebody wishes: exact, a range, a channel, or nothing."""

    contract: str
    version: str | None = None


_HEAD = ("name", "version", "digest", "owner", "published_at", "published_by")
_LISTED = [contracts.c[key] for key in _HEAD]
_IS_OF = (canaries_table.c.name == contracts.c.name) & (canaries_table.c.version == contracts.c.version)
_named = contracts.c.name == sa.bindparam("named")
# Built once: composing a statement costs more than executing it on a warm cache.
_STORED = sa.select(*_LISTED, *lifecycles.COLUMNS).select_from(
    contracts.outerjoin(lifecycles_table, lifecycles.IS_OF)
)
_BY_NAME = _STORED.where(_named, contracts.c.version == sa.bindparam("at"))
_BY_DIGEST = _STORED.where(contracts.c.digest == sa.bindparam("with"))
_NAME_LOCK = (
    sa.select(contract_controls.c.name)
    .where(contract_controls.c.name == sa.bindparam("named"))
    .with_for_update()
)
_DELIVERS = (
    sa.select(sa.literal(1))
    .select_from(contracts.outerjoin(lifecycles_table, lifecycles.IS_OF))
    .where(contracts.c.name == contract_controls.c.name)
    .where(lifecycles.IS_SERVING)
    .exists()
)


def publish(
    tx: Tx,
    bundle: Bundle,
    now: datetime,
    publisher: str,
    provenance: Provenance = UNKNOWN,
    *,
    is_draft: bool = False,
) -> bool:
    """Store a revision; return False when exactly this one is there already, as it came then.

    Args:
        is_draft: its content may still be replaced; publishing it without this ends that.

    Raises:
        Conflict: `version_published` with other content, or `owner_mismatch` with the name's owner.
    """
    contract = bundle.contract
    claim_name(tx, contract)
    lifecycles.check_place(tx, contract.name, contract.version, bundle.digest)
    row = {
        "name": contract.name,
        "version": contract.version,
        "digest": bundle.digest,
        "owner": contract.owner,
        "files": dict(bundle.files),
        "published_at": now,
        "published_by": publisher,
        **provenance.documents(),
    }
    if tx.insert_missing(contracts, row):
        requirements.record(tx, contract)
        if is_draft:
            draft = Lifecycle(State.DRAFT, revision=1, changed_at=now, changed_by=publisher)
            lifecycles.save(tx, contract.name, contract.version, draft)
        return True
    held = lifecycles.locked(tx, contract.name, contract.version)
    found = load(tx, contract.name, contract.version)
    if held.state is State.DRAFT:
        return _published_again(tx, found, contract, row, is_draft=is_draft)
    if found.digest == bundle.digest and not is_draft:
        return False
    raise Conflict(
        "version_published",
        f"{contract.name} {contract.version} is published already"
        + (", so it is no draft any more." if is_draft else ", with other content."),
        fix="raise metadata.version and publish that",
    )


def claim_name(tx: Tx, contract: Contract) -> None:
    """Take a contract's name for its owner; whoever else publishes under it waits until this ends.

    Raises:
        Conflict: `owner_mismatch`.
    """
    row = {"name": contract.name, "owner": contract.owner, "paused": False}
    if not tx.insert_missing(contract_controls, row):
        tx.execute(_NAME_LOCK, {"named": contract.name})
    _check_owner(tx, contract)


def load(tx: Tx, name: str, version: str) -> Revision:
    """Return one revision.

    Raises:
        NotFound: `contract_not_found`.
    """
    return _one(tx, _BY_NAME, {"named": name, "at": version}, f"{name} {version}")


def by_digest(tx: Tx, digest: str) -> Revision:
    """Return the revision with this digest.

    Raises:
        NotFound: `contract_not_found`.
    """
    return _one(tx, _BY_DIGEST, {"with": digest}, digest)


def newest(tx: Tx, name: str) -> Revision:
    """Return the revision that is for everybody: the highest version that is no pre-release and no canary.

    Where nothing is published any more, or yet, it is the highest of what there is.

    Raises:
        NotFound: `contract_not_found`, when there is none.
    """
    return load(tx, name, newest_version(tx, name))


def newest_version(tx: Tx, name: str) -> str:
    """Return the version of `newest`, without loading it.

    Raises:
        NotFound: `contract_not_found`.
    """
    found = canaries.standings(tx, name)
    for state in (State.PUBLISHED, State.DEPRECATED, State.RETIRED, State.DRAFT):
        version = stable([each for each in found if each.state is state])
        if version is not None:
            return version
    raise _missing(name)


def resolved(tx: Tx, wish: Wish, request_uid: str, held: str | None = None) -> Revision | None:
    """Return the revision that a request is to be on; None when nothing that is left fits its wish.

    An exact version is returned as it stands, be it a draft or retired: whoever asks looks.

    Args:
        held: the version that it is on by now; it stays there while that fits and no other does.

    Raises:
        NotFound: `contract_not_found`, when there is no such contract, or not the exact version.
    """
    if wish.version is not None and is_pin(wish.version):
        return load(tx, wish.contract, wish.version)
    published = canaries.standings(tx, wish.contract)
    if not published:
        raise _missing(wish.contract)
    found = chosen(wish.version, published, request_uid, held)
    return None if found is None else load(tx, wish.contract, found)


def serving(tx: Tx, name: str) -> list[str]:
    """Return the versions of a contract that deliver, be they deprecated, lowest first."""
    return [each.version for each in canaries.standings(tx, name) if each.state in SERVING]


def version_for(request: Request, published: Sequence[Canary]) -> str | None:
    """Return what a request's wish comes to when a contract's versions stand like this; None when to none."""
    if is_pin(request.version):
        return request.version
    return chosen(request.version, published, request.uid, request.contract_version)


def versions(tx: Tx, name: str) -> list[str]:
    """Return the published versions of a contract, lowest first."""
    return [each.version for each in canaries.standings(tx, name)]


def page(tx: Tx, after: tuple[str, str], limit: int, *, name: str | None = None) -> list[Listed]:
    """Return revisions after a (name, version) key, in that order."""
    query = sa.select(*_LISTED, canaries_table.c.share, *lifecycles.COLUMNS).select_from(
        contracts.outerjoin(canaries_table, _IS_OF).outerjoin(lifecycles_table, lifecycles.IS_OF)
    )
    query = query.where(sa.tuple_(contracts.c.name, contracts.c.version) > sa.tuple_(*after))
    if name is not None:
        query = query.where(contracts.c.name == name)
    rows = tx.execute(query.order_by(contracts.c.name, contracts.c.version).limit(limit)).mappings()
    return [
        Listed(**{key: row[key] for key in _HEAD}, share=row["share"], lifecycle=lifecycles.of_row(row))
        for row in rows
    ]


def is_paused(tx: Tx, name: str) -> bool:
    """Say whether all requests on a contract are held."""
    query = sa.select(contract_controls.c.paused).where(contract_controls.c.name == name)
    return bool(tx.execute(query).scalar_one_or_none())


def set_paused(tx: Tx, name: str, *, paused: bool) -> None:
    """Hold or release all requests on a contract.

    Raises:
        NotFound: `contract_not_found`.
    """
    update = contract_controls.update().where(contract_controls.c.name == name).values(paused=paused)
    if tx.execute(update).rowcount == 0:
        raise _missing(name)


def owner_of(tx: Tx, name: str) -> str | None:
    """Return the team that a contract's name belongs to; None when nobody took it."""
    query = sa.select(contract_controls.c.owner).where(contract_controls.c.name == name)
    return tx.execute(query).scalar_one_or_none()


def check_known(tx: Tx, name: str) -> None:
    """Pass a name under which something was published.

    Raises:
        NotFound: `contract_not_found`.
    """
    if owner_of(tx, name) is None:
        raise _missing(name)


def names(tx: Tx, after: str, limit: int) -> list[str]:
    """Return the names of contracts that have a version that delivers, after one, in their order."""
    query = sa.select(contract_controls.c.name).where(contract_controls.c.name > after, _DELIVERS)
    return list(tx.execute(query.order_by(contract_controls.c.name).limit(limit)).scalars())


def _check_owner(tx: Tx, contract: Contract) -> None:
    owner = owner_of(tx, contract.name)
    if owner != contract.owner:
        raise Conflict(
            "owner_mismatch",
            f"The name {contract.name} belongs to {owner}.",
            fix="publish under another name, or have its owner publish",
        )


def _one(tx: Tx, query: sa.Executable, values: Mapping[str, str], wanted: str) -> Revision:
    row = tx.execute(query, values).mappings().one_or_none()
    if row is None:
        raise _missing(wanted)
    head = {key: row[key] for key in _HEAD}
    return Revision(**head, bundle=_bundle(tx, row["digest"]), lifecycle=lifecycles.of_row(row))


def _published_again(
    tx: Tx, draft: Revision, contract: Contract, row: Mapping[str, Any], *, is_draft: bool
) -> bool:
    """Store a draft's new content, or publish it; return False when nothing changes."""
    if draft.digest == row["digest"] and is_draft:
        return False
    mine = (contracts.c.name == draft.name) & (contracts.c.version == draft.version)
    tx.execute(contracts.update().where(mine).values(**row))
    requirements.record(tx, contract)
    if not is_draft:
        now, publisher = row["published_at"], row["published_by"]
        after = moved(draft.lifecycle, State.PUBLISHED, Terms(), now, publisher)
        lifecycles.save(tx, draft.name, draft.version, after)
    return True


def _bundle(tx: Tx, digest: str) -> Bundle:
    # What a digest stands for never changes, so it is read and parsed once in a process.
    bundle = _PARSED.get(digest)
    if bundle is None:
        files = tx.execute(sa.select(contracts.c.files).where(contracts.c.digest == digest)).scalar_one()
        if len(_PARSED) >= _PARSED_LIMIT:
            _PARSED.clear()
        bundle = _PARSED[digest] = bundle_from_files(files)
    return bundle


def _missing(wanted: str) -> NotFound:
    return NotFound("contract_not_found", f"There is no contract {wanted}.", fix="see avow get contracts")
