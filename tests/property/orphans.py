"""What points where, read straight from the tables: by a slower and plainer way than the product's own.

A `Seen` is one look at the whole database; `faults` says what of it may never be so.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from catalog import contracts as shelf
from catalog.dependencies import needs_of
from catalog.lifecycle import SERVING
from catalog.ranges import parse_range
from catalog.tables import contracts, requests
from reconciler.tables import operations, work
from tests.village import Village

Key = tuple[str, str]
"""A contract's name and version."""


@dataclass(frozen=True)
class Seen:
    """What the database holds.

    Attributes:
        shelf: the digest of every version that is there.
        live: the requests that are not gone.
        works: uids that a pass will look at.
        open_digests: what operations deliver from that have not ended, with whose they are.
    """

    shelf: dict[Key, str] = field(default_factory=dict)
    live: list[Any] = field(default_factory=list)
    works: set[str] = field(default_factory=set)
    open_digests: list[tuple[str, str]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Return the names of live requests, the oldest first."""
        return [each.name for each in self.live]

    def stood_on(self, request: Any) -> set[str]:
        """Return the versions of its contract that mean something to a live request."""
        return {*pointers(request).values(), *self._brought_to(request)}

    def users(self, name: str, version: str) -> list[str]:
        """Return the live requests that stand on a version, are being brought to it, or wish just it."""
        return [
            each.name
            for each in self.live
            if each.contract == name
            and version in {*self._brought_to(each), *_delivering(each), each.version}
        ]

    def _brought_to(self, request: Any) -> set[str]:
        begun = {digest for uid, digest in self.open_digests if uid == request.uid}
        return {version for (_, version), digest in self.shelf.items() if digest in begun}

    def faults(self) -> Iterator[str]:
        """Yield whatever points to nothing."""
        for each in self.live:
            yield from self._faults_of(each)
        for uid, digest in self.open_digests:
            if digest not in self.shelf.values():
                yield f"an operation of {uid} delivers from a version that is not there"

    def _faults_of(self, request: Any) -> Iterator[str]:
        name = request.name
        for what, version in pointers(request).items():
            if (request.contract, version) not in self.shelf:
                yield f"{what} of {name} is {version}, which is not there"
        for what, digest in _digests(request):
            if digest not in self.shelf.values():
                yield f"{what} of {name} has the digest of nothing that is there"
        if request.parent_uid is not None and request.parent_uid not in {each.uid for each in self.live}:
            yield f"{name} has outlived its parent"
        if request.uid not in self.works:
            yield f"nobody looks at {name} any more"
        for use in request.uses:
            if use["request"] not in self.names:
                yield f"{name} uses {use['request']}, which is gone"


def look(village: Village) -> Seen:
    """Return what the database holds now."""
    with village.doors.platform.db.read() as tx:
        versions = tx.execute(contracts.select()).all()
        live = tx.execute(requests.select().where(requests.c.deleted_at.is_(None)).order_by(requests.c.uid))
        begun = tx.execute(operations.select().where(operations.c.finished_at.is_(None)))
        return Seen(
            {(each.name, each.version): each.digest for each in versions if each.name != "postgres-database"},
            list(live.all()),
            set(tx.execute(work.select()).scalars()),
            [(each.request_uid, each.contract_digest) for each in begun],
        )


def unmet_by(village: Village) -> set[tuple[str, str, str, str]]:
    """Return the ranges of contracts that deliver which nothing that delivers meets."""
    with village.doors.platform.db.read() as tx:
        there = [shelf.load(tx, each.name, each.version) for each in tx.execute(contracts.select()).all()]
    serving = [each for each in there if each.lifecycle.state in SERVING]
    return {
        (each.name, each.version, need.contract, need.versions)
        for each in serving
        for need in needs_of(each.contract)
        if not any(
            other.name == need.contract and other.version in parse_range(need.versions) for other in serving
        )
    }


def pointers(request: Any) -> dict[str, str]:
    """Return the versions of its contract to which a request points, by what points there."""
    # A version for which inputs are written may be retired, and stays: converting them takes its defaults.
    delivering = {f"version {number}": each for number, each in enumerate(_delivering(request))}
    return delivering | {"the inputs' version": request.inputs_version}


def _delivering(request: Any) -> list[str]:
    applied = [] if request.applied is None else [request.applied["contract_version"]]
    return [request.contract_version, *applied]


def _digests(request: Any) -> Iterator[tuple[str, str]]:
    yield "the version", request.contract_digest
    if request.applied is not None:
        yield "what is delivered", request.applied["contract_digest"]
