"""Following tells what happens as it happens, and ends when there is nothing more to wait for."""

import json
from typing import Any

import pytest

from platform_api.cli import follow
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import (
    RUN,
    UID,
    condition,
    entry,
    event,
    failure,
    page,
    plan,
    request,
    run,
    why,
)
from tests.unit.platform_api.cli.stub import Said, Stub, problem, stream

LIST = "/v1/projects/default/requests"
ITEM = f"{LIST}/orders-db"
AGAIN = "2026-11-21T12:00:02.700+00:00"
UNDER_WAY = request("progressing", condition("Applied", "Unknown", "Operating"))
FAILED = request("failed", condition("Applied", "False", "OperationFailed", "push failed: no route"))

JOURNAL = (
    entry(1, "Accepted"),
    entry(2, "AttemptStarted", 1, step="role", attempt=1),
    entry(3, "AttemptSucceeded", 1.1, step="role"),
    entry(4, "AttemptStarted", 1.1, step="database", attempt=1),
    entry(5, "AttemptFailed", 1.5, step="database", failure=failure("connection refused"), retry_at=AGAIN),
    entry(6, "AttemptStarted", 2.7, step="database", attempt=2),
    entry(7, "AttemptSucceeded", 3.2, step="database"),
    entry(8, "Ended", 3.2, state="succeeded"),
)
STORY = """\
  --  orders-db was requested by ann
  --  provision: nothing is delivered yet
  ok  role                            0.1s
  ..  database                 try 1  connection refused; again in 1.2s
  ok  database                 try 2  2.1s   before: connection refused
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again at once, so that no test waits for the sake of a server's rest."""
    monkeypatch.setattr(follow, "POLL_SECONDS", 0.01)


@pytest.fixture
def delivery(stub: Stub) -> Stub:
    """A request that is delivered with one retry while it is followed."""
    stub.says("POST", LIST, Said(request("pending"), 202))
    stub.says("GET", ITEM, UNDER_WAY, UNDER_WAY, UNDER_WAY, request())
    begun = (
        event(1, "RequestAccepted", "orders-db was requested by ann"),
        event(2, "OperationBegun", "nothing is delivered yet", "provision"),
        event(3, "StepStarted"),
    )
    stub.says("GET", f"{ITEM}/events", page(*begun))
    later = (
        event(4, "StepSucceeded"),
        event(5, "StepRetrying"),
        event(6, "StepSucceeded"),
        event(7, "RunSucceeded"),
        event(8, "OperationSucceeded"),
        event(9, "PhaseChanged", "ready", "ready"),
    )
    stub.says("GET", "/v1/events", stream(*later, ids=[each["id"] for each in later]))
    stub.says("GET", f"{ITEM}/runs", page(run()))
    told = [page(*JOURNAL[:last]) for last in (2, 3, 5, 7, 8)]
    stub.says("GET", f"/v1/runs/{RUN}/events", *told)
    return stub


def test_a_story_is_told_on_stderr_and_its_end_on_stdout(avow: Avow, delivery: Stub) -> None:
    ended = avow("request", "postgres", "orders-db", "--watch")
    assert ended.code == 0
    assert ended.err == f"Request orders-db accepted  ({UID})\n{STORY}Next: avow status orders-db --tree\n"
    head, outputs = ended.out.splitlines()
    assert head.startswith(
        "READY  orders-db  postgres 1.0.0  (project default, env dev, owner team-orders)  in "
    )
    assert outputs == "  outputs    host=127.0.0.1  port=5544"


def test_the_plan_is_the_beginning_of_the_story(avow: Avow, delivery: Stub) -> None:
    absent = problem(404, {"code": "request_not_found"})
    delivery.says("GET", ITEM, absent, UNDER_WAY, UNDER_WAY, UNDER_WAY, request())
    delivery.says("POST", LIST, Said(plan()), Said(request("pending"), 202))
    ended = avow("request", "postgres", "orders-db", "--watch")
    assert ended.err.startswith("Plan   postgres 1.0.0 -> orders-db\n")
    assert STORY in ended.err


def test_a_delivery_that_is_over_before_the_stream_opens_is_told_whole(avow: Avow, delivery: Stub) -> None:
    delivery.says("GET", ITEM, UNDER_WAY, request())
    early = [event(1, "OperationBegun", "nothing is delivered yet", "provision")]
    whole = [*early, event(2, "StepSucceeded"), event(3, "PhaseChanged")]
    delivery.says("GET", f"{ITEM}/events", page(*early), page(*whole))
    delivery.says("GET", f"/v1/runs/{RUN}/events", page(*JOURNAL))
    ended = avow("watch", "orders-db")
    assert ended.err.splitlines()[:2] == ["  --  provision: nothing is delivered yet", STORY.splitlines()[2]]
    assert "/v1/events" not in delivery.paths("GET")


def test_waiting_is_silent(avow: Avow, delivery: Stub) -> None:
    ended = avow("request", "postgres", "orders-db", "--wait")
    assert ended.code == 0
    assert ended.err == f"Request orders-db accepted  ({UID})\nNext: avow status orders-db --tree\n"


