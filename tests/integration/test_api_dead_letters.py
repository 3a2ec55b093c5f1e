"""Runs that wait for a person are found by those who may see them, and tried again by those who may ask."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from executors import claims, dead_letters, gates, late_answers
from executors.backlog import backlog
from executors.claims import ClaimedRun, Page
from executors.dead_letters import Reason
from executors.gates import Asked, GateKind
from executors.late_answers import LateAnswer
from executors.port import RunReport, RunState
from reconciler import operations
from reconciler.operation import OperationState
from reconciler.situation import load
from tests.doors import Doors, open_doors
from tests.factories import an_operation
from tests.operations import a_run

LETTERS = "/v1/dead-letters"
_NUMBERS = count(100)


def taken(doors: Doors, run_id: str) -> ClaimedRun:
    now = doors.clock()
    with doors.platform.db.write() as tx:
        claim = claims.claim(tx, run_id, owner="me", now=now, until=now + timedelta(seconds=10))
    assert claim is not None
    return claim


def stuck(doors: Doors, project: str = "shop", name: str = "orders-db", who: str = "dora") -> str:
    """Make a run that ended stuck, of an operation that is known as such, and return its id."""
    request = doors.submit(name, who=who, project=project)
    run_id = a_run(doors, project, request["uid"])
    claim, now = taken(doors, run_id), doors.clock()
    report = RunReport(RunState.STUCK, run_id, message="nobody knows", step="call")
    page = Page((), report, releases=True, due_at=None, now=now, dead=Reason.STUCK)
    with doors.platform.db.write() as tx:
        claims.save(tx, claim, page)
        dead_letters.note(tx, claim, page)
        operation = an_operation(
            id=f"op_{next(_NUMBERS)}",
            request_uid=request["uid"],
            project=project,
            idempotency_key=f"key-{run_id}",
            state=OperationState.STUCK,
            finished_at=now,
            desired_digest=load(tx, request["uid"], now).situation.desired_digest,
        )
        operations.begin(tx, operation)
    return run_id


def listed(doors: Doors, who: str, query: str = "") -> list[str]:
    return [item["run_id"] for item in doors(who, "GET", LETTERS + query).json()["items"]]


@pytest.fixture
def doors(database_url: str, tmp_path: Path) -> Iterator[Doors]:
    with open_doors(database_url, tmp_path) as opened:
        yield opened


@pytest.fixture
def run_id(doors: Doors) -> str:
    return stuck(doors)


def test_a_dead_letter_says_what_is_the_matter(doors: Doors, run_id: str) -> None:
    [item] = doors("dora", "GET", LETTERS).json()["items"]
    assert (item["run_id"], item["reason"], item["step"]) == (run_id, "stuck", "call")
    assert (item["project"], item["message"]) == ("shop", "nobody knows")


def test_dead_letters_are_seen_by_readers_of_their_project_alone(doors: Doors, run_id: str) -> None:
    assert listed(doors, "erin") == []
    assert listed(doors, "paul") == listed(doors, "admin") == [run_id]
    assert doors("erin", "GET", f"{LETTERS}?project=shop").status_code == 404
    assert listed(doors, "dora", "?project=shop&reason=stuck") == [run_id]
    assert listed(doors, "dora", "?reason=poison") == []
    assert doors("dora", "GET", f"{LETTERS}?reason=boredom").status_code == 422


def test_dead_letters_come_page_by_page(doors: Doors) -> None:
    ids = [stuck(doors, name=f"db-{number}") for number in range(3)]
    first = doors("dora", "GET", f"{LETTERS}?page_size=2").json()
    second = doors("dora", "GET", f"{LETTERS}?page_size=2&page_token={first['next_page_token']}").json()
    assert [item["run_id"] for item in first["items"] + second["items"]] == ids


def test_a_retry_opens_the_run_and_its_operation_and_settles_the_letter(doors: Doors, run_id: str) -> None:
    assert doors("paul", "POST", f"/v1/runs/{run_id}/retry").status_code == 403
    assert doors("erin", "POST", f"/v1/runs/{run_id}/retry").status_code == 404
    assert doors("dora", "POST", f"/v1/runs/{run_id}/retry?dry_run=true").status_code == 200
    assert listed(doors, "dora") == [run_id]
    assert doors("dora", "POST", f"/v1/runs/{run_id}/retry").status_code == 202
    assert listed(doors, "dora") == []
    with doors.platform.db.read() as tx:
        uid = doors("dora", "GET", f"/v1/runs/{run_id}").json()["request_uid"]
        opened = operations.open_one(tx, uid)
        assert claims.next_due(tx) is not None
    assert opened is not None
    assert opened.idempotency_key == f"key-{run_id}"
    assert doors("anna", "GET", "/v1/audit?project=shop").json()["items"][-1]["action"] == "run.retried"
    again = doors("dora", "POST", f"/v1/runs/{run_id}/retry")
    assert (again.status_code, again.json()["code"]) == (409, "run_superseded")


def test_a_run_whose_operation_was_followed_by_another_is_not_tried_again(doors: Doors, run_id: str) -> None:
    uid = doors("dora", "GET", f"/v1/runs/{run_id}").json()["request_uid"]
    with doors.platform.db.write() as tx:
        operations.begin(tx, an_operation(request_uid=uid, id="op_2", idempotency_key="other", fence=2))
    refused = doors("dora", "POST", f"/v1/runs/{run_id}/retry")
    assert (refused.status_code, refused.json()["code"]) == (409, "run_superseded")
    assert listed(doors, "dora") == [run_id], "nothing is half done"


def test_what_is_listed_is_what_is_counted(doors: Doors, run_id: str) -> None:
    def counted() -> int:
        with doors.platform.db.read() as tx:
            return backlog(tx, doors.clock()).dead

    other = stuck(doors, name="other-db")
    assert (listed(doors, "dora"), counted()) == ([run_id, other], 2)
    a_run(doors, "shop", doors("dora", "GET", f"/v1/runs/{run_id}").json()["request_uid"])
    assert (listed(doors, "dora"), counted()) == ([other], 1), "another run came after it"


@pytest.mark.parametrize("action", ["pause", "resume"])
def test_a_run_is_held_and_let_go_on_by_those_who_may_request(doors: Doors, action: str) -> None:
    going = a_run(doors, "shop", doors.submit()["uid"])
    assert doors("paul", "POST", f"/v1/runs/{going}/{action}").status_code == 403
    assert doors("dora", "POST", f"/v1/runs/{going}/{action}").status_code == 202
    assert doors("anna", "GET", "/v1/audit?project=shop").json()["items"][-1]["action"] == f"run.{action}d"


def test_what_is_over_is_not_held(doors: Doors, run_id: str) -> None:
    refused = doors("dora", "POST", f"/v1/runs/{run_id}/pause")
    assert (refused.status_code, refused.json()["code"]) == (409, "run_ended")
    going = a_run(doors, "shop", doors.submit("other")["uid"])
    not_ended = doors("dora", "POST", f"/v1/runs/{going}/retry")
    assert (not_ended.status_code, not_ended.json()["code"]) == (409, "run_not_ended")


def test_late_answers_of_a_run_can_be_seen(doors: Doors, run_id: str) -> None:
    late = LateAnswer(run_id, "shop", 1, "call", "do", "run", 1, "done", {"id": "x"}, doors.clock())
    with doors.platform.db.write() as tx:
        late_answers.keep(tx, [late])
    [item] = doors("dora", "GET", f"/v1/runs/{run_id}/late-answers").json()["items"]
    assert (item["step"], item["fence"], item["outcome"], item["detail"]) == ("call", 1, "done", {"id": "x"})
    assert doors("erin", "GET", f"/v1/runs/{run_id}/late-answers").status_code == 404


def test_targets_that_are_left_alone_can_be_seen(doors: Doors) -> None:
    held = taken(doors, a_run(doors, "shop", doors.submit()["uid"]))
    now = doors.clock()
    with doors.platform.db.write() as tx:
        gates.admit(tx, held, Asked(GateKind.BREAKER, "api", 1, 30.0, "call"), now)
        gates.leave(tx, held, {"call": False}, now)
    [item] = doors("dora", "GET", "/v1/breakers").json()["items"]
    assert (item["key"], item["failures"], item["limit"]) == ("api", 1, 1)
    assert item["open_until"]
    assert doors("erin", "GET", "/v1/breakers").json() == {"items": []}
