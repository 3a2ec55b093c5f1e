"""What letters do to a run: approvals, pause and resume, retry, and what is dropped."""

from typing import Any

import pytest

from catalog.digest import JsonObject
from executors.port import RunState
from executors.workflow.answers import MAX_LOOKS
from executors.workflow.ballot import HandOn, Outcome, TakeInHand, Verdict, Voter
from executors.workflow.exchange import (
    Absent,
    Acted,
    Cancel,
    Done,
    Garbled,
    News,
    Pause,
    Resume,
    Retry,
    Returned,
    Signal,
)
from executors.workflow.milestones import MailDropped, Paused, Resumed, RetryRequested
from executors.workflow.state import Phase, after
from tests.play import PERMANENT, REJECTED, STEADY, UNKNOWN, Play, transient
from tests.workflows import EPOCH, document, step, undoable

DAY = 86_400


def approval(**asked: Any) -> dict[str, Any]:
    return {"id": "ok", "approval": {"groups": ["sec"], **asked}}


def asking(**asked: Any) -> Play:
    doc = document(undoable("a"), approval(**asked), step("b"), outputs={"ok": "${steps.ok.outputs}"})
    return Play(doc).reply("a")


def dropped(play: Play) -> list[str]:
    return [event.reason for event in play.events if isinstance(event, MailDropped)]


def test_an_approval_waits_for_a_person_and_not_for_time() -> None:
    play = asking()
    assert play.decision.rests
    assert play.decision.due_at is None
    assert play.vote("ok", "ann").begun() == ["b"]
    assert play.reply("b").end().outputs == {
        "ok": {
            "outcome": "approved",
            "votes": [{"person": "ann", "seat": "ann", "verdict": "approve", "reason": "because"}],
        }
    }


def test_a_rejection_undoes_what_was_done_in_reverse_order() -> None:
    play = asking().vote("ok", "ann", Verdict.REJECT, reason="too big")
    assert play.begun() == ["-a"]
    assert play.reply("a").end().message == "ok failed: rejected by ann: too big"


def test_a_quorum_takes_as_many_people() -> None:
    play = asking(quorum=2).vote("ok", "ann").vote("ok", "ann")
    assert play.begun() == []
    assert play.vote("ok", "bob").begun() == ["b"]
    assert dropped(play) == ["already_voted"]


def test_a_vote_of_somebody_who_is_not_asked_changes_nothing() -> None:
    play = asking().vote("ok", "eve", groups=("sales",))
    assert play.phase("ok") is Phase.ASKING
    assert dropped(play) == ["not_an_approver"]


def test_a_vote_on_what_is_not_asked_changes_nothing() -> None:
    play = asking().vote("ok", "ann")
    play.vote("ok", "bob", Verdict.REJECT)
    assert dropped(play) == ["approval_closed"]
    assert play.open.keys() == {"b"}


def test_the_requester_may_ask_but_not_approve() -> None:
    doc = document(approval())
    play = Play(doc, {"inputs": {}, "grounds": {"requesters": ["dora"]}}).vote("ok", "dora")
    assert dropped(play) == ["own_request"]


def test_claims_and_delegations_are_taken_in() -> None:
    play = asking()
    opened_at, now = play.run.asked["ok"].task.opened_at, play.clock()
    ann = Voter("ann", ("sec",))
    play.send(Acted, HandOn("ok", opened_at, ann, now, "carl"))
    play.send(Acted, TakeInHand("ok", opened_at, Voter("carl"), now, now.replace(hour=1)))
    assert play.run.asked["ok"].claim is not None
    play.vote("ok", "ann")
    assert dropped(play) == ["approval_claimed"]
    assert play.vote("ok", "carl", groups=()).begun() == ["b"]


def test_reminders_escalation_and_expiry_fall_due_in_their_order() -> None:
    play = asking(remind="1d", escalate={"after": "2d", "to": ["boss"]}, expires="3d")
    seen = []
    while play.run.compensation is None:
        seen.append((play.wait() / DAY, play.told()))
    assert seen[:2] == [(1, ["ApprovalReminded"]), (1, ["ApprovalEscalated", "ApprovalReminded"])]
    assert seen[2][1][0] == "ApprovalClosed"
    assert play.run.asked["ok"].outcome is Outcome.EXPIRED
    assert play.run.compensation is not None
    assert play.run.compensation.message == "ok failed: nobody decided in time"


