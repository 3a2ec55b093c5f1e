"""The life of a contract version, as a state machine.

    draft ──► published ◄──► deprecated ──► retired ──► gone

A draft is nobody's to ask for and may still change. A deprecated version goes on for whoever
lives on it, until its sunset at best; whether anybody new may come is for policy to say. A
retired one has nobody left, and takes nobody. Pure; stored by `catalog.lifecycles`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from catalog.errors import Conflict, Finding, Invalid


class State(StrEnum):
    """Where a version stands in its life."""

    DRAFT = "draft"
    PUBLISHED = "published"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


MOVES: Mapping[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.PUBLISHED}),
    State.PUBLISHED: frozenset({State.DEPRECATED}),
    State.DEPRECATED: frozenset({State.PUBLISHED, State.DEPRECATED, State.RETIRED}),  # itself: other terms
    State.RETIRED: frozenset(),
}
"""Where a version may go from where it stands; all else is refused."""

SERVING = frozenset({State.PUBLISHED, State.DEPRECATED})
"""States in which a version delivers, and meets what other contracts require."""

LONGEST = timedelta(days=3660)
"""No sunset is further away: nobody could hold such a promise."""

REMOVABLE = frozenset({State.DRAFT, State.RETIRED})
"""States in which a version may be deleted."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is said about a move.

    Attributes:
        sunset_at: until when a deprecated version may be counted on.
        replacement: the version of the same contract to go to.
    """

    sunset_at: datetime | None = None
    replacement: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """Where a version stands, and since when.

    Attributes:
        deprecated_at: since when it is deprecated; kept when it is retired.
        told_at: when those who were left past the sunset were told of it.
        revision: how often it moved; its ETag.
    """

    state: State = State.PUBLISHED
    sunset_at: datetime | None = None
    replacement: str | None = None
    reason: str = ""
    deprecated_at: datetime | None = None
    told_at: datetime | None = None
    revision: int = 0
    changed_at: datetime | None = None
    changed_by: str = ""

    @property
    def is_serving(self) -> bool:
        """Say whether it delivers."""
        return self.state in SERVING


PUBLISHED = Lifecycle()
"""Of a version of which nothing else was ever said."""


def moved(held: Lifecycle, state: State, terms: Terms, now: datetime, by: str) -> Lifecycle:
    """Return where a version stands after a move.

    Raises:
        Conflict: `lifecycle_move`, naming what is possible.
        Invalid: `invalid_lifecycle`, for terms that mean nothing there.
    """
    if state not in MOVES[held.state]:
        raise Conflict(
            "lifecycle_move",
            f"A {held.state} version does not become {_a(state)}.",
            fix=_possible(held.state),
        )
    check_terms(state, terms, now)
    begun = {State.DEPRECATED: held.deprecated_at or now, State.RETIRED: held.deprecated_at}
    ends = state is State.RETIRED
    return replace(
        held,
        state=state,
        sunset_at=held.sunset_at if ends else terms.sunset_at,
        replacement=held.replacement if ends else terms.replacement,
        reason=terms.reason or (held.reason if ends else ""),
        deprecated_at=begun.get(state),
        told_at=held.told_at if ends else None,
        revision=held.revision + 1,
        changed_at=now,
        changed_by=by,
    )


def check_terms(state: State, terms: Terms, now: datetime) -> None:
    """Pass terms that fit a state; a sunset lies in the future.

    Raises:
        Invalid: `invalid_lifecycle`, with every finding.
    """
    findings = tuple(_unfit(state, terms, now))
    if findings:
        raise invalid(findings)


def invalid(findings: tuple[Finding, ...]) -> Invalid:
    """Return the refusal of terms for what was found."""
    message = "The version cannot move like this."
    return Invalid("invalid_lifecycle", message, findings=findings, fix="correct what `errors` names")


def _unfit(state: State, terms: Terms, now: datetime) -> Iterator[Finding]:
    if state is not State.DEPRECATED:
        for name, value in (("sunset_at", terms.sunset_at), ("replacement", terms.replacement)):
            if value is not None:
                message = f"only a deprecated version has a {name}"
                yield Finding(f"/{name}", "not_for_this_state", message, "leave it out")
    elif terms.sunset_at is not None and not now < terms.sunset_at <= now + LONGEST:
        message = f"the sunset is not in the future, or more than {LONGEST.days} days away"
        yield Finding("/sunset_at", "sunset_out_of_range", message, "name another date, or none")


def _a(state: State) -> str:
    return f"a {state} one"


def _possible(state: State) -> str:
    after = sorted(MOVES[state])
    match state:
        case State.DRAFT:
            return "publish it: avow publish FOLDER; or delete it"
        case State.RETIRED:
            return "publish its content anew under a higher version; this one can only be deleted"
    return f"from here it can become {' or '.join(after)}"
