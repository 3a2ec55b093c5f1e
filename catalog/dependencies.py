"""Which contracts can serve, given what each needs of the others.

A contract version is available when each of its needs is met by a published version that is
itself available. Works on a shelf, which is all that is known of the published versions; the
shelf is loaded by `catalog.requirements`. Asked when a contract is published, shown or
delivered. Children count as needs, for they are made from the contracts that they name.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from catalog.contract import Contract
from catalog.errors import Finding
from catalog.ranges import Range, best, parse_range

Key = tuple[str, str]
"""A contract's name and version."""


@dataclass(frozen=True, slots=True)
class Need:
    """A contract without which another cannot serve, and the versions of it that will do.

    Attributes:
        place: where the contract says so, below its `spec`: `requires/0` or `children/1`.
        child: the child that is made from it; empty when it is only required.
    """

    contract: str
    versions: str
    place: str
    child: str = ""

    def __str__(self) -> str:
        return f"{self.contract} {self.versions}"


Shelf = Mapping[str, Mapping[str, Sequence[Need]]]
"""What each published version needs, by name and version."""


@dataclass(frozen=True, slots=True)
class Lack:
    """A need that is not met.

    Attributes:
        root: what is missing at the end of the line: the need itself, or one of those that stand in its way.
    """

    need: Need
    root: Need
    message: str


def needs_of(contract: Contract) -> tuple[Need, ...]:
    """Return what a contract says that it cannot do without."""
    required = [
        Need(each.contract, each.versions, f"requires/{index}")
        for index, each in enumerate(contract.requires)
    ]
    made = [
        Need(each.contract, each.versions, f"children/{index}", each.name)
        for index, each in enumerate(contract.children)
    ]
    return (*required, *made)


def fitting(shelf: Shelf, need: Need) -> list[str]:
    """Return the published versions that would meet a need, if they were available."""
    wanted = _range(need.versions)
    return [version for version in shelf.get(need.contract, ()) if version in wanted]


def available(shelf: Shelf) -> frozenset[Key]:
    """Return the versions that can serve; those that need one another in a ring cannot."""
    waiting = {
        (name, version): [
            [(need.contract, each) for each in fitting(shelf, need)] for need in shelf[name][version]
        ]
        for name in shelf
        for version in shelf[name]
    }
    found: set[Key] = set()
    while True:
        more = [
            key
            for key, needs in waiting.items()
            if key not in found and all(any(each in found for each in choices) for choices in needs)
        ]
        if not more:
            return frozenset(found)
        found.update(more)


def lacks(shelf: Shelf, needs: Sequence[Need]) -> tuple[Lack, ...]:
    """Return which of some needs are not met, and why."""
    serving = available(shelf)
    return tuple(_lack(shelf, serving, need) for need in needs if not _is_met(shelf, serving, need))


def relation_findings(shelf: Shelf, key: Key, pointer: str) -> tuple[Finding, ...]:
    """Return the rings and the contradictions that a version on the shelf brings about.

    Args:
        pointer: where its `spec` stands.
    """
    ring = circle(shelf, key)
    if ring:
        return (_ring_finding(key, ring, pointer),)
    return tuple(_clash_finding(key, clash, pointer) for clash in clashes(shelf, key))