def test_an_expiry_that_escalates_asks_others_and_waits_once_more() -> None:
    play = asking(expires="1d", on_expiry="escalate", escalate={"after": "9d", "to": ["boss"]})
    play.wait()
    assert play.told() == ["ApprovalEscalated"]
    assert play.vote("ok", "chief", groups=("boss",)).begun() == ["b"]


def test_an_expiry_that_escalates_ends_all_the_same() -> None:
    play = asking(expires="1d", on_expiry="escalate", escalate={"after": "9d", "to": ["boss"]})
    play.wait()
    play.wait()
    assert play.run.asked["ok"].outcome is Outcome.EXPIRED


def test_a_cancel_voids_what_is_asked() -> None:
    play = asking().send(Cancel, "why")
    assert play.run.asked["ok"].outcome is Outcome.VOIDED
    assert play.begun() == ["-a"]
    assert play.vote("ok", "ann").open.keys() == {"a"}
    assert dropped(play) == ["approval_closed"]


def test_a_failure_beside_it_voids_what_is_asked() -> None:
    play = Play(document(approval() | {"needs": []}, step("x", needs=[]))).reply({"x": PERMANENT})
    assert play.run.asked["ok"].outcome is Outcome.VOIDED
    assert play.end().step == "x"


@pytest.mark.parametrize(
    "asked",
    [
        {"groups": "${inputs.who}"},
        {"assignees": ["${inputs.who}"]},
        {"assignees": ["a"], "groups": [], "quorum": 2},
        {"assignees": "${inputs.none}", "groups": []},
        {"assignees": "${inputs.none}", "groups": [], "escalate": {"after": "1d", "to": ["boss"]}},
        {"assignees": [], "groups": "${inputs.none}"},
        {"assignees": ["dora"], "groups": []},
        {"assignees": ["dora", "vera"], "groups": [], "quorum": 2},
    ],
    ids=str,
)
def test_an_approval_that_nobody_could_give_fails(asked: dict[str, Any]) -> None:
    context: JsonObject = {"inputs": {"who": 7, "none": []}, "grounds": {"requesters": ["dora"]}}
    play = Play(document(approval(**asked)), context)
    assert play.end().state is RunState.FAILED
    assert play.run.asked == {}


@pytest.mark.parametrize(
    "asked",
    [
        {"assignees": ["dora", "vera"], "groups": []},
        {"assignees": ["dora"]},
        {"assignees": ["dora"], "groups": [], "escalate": {"after": "1d", "to": ["boss"]}},
        {"assignees": ["vera"], "groups": [], "quorum": 2, "escalate": {"after": "1d", "to": ["boss"]}},
    ],
    ids=str,
)
def test_an_approval_that_others_than_the_requester_can_give_is_asked(asked: dict[str, Any]) -> None:
    play = Play(document(approval(**asked)), {"inputs": {}, "grounds": {"requesters": ["dora"]}})
    assert play.phase("ok") is Phase.ASKING


# --------------------------------------------------------------------------- pause and resume


def test_a_paused_run_begins_nothing_and_takes_answers_in() -> None:
    play = Play(document(step("a"), step("b"))).send(Pause, "lunch")
    assert play.reply("a").begun() == []
    assert play.decision.due_at is None
    assert play.phase("a") is Phase.DONE
    assert play.send(Resume).begun() == ["b"]


def test_a_paused_timer_ends_when_the_run_goes_on() -> None:
    play = Play(document({"id": "w", "wait": {"timer": "1s"}}, step("b"))).send(Pause, "lunch")
    play.pass_time(100)
    assert play.phase("w") is Phase.PARKED
    assert play.send(Resume).begun() == ["b"]


def test_votes_count_during_a_pause() -> None:
    play = asking().send(Pause, "lunch").vote("ok", "ann")
    assert play.phase("ok") is Phase.DONE
    assert play.begun() == []
    assert play.send(Resume).begun() == ["b"]


def paused_at_half_time(**asked: Any) -> Play:
    """Return a run that asks for two days, and was paused after the first for a week."""
    play = asking(expires="2d", **asked)
    play.pass_time(DAY)
    play.send(Pause, "holidays").pass_time(7 * DAY)
    return play


def test_the_time_of_an_approval_stands_still_while_its_run_is_paused() -> None:
    play = paused_at_half_time()
    assert play.phase("ok") is Phase.ASKING
    assert play.send(Resume).told() == ["Resumed"]
    assert play.wait() == DAY
    assert play.run.asked["ok"].outcome is Outcome.EXPIRED


