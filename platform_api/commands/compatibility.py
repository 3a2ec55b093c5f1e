"""Whether a contract version keeps what the versions around it promise.

A version stands between the next lower and the next higher one that delivers: what is a draft or
retired promises nothing to anybody. Going from the one to it, and from it to the other, must be a
step that is large enough for what is different: then so is every step over several versions.
Pre-releases promise nothing to anybody until they are promoted, so nothing is held against them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from catalog import canaries, contracts
from catalog.bundle import Bundle
from catalog.compat.change import Bump, Change, Comparison
from catalog.compat.compare import compare
from catalog.compat.versions import allows, free_version, is_early, neighbours
from catalog.db import Tx
from catalog.errors import Conflict, Finding
from catalog.lifecycle import SERVING
from catalog.schema import MAX_FINDINGS
from catalog.selection import Trial

_KNOWN: dict[tuple[str, str], Comparison] = {}
_KNOWN_LIMIT = 256


class Incompatible(Conflict):
    """The version is too low for what is different; nothing else stands in its way."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions of which none lies between, and what is different."""

    old: str
    new: str
    comparison: Comparison

    @property
    def is_enough(self) -> bool:
        """Say whether the versions are far enough apart."""
        return allows(self.old, self.new, self.comparison.bump)


@dataclass(frozen=True, slots=True)
class Compatibility:
    """How a version stands to its neighbours.

    Attributes:
        published: the versions that count.
    """

    version: str
    pairs: tuple[Pair, ...]
    published: tuple[str, ...]

    @property
    def refused(self) -> tuple[Pair, ...]:
        """Return the pairs that are not far enough apart, the one that ends in the version first."""
        return tuple(pair for pair in self.pairs if not pair.is_enough)

    @property
    def free(self) -> str:
        """Return the lowest version as which it could be published instead, as far as can be told."""
        first = self.refused[0]
        if first.new == self.version:
            return free_version(first.old, first.comparison.bump, self.published)
        return free_version(first.old, Bump.MINOR, self.published)


def compatibility(tx: Tx, bundle: Bundle) -> Compatibility:
    """Return how a bundle's version stands, or would stand, to its neighbours."""
    name, version = bundle.contract.name, bundle.contract.version
    published = tuple(
        each.version
        for each in canaries.standings(tx, name)
        if each.state in SERVING and (not is_early(each.version) or each.trial is Trial.PROMOTED)
    )
    lower, higher = neighbours(version, published)
    pairs: list[Pair] = []
    if lower is not None:
        old = contracts.load(tx, name, lower).bundle
        pairs.append(Pair(lower, version, comparison_of(old, bundle)))
    if higher is not None and not is_early(version):
        new = contracts.load(tx, name, higher).bundle
        pairs.append(Pair(version, higher, comparison_of(bundle, new)))
    return Compatibility(version, tuple(pairs), published)


def check_compatible(tx: Tx, bundle: Bundle) -> None:
    """Pass a version that is far enough from its neighbours for what is different.

    Called once the publishing transaction holds the audit trail's head, so that of two versions
    that become neighbours the second one sees the first.

    Raises:
        Incompatible: `breaking_change`, `version_too_low`, with every change that asks for more.
    """
    found = compatibility(tx, bundle)
    if not found.refused:
        return
    pair, findings = found.refused[0], tuple(_findings(found))[:MAX_FINDINGS]
    name, fix = bundle.contract.name, _fix(found)
    if pair.comparison.breaking:
        message = f"{name} {pair.new} breaks what {pair.old} promises, and is no breaking version."
        raise Incompatible("breaking_change", message, findings=findings, fix=fix)
    message = f"{name} {pair.new} is more than {pair.old}, and its number does not say so."
    raise Incompatible("version_too_low", message, findings=findings, fix=fix)


def comparison_of(old: Bundle, new: Bundle) -> Comparison:
    """Return what is different between two bundles of a contract, worked out once in a process."""
    key = (old.digest, new.digest)
    found = _KNOWN.get(key)
    if found is None:
        if len(_KNOWN) >= _KNOWN_LIMIT:
            _KNOWN.clear()
        found = compare(old.contract, new.contract, old_policy=old.policy, new_policy=new.policy)
        _KNOWN[key] = found
    return found


def _fix(found: Compatibility) -> str:
    pair = found.refused[0]
    if pair.new == found.version:
        return f"publish it as {found.free}, or mend what is named"
    return f"take up what {pair.new} promises, and publish it as {found.free}"


def _findings(found: Compatibility) -> Iterator[Finding]:
    for pair in found.refused:
        for change in pair.comparison.changes:
            if not allows(pair.old, pair.new, change.bump):
                yield _finding(found, pair, change)


def _finding(found: Compatibility, pair: Pair, change: Change) -> Finding:
    said = "" if pair.new == found.version else f"{pair.new} would break it: "
    fix = change.fix or f"leave it out, or publish it as {found.free}"
    return Finding(f"contract.yaml#{change.pointer}", change.code, f"{said}{change.message}", fix)
