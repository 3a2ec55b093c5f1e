"""Approvals over HTTP: who finds what, who may say what, and what two at once come to."""

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog.audit import PLATFORM
from executors.workflow import approval as rules
from platform_api.problems import pages
from tests.asking import BINDING, a_person, an_approval, read_mail, stored_approval
from tests.doors import Doors, open_doors
from tests.together import at_once

APPROVALS = "/v1/approvals"
SCAN = {"kind": "scan", "uri": "https://reports.example/1", "digest": BINDING}


@pytest.fixture
def doors(database_url: str, tmp_path: Path) -> Iterator[Doors]:
    with open_doors(database_url, tmp_path) as opened:
        for person in ("anna", "bob", "carl"):
            a_person(opened, person, "security", token=f"{person}-s")
        a_person(opened, "quinn", "qa")
        yield opened


def asked(doors: Doors, name: str = "orders-db", **more: Any) -> str:
    """Return an approval that is asked of the group security for a new request of dora's."""
    return an_approval(doors, doors.submit(name), **({"groups": ["security"], "expires": "3d"} | more))


def shown(doors: Doors, approval: str, who: str = "anna-s") -> Any:
    answer = doors(who, "GET", f"{APPROVALS}/{approval}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def vote(
    doors: Doors, who: str, approval: str, verdict: str = "approve", key: str = "", **more: Any
) -> httpx.Response:
    """Vote on an approval as it stands."""
    body = {"verdict": verdict, "binding": stored_approval(doors, approval).standing.task.binding} | more
    headers = {"Idempotency-Key": key} if key else {}
    return doors(who, "POST", f"{APPROVALS}/{approval}/votes", body, headers=headers)


def refused(answer: httpx.Response) -> tuple[int, str]:
    assert answer.json()["fix"], "every refusal says what to do"
    return answer.status_code, answer.json()["code"]


def listed(doors: Doors, who: str, query: str = "") -> list[str]:
    return [item["id"] for item in doors(who, "GET", f"{APPROVALS}?{query}").json()["items"]]


# --- what is shown ----------------------------------------------------------------------


def test_an_approval_says_what_is_asked_of_whom_since_when_and_what_the_reader_may_do(doors: Doors) -> None:
    approval = asked(doors, quorum=2, reason="goes to production", assignees=["vera"])
    found = shown(doors, approval)
    assert found["request"] == "orders-db"
    assert found["asked"] == {"groups": ["security"], "people": ["vera"]}
    assert found["whom"] == "vera or group security"
    assert (found["state"], found["quorum"], found["approvals"]) == ("open", 2, 0)
    assert (found["requesters"], found["reason"]) == (["dora"], "goes to production")
    assert found["you"] == {"may_vote": True}
    opened_at, expires_at = found["opened_at"], found["expires_at"]
    assert opened_at < expires_at
    assert shown(doors, approval, "dora")["you"]["code"] == "role_missing"
    assert shown(doors, approval, "quinn")["you"]["code"] == "not_an_approver"


def test_inboxes_hold_what_one_can_act_upon(doors: Doors) -> None:
    security = asked(doors, "a-db")
    qa = asked(doors, "b-db", groups=["qa"])
    named = asked(doors, "c-db", groups=[], assignees=["anna"])
    anyone = asked(doors, "d-db", groups=[])
    assert listed(doors, "anna-s", "inbox=mine") == [security, named, anyone]
    assert listed(doors, "anna-s", "inbox=named") == [named]
    assert listed(doors, "anna-s", "inbox=groups") == [security]
    assert listed(doors, "quinn", "inbox=mine") == [qa, anyone]
    assert listed(doors, "dora") == [security, qa, named, anyone]
    assert listed(doors, "dora", "inbox=mine") == []
    assert listed(doors, "anna-s", "project=shop&request=b-db") == [qa]
    assert listed(doors, "erin") == []


def test_a_requester_who_approves_elsewhere_does_not_find_his_own_in_his_inbox(doors: Doors) -> None:
    a_person(doors, "dora", "security", token="dora-s")
    approval = asked(doors)
    assert listed(doors, "dora-s", "inbox=mine") == []
    assert listed(doors, "dora-s", "inbox=all") == [approval]