def test_a_vote_in_a_pause_that_outlasts_the_expiry_counts() -> None:
    play = paused_at_half_time().vote("ok", "ann")
    assert dropped(play) == []
    assert play.send(Resume).begun() == ["b"]


def test_reminders_and_escalation_are_put_off_by_a_pause() -> None:
    play = paused_at_half_time(remind="18h", escalate={"after": "36h", "to": ["boss"]})
    play.send(Resume)
    assert play.told() == ["Resumed"]
    assert (play.wait() / 3600, play.told()) == (12, ["ApprovalEscalated", "ApprovalReminded"])
    assert (play.wait() / 3600, play.run.asked["ok"].outcome) == (12, Outcome.EXPIRED)


def test_each_pause_puts_it_off_and_an_extension_is_given_in_full() -> None:
    play = paused_at_half_time(on_expiry="escalate", escalate={"after": "9d", "to": ["boss"]})
    play.send(Resume).pass_time(DAY / 2)
    play.send(Pause, "again").send(Pause, "and again").pass_time(3 * DAY)
    play.send(Resume)
    assert (play.wait(), play.told()) == (DAY / 2, ["ApprovalEscalated"])
    assert (play.wait(), play.run.asked["ok"].outcome) == (2 * DAY, Outcome.EXPIRED)


def test_what_had_expired_before_the_pause_is_not_revived_by_it() -> None:
    play = asking(expires="2d")
    play.clock.advance(2 * DAY)
    play.send(Pause, "too late").vote("ok", "ann")
    assert dropped(play) == ["approval_expired"]
    play.send(Resume)
    assert play.run.asked["ok"].outcome is Outcome.EXPIRED


def test_a_deadline_goes_on_through_a_pause() -> None:
    doc = document(undoable("a"), approval(expires="2d") | {"deadline": "3d"}, step("b"))
    play = Play(doc).reply("a").send(Pause, "holidays")
    play.pass_time(4 * DAY)
    assert play.phase("ok") is Phase.ASKING
    play.send(Resume)
    assert play.run.asked["ok"].message == "its deadline has passed"


def test_a_pause_of_an_older_journal_puts_nothing_off() -> None:
    play = paused_at_half_time()
    [paused] = [event for event in play.events if isinstance(event, Paused)]
    before, expires_at = play.run, play.clock().replace(day=3)
    assert before.asked["ok"].expires_at is None
    older = after(before, Resumed(play.clock(), paused.number + 1))
    assert older.asked["ok"].expires_at == expires_at


def test_a_cancel_ends_a_pause() -> None:
    play = Play(document(undoable("a"), step("b"))).send(Pause, "lunch").reply("a")
    assert play.send(Cancel, "why").begun() == ["-a"]


def test_undoing_can_be_paused() -> None:
    play = Play(document(undoable("a"), undoable("b"), step("c"))).reply("a", "b").reply({"c": PERMANENT})
    play.send(Pause, "look first")
    assert play.reply("b").begun() == []
    assert play.send(Resume).begun() == ["-a"]


def test_a_second_pause_and_a_second_resume_change_nothing() -> None:
    play = Play(document(step("a"), step("b"))).send(Pause, "one").send(Pause, "two").send(Resume)
    assert not play.run.is_paused
    play.send(Resume)
    assert dropped(play) == ["not_paused"]


def test_an_unreadable_letter_takes_its_place_and_changes_nothing() -> None:
    play = Play(document(step("a"))).send(Garbled).send(Signal, "go", {})
    assert play.run.mail == 2
    assert dropped(play) == ["unreadable"]


# ------------------------------------------------------------------------------------- retry


def keys(play: Play) -> dict[str, int]:
    return {place: progress.round for (place, _), progress in play.run.progress.items()}


def test_a_failed_run_goes_on_from_the_first_step_that_was_undone() -> None:
    play = Play(document(undoable("a"), undoable("b"), step("c"))).reply("a", "b").reply({"c": PERMANENT})
    play.reply("b", "a")
    assert play.end().state is RunState.FAILED
    assert play.send(Retry).begun() == ["a"]
    assert play.call().attempt == 2
    play.reply("a", "b", "c")
    assert play.end().state is RunState.SUCCEEDED
    assert keys(play) == {"a": 1, "b": 1, "c": 1}