def test_the_stream_goes_on_after_the_last_event_that_was_listed(avow: Avow, delivery: Stub) -> None:
    avow("request", "postgres", "orders-db", "--watch")
    asked = next(asked for asked in delivery.asked if asked.path == "/v1/events")
    assert asked.headers["Last-Event-ID"] == "0.3"
    assert asked.query == {"project": "default", "request": "orders-db"}


def test_a_program_gets_the_document_or_every_event(avow: Avow, delivery: Stub) -> None:
    ended = avow("request", "postgres", "orders-db", "--watch", "-o", "json")
    assert json.loads(ended.out)["phase"] == "ready"


def test_every_event_is_a_line_of_json(avow: Avow, delivery: Stub) -> None:
    ended = avow("watch", "orders-db", "-o", "jsonl")
    kinds = [json.loads(line)["kind"] for line in ended.out.splitlines()]
    assert kinds[0] == "OperationBegun"
    assert kinds[-1] == "PhaseChanged"


def test_watching_begins_with_the_operation_under_way(avow: Avow, delivery: Stub) -> None:
    ended = avow("watch", "orders-db")
    assert ended.code == 0
    assert ended.err.splitlines()[0] == "  --  provision: nothing is delivered yet"


def test_what_is_ready_needs_no_story(avow: Avow, stub: Stub) -> None:
    stub.says("GET", ITEM, request())
    ended = avow("watch", "orders-db")
    assert ended.code == 0
    assert (
        ended.out.splitlines()[0]
        == "READY  orders-db  postgres 1.0.0  (project default, env dev, owner team-orders)"
    )
    assert stub.paths("GET") == [ITEM, f"{ITEM}/git"]


def test_a_broken_stream_goes_on_where_it_broke(avow: Avow, stub: Stub) -> None:
    first, second = event(2, "DriftFound", "the CI file is gone"), event(3, "PhaseChanged", "ready")
    stub.says("GET", ITEM, *[UNDER_WAY] * 5, request())
    stub.says(
        "GET",
        f"{ITEM}/events",
        page(event(1, "OperationBegun", "mend it", "repair")),
        page(event(1, "x"), first),
    )
    stub.says("GET", "/v1/events", stream(first, ids=["0.2"]), stream(second, ids=["0.3"]))
    ended = avow("watch", "orders-db")
    assert ended.code == 0
    resumed = [asked.headers["Last-Event-ID"] for asked in stub.asked if asked.path == "/v1/events"]
    assert resumed[:2] == ["0.1", "0.2"]
    assert ended.err.count("the CI file is gone") == 1


def test_without_a_stream_the_list_of_events_is_asked(avow: Avow, stub: Stub) -> None:
    stub.says("GET", ITEM, *[UNDER_WAY] * 4, request())
    begun = event(1, "OperationBegun", "mend it", "repair")
    stub.says(
        "GET", f"{ITEM}/events", page(begun), page(begun, event(2, "DriftFound", "the CI file is gone"))
    )
    stub.refuses("GET", "/v1/events", 429, "too_many_streams")
    ended = avow("watch", "orders-db")
    assert (ended.code, ended.err.splitlines()[:2]) == (
        0,
        ["  --  repair: mend it", "  --  the CI file is gone"],
    )


def test_a_run_without_a_journal_is_told_in_the_servers_words(avow: Avow, delivery: Stub) -> None:
    delivery.refuses("GET", f"/v1/runs/{RUN}/events", 404, "run_not_found")
    assert "  ..  StepRetrying\n" in avow("watch", "orders-db").err


def test_a_failure_ends_it_at_once_with_why(avow: Avow, stub: Stub) -> None:
    stub.says("GET", ITEM, FAILED)
    stub.says("GET", f"{ITEM}/events", page(event(1, "OperationFailed", "push failed: no route")))
    stub.says("GET", f"{ITEM}/why", why())
    ended = avow("watch", "orders-db")
    assert (ended.code, ended.out) == (7, "")
    assert ended.err == (
        "  x   push failed: no route\n"
        "Error: orders-db is FAILED: push failed: no route\n"
        "  why        push failed: no route to host  (OperationFailed)\n"
        "  whose move platform\n"
        "  you can    see the failing step: avow get runs --request orders-db\n"
    )


@pytest.mark.parametrize(
    ("phase", "stated", "code"),
    [
        ("blocked", condition("Allowed", "False", "PolicyDenied"), 5),
        ("blocked", condition("Placed", "False", "NoDestination"), 7),
        ("progressing", condition("Applied", "Unknown", "WaitingForApproval"), 9),
        ("deleting", condition("Applied", "Unknown", "Operating"), 6),
    ],
    ids=["denied", "no-place", "approval", "deleting"],
)
def test_what_only_a_person_can_mend_is_not_waited_for(
    avow: Avow, stub: Stub, phase: str, stated: dict[str, Any], code: int
) -> None:
    stub.says("GET", ITEM, request(phase, stated))
    stub.says("GET", f"{ITEM}/events", page())
    stub.says("GET", f"{ITEM}/why", why(phase))
    assert avow("wait", "orders-db").code == code


