"""Ranges of versions: which versions somebody will take.

The notations are those of npm and Cargo, as far as people use them: `^1.2.0`, `~1.2.0`,
`>=1.2.0 <2.0.0`, `1.x`, `1.2.*`, `*`, `1.2.3`. Each stands for one interval of versions, so that
two ranges can be intersected. As there, a pre-release is taken only where a bound names a
pre-release of the same version: nobody gets one by accident.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from semver import Version

MAX_LENGTH = 64
_COMPARATOR = re.compile(r"(\^|~|>=|<=|>|<|=)?(.+)\Z")
_PARTIAL = re.compile(r"(0|[1-9]\d{0,8})(?:\.(0|[1-9]\d{0,8}|[xX*]))?(?:\.(0|[1-9]\d{0,8}|[xX*]))?\Z")
_ANY = frozenset({"*", "x", "X"})
_LOWEST = Version(0, prerelease="0")


class BadRange(ValueError):
    """The text is no range of versions."""


@dataclass(frozen=True, slots=True)
class Range:
    """Versions from `low` to `high`.

    Attributes:
        high: None where there is no end.
        early: versions whose pre-releases are taken too, where they lie within.
    """

    low: Version = _LOWEST
    high: Version | None = None
    takes_low: bool = True
    takes_high: bool = False
    early: frozenset[Version] = frozenset()

    def __contains__(self, version: str) -> bool:
        found = Version.parse(version)
        if found.prerelease and found.finalize_version() not in self.early:
            return False
        return self._is_above_low(found) and self._is_below_high(found)

    @property
    def is_empty(self) -> bool:
        """Say whether no version can lie within: no release, and no pre-release that is taken."""
        return not self.has_release() and not any(map(self._has_early, self.early))

    def covers(self, other: "Range") -> bool:
        """Say whether every version in another range is in this one; no only means that it is not shown."""
        first, end = self.releases()
        least, most = other.releases()
        if other.has_release() and (least < first or (end is not None and (most is None or most > end))):
            return False
        return not other.early or (other.early <= self.early and self.narrowed(other, other.early) == other)

    def and_also(self, other: "Range") -> "Range":
        """Return the range of versions that both take."""
        return self.narrowed(other, self.early & other.early)

    def narrowed(self, other: "Range", early: frozenset[Version]) -> "Range":
        """Return what lies in both, with these pre-releases."""
        low, is_open = max((self.low, not self.takes_low), (other.low, not other.takes_low))
        high, takes_high = _lower_end(self, other)
        return Range(low, high, not is_open, takes_high, early)

    def releases(self) -> tuple[Version, Version | None]:
        """Return the lowest release within, and the lowest above all that are; None where there is no end."""
        first = self.low.finalize_version()
        if first == self.low and not self.takes_low:
            first = first.bump_patch()
        if self.high is None:
            return first, None
        end = self.high.finalize_version()
        return first, end.bump_patch() if end == self.high and self.takes_high else end

    def has_release(self) -> bool:
        """Say whether a version that is no pre-release lies within."""
        first, end = self.releases()
        return end is None or first < end

    def _has_early(self, version: Version) -> bool:
        """Say whether a pre-release of a version lies within."""
        if self.low >= version:
            return False
        first = max(_floor(version), self.low)
        if not self._is_above_low(first):
            first = first.replace(prerelease=f"{first.prerelease}.0")  # none lies between the two
        return self._is_below_high(first)

    def _is_above_low(self, version: Version) -> bool:
        return version > self.low or (self.takes_low and version == self.low)

    def _is_below_high(self, version: Version) -> bool:
        return self.high is None or version < self.high or (self.takes_high and version == self.high)


ANY = Range()


def parse_range(text: str) -> Range:
    """Return the range that a text stands for.

    Raises:
        BadRange: it is none, or no version can lie within.
    """
    parts = text.split()
    if not parts or len(text) > MAX_LENGTH:
        raise BadRange("a range is written ^1.2.0, ~1.2.0, >=1.2.0 <2.0.0, 1.x, 1.2.3 or *")
    found = ANY
    for part in map(_part, parts):
        found = found.narrowed(part, found.early | part.early)
    if found.is_empty:
        raise BadRange("no version can lie in this range")
    return found


def is_exact(text: str) -> bool:
    """Say whether a text names one version and no range of them."""
    return Version.is_valid(text)


def best(versions: Iterable[str], wanted: Range) -> str | None:
    """Return the highest of these versions within a range; build metadata decides between equals."""
    within = [version for version in versions if version in wanted]
    return max(within, key=lambda version: (Version.parse(version), version), default=None)


def _part(text: str) -> Range:
    if text in _ANY:
        return ANY
    match = _COMPARATOR.match(text)
    sign, version = ("", "") if match is None else (match[1] or "", match[2])
    if Version.is_valid(version):
        return _compared(sign, Version.parse(version))
    partial = _PARTIAL.match(version)
    if partial is None or sign not in ("", "^", "~", "="):
        raise BadRange(f"{text} is no part of a range")
    said = [part for part in partial.groups() if part is not None]
    numbers = [part for part in said if part not in _ANY]
    if numbers != said[: len(numbers)]:
        raise BadRange(f"{text} is no part of a range: no number comes after one that is left open")
    return _partial(sign, numbers)


def _compared(sign: str, version: Version) -> Range:
    early = frozenset({version.finalize_version()}) if version.prerelease else frozenset[Version]()
    match sign:
        case "^":
            return Range(version, _next_breaking(version), early=early)
        case "~":
            return Range(version, _floor(version.bump_minor()), early=early)
        case ">=" | ">":
            return Range(version, takes_low=sign == ">=", early=early)
        case "<=" | "<":
            return Range(high=version, takes_high=sign == "<=", early=early)
        case _:
            return Range(version, version, takes_high=True, early=early)


def _partial(sign: str, numbers: list[str]) -> Range:
    """Return the range of `1`, `1.2`, `^1`, `~1.2`: what is not said may be anything."""
    major, minor, *_ = [*map(int, numbers), 0, 0]
    low = Version(major, minor)
    if len(numbers) == 1:
        return Range(low, _floor(low.bump_major()))
    is_caret = sign == "^" and major > 0
    return Range(low, _floor(low.bump_major() if is_caret else low.bump_minor()))


def _next_breaking(version: Version) -> Version:
    """Return the first version that may break what `version` promised: below 1.0.0 minors may."""
    if version.major:
        return _floor(version.bump_major())
    return _floor(version.bump_minor() if version.minor else version.bump_patch())


def _floor(version: Version) -> Version:
    """Return the lowest pre-release of a version, so that none of its pre-releases lies below it."""
    return version.replace(prerelease="0")


def _lower_end(one: Range, other: Range) -> tuple[Version | None, bool]:
    ends = [(each.high, each.takes_high) for each in (one, other) if each.high is not None]
    return min(ends, default=(None, False))
