"""Who may vote, what the votes amount to, and what falls due while nobody votes."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from catalog.digest import JsonObject
from executors.workflow import approval
from executors.workflow.approval import (
    Due,
    Refusal,
    after,
    deadlines,
    outcome,
    overdue,
    refusal,
    seat_of,
    task_for,
)
from executors.workflow.ballot import (
    ACTS,
    Cast,
    Claim,
    Delegation,
    Evidence,
    HandOn,
    OnExpiry,
    Outcome,
    Standing,
    TakeInHand,
    Task,
    Verdict,
    Voter,
    closed,
    opened,
    with_escalation,
    with_pause,
    with_reminder,
    with_resumption,
)
from executors.workflow.forms import Misfit, restored, stored

T0 = datetime(2030, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BINDING = "sha256:" + "a" * 64
REPORT = Evidence("scan", "https://reports.example/1", "sha256:" + "b" * 64)


def a_task(**more: Any) -> Task:
    values: dict[str, Any] = {
        "opened_at": T0,
        "binding": BINDING,
        "requesters": ("dora",),
        "groups": ("sec",),
    }
    return Task(**(values | more))


def at(**more: Any) -> Standing:
    return opened(a_task(**more))


def member(person: str, *groups: str, delegations: tuple[Delegation, ...] = ()) -> Voter:
    return Voter(person, groups or ("sec",), delegations)


def cast(person: str | Voter, verdict: Verdict = Verdict.APPROVE, **more: Any) -> Cast:
    voter = member(person) if isinstance(person, str) else person
    values: dict[str, Any] = {
        "step": "ok",
        "opened_at": T0,
        "at": T0 + HOUR,
        "binding": BINDING,
        "reason": "because",
    }
    return Cast(**(values | {"voter": voter, "verdict": verdict} | more))


def claim(person: str, until: timedelta = HOUR, now: datetime = T0) -> TakeInHand:
    return TakeInHand("ok", T0, member(person), now, now + until)


def hand_on(person: str | Voter, delegate: str, now: datetime = T0) -> HandOn:
    voter = member(person) if isinstance(person, str) else person
    return HandOn("ok", T0, voter, now, delegate)


def away(giver: str, delegate: str, *groups: str, days: float = 14) -> Delegation:
    return Delegation(giver, delegate, groups or ("sec",), T0 - DAY, T0 + timedelta(days=days))


def code(found: Refusal | None) -> str:
    return "" if found is None else found.code


# --- who may ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("voter", "expected"),
    [
        (member("anna", "sec"), ""),
        (member("anna", "qa"), "not_an_approver"),
        (member("anna", "qa", "sec"), ""),
        (Voter("vera"), ""),
        (Voter("anna"), "not_an_approver"),
        (member("dora", "sec"), "own_request"),
    ],
    ids=["member", "of another group", "of both", "named", "of no group", "requester"],
)
def test_groups_and_named_people_vote_and_the_requester_never(voter: Voter, expected: str) -> None:
    assert code(refusal(at(assignees=("vera",)), cast(voter))) == expected


def test_with_nobody_named_every_approver_may_and_still_not_the_requester() -> None:
    standing = at(groups=())
    assert refusal(standing, cast(Voter("anyone"))) is None
    assert code(refusal(standing, cast(Voter("dora")))) == "own_request"
    asked = with_escalation(standing, T0, ["ciso"], None)
    assert refusal(asked, cast(Voter("anyone"))) is None


def test_a_person_votes_once_however_often_he_comes() -> None:
    standing = after(at(quorum=3), cast("anna"))
    assert code(refusal(standing, cast("anna"))) == "already_voted"
    assert code(refusal(standing, cast("anna", Verdict.REJECT))) == "already_voted"


def test_of_votes_only_the_quorum_approves_and_one_rejection_ends_it() -> None:
    one = after(at(quorum=2), cast("anna"))
    assert outcome(one) is Outcome.OPEN
    assert outcome(after(one, cast("bob"))) is Outcome.APPROVED
    assert outcome(after(one, cast("bob", Verdict.REJECT))) is Outcome.REJECTED


def test_a_rejection_says_why_and_evidence_is_attached_where_it_is_asked_for() -> None:
    assert code(refusal(at(), cast("anna", Verdict.REJECT, reason=" "))) == "reason_required"
    assert refusal(at(), cast("anna", reason="")) is None
    strict = at(needs_evidence=True)
    assert code(refusal(strict, cast("anna"))) == "evidence_required"
    assert refusal(strict, cast("anna", evidence=(REPORT,))) is None
    assert refusal(strict, cast("anna", Verdict.REJECT)) is None


def test_a_vote_on_what_has_changed_does_not_count() -> None:
    assert code(refusal(at(), cast("anna", binding="sha256:" + "0" * 64))) == "binding_changed"
    assert code(refusal(at(), cast("anna", opened_at=T0 - DAY))) == "approval_closed"
    assert code(refusal(None, cast("anna"))) == "approval_closed"


def test_after_the_end_nothing_counts() -> None:
    over = closed(at(), Outcome.REJECTED, T0, "rejected")
    acts = (cast("anna"), claim("anna"), hand_on("anna", "bob"))
    assert {code(refusal(over, act)) for act in acts} == {"approval_closed"}
    assert code(refusal(at(expires_seconds=60.0), cast("anna"))) == "approval_expired"


def test_a_vote_cast_in_time_counts_however_late_it_is_read() -> None:
    standing = at(expires_seconds=2 * 3600.0)
    assert refusal(standing, cast("anna", at=T0 + 2 * HOUR - timedelta(microseconds=1))) is None
    assert code(refusal(standing, cast("anna", at=T0 + 2 * HOUR))) == "approval_expired"


# --- seats that were handed on ----------------------------------------------------------


def test_a_delegate_votes_in_the_givers_seat() -> None:
    deputy = Voter("deputy", (), (away("vera", "deputy", "vp"),))
    standing = at(groups=("vp",))
    assert seat_of(standing, deputy, T0) == "vera"
    voted = after(standing, cast(deputy))
    assert voted.votes[0].seat == "vera"
    assert approval.verdict_sentence(voted) == "approved by deputy for vera"


def test_a_standing_delegation_holds_only_while_it_lasts() -> None:
    deputy = Voter("deputy", (), (away("vera", "deputy", "vp", days=1),))
    standing = at(groups=("vp",))
    assert refusal(standing, cast(deputy, at=T0 + DAY - HOUR)) is None
    assert code(refusal(standing, cast(deputy, at=T0 + DAY))) == "not_an_approver"


def test_a_seat_counts_once_whoever_sits_in_it() -> None:
    deputy = Voter("deputy", ("sec",), (away("anna", "deputy"),))
    by_deputy = after(at(quorum=3), cast(Voter("deputy", (), (away("anna", "deputy"),))))
    assert code(refusal(by_deputy, cast("anna"))) == "already_voted"
    by_anna = after(at(quorum=3), cast("anna"))
    assert seat_of(by_anna, deputy, T0) == "deputy"
    assert code(refusal(after(by_anna, cast(deputy)), cast(deputy))) == "already_voted"


def test_the_requesters_seat_is_handed_to_nobody_and_nobody_elses_to_him() -> None:
    standing = at()
    helper = Voter("helper", (), (away("dora", "helper"),))
    assert code(refusal(standing, cast(helper))) == "not_an_approver"
    over_dora = Voter("helper", (), (away("anna", "dora"), away("dora", "helper")))
    assert code(refusal(standing, cast(over_dora))) == "not_an_approver"
    assert code(refusal(standing, hand_on("anna", "dora"))) == "own_request"
    assert code(refusal(standing, cast(Voter("dora", (), (away("anna", "dora"),))))) == "own_request"


def test_a_circle_of_delegations_gives_nobody_a_second_vote() -> None:
    standing = after(at(quorum=2), hand_on("anna", "bob"))
    assert code(refusal(standing, hand_on("bob", "anna"))) == "delegation_circle"
    assert code(refusal(at(), hand_on("anna", "anna"))) == "delegation_circle"
    # Planted all the same, as two doors at once could do it with standing ones.
    circle = (away("anna", "bob"), away("bob", "anna"))
    both = after(at(quorum=2), cast(Voter("anna", ("sec",), circle)))
    bobs = after(both, cast(Voter("bob", ("sec",), circle)))
    assert [vote.seat for vote in bobs.votes] == ["anna", "bob"]
    assert code(refusal(bobs, cast(Voter("anna", ("sec",), circle)))) == "already_voted"


def test_a_seat_goes_over_several_hands() -> None:
    standing = after(at(), hand_on("anna", "bob"))
    standing = after(standing, hand_on(Voter("bob"), "carl"))
    assert seat_of(standing, Voter("carl"), T0) == "anna"


def test_who_has_no_seat_hands_none_on() -> None:
    assert code(refusal(at(), hand_on(Voter("mallory"), "bob"))) == "not_an_approver"
    full = at()
    for number in range(approval.MAX_HANDED_ON):
        full = after(full, hand_on("anna", f"helper-{number}"))
    assert code(refusal(full, hand_on("anna", "one-more"))) == "too_many_delegations"


# --- one person works on it -------------------------------------------------------------


def test_while_one_has_it_in_hand_others_wait_and_then_it_lapses() -> None:
    held = after(at(quorum=2), claim("anna"))
    assert held.claim == Claim("anna", T0 + HOUR)
    early = T0 + HOUR / 2
    assert code(refusal(held, cast("bob", at=early))) == "approval_claimed"
    assert code(refusal(held, claim("bob", now=early))) == "approval_claimed"
    assert refusal(held, claim("anna", now=early)) is None
    assert refusal(held, cast("bob", at=T0 + HOUR)) is None


def test_voting_and_letting_go_both_end_a_claim() -> None:
    held = after(at(quorum=2), claim("anna"))
    assert after(held, cast("anna")).claim is None
    assert code(refusal(held, claim("bob", timedelta(0)))) == "not_claimed"
    assert after(held, claim("anna", timedelta(0))).claim is None
    assert after(held, cast("bob", at=T0 + 2 * HOUR)).claim == held.claim


# --- what falls due ---------------------------------------------------------------------


def test_deadlines_run_from_the_opening() -> None:
    standing = at(expires_seconds=3 * 86400.0, remind_seconds=86400.0, escalate_seconds=7200.0)
    assert deadlines(standing) == {
        Due.EXPIRY: T0 + 3 * DAY,
        Due.ESCALATION: T0 + 2 * HOUR,
        Due.REMINDER: T0 + DAY,
    }
    assert deadlines(at()) == {}


def test_reminders_that_were_slept_through_are_not_made_up_for() -> None:
    standing = at(remind_seconds=86400.0)
    assert overdue(standing, T0 + DAY - HOUR) is None
    late = T0 + 5 * DAY + HOUR
    assert overdue(standing, late) is Due.REMINDER
    reminded = with_reminder(standing, late)
    assert (overdue(reminded, late), deadlines(reminded)[Due.REMINDER]) == (None, T0 + 6 * DAY)


def test_reminders_come_to_an_end() -> None:
    standing = at(remind_seconds=0.001)
    for _ in range(approval.MAX_REMINDERS):
        assert overdue(standing, T0 + HOUR) is Due.REMINDER
        standing = replace(standing, reminders=standing.reminders + 1)
    assert overdue(standing, T0 + HOUR) is None
    assert deadlines(at(remind_seconds=0.0)) == {}


def test_an_escalation_asks_others_too_and_happens_once() -> None:
    standing = at(escalate_seconds=3600.0, escalate_to=("ciso",), expires_seconds=7200.0)
    assert overdue(standing, T0 + HOUR) is Due.ESCALATION
    asked = with_escalation(standing, T0 + HOUR, ["ciso"], standing.expires_at)
    assert overdue(asked, T0 + HOUR) is None
    assert refusal(asked, cast(member("cora", "ciso"))) is None
    assert refusal(asked, cast("anna")) is None
    assert overdue(asked, T0 + 2 * HOUR) is Due.EXPIRY


def test_an_expiry_that_escalates_gives_the_same_time_once_more_and_no_third_time() -> None:
    standing = at(expires_seconds=3600.0, on_expiry=OnExpiry.ESCALATE, escalate_to=("ciso",))
    late = T0 + 2 * HOUR
    assert overdue(standing, late) is Due.EXTENSION
    longer = with_escalation(standing, late, ["ciso"], approval.extended_until(standing, late))
    assert longer.expires_at == late + HOUR
    assert (overdue(longer, late), overdue(longer, late + HOUR)) == (None, Due.EXPIRY)
    assert refusal(longer, cast(member("cora", "ciso"), at=late)) is None


def test_a_pause_puts_off_all_that_is_due_and_shows_no_expiry_while_it_lasts() -> None:
    standing = at(expires_seconds=3 * 86400.0, remind_seconds=86400.0, escalate_seconds=7200.0)
    paused = with_pause(standing, T0 + HOUR)
    assert (paused.expires_at, refusal(paused, cast("anna", at=T0 + 9 * DAY))) == (None, None)
    assert with_pause(paused, T0 + 2 * HOUR) == paused
    resumed = with_resumption(paused, T0 + 5 * HOUR, 4 * 3600.0)
    assert deadlines(resumed) == {due: when + 4 * HOUR for due, when in deadlines(standing).items()}
    again = with_resumption(with_pause(resumed, T0 + DAY), T0 + 2 * DAY, 86400.0)
    assert deadlines(again) == {due: when + DAY for due, when in deadlines(resumed).items()}
    late = T0 + 4 * DAY + 5 * HOUR
    assert deadlines(with_reminder(again, late))[Due.REMINDER] == T0 + 5 * DAY + 4 * HOUR


def test_a_pause_changes_nothing_where_time_ran_out_before_it_or_it_is_over() -> None:
    standing = at(expires_seconds=3600.0)
    assert with_pause(standing, T0 + HOUR) == standing
    assert with_resumption(standing, T0 + DAY, 86400.0 - 3600.0).expires_at == T0 + HOUR
    ended = closed(with_pause(standing, T0), Outcome.APPROVED, T0 + HOUR, "so")
    assert (ended.expires_at, ended.paused_expiry) == (T0 + HOUR, None)
    assert with_resumption(with_pause(ended, T0), T0 + DAY, 3600.0) == ended


def test_a_row_that_knows_nothing_of_the_pause_is_put_off_all_the_same() -> None:
    """An earlier release wrote it, and the run was resumed by this one."""
    standing = at(expires_seconds=7200.0)
    aware = with_resumption(with_pause(standing, T0 + HOUR), T0 + DAY, 23 * 3600.0)
    assert with_resumption(standing, T0 + DAY, 23 * 3600.0) == aware


# --- what it is bound to ----------------------------------------------------------------

GROUNDS: JsonObject = {"requesters": ["dora"], "contract": "c1", "plan": "p1", "policy": "o1"}
CONTEXT: JsonObject = {"request": {"uid": "req_1"}, "inputs": {"size": "s"}, "grounds": GROUNDS}


@pytest.mark.parametrize(
    "changed",
    [
        {**CONTEXT, "request": {"uid": "req_2"}},
        {**CONTEXT, "inputs": {"size": "m"}},
        {**CONTEXT, "grounds": {**GROUNDS, "contract": "c2"}},
        {**CONTEXT, "grounds": {**GROUNDS, "plan": "p2"}},
        {**CONTEXT, "grounds": {**GROUNDS, "policy": "o2"}},
    ],
    ids=["request", "inputs", "contract", "plan", "policy"],
)
def test_the_binding_changes_with_each_thing_that_was_looked_at(changed: Mapping[str, Any]) -> None:
    def bound(context: Mapping[str, Any]) -> str:
        return task_for({"groups": ["sec"]}, context, T0).binding

    assert bound(changed) != bound(CONTEXT)
    assert bound(dict(CONTEXT)) == bound(CONTEXT)


def test_a_task_says_what_its_step_says() -> None:
    asked = {
        "groups": ["sec"],
        "assignees": ["vera"],
        "quorum": 2,
        "expires": "3d",
        "remind": "1d",
        "escalate": {"after": "12h", "to": ["ciso"]},
        "on_expiry": "escalate",
        "evidence": "required",
        "reason": "goes to production",
    }
    task = task_for(asked, CONTEXT, T0)
    assert task == a_task(
        binding=task.binding,
        assignees=("vera",),
        quorum=2,
        reason="goes to production",
        needs_evidence=True,
        expires_seconds=3 * 86400.0,
        on_expiry=OnExpiry.ESCALATE,
        remind_seconds=86400.0,
        escalate_seconds=12 * 3600.0,
        escalate_to=("ciso",),
    )
    assert task_for({}, {}, T0).requesters == ()


# --- how it is stored -------------------------------------------------------------------


def test_every_act_and_standing_comes_back_from_its_stored_form() -> None:
    acts = {
        "vote": cast(member("anna", delegations=(away("vera", "anna"),)), evidence=(REPORT,)),
        "claim_approval": claim("anna"),
        "delegate": hand_on("anna", "bob"),
    }
    assert acts.keys() == ACTS.keys()
    standing = at(expires_seconds=60.0, assignees=("vera",))
    for kind, act in acts.items():
        assert restored(ACTS[kind], stored(act)) == act
        standing = after(standing, act, 1)
        assert restored(Standing, stored(standing)) == standing


@pytest.mark.parametrize(
    "spoilt",
    [
        {"voter": None},
        {"voter": {"person": 1}},
        {"at": "yesterday"},
        {"verdict": "maybe"},
        {"evidence": "much"},
        {"binding": ["a"]},
        {"opened_at": True},
    ],
    ids=["no voter", "odd person", "odd time", "odd verdict", "odd evidence", "odd binding", "odd opening"],
)
def test_a_letter_that_is_none_is_told_apart(spoilt: Mapping[str, Any]) -> None:
    with pytest.raises(Misfit):
        restored(Cast, {**stored(cast("anna")), **spoilt})


def test_a_letter_that_lacks_a_field_or_has_one_too_many_is_read_as_far_as_it_goes() -> None:
    form = stored(cast("anna"))
    assert restored(Cast, {**form, "later": 1}) == cast("anna")
    del form["evidence"]
    assert restored(Cast, form) == cast("anna")
    del form["binding"]
    with pytest.raises(Misfit, match="binding"):
        restored(Cast, form)


def test_what_is_said_of_it_names_whom_to_ask() -> None:
    standing = after(at(quorum=2, assignees=("vera",)), cast("anna"))
    assert approval.waits_for(standing) == "approval by vera or group sec (1 of 2 votes)"
    held = replace(standing, claim=Claim("vera", T0 + HOUR))
    assert approval.waits_for(held).endswith("; vera has it in hand")
    assert approval.whom(at(groups=())) == "an approver of the project"
    rejected = after(standing, cast("vera", Verdict.REJECT, reason="too open"))
    assert approval.verdict_sentence(rejected) == "rejected by vera: too open"