def test_what_was_not_undone_and_rests_on_nothing_undone_stays_done() -> None:
    play = Play(document(step("a"), undoable("b"), step("c"))).reply("a", "b").reply({"c": PERMANENT})
    assert play.reply("b").send(Retry).begun() == ["b"]


def test_what_rests_on_something_undone_is_done_afresh() -> None:
    play = (
        Play(document(undoable("a"), step("b"), step("c"))).reply("a", "b").reply({"c": PERMANENT}).reply("a")
    )
    assert play.send(Retry).begun() == ["a"]
    assert play.reply("a").begun() == ["b"]
    assert keys(play)["b"] == 1


def test_a_run_that_fails_again_undoes_what_it_did_afresh() -> None:
    play = Play(document(undoable("a"), step("b"))).reply("a").reply({"b": PERMANENT}).reply("a").send(Retry)
    assert play.reply("a").reply({"b": PERMANENT}).begun() == ["-a"]
    assert play.reply("a").end().state is RunState.FAILED
    assert play.run.mail == 1


def test_a_retried_step_has_all_its_tries_again() -> None:
    play = Play(document(step("a", retry=STEADY)))
    for _ in range(2):
        play.answer(transient())
        play.wait()
    play.answer(transient())
    assert play.end().state is RunState.FAILED
    play.send(Retry).answer(transient())
    assert play.run.ended is None
    assert play.wait() == 1
    assert play.call().attempt == 5


def test_a_step_that_nobody_knows_of_is_looked_up_and_then_tried_under_its_old_key() -> None:
    play = Play(document(step("a", on_unknown="halt"))).answer(UNKNOWN, UNKNOWN)
    assert play.end().state is RunState.STUCK
    play.send(Retry)
    assert play.wants() == ("a", "do", "look")
    play.answer(UNKNOWN)
    play.wait()
    assert play.wants() == ("a", "do", "run")
    assert play.answer(Done()).end().state is RunState.SUCCEEDED
    assert keys(play) == {"a": 0}


def stuck_while_cancelled(on_unknown: str = "halt") -> Play:
    """Return a run that was cancelled in its second step, and got stuck because nobody knew of that."""
    play = Play(document(undoable("a"), undoable("b", on_unknown=on_unknown), step("c"))).reply("a")
    play.send(Cancel, "not wanted").reply({"b": UNKNOWN})
    while play.run.ended is None:
        play.answer(UNKNOWN)
        if play.decision.due_at is not None:
            play.wait()
    assert play.end().state is RunState.STUCK
    return play


@pytest.mark.parametrize(("found", "undone"), [(Done(), ["b", "a"]), (Absent(), ["a"])])
def test_a_retry_of_what_was_being_cancelled_looks_again_and_undoes(
    found: Done | Absent, undone: list[str]
) -> None:
    play = stuck_while_cancelled().send(Retry)
    assert play.wants() == ("b", "do", "look")
    play.answer(found)
    for step_ in undone:
        assert play.begun() == [f"-{step_}"]
        play.reply(step_)
    assert (play.end().state, play.end().message) == (RunState.CANCELLED, "not wanted")


@pytest.mark.parametrize(("on_unknown", "looks"), [("halt", 1), ("observe", MAX_LOOKS)])
def test_a_retry_of_what_was_being_cancelled_never_tries_it_again(on_unknown: str, looks: int) -> None:
    play = stuck_while_cancelled(on_unknown).send(Retry)
    for _ in range(looks):
        assert play.wants() == ("b", "do", "look")
        play.answer(UNKNOWN)
        if play.decision.due_at is not None:
            play.wait()
    assert play.end().state is RunState.STUCK


def test_a_failed_run_that_was_cancelled_while_it_was_undone_is_retried_as_any_other() -> None:
    play = Play(document(undoable("a"), step("b"))).reply("a").reply({"b": PERMANENT})
    assert play.send(Cancel, "why").reply("a").end().state is RunState.FAILED
    assert play.send(Retry).begun() == ["a"]


def test_a_retry_of_an_older_journal_goes_on_though_it_was_cancelled() -> None:
    before = stuck_while_cancelled().run
    retried = after(before, RetryRequested(EPOCH, 2, "b"))
    assert retried.goes_forward