def test_waiting_for_what_is_not_there_ends_with_3(avow: Avow, stub: Stub) -> None:
    assert avow("wait", "orders-db").code == 3


def test_time_runs_out_with_8_and_says_where_it_stands(avow: Avow, stub: Stub) -> None:
    stub.says("GET", ITEM, UNDER_WAY)
    stub.says("GET", f"{ITEM}/events", page())
    stub.says("GET", "/v1/events", stream())
    ended = avow("wait", "orders-db", "--timeout", "50ms")
    assert ended.code == 8
    assert ended.err.splitlines() == [
        "Error: orders-db is not ready yet; it is progressing.",
        "Fix: see what it waits for: avow why orders-db",
    ]


def test_a_timeout_that_is_none_is_refused(avow: Avow) -> None:
    ended = avow("wait", "orders-db", "--timeout", "soon")
    assert ended.code == 2
    assert "write 30s, 10m, 6h or 3d" in ended.err


def test_gone_is_the_good_end_of_a_deletion(avow: Avow, stub: Stub) -> None:
    deleting = request("deleting", condition("Applied", "Unknown", "Operating"))
    stub.says("GET", ITEM, deleting, problem(410, {"code": "request_deleted"}))
    stub.says("GET", f"{ITEM}/events", page())
    ended = avow("wait", "orders-db", "--for", "deleted")
    assert (ended.code, ended.out) == (0, "DELETED  orders-db\n")


def test_the_story_of_a_deletion_begins_with_the_deletion(avow: Avow, stub: Stub) -> None:
    stub.says("DELETE", ITEM, Said(request("deleting"), 202))
    stub.says("GET", ITEM, request("deleting"), request("deleted"))
    before = event(1, "OperationBegun", "it was changed by hand", "repair")
    asked = event(2, "DeletionRequested", "the deletion of orders-db was requested by ann")
    stub.says(
        "GET", f"{ITEM}/events", page(before, asked, event(3, "OperationBegun", "take it down", "delete"))
    )
    ended = avow("delete", "orders-db", "--watch")
    assert ended.err.splitlines() == [
        "  --  the deletion of orders-db was requested by ann",
        "  --  delete: take it down",
    ]


def test_another_request_under_the_name_means_that_the_first_is_gone(avow: Avow, stub: Stub) -> None:
    deleting = request("deleting", condition("Applied", "Unknown", "Operating"))
    stub.says("GET", ITEM, deleting, request("pending", uid="req_another"))
    stub.says("GET", f"{ITEM}/events", page())
    assert avow("wait", "orders-db", "--for", "deleted").code == 0


def test_a_failed_teardown_ends_it(avow: Avow, stub: Stub) -> None:
    stub.says("GET", ITEM, request("deleting", condition("Applied", "False", "OperationFailed")))
    stub.says("GET", f"{ITEM}/events", page())
    assert avow("wait", "orders-db", "--for", "deleted").code == 7


def test_keeping_on_ends_only_when_there_is_nothing_left(avow: Avow, stub: Stub) -> None:
    drift = event(2, "DriftFound", "the CI file is gone")
    stub.says(
        "GET", ITEM, request(), request(), UNDER_WAY, request(), problem(410, {"code": "request_deleted"})
    )
    stub.says("GET", f"{ITEM}/events", page(event(1, "OperationBegun", "long ago")))
    stub.says("GET", "/v1/events", stream(drift, event(3, "PhaseChanged"), ids=["0.2", "0.3"]))
    ended = avow("watch", "orders-db", "--keep")
    assert ended.code == 3
    assert ended.err.splitlines()[0] == "  --  the CI file is gone"


def test_a_server_that_restarts_is_waited_for(
    avow: Avow, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Said(chunks=[""], headers={"Content-Length": "9"})
    stub.says("GET", ITEM, UNDER_WAY, UNDER_WAY, *[lost] * 6, request())
    stub.says("GET", f"{ITEM}/events", page())
    stub.says("GET", "/v1/events", stream())
    assert avow("wait", "orders-db").code == 0


def test_a_server_that_stays_away_is_given_up(
    avow: Avow, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "PATIENCE_SECONDS", 0.0)
    stub.says("GET", ITEM, Said(chunks=[""], headers={"Content-Length": "9"}))
    ended = avow("wait", "orders-db")
    assert ended.code == 1
    assert "does not answer" in ended.err


def test_a_token_that_runs_out_meanwhile_is_said(avow: Avow, stub: Stub) -> None:
    stub.says(
        "GET",
        ITEM,
        UNDER_WAY,
        UNDER_WAY,
        problem(401, {"code": "unauthenticated", "detail": "No valid token."}),
    )
    stub.says("GET", f"{ITEM}/events", page())
    stub.says("GET", "/v1/events", stream())
    ended = avow("wait", "orders-db")
    assert ended.code == 4
    assert "Error: No valid token." in ended.err