def test_lists_go_by_state_and_page_by_page(doors: Doors) -> None:
    made = [asked(doors, f"{letter}-db") for letter in "abcde"]
    assert vote(doors, "anna-s", made[1]).status_code == 202
    read_mail(doors, made[1])
    still_open = [made[0], *made[2:]]
    assert listed(doors, "anna-s") == still_open
    assert listed(doors, "anna-s", "state=approved") == [made[1]]
    assert listed(doors, "anna-s", "state=any") == made
    seen, token = [], ""
    while True:
        page = doors("anna-s", "GET", f"{APPROVALS}?page_size=2{token}").json()
        seen += [item["id"] for item in page["items"]]
        if "next_page_token" not in page:
            break
        token = f"&page_token={page['next_page_token']}"
    assert seen == still_open


@pytest.mark.parametrize(
    ("query", "status"),
    [("inbox=theirs", 422), ("state=done", 422), ("request=a-db", 422), ("project=bank", 404)],
)
def test_a_filter_that_is_none_is_refused(doors: Doors, query: str, status: int) -> None:
    assert doors("anna-s", "GET", f"{APPROVALS}?{query}").status_code == status


# --- votes ------------------------------------------------------------------------------


def test_a_vote_is_seen_at_once_and_again_after_the_run_has_read_it(doors: Doors) -> None:
    approval = asked(doors)
    answer = vote(doors, "anna-s", approval, reason="fine", evidence=[SCAN])
    assert (answer.status_code, answer.headers["Location"]) == (202, f"{APPROVALS}/{approval}")
    assert (answer.json()["state"], answer.json()["message"]) == ("approved", "approved by anna")
    before = shown(doors, approval)
    assert before["votes"] == [
        {
            "person": "anna",
            "verdict": "approve",
            "reason": "fine",
            "evidence": [SCAN],
            "cast_at": before["votes"][0]["cast_at"],
        }
    ]
    read_mail(doors, approval)
    after = shown(doors, approval)
    assert (after["votes"], after["state"]) == (before["votes"], "approved")


def test_it_takes_a_quorum_of_people_and_not_of_tokens(doors: Doors) -> None:
    approval = asked(doors, quorum=2)
    a_person(doors, "anna", "security", token="anna-2")
    assert vote(doors, "anna-s", approval).json()["state"] == "open"
    assert refused(vote(doors, "anna-2", approval)) == (409, "already_voted")
    read_mail(doors, approval)
    assert refused(vote(doors, "anna-2", approval)) == (409, "already_voted")
    assert vote(doors, "bob-s", approval).json()["state"] == "approved"


def test_nobody_approves_his_own_request_with_whatever_token(doors: Doors) -> None:
    a_person(doors, "dora", "security", token="dora-s")
    approval = asked(doors)
    assert refused(vote(doors, "dora-s", approval)) == (403, "own_request")
    assert refused(vote(doors, "dora", approval)) == (403, "role_missing")


def test_whoever_changed_the_request_is_a_requester_too_even_an_administrator(doors: Doors) -> None:
    request = doors.submit()
    path = "/v1/projects/shop/requests/orders-db"
    changed = doors("admin", "PATCH", path, {"inputs": {"size": "m"}}, headers={"If-Match": "*"})
    assert changed.status_code == 202
    approval = an_approval(doors, request, groups=[])
    assert shown(doors, approval)["requesters"] == ["dora", "admin"]
    assert refused(vote(doors, "admin", approval)) == (403, "own_request")


def test_an_administrator_who_belongs_to_no_group_has_no_vote(doors: Doors) -> None:
    assert refused(vote(doors, "admin", asked(doors))) == (403, "not_an_approver")


def test_a_rejection_needs_a_reason_and_ends_it(doors: Doors) -> None:
    approval = asked(doors, quorum=2)
    bare = vote(doors, "anna-s", approval, "reject")
    assert refused(bare) == (422, "reason_required")
    assert bare.json()["errors"][0]["pointer"] == "/reason"
    said = vote(doors, "anna-s", approval, "reject", reason="too open").json()
    assert (said["state"], said["message"]) == ("rejected", "rejected by anna: too open")
    assert refused(vote(doors, "bob-s", approval)) == (409, "approval_closed")


def test_evidence_is_asked_for_where_the_step_asks_for_it(doors: Doors) -> None:
    approval = asked(doors, evidence="required")
    assert shown(doors, approval)["needs_evidence"] is True
    assert refused(vote(doors, "anna-s", approval)) == (422, "evidence_required")
    assert vote(doors, "anna-s", approval, evidence=[SCAN]).status_code == 202


