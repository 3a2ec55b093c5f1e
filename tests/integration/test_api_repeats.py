"""Asked twice, done once; changed twice at once, lost never; paged through, whole."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from platform_api.housekeeping import tidy
from tests.doors import Doors, open_doors, wanted

REQUESTS = "/v1/projects/shop/requests"
ONE = f"{REQUESTS}/orders-db"


@pytest.fixture
def doors(database_url: str, tmp_path: Path) -> Iterator[Doors]:
    with open_doors(database_url, tmp_path) as opened:
        yield opened


def at_once(count: int, call: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    """Make calls that begin together, and return their answers."""
    start, answers = threading.Barrier(count), list[httpx.Response]()

    def one(number: int) -> None:
        start.wait()
        answers.append(call(number))

    threads = [threading.Thread(target=one, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == count
    return answers


def test_fifty_at_once_under_one_key_make_one_request_and_fifty_equal_answers(doors: Doors) -> None:
    key = {"Idempotency-Key": "one-and-only"}
    answers = at_once(50, lambda _: doors("dora", "POST", REQUESTS, wanted(), headers=key))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert Counter(answer.headers.get("Idempotent-Replayed", "false") for answer in answers) == {
        "true": 49,
        "false": 1,
    }
    assert {answer.headers["Location"] for answer in answers} == {ONE}
    rows = doors.rows()
    assert (rows["catalog_requests"], rows["reconciler_work"], rows["reconciler_git_outbox"]) == (1, 1, 1)
    trail = doors("anna", "GET", "/v1/audit?project=shop").json()["items"]
    assert [entry["action"] for entry in trail] == ["request.accepted"]


def test_twenty_at_once_without_a_key_make_one_request_and_nineteen_conflicts(doors: Doors) -> None:
    answers = at_once(20, lambda _: doors("dora", "POST", REQUESTS, wanted()))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: 19}
    assert doors.rows()["catalog_requests"] == 1


def test_a_key_with_another_body_is_refused(doors: Doors) -> None:
    key = {"Idempotency-Key": "k"}
    doors("dora", "POST", REQUESTS, wanted(), headers=key)
    answer = doors("dora", "POST", REQUESTS, wanted("b-db"), headers=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


def test_a_replay_shows_the_answer_of_then_and_not_of_now(doors: Doors) -> None:
    key = {"Idempotency-Key": "k"}
    first = doors("dora", "POST", REQUESTS, wanted(), headers=key)
    doors("dora", "PATCH", ONE, {"inputs": {"size": "m"}}, headers={"If-Match": "*"})
    again = doors("dora", "POST", REQUESTS, wanted(), headers=key)
    assert (again.json(), again.headers["ETag"]) == (first.json(), '"1"')


def test_a_key_belongs_to_a_subject_and_an_address(doors: Doors) -> None:
    key = {"Idempotency-Key": "k"}
    doors("dora", "POST", REQUESTS, wanted(), headers=key)
    assert doors("admin", "POST", REQUESTS, wanted("b-db"), headers=key).json()["name"] == "b-db"
    held = doors("dora", "POST", f"{ONE}/actions/pause", headers=key)
    assert (held.status_code, held.json()["paused"]) == (202, True)


def test_a_refusal_is_not_kept(doors: Doors) -> None:
    key = {"Idempotency-Key": "k"}
    doors.engine.deny = ["no"]
    assert doors("dora", "POST", REQUESTS, wanted(), headers=key).status_code == 403
    doors.engine.deny = []
    assert doors("dora", "POST", REQUESTS, wanted(), headers=key).status_code == 202


def test_a_dry_run_does_not_use_up_a_key(doors: Doors) -> None:
    key = {"Idempotency-Key": "k"}
    assert doors("dora", "POST", f"{REQUESTS}?dry_run=true", wanted(), headers=key).status_code == 200
    assert doors("dora", "POST", REQUESTS, wanted(), headers=key).status_code == 202


def test_kept_answers_are_dropped_when_nobody_asks_any_more(doors: Doors) -> None:
    key = {"Idempotency-Key": "k"}
    doors("dora", "POST", REQUESTS, wanted(), headers=key)
    assert tidy(doors.platform) == 0
    doors.clock.advance(timedelta(days=8))
    assert tidy(doors.platform) == 1
    assert doors("dora", "POST", REQUESTS, wanted(), headers=key).status_code == 409


def test_of_two_writers_who_read_the_same_one_is_told_to_read_again(doors: Doors) -> None:
    doors.submit(labels={"n": "0"})

    def write(number: int) -> httpx.Response:
        patch = {"labels": {f"by-{number}": "x"}}
        return doors("dora", "PATCH", ONE, patch, headers={"If-Match": '"1"'})

    answers = at_once(8, write)
    assert Counter(answer.status_code for answer in answers) == {200: 1, 412: 7}
    assert doors("dora", "GET", ONE).json()["revision"] == 2


def test_writers_who_read_again_lose_nothing(doors: Doors) -> None:
    doors.submit()

    def add_label(number: int) -> httpx.Response:
        while True:
            seen = doors("dora", "GET", ONE)
            patch = {"labels": {f"by-{number}": "x"}}
            answer = doors("dora", "PATCH", ONE, patch, headers={"If-Match": seen.headers["ETag"]})
            if answer.status_code != 412:
                return answer

    at_once(6, add_label)
    body = doors("dora", "GET", ONE).json()
    assert body["labels"] == {f"by-{number}": "x" for number in range(6)}
    assert body["revision"] == 7


def pages(doors: Doors, path: str, size: int) -> Iterator[list[dict[str, Any]]]:
    """Yield the pages of a list."""
    token = ""
    while True:
        page = doors(
            "admin", "GET", f"{path}?page_size={size}" + (f"&page_token={token}" if token else "")
        ).json()
        yield page["items"]
        token = page.get("next_page_token", "")
        if not token:
            return


def test_pages_lose_and_double_nothing_while_others_insert_and_delete(doors: Doors) -> None:
    before = [doors.submit(f"a-{number:02}")["name"] for number in range(12)]
    seen: list[str] = []
    for count, page in enumerate(pages(doors, REQUESTS, 3)):
        seen += [item["name"] for item in page]
        if count < 6:
            doors.submit(f"b-{count:02}")
    assert [name for name in seen if name in before] == before
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/v1/projects", "name"),
        ("/v1/contracts", "version"),
        (f"{ONE}/events", "id"),
        (f"{ONE}/decisions", "id"),
        ("/v1/audit", "seq"),
        ("/v1/tokens", "id"),
        (REQUESTS, "uid"),
    ],
)
def test_a_list_page_by_page_is_the_list(doors: Doors, path: str, key: str) -> None:
    doors.submit()
    for size in ("m", "l", "s"):
        doors("dora", "PATCH", ONE, {"inputs": {"size": size}}, headers={"If-Match": "*"})
    query = "&project=shop" if "audit" in path else ""
    whole = doors("admin", "GET", f"{path}?page_size=1000{query}").json()
    assert "next_page_token" not in whole
    parts, token = [], ""
    while True:
        more = f"&page_token={token}" if token else ""
        page = doors("admin", "GET", f"{path}?page_size=1{query}{more}").json()
        parts += page["items"]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert [part[key] for part in parts] == [item[key] for item in whole["items"]]
    assert parts


def test_a_page_has_at_most_a_thousand_items_however_many_are_asked_for(doors: Doors) -> None:
    assert doors("admin", "GET", f"{REQUESTS}?page_size=2000000000").status_code == 200
    assert doors("admin", "GET", f"{REQUESTS}?page_size=0").status_code == 422


def test_a_page_token_with_other_filters_is_refused(doors: Doors) -> None:
    doors.submit("a-db")
    doors.submit("b-db")
    token = doors("dora", "GET", f"{REQUESTS}?page_size=1").json()["next_page_token"]
    answer = doors("dora", "GET", f"{REQUESTS}?page_size=1&phase=ready&page_token={token}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_page_token")
    assert (
        doors("dora", "GET", f"{REQUESTS}?page_size=7&page_token={token}").json()["items"][0]["name"]
        == "b-db"
    )