def circle(shelf: Shelf, key: Key) -> tuple[Need, ...]:
    """Return the needs that lead from a version back to itself; empty when none do."""
    trails: list[tuple[Key, tuple[Need, ...]]] = [(key, ())]
    seen: set[Key] = set()
    while trails:
        (name, version), trail = trails.pop()
        for need in shelf.get(name, {}).get(version, ()):
            for found in fitting(shelf, need):
                follower = (need.contract, found)
                if follower == key:
                    return (*trail, need)
                if follower not in seen:
                    seen.add(follower)
                    trails.append((follower, (*trail, need)))
    return ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What one version asks of another contract.

    Attributes:
        by: who asks.
        start: the need of the version at hand by which the claim comes in; the need itself when it asks.
    """

    by: Key
    need: Need
    start: Need


Clash = tuple[Claim, Claim]
"""Two claims on one contract that no version of it can meet together."""


def clashes(shelf: Shelf, key: Key) -> Iterator[Clash]:
    """Yield the claims that a version and what it needs make on a contract and that contradict one another.

    Each need is taken to be met by the highest version that fits, as a request's would be.
    """
    claims: dict[str, list[Claim]] = {}
    for claim in _claims(shelf, key):
        claims.setdefault(claim.need.contract, []).append(claim)
    for those in claims.values():
        for one, other in combinations(those, 2):
            if _range(one.need.versions).and_also(_range(other.need.versions)).is_empty:
                yield one, other


def _claims(shelf: Shelf, key: Key) -> Iterator[Claim]:
    waiting: list[tuple[Key, Need | None]] = [(key, None)]
    seen = {key}
    while waiting:
        (name, version), start = waiting.pop(0)
        for need in shelf.get(name, {}).get(version, ()):
            claim = Claim((name, version), need, start or need)
            yield claim
            found = best(shelf.get(need.contract, ()), _range(need.versions))
            if found is not None and (need.contract, found) not in seen:
                seen.add((need.contract, found))
                waiting.append(((need.contract, found), claim.start))


def _is_met(shelf: Shelf, serving: frozenset[Key], need: Need) -> bool:
    return any((need.contract, version) in serving for version in fitting(shelf, need))


def _lack(shelf: Shelf, serving: frozenset[Key], need: Need) -> Lack:
    said: list[str] = []
    root, passed = need, set[Key]()
    while (deeper := _next_unmet(shelf, serving, root)) is not None:
        version, unmet = deeper
        if (root.contract, version) in passed:  # none is published so, but a shelf may hold anything
            return Lack(need, root, "; ".join([*said, f"which goes round in a ring at {root}"]))
        passed.add((root.contract, version))
        said.append(f"{root.contract} {version} is not available: it needs {unmet}")
        root = unmet
    return Lack(need, root, "; ".join([*said, _absence(shelf, root)]))


def _next_unmet(shelf: Shelf, serving: frozenset[Key], need: Need) -> tuple[str, Need] | None:
    version = best(shelf.get(need.contract, ()), _range(need.versions))
    if version is None:
        return None
    unmet = (each for each in shelf[need.contract][version] if not _is_met(shelf, serving, each))
    found = next(unmet, None)
    return None if found is None else (version, found)


def _absence(shelf: Shelf, need: Need) -> str:
    there = sorted(shelf.get(need.contract, ()))
    listed = f"; there is {', '.join(there[:5])}" if there else ""
    return f"{need} is not published{listed}"


def _ring_finding(key: Key, ring: Sequence[Need], pointer: str) -> Finding:
    asking = [key[0], *(need.contract for need in ring[:-1])]
    said = ", ".join(f"{name} needs {need}" for name, need in zip(asking, ring, strict=True))
    message = f"these contracts need one another: {said}"
    return Finding(
        f"{pointer}/{ring[0].place}/version", "dependency_cycle", message, "let one go without the other"
    )


def _clash_finding(key: Key, clash: Clash, pointer: str) -> Finding:
    one, other = clash
    name = one.need.contract
    said = " and ".join(
        f"{_named(claim.by, key)} needs {name} {claim.need.versions}" for claim in (one, other)
    )
    message = f"no version of {name} can do for both: {said}"
    fix = f"choose ranges that have a version of {name} in common"
    return Finding(f"{pointer}/{other.start.place}/version", "dependency_conflict", message, fix)


def _named(by: Key, key: Key) -> str:
    return key[0] if by == key else " ".join(by)


@lru_cache(maxsize=4096)
def _range(text: str) -> Range:
    # What is on a shelf was checked when it was published.
    return parse_range(text)