def test_a_vote_names_what_it_is_about(doors: Doors) -> None:
    approval = asked(doors)
    assert refused(vote(doors, "anna-s", approval, binding=BINDING)) == (412, "binding_changed")
    answer = doors("anna-s", "POST", f"{APPROVALS}/{approval}/votes", {"verdict": "approve"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/binding")


def test_an_edit_takes_the_vote_away_at_once(doors: Doors) -> None:
    approval = asked(doors)
    path = "/v1/projects/shop/requests/orders-db"
    doors("dora", "PATCH", path, {"inputs": {"size": "m"}}, headers={"If-Match": "*"})
    assert refused(vote(doors, "anna-s", approval)) == (409, "approval_outdated")


def test_a_vote_after_the_time_is_up_changes_nothing(doors: Doors) -> None:
    approval = asked(doors, expires="1h")
    doors.clock.advance(timedelta(hours=1))
    before = doors.rows()
    assert refused(vote(doors, "anna-s", approval)) == (409, "approval_expired")
    assert doors.rows() == before


def test_of_ten_at_once_by_one_person_one_counts(doors: Doors) -> None:
    approval = asked(doors, quorum=3)
    answers = at_once(10, lambda _: vote(doors, "anna-s", approval))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: 9}
    read_mail(doors, approval)
    assert [each["person"] for each in shown(doors, approval)["votes"]] == ["anna"]


def test_two_people_at_once_count_once_each(doors: Doors) -> None:
    approval = asked(doors, quorum=2)
    answers = at_once(2, lambda number: vote(doors, ("anna-s", "bob-s")[number], approval))
    assert [answer.status_code for answer in answers] == [202, 202]
    found = shown(doors, approval)
    assert (found["state"], sorted(each["person"] for each in found["votes"])) == (
        "approved",
        ["anna", "bob"],
    )


def test_of_an_approval_and_a_rejection_at_once_the_first_decides(doors: Doors) -> None:
    approval = asked(doors)

    def say(number: int) -> httpx.Response:
        verdict = ("approve", "reject")[number]
        return vote(doors, ("anna-s", "bob-s")[number], approval, verdict, reason="so")

    answers = at_once(2, say)
    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: 1}
    [accepted] = [answer.json() for answer in answers if answer.status_code == 202]
    assert shown(doors, approval)["state"] == accepted["state"] != "open"


def test_a_repeated_vote_gets_its_answer_again(doors: Doors) -> None:
    approval = asked(doors)
    first, again = (vote(doors, "anna-s", approval, key="k") for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 202)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()


def test_a_dry_run_says_what_would_be_and_writes_nothing(doors: Doors) -> None:
    approval = asked(doors)
    before = doors.rows()
    body = {"verdict": "approve", "binding": shown(doors, approval)["binding"]}
    answer = doors("anna-s", "POST", f"{APPROVALS}/{approval}/votes?dry_run=true", body)
    assert (answer.status_code, answer.json()["dry_run"], answer.json()["state"]) == (200, True, "approved")
    assert doors.rows() == before
    assert shown(doors, approval)["state"] == "open"


# --- in hand, and handed on -------------------------------------------------------------


def test_what_one_has_in_hand_the_others_leave_alone_until_it_lapses(doors: Doors) -> None:
    approval = asked(doors)
    path = f"{APPROVALS}/{approval}/claim"
    held = doors("anna-s", "POST", path, {"minutes": 30})
    assert held.json()["claim"]["person"] == "anna"
    assert refused(vote(doors, "bob-s", approval)) == (409, "approval_claimed")
    assert refused(doors("bob-s", "POST", path, {})) == (409, "approval_claimed")
    assert refused(doors("bob-s", "POST", path, {"minutes": 0})) == (409, "not_claimed")
    doors.clock.advance(timedelta(minutes=31))
    assert vote(doors, "bob-s", approval).status_code == 202


def test_letting_go_frees_it_for_others(doors: Doors) -> None:
    approval = asked(doors)
    doors("anna-s", "POST", f"{APPROVALS}/{approval}/claim", {})
    released = doors("anna-s", "POST", f"{APPROVALS}/{approval}/claim", {"minutes": 0})
    assert (released.status_code, "claim" in released.json()) == (202, False)
    assert vote(doors, "bob-s", approval).status_code == 202


