"""The published revisions: stored once, never changed, found by name and version or digest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import semver
import sqlalchemy as sa

from catalog.bundle import Bundle, bundle_from_files
from catalog.contract import Contract
from catalog.db import Tx
from catalog.errors import Conflict, NotFound
from catalog.tables import contract_controls, contracts

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
    """A revision without its files, for lists."""

    name: str
    version: str
    digest: str
    owner: str
    published_at: datetime
    published_by: str


_LISTED = [contracts.c[key] for key in Listed.__dataclass_fields__]
_named = contracts.c.name == sa.bindparam("named")
# Built once: composing a statement costs more than executing it on a warm cache.
_VERSIONS = sa.select(contracts.c.version).where(_named)
_BY_NAME = sa.select(*_LISTED).where(_named, contracts.c.version == sa.bindparam("at"))
_BY_DIGEST = sa.select(*_LISTED).where(contracts.c.digest == sa.bindparam("with"))


def publish(tx: Tx, bundle: Bundle, now: datetime, publisher: str) -> bool:
    """Store a revision; return False when exactly this one is there already.

    Raises:
        Conflict: `version_published` with other content, or `owner_mismatch` with the name's owner.
    """
    contract = bundle.contract
    tx.insert_missing(contract_controls, {"name": contract.name, "owner": contract.owner, "paused": False})
    _check_owner(tx, contract)
    row = {
        "name": contract.name,
        "version": contract.version,
        "digest": bundle.digest,
        "owner": contract.owner,
        "files": dict(bundle.files),
        "published_at": now,
        "published_by": publisher,
    }
    if tx.insert_missing(contracts, row):
        return True
    found = load(tx, contract.name, contract.version)
    if found.digest == bundle.digest:
        return False
    raise Conflict(
        "version_published",
        f"{contract.name} {contract.version} is published already, with other content.",
        fix="raise metadata.version and publish that",
    )


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
    """Return the revision that requests without a pin follow: the highest version that is no pre-release.

    Raises:
        NotFound: `contract_not_found`, when there is none.
    """
    return load(tx, name, newest_version(tx, name))


def newest_version(tx: Tx, name: str) -> str:
    """Return the version of `newest`, without loading it.

    Raises:
        NotFound: `contract_not_found`.
    """
    published = versions(tx, name)
    candidates = [each for each in published if not semver.Version.parse(each).prerelease] or published
    if not candidates:
        raise _missing(name)
    return candidates[-1]


def versions(tx: Tx, name: str) -> list[str]:
    """Return the published versions of a contract, lowest first.

    Build metadata counts for nothing in a version's precedence; the text decides between such.
    """
    rows = tx.execute(_VERSIONS, {"named": name})
    return sorted((row.version for row in rows), key=_precedence)


def page(tx: Tx, after: tuple[str, str], limit: int, *, name: str | None = None) -> list[Listed]:
    """Return revisions after a (name, version) key, in that order."""
    query = sa.select(*_LISTED).where(sa.tuple_(contracts.c.name, contracts.c.version) > sa.tuple_(*after))
    if name is not None:
        query = query.where(contracts.c.name == name)
    rows = tx.execute(query.order_by(contracts.c.name, contracts.c.version).limit(limit)).mappings()
    return [Listed(**row) for row in rows]


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


def _precedence(version: str) -> tuple[semver.Version, str]:
    return semver.Version.parse(version), version


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
    return Revision(**row, bundle=_bundle(tx, row["digest"]))


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
