"""What an approval is made of, and how each thing that happens to it changes where it stands.

Pure values: a `Task` says what is asked of whom, votes, claims and delegations happen to it,
and a `Standing` is the fold of them. The engine's state and the projection that people read
are folded with the functions below, and with nothing else. The rules, who may do what and
when, are in `approval`; how these values are stored is in `forms`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class Verdict(StrEnum):
    """What a vote says."""

    APPROVE = "approve"
    REJECT = "reject"


class Outcome(StrEnum):
    """Where an approval stands."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"  # nobody decided in time, which counts as a rejection
    VOIDED = "voided"  # what was to be approved is not wanted any more


class OnExpiry(StrEnum):
    """What follows when nobody decided in time."""

    REJECT = "reject"
    ESCALATE = "escalate"  # ask others too, and wait once more as long


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of whom; stated when the approval opens and never changed.

    Attributes:
        binding: digest of inputs, contract, plan and policy; a vote names the one it saw.
        requesters: whoever asked for what is to be approved; none of them has a vote.
        groups: any member may vote. Journals from before hold tasks with neither groups nor assignees,
            of which any approver was asked; none is opened so any more.
        quorum: so many must approve; one rejection is enough.
        remind_seconds: how often to remind; None never does.
    """

    opened_at: datetime
    binding: str
    requesters: tuple[str, ...] = ()
    reason: str = ""
    groups: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    quorum: int = 1
    needs_evidence: bool = False
    expires_seconds: float | None = None
    on_expiry: OnExpiry = OnExpiry.REJECT
    remind_seconds: float | None = None
    escalate_seconds: float | None = None
    escalate_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a vote rests on: a scan's report, a ticket; kept by its address and digest."""

    kind: str
    uri: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Delegation:
    """A seat handed on.

    Attributes:
        giver: whose seat it is.
        groups: the giver's groups.
        ends_at: None lasts as long as the approval.
    """

    giver: str
    delegate: str
    groups: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Say whether it is in force."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, slots=True)
class Voter:
    """Somebody at the door, with what the platform knows of him and no letter can claim.

    Attributes:
        delegations: standing ones that lead to him, directly or over others.
    """

    person: str
    groups: tuple[str, ...] = ()
    delegations: tuple[Delegation, ...] = ()


@dataclass(frozen=True, slots=True)
class Vote:
    """One vote that counts.

    Attributes:
        seat: whose right it was; the person's own unless it was handed on.
        number: its place in the run's mail.
    """

    person: str
    seat: str
    verdict: Verdict
    cast_at: datetime
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    number: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """One person works on it; others wait until then."""

    person: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does about an approval: a letter to its run.

    Attributes:
        step: which step asks.
        opened_at: when it did, because a step that is tried again asks anew.
        at: when it was done, by the clock of the door that took it.
    """

    step: str
    opened_at: datetime
    voter: Voter
    at: datetime


@dataclass(frozen=True, slots=True)
class Cast(Act):
    """A vote; `binding` is that of the approval which the voter saw."""

    binding: str
    verdict: Verdict
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class TakeInHand(Act):
    """A claim; one that ends at once lets go."""

    until: datetime

    @property
    def is_release(self) -> bool:
        """Say whether it lets go."""
        return self.until <= self.at


@dataclass(frozen=True, slots=True)
class HandOn(Act):
    """A delegation of the voter's own seat."""

    delegate: str
    reason: str = ""


ACTS: Mapping[str, type[Act]] = {"vote": Cast, "claim_approval": TakeInHand, "delegate": HandOn}
"""The kinds of letters that hold an act, and which."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far an approval has come.

    Attributes:
        expires_at: moves when an expiry escalates, and by each pause of its run; None while that lasts.
        asked_too: groups that were asked later.
        was_extended: its time ran out once and it was given the same once more.
        still_seconds: how long its clock stood still, because its run was paused.
        paused_expiry: what `expires_at` was when its run was paused; None when it is not.
    """

    task: Task
    expires_at: datetime | None = None
    outcome: Outcome = Outcome.OPEN
    votes: tuple[Vote, ...] = ()
    delegations: tuple[Delegation, ...] = ()
    claim: Claim | None = None
    asked_too: tuple[str, ...] = ()
    reminders: int = 0
    escalated_at: datetime | None = None
    was_extended: bool = False
    closed_at: datetime | None = None
    message: str = ""
    still_seconds: float = 0.0
    paused_expiry: datetime | None = None

    @property
    def groups(self) -> tuple[str, ...]:
        """Return every group that is asked by now."""
        return tuple(dict.fromkeys((*self.task.groups, *self.asked_too)))

    @property
    def approvals(self) -> int:
        """Return how many approve."""
        return sum(vote.verdict is Verdict.APPROVE for vote in self.votes)


def opened(task: Task) -> Standing:
    """Return how an approval stands at first; its time runs from its opening."""
    return Standing(task, expires_at=later(task.opened_at, task.expires_seconds))


def with_vote(standing: Standing, vote: Vote) -> Standing:
    """Return how it stands after a vote; whoever voted has let go of it."""
    kept = None if standing.claim is None or standing.claim.person == vote.person else standing.claim
    return replace(standing, votes=(*standing.votes, vote), claim=kept)


def with_reminder(standing: Standing, now: datetime) -> Standing:
    """Return how it stands after a reminder; those that were slept through are not made up for."""
    every = standing.task.remind_seconds or 1.0
    asked_seconds = (now - standing.task.opened_at).total_seconds() - standing.still_seconds
    passed = int(asked_seconds // every)
    return replace(standing, reminders=max(passed, standing.reminders + 1))


def with_escalation(
    standing: Standing, now: datetime, groups: Iterable[str], expires_at: datetime | None
) -> Standing:
    """Return how it stands after others were asked too; a new `expires_at` is the extension."""
    return replace(
        standing,
        asked_too=tuple(dict.fromkeys((*standing.asked_too, *groups))),
        escalated_at=now,
        was_extended=standing.was_extended or expires_at != standing.expires_at,
        expires_at=expires_at,
    )


def with_pause(standing: Standing, now: datetime) -> Standing:
    """Return how it stands while its run is paused: time that is left by then does not run out."""
    until = standing.expires_at
    if standing.outcome is not Outcome.OPEN or until is None or until <= now:
        return standing
    return replace(standing, expires_at=None, paused_expiry=until)


def with_resumption(standing: Standing, now: datetime, seconds: float) -> Standing:
    """Return how it stands once its run goes on after that many seconds: all that falls due, does so later.

    What had run out when the pause began stays so.
    """
    if standing.outcome is not Outcome.OPEN:
        return standing
    until = standing.paused_expiry or standing.expires_at
    if until is not None and until > now - timedelta(seconds=seconds):
        until = later(until, seconds)
    still_seconds = standing.still_seconds + seconds
    return replace(standing, expires_at=until, paused_expiry=None, still_seconds=still_seconds)


def closed(standing: Standing, outcome: Outcome, now: datetime, message: str) -> Standing:
    """Return how it stands at its end."""
    until = standing.expires_at or standing.paused_expiry
    ended = replace(standing, outcome=outcome, closed_at=now, message=message, claim=None)
    return replace(ended, expires_at=until, paused_expiry=None)


def later(at: datetime, seconds: float | None) -> datetime | None:
    """Return a time that many seconds on; never, when that is how many."""
    return None if seconds is None else at + timedelta(seconds=seconds)
