"""The client repeats what may be repeated, and says honestly what went wrong."""

import socket

import pytest

from platform_api.cli.client import path
from tests.services.ports import free_port
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import page, request
from tests.unit.platform_api.cli.stub import Said, Stub

LIST = "/v1/projects/default/requests"


def test_a_server_out_of_reach_is_said_with_what_to_do(avow: Avow) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ended = avow("get", "requests", "--url", url)
    assert ended.code == 1
    assert ended.err.startswith(f"Error: {url} does not answer: ")
    assert "Fix: start a server with: avow up, or name another with --url (AVOW_URL)\n" in ended.err


def test_an_answer_that_is_not_avows_is_said_to_be_none(avow: Avow, stub: Stub) -> None:
    stub.says("GET", LIST, Said("<html>", 502, {"Content-Type": "text/html"}))
    ended = avow("get", "requests")
    assert ended.code == 1
    assert "answered 502 Bad Gateway, and not in Avow's words" in ended.err
    assert "--url" in ended.err


def test_a_success_that_is_no_object_is_not_avows_either(avow: Avow, stub: Stub) -> None:
    stub.says("GET", LIST, Said([1, 2]))
    assert "not in Avow's words" in avow("get", "requests").err


def test_a_list_is_read_to_its_end(avow: Avow, stub: Stub) -> None:
    stub.says("GET", LIST, page(request(name="a"), token="t1"), page(request(name="b")))
    assert avow("get", "requests", "-o", "name").out == "a\nb\n"
    assert stub.last("GET").query["page_token"] == "t1"


def test_a_submission_carries_a_key_of_its_own(avow: Avow, stub: Stub) -> None:
    stub.says("POST", LIST, Said(request("pending"), 202))
    avow("request", "postgres", "a")
    first = stub.last("POST").headers["Idempotency-Key"]
    avow("request", "postgres", "a")
    assert stub.last("POST").headers["Idempotency-Key"] != first


def test_a_lost_answer_is_asked_for_again_under_the_same_key(avow: Avow, stub: Stub) -> None:
    lost = Said(chunks=[""], status=202, headers={"Content-Length": "9"})
    stub.says("POST", LIST, lost, Said(request("pending"), 202))
    assert avow("request", "postgres", "a").code == 0
    keys = [asked.headers["Idempotency-Key"] for asked in stub.asked if asked.method == "POST"]
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_change_whose_answer_was_lost_is_not_repeated_blindly(avow: Avow, stub: Stub) -> None:
    stub.says("DELETE", f"{LIST}/orders-db", Said(chunks=[""], status=202, headers={"Content-Length": "9"}))
    assert avow("delete", "orders-db").code == 1
    assert len(stub.paths("DELETE")) == 1


def test_a_name_cannot_lead_elsewhere() -> None:
    assert path("projects", "a/../b", "requests", "?x#y") == "/v1/projects/a%2F..%2Fb/requests/%3Fx%23y"


def test_a_proxy_of_the_environment_is_not_asked_about_this_machine(
    avow: Avow, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    stub.says("GET", LIST, page(request()))
    assert avow("get", "requests").code == 0


def test_a_redirect_is_not_followed_with_the_token(avow: Avow, stub: Stub) -> None:
    with socket.socket() as elsewhere:
        elsewhere.bind(("127.0.0.1", 0))
        elsewhere.listen()
        elsewhere.settimeout(0.2)
        where = f"http://127.0.0.1:{elsewhere.getsockname()[1]}/"
        stub.says("GET", LIST, Said(None, 302, {"Location": where}))
        assert avow("get", "requests").code == 1
        with pytest.raises(TimeoutError):
            elsewhere.accept()
