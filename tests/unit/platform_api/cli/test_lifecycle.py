"""A version is brought to its end with the ETag that was read just before, and who is left is listed."""

import json

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import page, request, why
from tests.unit.platform_api.cli.stub import Said, Stub, problem

WHERE = "/v1/contracts/db/versions/1.0.0/lifecycle"
PUBLISHED = {"name": "db", "version": "1.0.0", "state": "published", "revision": 0}
DEPRECATED = PUBLISHED | {
    "state": "deprecated",
    "sunset_at": "2026-12-01T12:00:00Z",
    "replacement": "2.0.0",
    "reason": "superseded",
    "revision": 1,
}
OLD = {"since": "2026-11-01T00:00:00Z", "sunset_at": "2026-12-01T12:00:00Z", "replacement": "2.0.0"}
LEFT = {"project": "shop", "name": "orders-db", "environment": "dev", "phase": "ready", "version": "1.0.0"}


@pytest.fixture(autouse=True)
def _seen(stub: Stub) -> None:
    stub.says("GET", WHERE, Said(PUBLISHED, headers={"ETag": '"0"'}))


def test_a_version_is_deprecated_as_it_was_seen(avow: Avow, stub: Stub) -> None:
    stub.says("PUT", WHERE, Said(DEPRECATED))
    words = ("--sunset", "2026-12-01", "--replacement", "2.0.0", "--reason", "superseded")
    ended = avow("deprecate", "db@1.0.0", *words)
    assert ended.out == "db@1.0.0 is deprecated; until 2026-12-01, 10d left; go to 2.0.0; superseded\n"
    sent = stub.last("PUT")
    assert sent.headers["If-Match"] == '"0"'
    assert sent.body == {
        "state": "deprecated",
        "sunset_at": "2026-12-01T00:00:00+00:00",
        "replacement": "2.0.0",
        "reason": "superseded",
    }


def test_a_sunset_may_be_a_span(avow: Avow, stub: Stub) -> None:
    stub.says("PUT", WHERE, Said(DEPRECATED))
    avow("deprecate", "db@1.0.0", "--sunset", "90d")
    assert stub.last("PUT").body == {"state": "deprecated", "sunset_at": "2027-02-19T12:00:00+00:00"}


@pytest.mark.parametrize(
    ("words", "state"), [(("undeprecate",), "published"), (("retire", "--reason", "done"), "retired")]
)
def test_it_is_taken_back_and_retired(avow: Avow, stub: Stub, words: tuple[str, ...], state: str) -> None:
    stub.says("PUT", WHERE, Said(PUBLISHED | {"state": state}))
    assert avow(words[0], "db@1.0.0", *words[1:]).out == f"db@1.0.0 is {state}\n"
    assert stub.last("PUT").body["state"] == state


def test_a_dry_run_only_says_what_would_be(avow: Avow, stub: Stub) -> None:
    stub.says("PUT", WHERE, Said(PUBLISHED | {"state": "retired", "dry_run": True}))
    assert avow("retire", "db@1.0.0", "--dry-run").out == "would be: db@1.0.0 is retired\n"
    assert stub.last("PUT").query == {"dry_run": "true"}


VERSION = "/v1/contracts/db/versions/1.0.0"


def test_a_version_is_deleted_as_it_was_seen(avow: Avow, stub: Stub) -> None:
    stub.says("DELETE", VERSION, Said({}, 204))
    assert avow("delete", "db@1.0.0").out == "db@1.0.0 is deleted\n"
    assert stub.last("DELETE").headers["If-Match"] == '"0"'
    stub.says("DELETE", VERSION, Said(PUBLISHED | {"dry_run": True}))
    assert avow("delete", "db@1.0.0", "--dry-run").out == "db@1.0.0 would be deleted\n"
    assert stub.last("DELETE").query == {"dry_run": "true"}


