"""`http.call` and `http.read` against real servers, polite and otherwise."""

import base64
import json
import logging
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from executors.step import OutcomeUnknown, Permanent, StepError, Transient
from executors.steps.http import Call, Read
from tests.rough_network import dribbling, redirecting, silent
from tests.services.ports import free_port
from tests.step_calls import ADMIN_PASSWORD, step_call, step_settings
from tests.web import Canned, Web, web_service

SECRET = {"secret": "secret://env/AVOW_SECRET_ADMIN"}


@pytest.fixture
def web() -> Iterator[Web]:
    with web_service() as served:
        yield served


@pytest.fixture
def caller(tmp_path: Path) -> Call:
    return Call(step_settings(tmp_path))


@pytest.fixture
def reader(tmp_path: Path) -> Read:
    return Read(step_settings(tmp_path))


def put(web: Web, **changes: Any) -> dict[str, Any]:
    return {"method": "PUT", "base_url": web.url, "path": ["things", "a"], "body": {"x": 1}} | changes


def test_a_call_puts_its_body_and_returns_the_answer(web: Web, caller: Call) -> None:
    assert caller.run(step_call(put(web))) == {"status": 200, "body": {"x": 1}}
    assert web.documents == {"/things/a": {"x": 1}}


def test_every_call_carries_its_key_and_its_fence(web: Web, caller: Call) -> None:
    caller.run(step_call(put(web), key="key-9", fence=42))
    headers = web.came[0].headers
    assert (headers["Idempotency-Key"], headers["X-Fencing-Token"]) == ("key-9", "42")


def test_a_second_attempt_under_the_same_key_has_one_effect(web: Web, caller: Call) -> None:
    call = step_call(put(web, method="POST"))
    assert caller.run(call) == caller.run(call)
    assert web.effects == ["POST /things/a"]


@pytest.mark.parametrize(
    ("segment", "arrives"),
    [
        ("a/b", "a%2Fb"),
        ("?x=1", "%3Fx%3D1"),
        ("#f", "%23f"),
        ("é", "%C3%A9"),
        ("%2e", "%252e"),
        ("a b;c", "a%20b%3Bc"),
    ],
)
def test_a_segment_stays_one_segment(web: Web, caller: Call, segment: str, arrives: str) -> None:
    caller.run(step_call(put(web, path=["things", segment])))
    assert web.came[0].path == f"/things/{arrives}"


@pytest.mark.parametrize("segment", [".", "..", ""])
def test_a_segment_of_dots_is_refused(web: Web, caller: Call, segment: str) -> None:
    with pytest.raises(Permanent, match="segment"):
        caller.run(step_call(put(web, path=["things", segment, "x"])))
    assert web.came == []


def test_a_secret_header_is_resolved_just_in_time_and_blanked_everywhere_else(
    web: Web, caller: Call, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"you_sent": ADMIN_PASSWORD, "b64": base64.b64encode(ADMIN_PASSWORD.encode()).decode()})
    web.answer_next(Canned(200, echo.encode(), {"Content-Type": "application/json"}))
    outputs = caller.run(
        step_call(put(web, headers={"X-Api-Key": SECRET, "X-Plain": "secret://env/AVOW_SECRET_ADMIN"}))
    )
    assert web.came[0].headers["X-Api-Key"] == ADMIN_PASSWORD
    assert web.came[0].headers["X-Plain"] == "secret://env/AVOW_SECRET_ADMIN"
    assert outputs["body"] == {"you_sent": "[redacted]", "b64": "[redacted]"}
    assert ADMIN_PASSWORD not in caplog.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil"},
        {"idempotency-key": "other"},
        {"Content-Length": "0"},
        {"Transfer-Encoding": "chunked"},
        {"X-A": "a\r\nX-B: b"},
        {"X-A": "a\0"},
        {"X-A": "é"},
    ],
    ids=ascii,
)
def test_a_header_that_would_change_the_request_is_refused(
    web: Web, caller: Call, headers: dict[str, str]
) -> None:
    with pytest.raises(Permanent) as refused:
        caller.run(step_call(put(web, headers=headers)))
    assert refused.value.code == "header_refused"
    assert web.came == []


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_status_that_passes_may_be_tried_again(web: Web, caller: Call, status: int) -> None:
    web.answer_next(Canned(status, headers={"Retry-After": "17"}))
    with pytest.raises(Transient, match="17 s") as refused:
        caller.run(step_call(put(web)))
    assert refused.value.retry_after_seconds == 17


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 403, 404, 409, 422, 304])
def test_any_other_status_is_final(web: Web, caller: Call, status: int) -> None:
    web.answer_next(Canned(status, headers={"Location": "/elsewhere"}))
    with pytest.raises(Permanent, match=str(status)):
        caller.run(step_call(put(web)))
    assert len(web.came) == 1


