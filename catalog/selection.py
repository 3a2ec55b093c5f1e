"""Which version of a contract a request is on: what it wishes, among what is published.

A wish is nothing, an exact version, a range (`catalog.ranges`), or a channel. Whoever wishes
nothing or a range also gets canaries, as far as their share takes the request in; the channel
`stable` never gets one, the channel `canary` always does. Drafts and retired versions are
nobody's, and a deprecated one is left as soon as another fits. Pure: `catalog.contracts` asks
here with what it has loaded, for commands and passes alike.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache

import semver

from catalog.lifecycle import State
from catalog.ranges import MAX_LENGTH, BadRange, Range, is_exact, parse_range

ALL = 100


class Channel(StrEnum):
    """A wish that names no version."""

    STABLE = "stable"  # what is for everybody
    CANARY = "canary"  # the highest version on trial, else what is for everybody


class Trial(StrEnum):
    """How far a version has come."""

    NONE = "none"  # it never was a canary
    CANARY = "canary"
    PROMOTED = "promoted"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Canary:
    """A version and its share.

    Attributes:
        share: of a hundred; None when it never was a canary.
        revision: how often the share was set.
        state: where the version stands in its life.
    """

    name: str
    version: str
    share: int | None = None
    revision: int = 0
    changed_at: datetime | None = None
    changed_by: str = ""
    state: State = State.PUBLISHED

    @property
    def trial(self) -> Trial:
        """Return how far it has come."""
        match self.share:
            case None:
                return Trial.NONE
            case 0:
                return Trial.ABORTED
            case share if share >= ALL:
                return Trial.PROMOTED
        return Trial.CANARY

    @property
    def is_for_all(self) -> bool:
        """Say whether no share limits it."""
        return self.trial in (Trial.NONE, Trial.PROMOTED)

    def takes_in(self, request_uid: str) -> bool:
        """Say whether it is for a request."""
        return self.share is not None and place_of(request_uid) * ALL < self.share


Rule = Callable[[Sequence[Canary], str], str | None]
"""Picks the version for a request's uid, whatever state the versions are in."""


def chosen(wish: str | None, published: Sequence[Canary], request_uid: str, held: str | None) -> str | None:
    """Return the version that a request follows; None when nothing that is left fits its wish.

    Args:
        wish: anything but a pin, which follows nothing.
        published: all versions, lowest first.
        held: the version that it is on by now; it stays there while that fits and no other does.
    """
    pick = _rule(wish)
    found = pick([each for each in published if each.state is State.PUBLISHED], request_uid)
    if found is not None:
        return found
    ageing = [each for each in published if each.state is State.DEPRECATED]
    return pick([each for each in ageing if held in (None, each.version)], request_uid)


def check_wish(text: str) -> None:
    """Pass what can be wished: an exact version, a range or a channel.

    Raises:
        BadRange: it is none of these.
    """
    if len(text) > MAX_LENGTH:
        raise BadRange("it is too long")
    if text not in tuple(Channel) and not is_exact(text):
        parse_range(text)


def is_pin(wish: str | None) -> bool:
    """Say whether a wish names one version and follows nothing."""
    return wish is not None and is_exact(wish)


def stable(published: Sequence[Canary]) -> str | None:
    """Return the highest version that is for everybody."""
    return next((each.version for each in reversed(for_everybody(published))), None)


def for_everybody(published: Sequence[Canary]) -> list[Canary]:
    """Return the versions that are for everybody: of pre-releases those that were promoted.

    Where there is nothing else, it is all pre-releases that are no canaries.
    """
    for_all = [each for each in published if each.is_for_all]
    released = [each for each in for_all if each.trial is Trial.PROMOTED or not _is_early(each.version)]
    return released or for_all


def followed(published: Sequence[Canary], request_uid: str) -> str | None:
    """Return the version for whoever wishes nothing: the highest canary that takes it in, else the stable."""
    return _above(published, [each for each in published if each.takes_in(request_uid)])


def place_of(request_uid: str) -> float:
    """Return a request's place between 0 and 1, which never changes."""
    return int.from_bytes(hashlib.sha256(request_uid.encode()).digest()[:6], "big") / (1 << 48)


@lru_cache(maxsize=1024)
def precedence(version: str) -> tuple[semver.Version, str]:
    """Return what versions are ordered by."""
    return semver.Version.parse(version), version


def _rule(wish: str | None) -> Rule:
    match wish:
        case None:
            return followed
        case Channel.STABLE:
            return lambda published, _uid: stable(published)
        case Channel.CANARY:
            return lambda published, _uid: _above(published, published)
    return _within(_range(wish))


def _within(wanted: Range) -> Rule:
    def pick(published: Sequence[Canary], request_uid: str) -> str | None:
        mine = (each for each in reversed(published) if each.is_for_all or each.takes_in(request_uid))
        return next((each.version for each in mine if each.version in wanted), None)

    return pick


def _above(published: Sequence[Canary], trying: Sequence[Canary]) -> str | None:
    """Return the highest canary of some that is above what is for everybody, else that."""
    base = stable(published)
    for each in reversed(trying):
        is_higher = base is None or precedence(each.version) > precedence(base)
        if each.trial is Trial.CANARY and is_higher:
            return each.version
    return base


@lru_cache(maxsize=1024)
def _range(text: str) -> Range:
    # What a request wishes was checked when it was accepted.
    return parse_range(text)


def _is_early(version: str) -> bool:
    return bool(precedence(version)[0].prerelease)