def test_a_version_in_use_is_not_deleted_and_its_users_are_named(avow: Avow, stub: Stub) -> None:
    user = {"pointer": "", "code": "request", "detail": "shop/orders-db uses it", "fix": "move it"}
    refused = {"code": "version_in_use", "detail": "db 1.0.0 is still needed.", "errors": [user]}
    stub.says("DELETE", VERSION, problem(409, refused))
    ended = avow("delete", "db@1.0.0")
    assert (ended.code, ended.out) == (6, "")
    assert "shop/orders-db uses it" in ended.err


@pytest.mark.parametrize("words", [("--wait",), ("--watch",), ("--when-unused",), ("--timeout", "1m")])
def test_a_version_goes_at_once(avow: Avow, stub: Stub, words: tuple[str, ...]) -> None:
    assert (avow("delete", "db@1.0.0", *words).code, stub.asked) == (2, [])


def test_at_a_terminal_deleting_a_version_asks_first(
    avow: Avow, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_api.cli.terminal.Terminal.is_attended", True)
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda text, **_: asked.append(text))
    stub.says("DELETE", VERSION, Said({}, 204))
    avow("delete", "db@1.0.0")
    avow("delete", "db@1.0.0", "--yes")
    assert asked == ["Delete db@1.0.0 for good?"]


def test_who_is_left_is_listed_with_how_long_they_have(avow: Avow, stub: Stub) -> None:
    stub.says("GET", WHERE, Said(DEPRECATED))
    stub.says("GET", "/v1/contracts/db/versions/1.0.0/requests", page(LEFT))
    ended = avow("laggards", "db@1.0.0")
    assert "10d left" in ended.err
    assert ended.out.splitlines()[1].split() == ["shop", "orders-db", "-", "dev", "ready", "1.0.0", "-"]
    assert json.loads(avow("laggards", "db@1.0.0", "-o", "json").out) == [LEFT]


def test_that_nobody_is_left_is_said(avow: Avow, stub: Stub) -> None:
    stub.says("GET", "/v1/contracts/db/versions/1.0.0/requests", page())
    ended = avow("laggards", "db@1.0.0")
    assert (ended.out, "Nobody is on db@1.0.0 any more." in ended.err) == ("", True)


@pytest.mark.parametrize("words", [("retire", "db"), ("deprecate", "db@1.0.0", "--sunset", "soon")])
def test_words_that_make_no_sense_ask_nothing(avow: Avow, stub: Stub, words: tuple[str, ...]) -> None:
    assert (avow(*words).code, stub.asked) == (2, [])


def test_a_request_on_a_deprecated_version_says_so_in_one_line_wherever_it_is_shown(
    avow: Avow, stub: Stub
) -> None:
    item = "/v1/projects/default/requests/orders-db"
    stub.says("GET", item, request(deprecation=OLD))
    stub.says("GET", f"{item}/why", why(contract_version="1.0.0", deprecation=OLD))
    said = "version    1.0.0 is deprecated; until 2026-12-01, 10d left; go to 2.0.0"
    assert said in avow("status", "orders-db").out
    assert said in avow("why", "orders-db").out
    assert said in avow("get", "request", "orders-db").err


def test_a_sunset_that_is_over_is_said_to_be(avow: Avow, stub: Stub) -> None:
    old = OLD | {"sunset_at": "2026-11-01T00:00:00Z"}
    stub.says("GET", "/v1/projects/default/requests/orders-db", request(deprecation=old))
    assert "is deprecated; its sunset was 2026-11-01" in avow("status", "orders-db").out


def test_a_draft_is_published_as_such(avow: Avow, stub: Stub) -> None:
    stub.says(
        "POST", "/v1/contracts", Said(PUBLISHED | {"state": "draft", "is_new": True, "digest": "x"}, 201)
    )
    ended = avow("publish", "--draft", ".")
    assert ended.out == "contract db 1.0.0 stored as a draft  x\n"
    assert stub.last("POST").body["draft"] is True