def test_an_expected_status_is_a_success_whatever_it_is(web: Web, caller: Call) -> None:
    web.answer_next(Canned(404))
    assert caller.run(step_call(put(web, method="DELETE", expect=[200, 404])))["status"] == 404


@pytest.mark.parametrize("hostile", ["nan", "deep", "cut"])
def test_an_answer_that_cannot_be_read_does_not_undo_the_effect(web: Web, caller: Call, hostile: str) -> None:
    bodies = {"nan": b"[NaN]", "deep": b"[" * 100_000, "cut": b'{"a": '}
    web.answer_next(Canned(200, bodies[hostile], {"Content-Type": "application/json"}))
    assert caller.run(step_call(put(web))) == {"status": 200, "body": None}


def test_an_answer_beyond_the_cap_is_not_taken_in(web: Web, caller: Call) -> None:
    web.answer_next(Canned(200, b"x" * (3 * 1024 * 1024), {"Content-Type": "text/plain"}))
    assert caller.run(step_call(put(web))) == {"status": 200, "body": None}


def test_a_server_that_is_not_there_was_not_called(caller: Call) -> None:
    call = step_call({"method": "PUT", "base_url": f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(Transient, match="connected"):
        caller.run(call)


def test_an_answer_that_does_not_come_leaves_the_outcome_unknown(caller: Call, reader: Read) -> None:
    with silent() as port:
        call = step_call({"method": "PUT", "base_url": f"http://127.0.0.1:{port}"}, timeout_seconds=0.3)
        with pytest.raises(OutcomeUnknown):
            caller.run(call)
        with pytest.raises(Transient):
            reader.run(step_call({"base_url": f"http://127.0.0.1:{port}"}, timeout_seconds=0.3))


@pytest.mark.parametrize(
    "piece", [b"H", b"HTTP/1.1 200 OK\r\nX-A: b\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=ascii
)
def test_a_server_that_dribbles_is_left_at_the_deadline(caller: Call, piece: bytes) -> None:
    with dribbling(piece, 0.05) as port:
        call = step_call({"method": "PUT", "base_url": f"http://127.0.0.1:{port}"}, timeout_seconds=0.5)
        with pytest.raises(OutcomeUnknown):
            caller.run(call)


def test_a_server_that_never_stops_talking_is_left_at_the_deadline(caller: Call) -> None:
    with dribbling(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.0) as port:
        call = step_call({"method": "PUT", "base_url": f"http://127.0.0.1:{port}"}, timeout_seconds=0.5)
        with pytest.raises(OutcomeUnknown):
            caller.run(call)


def test_a_redirect_is_not_followed(web: Web, reader: Read) -> None:
    with redirecting(web.url) as elsewhere, pytest.raises(Permanent, match="302"):
        reader.run(step_call({"base_url": elsewhere}))
    assert web.came == []


# --- where it may connect to ----------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}",
        "http://localhost:{port}",
        "http://localhost.:{port}",
        "http://[::1]:{port}",
        "http://0x7f000001:{port}",
        "http://2130706433:{port}",
        "http://127.1:{port}",
        "http://[::ffff:127.0.0.1]:{port}",
        "https://127.0.0.1:{port}",
        "https://169.254.169.254",
        "https://10.0.0.1",
        "https://[fd00::1]",
        "https://user:password@127.0.0.1:{port}",
        "http://127.0.0.1:{port}#@public.example",
        "gopher://127.0.0.1:{port}",
        "file:///etc/passwd",
        "https://",
        "https://a b",
        "https://\u2488\u2488\u2488",
        "https://exam\tple.org",
        "https://example.org:notaport",
    ],
    ids=ascii,
)
def test_a_private_or_odd_address_is_refused_when_it_is_not_listed(
    tmp_path: Path, web: Web, url: str
) -> None:
    caller = Call(step_settings(tmp_path, hosts=()))
    port = web.url.rpartition(":")[2]
    with pytest.raises(Permanent) as refused:
        caller.run(step_call({"method": "PUT", "base_url": url.format(port=port)}))
    assert refused.value.code in {"url_refused", "address_refused"}
    assert web.came == []


def test_a_name_that_resolves_to_a_private_address_is_refused_at_connect(tmp_path: Path, web: Web) -> None:
    port = web.url.rpartition(":")[2]
    caller = Call(step_settings(tmp_path, hosts=(), resolve=lambda host, port: ("127.0.0.1",)))
    with pytest.raises(Permanent) as refused:
        caller.run(step_call({"method": "PUT", "base_url": f"https://innocent.example:{port}"}))
    assert refused.value.code == "address_refused"
    assert web.came == []


def test_the_connection_goes_to_the_address_that_was_judged(tmp_path: Path, web: Web) -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ("127.0.0.1",)

    port = web.url.rpartition(":")[2]
    caller = Call(step_settings(tmp_path, hosts={"app.internal"}, resolve=resolve))
    caller.run(step_call({"method": "PUT", "base_url": f"http://app.internal:{port}", "body": 1}))
    assert asked == ["app.internal"]
    assert web.came[0].headers["Host"] == f"app.internal:{port}"


def test_the_next_address_is_tried_when_one_does_not_answer(tmp_path: Path, web: Web) -> None:
    port = web.url.rpartition(":")[2]
    settings = step_settings(
        tmp_path, hosts={"app.internal"}, resolve=lambda host, port: ("127.0.0.9", "127.0.0.1")
    )
    with socket.create_server(("127.0.0.9", 0)):
        Call(settings).run(step_call({"method": "PUT", "base_url": f"http://app.internal:{port}", "body": 1}))
    assert web.documents == {"/": 1}


# --- what can be told afterwards ------------------------------------------------------------


def test_a_check_tells_whether_it_was_done(web: Web, caller: Call) -> None:
    call = step_call(put(web, check={"path": ["things", "a"]}))
    assert caller.observe(call) is None
    outputs = caller.run(call)
    assert caller.observe(call) == outputs


def test_a_check_for_a_deletion_expects_that_nothing_is_there(web: Web, caller: Call) -> None:
    web.documents["/things/a"] = 1
    arguments = {"method": "DELETE", "base_url": web.url, "path": ["things", "a"]}
    call = step_call(arguments | {"check": {"path": ["things", "a"], "expect": [404]}})
    assert caller.observe(call) is None
    caller.run(call)
    assert caller.observe(call) is not None


@pytest.mark.parametrize("canned", [Canned(500), Canned(403), Canned(302)], ids=["500", "403", "302"])
def test_a_check_that_says_neither_leaves_it_unknown(web: Web, caller: Call, canned: Canned) -> None:
    web.answer_next(canned)
    with pytest.raises(OutcomeUnknown):
        caller.observe(step_call(put(web, check={"path": ["things", "a"]})))


def test_without_a_check_nobody_can_tell(web: Web, caller: Call) -> None:
    with pytest.raises(OutcomeUnknown, match="no check"):
        caller.observe(step_call(put(web)))


def test_reading_returns_text_when_it_is_not_json(web: Web, reader: Read) -> None:
    web.answer_next(Canned(200, b"plain \xff\0text", {"Content-Type": "text/plain"}))
    assert reader.run(step_call({"base_url": web.url})) == {"status": 200, "body": "plain \ufffdtext"}


def test_a_secret_of_another_project_is_not_sent(tmp_path: Path, web: Web) -> None:
    settings = step_settings(tmp_path)
    reference = settings.secrets.create_once("bank", "req_1", "token", lambda: "S3CR3T-bank")
    with pytest.raises(StepError) as refused:
        Call(settings).run(step_call(put(web, headers={"X-Token": {"secret": reference}})))
    assert refused.value.code == "secret_of_another_project"
    assert web.came == []