def test_an_undoing_that_failed_goes_on_where_it_failed() -> None:
    play = Play(document(undoable("a"), undoable("b"), step("c"))).reply("a", "b").reply({"c": PERMANENT})
    assert play.reply({"b": PERMANENT}).end().state is RunState.STUCK
    assert play.send(Retry).begun() == ["-b"]
    assert play.reply("b").begun() == ["-a"]
    assert play.reply("a").end().state is RunState.FAILED
    assert play.send(Retry).begun() == ["a"]


def test_an_answer_from_before_the_retry_does_not_fit() -> None:
    play = Play(document(undoable("a"), step("b"))).reply("a")
    stale = play.open["b"]
    play.reply({"b": PERMANENT}).reply("a").send(Retry).reply("a")
    assert play.open["b"].attempt == 2
    before = play.run
    assert play.hear(Returned(stale, Done())).run == before


def test_only_the_instances_that_were_undone_are_done_afresh() -> None:
    fan = step("f", for_each=["x", "y"], compensate={"uses": "test.undo", "with": {"name": "${item}"}})
    play = Play(document(step("a"), fan, step("z"))).reply("a")
    play.reply("f[0]").reply({"f[1]": PERMANENT}).reply("f[0]")
    assert play.end().state is RunState.FAILED
    assert play.send(Retry).begun() == ["f[0]", "f[1]"]
    assert play.reply("f[0]", "f[1]").begun() == ["z"]
    assert keys(play) == {"a": 0, "f": 0, "f[0]": 1, "f[1]": 0, "z": 0}


def test_a_finished_fan_is_opened_again_for_an_instance_that_was_undone() -> None:
    fan = step("f", for_each=["x", "y"], compensate={"uses": "test.undo", "with": {"name": "${item}"}})
    play = Play(document(fan, step("z"))).reply("f[0]", "f[1]").reply({"z": PERMANENT}).reply("f[1]", "f[0]")
    assert play.send(Retry).begun() == ["f[0]", "f[1]"]
    assert play.reply("f[0]").begun() == []
    assert play.reply("f[1]").begun() == ["z"]
    assert play.reply("z").end().state is RunState.SUCCEEDED


def test_a_sub_workflow_is_opened_again_within() -> None:
    inner = document(step("p"), undoable("q"), name="inner", outputs={"n": "${steps.q.outputs.n}"})
    outer = document(
        {"id": "sub", "workflow": "inner.yaml"},
        step("z"),
        workflows={"inner.yaml": inner},
        outputs={"n": "${steps.sub.outputs.n}"},
    )
    play = Play(outer).reply("sub/p").reply({"sub/q": Done({"n": 1})}).reply({"z": PERMANENT}).reply("sub/q")
    assert play.send(Retry).begun() == ["sub/q"]
    assert play.reply({"sub/q": Done({"n": 2})}).begun() == ["z"]
    assert play.reply("z").end().outputs == {"n": 2}


def test_a_rejected_approval_is_asked_anew() -> None:
    play = asking().vote("ok", "ann", Verdict.REJECT).reply("a").send(Retry).reply("a")
    assert play.phase("ok") is Phase.ASKING
    assert play.run.asked["ok"].votes == ()
    assert play.vote("ok", "ann").begun() == ["b"]


def test_what_happened_and_gave_an_unusable_answer_is_looked_up() -> None:
    play = Play(document(step("a"))).answer(REJECTED)
    assert play.end().state is RunState.FAILED
    assert play.send(Retry).wants() == ("a", "do", "look")
    assert play.answer(Done({"id": 1})).end().state is RunState.SUCCEEDED


@pytest.mark.parametrize("end", ["succeeded", "cancelled"])
def test_a_run_that_needs_no_retry_takes_none(end: str) -> None:
    play = Play(document(step("a")))
    if end == "cancelled":
        play.send(Cancel, "why")
    play.reply("a")
    assert play.end().state == end
    before = play.run
    assert play.send(Retry).run == before


def test_a_retry_of_a_run_that_is_under_way_is_dropped() -> None:
    play = Play(document(step("a"))).send(Retry)
    assert dropped(play) == ["run_not_ended"]


@pytest.mark.parametrize(
    "late",
    [Cancel(1, "x"), Signal(1, "go", {}), Pause(1, "x"), Resume(1), Garbled(1)],
    ids=lambda letter: type(letter).__name__,
)
def test_after_the_end_nothing_but_a_retry_is_taken_in(late: News) -> None:
    play = Play(document(step("a"))).answer(PERMANENT)
    before = play.run
    play.hear(late)
    assert play.run == before
