"""Which version a change is due (Semantic Versioning 2.0.0), and which versions it has to fit between.

Below 1.0.0 nothing is promised for good, so a breaking change moves the minor number and
everything else the patch number. A pre-release is judged by the version that it leads to,
and has reserved the step to it: after 2.0.0-rc.1 anything may still change in 2.0.0.
"""

from collections.abc import Iterable

import semver

from catalog.compat.change import Bump

_STEPS = {Bump.PATCH: "patch", Bump.MINOR: "minor", Bump.MAJOR: "major"}


def least_version(old: str, bump: Bump) -> str:
    """Return the lowest version that may follow `old` with a change of this size."""
    version = semver.Version.parse(old)
    if bump is Bump.NONE:
        return str(version.finalize_version())
    return str(version.next_version(_step(version, bump)))


def allows(old: str, new: str, bump: Bump) -> bool:
    """Say whether going from `old` to `new` is a large enough step."""
    core = semver.Version.parse(new).finalize_version()
    return core >= semver.Version.parse(least_version(old, bump))


def free_version(old: str, bump: Bump, published: Iterable[str]) -> str:
    """Return the lowest version that may follow `old` with such a change and has nothing published above it.

    Above it means among the versions that it would have to fit between.
    """
    least = semver.Version.parse(least_version(old, bump))
    step = _step(semver.Version.parse(old), bump) if bump else "patch"
    shared = {"major": 0, "minor": 1, "patch": 2}[step]  # so many numbers the versions have in common
    cores = [semver.Version.parse(each).finalize_version() for each in published]
    above = [
        each for each in cores if each >= least and each.to_tuple()[:shared] == least.to_tuple()[:shared]
    ]
    return str(max(above).next_version(step) if above else least)


def neighbours(version: str, published: Iterable[str]) -> tuple[str | None, str | None]:
    """Return the next lower and the next higher one of the published versions."""
    own = _place(version)
    others = sorted((each for each in published if each != version), key=_place)
    lower = [each for each in others if _place(each) < own]
    higher = others[len(lower) :]
    return lower[-1] if lower else None, higher[0] if higher else None


def is_early(version: str) -> bool:
    """Say whether a version is a pre-release."""
    return bool(semver.Version.parse(version).prerelease)


def _step(old: semver.Version, bump: Bump) -> str:
    if old.major == 0:
        bump = Bump.MINOR if bump is Bump.MAJOR else Bump.PATCH
    return _STEPS[bump]


def _place(version: str) -> tuple[semver.Version, str]:
    """Return what versions are ordered by; the text decides between those that differ in build metadata."""
    return semver.Version.parse(version), version
