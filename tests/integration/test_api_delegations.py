"""Who stands in for whom: over HTTP, in all projects, for a time, and never in a circle."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.asking import a_person, an_approval, stored_approval
from tests.doors import Doors, open_doors

DELEGATIONS = "/v1/delegations"
APPROVALS = "/v1/approvals"
DAY = timedelta(days=1)


@pytest.fixture
def doors(database_url: str, tmp_path: Path) -> Iterator[Doors]:
    with open_doors(database_url, tmp_path) as opened:
        a_person(opened, "vera", "vp")
        for person in ("deputy", "second"):
            a_person(opened, person)
        yield opened


def away(
    doors: Doors,
    who: str,
    delegate: str,
    starts: timedelta = timedelta(0),
    lasts: timedelta = 14 * DAY,
    **more: Any,
) -> httpx.Response:
    """Say that somebody stands in from a time on, for so long."""
    starts_at = doors.clock() + starts
    times = {"starts_at": starts_at.isoformat(), "ends_at": (starts_at + lasts).isoformat()}
    return doors(who, "POST", DELEGATIONS, {"delegate": delegate, **times, **more})


def asked(doors: Doors, **more: Any) -> str:
    return an_approval(doors, doors.submit(more.pop("name", "orders-db")), **({"groups": ["vp"]} | more))


def vote(doors: Doors, who: str, approval: str, verdict: str = "approve") -> Any:
    binding = stored_approval(doors, approval).standing.task.binding
    body = {"verdict": verdict, "binding": binding, "reason": "so"}
    return doors(who, "POST", f"{APPROVALS}/{approval}/votes", body).json()


def test_while_one_is_away_another_finds_and_casts_the_vote(doors: Doors) -> None:
    approval = asked(doors)
    assert vote(doors, "deputy", approval)["code"] == "not_an_approver"
    made = away(doors, "vera", "deputy", reason="holiday")
    assert (made.status_code, made.json()["person"], made.json()["reason"]) == (201, "vera", "holiday")
    found = doors("deputy", "GET", f"{APPROVALS}?inbox=mine").json()["items"]
    assert [(each["id"], each["you"]) for each in found] == [(approval, {"may_vote": True, "seat": "vera"})]
    assert vote(doors, "deputy", approval)["message"] == "approved by deputy for vera"


def test_it_holds_from_its_start_to_its_end_and_not_after_it_was_revoked(doors: Doors) -> None:
    approval = asked(doors, quorum=9)
    away(doors, "vera", "deputy", starts=DAY, lasts=DAY)
    assert vote(doors, "deputy", approval)["code"] == "not_an_approver"
    doors.clock.advance(DAY)
    shown = doors("deputy", "GET", f"{APPROVALS}/{approval}").json()
    assert shown["you"] == {"may_vote": True, "seat": "vera"}
    [absence] = doors("vera", "GET", DELEGATIONS).json()["items"]
    assert doors("vera", "DELETE", f"{DELEGATIONS}/{absence['id']}").status_code == 204
    assert vote(doors, "deputy", approval)["code"] == "not_an_approver"
    away(doors, "vera", "deputy", lasts=DAY)
    doors.clock.advance(DAY)
    assert vote(doors, "deputy", approval)["code"] == "not_an_approver"


def test_it_goes_on_over_one_who_is_away_himself(doors: Doors) -> None:
    approval = asked(doors, assignees=["vera"], groups=[])
    away(doors, "vera", "deputy")
    away(doors, "deputy", "second")
    assert vote(doors, "second", approval)["message"] == "approved by second for vera"


def test_the_giver_and_the_delegate_together_are_one_vote(doors: Doors) -> None:
    approval = asked(doors, quorum=2)
    away(doors, "vera", "deputy")
    assert vote(doors, "vera", approval)["state"] == "open"
    assert vote(doors, "deputy", approval)["code"] == "already_voted"


def test_it_hands_on_nothing_that_the_giver_could_not_do_himself(doors: Doors) -> None:
    """Erin belongs to the group, but may not vote in this project."""
    a_person(doors, "erin", "vp", token="erin-vp", project="bank")
    away(doors, "erin", "deputy")
    approval = asked(doors)
    assert vote(doors, "deputy", approval)["code"] == "not_an_approver"


def test_the_requester_gains_nothing_by_it_in_either_direction(doors: Doors) -> None:
    a_person(doors, "dora", "vp", token="dora-vp")
    away(doors, "vera", "dora")
    away(doors, "dora-vp", "deputy")
    approval = asked(doors)
    assert vote(doors, "dora-vp", approval)["code"] == "own_request"
    assert vote(doors, "deputy", approval)["code"] == "not_an_approver"


def test_a_giver_without_a_valid_token_has_no_seat(doors: Doors) -> None:
    approval = asked(doors)
    away(doors, "vera", "deputy")
    [token] = [each for each in doors("admin", "GET", "/v1/tokens").json()["items"] if each["name"] == "vera"]
    doors("admin", "DELETE", f"/v1/tokens/{token['id']}")
    assert vote(doors, "deputy", approval)["code"] == "not_an_approver"


def test_a_circle_is_refused_where_its_times_meet(doors: Doors) -> None:
    assert away(doors, "vera", "vera").json()["code"] == "delegation_circle"
    away(doors, "vera", "deputy", lasts=DAY)
    away(doors, "deputy", "second", lasts=DAY)
    circle = away(doors, "second", "vera", lasts=DAY)
    assert (circle.status_code, circle.json()["code"]) == (409, "delegation_circle")
    assert away(doors, "second", "vera", starts=2 * DAY).status_code == 201


def test_so_many_absences_lie_ahead_and_no_more(doors: Doors) -> None:
    answers = [away(doors, "vera", "deputy", starts=number * DAY, lasts=DAY) for number in range(21)]
    assert [answer.status_code for answer in answers] == [201] * 20 + [409]


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        ("2026-03-02T00:00:00Z", "2026-03-01T00:00:00Z"),
        ("2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z"),
        ("2026-03-02T00:00:00Z", "2028-03-02T00:00:00Z"),
        ("9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59-23:59"),
        ("0001-01-01T00:00:00+23:59", "0001-01-02T00:00:00+23:59"),
        ("2026-03-02T00:00:00", "2026-03-03T00:00:00"),
        ("soon", "later"),
        (1, 2),
    ],
)
def test_a_time_that_cannot_be_is_refused(doors: Doors, starts_at: object, ends_at: object) -> None:
    body = {"delegate": "deputy", "starts_at": starts_at, "ends_at": ends_at}
    answer = doors("vera", "POST", DELEGATIONS, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
    assert answer.json()["errors"][0]["pointer"] in ("/starts_at", "/ends_at")


def test_an_administrator_may_say_it_for_another_and_nobody_else(doors: Doors) -> None:
    assert away(doors, "deputy", "second", person="vera").json()["code"] == "role_missing"
    made = away(doors, "admin", "second", person="vera")
    assert (made.json()["person"], made.json()["created_by"]) == ("vera", "admin")
    trail = doors("admin", "GET", "/v1/audit?project=platform").json()["items"]
    last = trail[-1]
    assert (last["actor"], last["action"]) == ("admin", "delegation.created")
    assert (last["detail"]["giver"], last["detail"]["delegate"]) == ("vera", "second")


def test_one_sees_what_one_gave_and_was_given_and_nothing_else(doors: Doors) -> None:
    made = away(doors, "vera", "deputy").json()
    for who, seen in {"vera": 1, "deputy": 1, "second": 0, "erin": 0, "admin": 1}.items():
        assert len(doors(who, "GET", DELEGATIONS).json()["items"]) == seen, who
    assert doors("second", "GET", f"{DELEGATIONS}?person=vera").status_code == 403
    assert len(doors("admin", "GET", f"{DELEGATIONS}?person=second").json()["items"]) == 0
    absent = doors("second", "DELETE", f"{DELEGATIONS}/dlg_{'0' * 26}")
    foreign = doors("second", "DELETE", f"{DELEGATIONS}/{made['id']}")
    assert {absent.status_code, foreign.status_code} == {404}
    assert absent.json()["detail"] == foreign.json()["detail"]
    assert doors("deputy", "DELETE", f"{DELEGATIONS}/{made['id']}").status_code == 403


def test_revoking_twice_is_one_revocation(doors: Doors) -> None:
    made = away(doors, "vera", "deputy").json()
    for _ in range(2):
        assert doors("vera", "DELETE", f"{DELEGATIONS}/{made['id']}").status_code == 204
    trail = doors("admin", "GET", "/v1/audit?project=platform").json()["items"]
    assert [entry["action"] for entry in trail].count("delegation.revoked") == 1


def test_a_dry_run_and_a_repeated_request_write_what_they_should(doors: Doors) -> None:
    before = doors.rows()
    body = {"delegate": "deputy", "ends_at": (doors.clock() + DAY).isoformat()}
    dry = doors("vera", "POST", f"{DELEGATIONS}?dry_run=true", body)
    assert (dry.status_code, dry.json()["dry_run"]) == (200, True)
    assert doors.rows() == before
    answers = [
        doors("vera", "POST", DELEGATIONS, body, headers={"Idempotency-Key": "k"}).json() for _ in range(2)
    ]
    assert answers[0] == answers[1]
    assert datetime.fromisoformat(answers[0]["ends_at"]) == datetime.fromisoformat(body["ends_at"])
    assert doors.rows()["platform_api_delegations"] == before["platform_api_delegations"] + 1