@pytest.mark.parametrize("minutes", [-1, 24 * 60 + 1, 1.5, "60", True])
def test_a_claim_is_bounded(doors: Doors, minutes: object) -> None:
    answer = doors("anna-s", "POST", f"{APPROVALS}/{asked(doors)}/claim", {"minutes": minutes})
    assert answer.json()["errors"][0]["pointer"] == "/minutes"


def test_a_seat_is_handed_on_for_one_approval(doors: Doors) -> None:
    approval = asked(doors)
    path = f"{APPROVALS}/{approval}/delegate"
    assert doors("anna-s", "POST", path, {"to": "quinn", "reason": "knows it"}).status_code == 202
    read_mail(doors, approval)
    assert listed(doors, "quinn", "inbox=named") == [approval]
    assert shown(doors, approval, "quinn")["you"] == {"may_vote": True, "seat": "anna"}
    assert vote(doors, "quinn", approval).json()["message"] == "approved by quinn for anna"


@pytest.mark.parametrize(
    ("delegate", "status", "code"),
    [
        ("dora", 409, "own_request"),
        ("anna", 409, "delegation_circle"),
        ("erin", 422, "delegate_cannot_vote"),
        ("nobody-known", 422, "delegate_cannot_vote"),
    ],
)
def test_a_seat_does_not_go_to_everybody(doors: Doors, delegate: str, status: int, code: str) -> None:
    answer = doors("anna-s", "POST", f"{APPROVALS}/{asked(doors)}/delegate", {"to": delegate})
    expected = (403, code) if code == "own_request" else (status, code)
    assert refused(answer) == expected


def test_who_has_no_seat_hands_none_on(doors: Doors) -> None:
    answer = doors("quinn", "POST", f"{APPROVALS}/{asked(doors)}/delegate", {"to": "bob"})
    assert refused(answer) == (403, "not_an_approver")


# --- the trail --------------------------------------------------------------------------


def test_every_act_stands_in_the_audit_trail_and_a_refusal_does_not(doors: Doors) -> None:
    approval = asked(doors, quorum=2)
    path = f"{APPROVALS}/{approval}"
    vote(doors, "quinn", approval)
    doors("anna-s", "POST", f"{path}/claim", {"minutes": 5})
    vote(doors, "anna-s", approval, evidence=[SCAN])
    doors("bob-s", "POST", f"{path}/delegate", {"to": "quinn"})
    vote(doors, "quinn", approval, "reject", reason="too open")
    read_mail(doors, approval)
    trail = doors("admin", "GET", "/v1/audit?project=shop").json()["items"]
    told = [
        (entry["actor"], entry["action"]) for entry in trail if entry["subject"] == f"approval/{approval}"
    ]
    assert told == [
        ("anna", "approval.claimed"),
        ("anna", "approval.voted"),
        ("bob", "approval.delegated"),
        ("quinn", "approval.voted"),
        ("system:avow", "approval.rejected"),
    ]
    last = trail[-2]["detail"]
    assert (last["verdict"], last["seat"], last["reason"]) == ("reject", "bob", "too open")
    assert last["binding"] == shown(doors, approval)["binding"]
    assert doors("admin", "GET", "/v1/audit/verify?project=shop").json()["is_intact"] is True
    assert "approval" not in str(doors("admin", "GET", f"/v1/audit?project={PLATFORM}").json())


def test_reasons_and_evidence_are_plain_and_bounded(doors: Doors) -> None:
    approval = asked(doors)
    for more in (
        {"reason": "a\nb"},
        {"reason": "\u202etxt"},
        {"reason": "x" * 1001},
        {"evidence": [SCAN] * 21},
        {"evidence": [{**SCAN, "digest": "md5:1"}]},
        {"evidence": [{**SCAN, "uri": ""}]},
        {"evidence": [{**SCAN, "content": "..."}]},
        {"verdict": "maybe"},
        {"seat": "vera"},
        {"person": "vera"},
    ):
        answer = vote(doors, "anna-s", approval, **{"verdict": "approve"} | more)
        assert answer.status_code == 422, more
    assert shown(doors, approval)["votes"] == []


def test_every_refusal_of_the_rules_has_its_page() -> None:
    text = Path(rules.__file__).read_text("utf-8")
    codes = set(re.findall(r'Refusal\(\s*"(\w+)"', text))
    assert len(codes) >= 12
    assert codes <= set(pages())
