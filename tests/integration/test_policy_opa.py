"""The engine over an OPA server: servers that lie, stall, break and restart; a real one in between."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import httpx
import pytest

from catalog.errors import Invalid, Unavailable
from policy.bundle import contract_module, organisation, with_contract
from policy.engine import RawSets
from policy.link import link
from policy.opa import OpaAddress, OpaEngine, OpaLimits
from policy.testing import BASE
from tests.policy_questions import a_policy, asking
from tests.services.children import Children
from tests.services.opa import Opa, start_opa
from tests.services.polling import eventually
from tests.services.ports import free_port

PATIENT_SECONDS = 30.0
ORGANISATION = organisation()
PROGRAM = link(ORGANISATION)
NOTHING = RawSets((), ())
EMPTY: dict[str, Any] = {"deny": [], "warn": []}
RIGHT: dict[str, Any] = {"revision": PROGRAM.revision, "policies": dict.fromkeys(PROGRAM.policies, EMPTY)}

Reply = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Takes every module and answers questions as the test says."""

    protocol_version = "HTTP/1.1"
    reply: Reply
    asked: list[str]

    @property
    def stopped(self) -> threading.Event:
        assert isinstance(self.server, Server)
        return self.server.stopped

    def do_PUT(self) -> None:
        self._read()
        self.say(b"{}")

    def do_GET(self) -> None:
        self.say(b"{}")

    def do_POST(self) -> None:
        self._read()
        type(self).asked.append(self.path)
        type(self).reply(self)

    def say(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        pass

    def _read(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))


class Server(ThreadingHTTPServer):
    """Ends slow replies when it is stopped."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, *args: Any) -> None:
        self.stopped = threading.Event()
        super().__init__(*args)

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # clients hang up on replies like these


class StandIn:
    """A policy server that a test controls."""

    def __init__(self) -> None:
        self.handler: type[Handler] = type("Controlled", (Handler,), {"reply": says(RIGHT), "asked": []})
        self.server = Server(("127.0.0.1", 0), self.handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def will(self, reply: Reply) -> None:
        self.handler.reply = reply

    def close(self) -> None:
        self.server.stopped.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


def says(result: Any, status: int = 200) -> Reply:
    return lambda handler: handler.say(json.dumps({"result": result}).encode(), status)


def raw(body: bytes, status: int = 200, **headers: str) -> Reply:
    return lambda handler: handler.say(body, status, **headers)


def silent(handler: Handler) -> None:
    handler.stopped.wait(60)


def trickling(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    _drip(handler, b" ")


def trickling_headers(handler: Handler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    _drip(handler, b"X-A: b\r\n")


def _drip(handler: Handler, drop: bytes) -> None:
    try:
        while not handler.stopped.wait(0.05):
            handler.wfile.write(drop)
            handler.wfile.flush()
    except OSError:
        handler.close_connection = True


def hanging_up(handler: Handler) -> None:
    handler.close_connection = True
    handler.connection.close()


def truncating(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(json.dumps({"result": RIGHT}).encode()[:100])
    hanging_up(handler)


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    try:
        while not handler.stopped.is_set():
            handler.wfile.write(chunk)
    except OSError:
        handler.close_connection = True


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.close()


def an_engine(url: str, **limits: Any) -> OpaEngine:
    return OpaEngine(OpaAddress(url), OpaLimits(**({"rest_seconds": 0.2} | limits)))


@pytest.fixture
def engine(stand_in: StandIn) -> Iterator[OpaEngine]:
    opened = an_engine(stand_in.url)
    yield opened
    opened.close()


def answers(engine: OpaEngine, seconds: float = PATIENT_SECONDS) -> bool:
    try:
        sets = engine.evaluate(ORGANISATION, BASE, seconds)
    except Unavailable as silence:
        assert silence.code == "policy_unavailable"  # noqa: PT017  # silence is an answer here
        return False
    return dict.fromkeys(PROGRAM.policies, NOTHING) == sets


def changed(**changes: Any) -> dict[str, Any]:
    return RIGHT | changes


LIES: dict[str, Reply] = {
    "nothing": raw(b"{}"),
    "an empty result": says({}),
    "a result that is null": says(None),
    "a result that is true": says(True),  # noqa: FBT003  # what a careless caller would take for a yes
    "the text true": says("true"),
    "a body that is true": raw(b"true"),
    "a body that is a text": raw(b'"true"'),
    "a body that is a list": raw(b"[]"),
    "an allow of another shape": says({"allow": True}),
    "another revision": says(changed(revision="sha256:" + "0" * 64)),
    "no revision": says({"policies": RIGHT["policies"]}),
    "no policies": says(changed(policies={})),
    "one policy too few": says(changed(policies=dict.fromkeys(PROGRAM.policies[1:], EMPTY))),
    "sets that are objects": says(
        changed(policies={name: {"deny": {}, "warn": {}} for name in PROGRAM.policies})
    ),
    "half an answer": raw(json.dumps({"result": RIGHT}).encode()[:-20]),
    "a page of HTML": raw(b"<html>ok</html>", Content_Type="text/html"),
    "no bytes": raw(b""),
    "bytes that are no text": raw(b"\xff\xfe\x00"),
    "brackets without end": raw(b"[" * 200_000),
    "a huge body": raw(b" " * 6_000_000 + json.dumps({"result": RIGHT}).encode()),
    "a body without end": endless,
    "no content": raw(b"", 204),
    "an error": raw(b'{"code": "internal_error", "message": "x"}', 500),
    "a right answer that is an error": says(RIGHT, 500),
    "a page of HTML that is an error": raw(b"<html>", 502),
    "a refusal": raw(b'{"code": "unauthorized", "message": "x"}', 401),
    "a redirect": raw(b"", 307, Location="http://127.0.0.1:9/"),
    "a redirect to itself": raw(b"", 302, Location="/v1/data/x"),
    "a compressed body": raw(b"\x1f\x8b\x08\x00", Content_Encoding="gzip"),
    "silence": silent,
    "one byte at a time": trickling,
    "one header at a time": trickling_headers,
    "hanging up": hanging_up,
    "half a body and hanging up": truncating,
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
def test_anything_but_a_right_answer_is_silence_and_it_recovers_by_itself(
    stand_in: StandIn, engine: OpaEngine, lie: Reply
) -> None:
    assert answers(engine)
    stand_in.will(lie)
    for _ in range(7):
        assert not answers(engine, 0.5)
    stand_in.will(says(RIGHT))

    eventually(lambda: answers(engine), "the engine to recover")


@pytest.mark.parametrize("lie", [silent, trickling, trickling_headers, endless], ids=lambda lie: lie.__name__)
def test_the_deadline_is_over_the_whole_exchange(stand_in: StandIn, lie: Reply) -> None:
    engine = an_engine(stand_in.url, max_answer_bytes=1 << 40)
    stand_in.will(lie)
    began = time.monotonic()
    assert not answers(engine, 0.5)
    # Far more than the deadline, far less than the server is ready to go on.
    assert time.monotonic() - began < 20
    engine.close()


def test_what_is_asked_for_is_always_the_same_path(stand_in: StandIn, engine: OpaEngine) -> None:
    engine.evaluate(ORGANISATION, asking(a="../../x?y=1#z", **{"/v1/policies": "%2e%2e"}), PATIENT_SECONDS)

    (path,) = set(stand_in.handler.asked)
    assert path.startswith(f"/v1/data/{PROGRAM.package.replace('.', '/')}/{PROGRAM.rule}?")


def test_a_server_that_is_not_there_is_silence_and_is_found_when_it_comes(children: Children) -> None:
    engine = an_engine(f"http://127.0.0.1:{free_port()}")
    for _ in range(8):
        assert not answers(engine)
    assert not engine.state().is_ready
    engine.close()


def test_a_server_that_cannot_be_reached_rests_and_is_asked_again_later() -> None:
    engine = an_engine(f"http://127.0.0.1:{free_port()}", failures_in_a_row=2, rest_seconds=0.5)

    def said() -> str:
        with pytest.raises(Unavailable) as caught:
            engine.evaluate(ORGANISATION, BASE, 1.0)
        return caught.value.message

    eventually(lambda: "rests" in said(), "the server to be left alone")
    eventually(lambda: "rests" not in said(), "the server to be tried again")
    engine.close()


def test_a_policy_that_never_answers_does_not_silence_the_others(stand_in: StandIn) -> None:
    engine = an_engine(stand_in.url, failures_in_a_row=2, rest_seconds=60.0)
    other = with_contract(ORGANISATION, contract_module("package avow.contract\n").source)
    stand_in.will(silent)
    for _ in range(4):
        with pytest.raises(Unavailable):
            engine.evaluate(other, BASE, 0.2)
    stand_in.will(says(RIGHT))

    assert answers(engine)
    engine.close()


def test_many_threads_share_the_server(stand_in: StandIn, engine: OpaEngine) -> None:
    said: list[bool] = []
    threads = [threading.Thread(target=lambda: said.append(answers(engine))) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert said == [True] * 24


@pytest.mark.parametrize(
    "url",
    ["", "127.0.0.1:8181", "ftp://a", "http://", "http://a/path", "http://user:pass@a", "http://a?b=c"],
    ids=repr,
)
def test_an_address_that_is_not_usable_is_refused_at_the_start(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        OpaEngine(OpaAddress(url))

    assert caught.value.code == "invalid_opa_url"


# -------------------------------------------------------------------------- a server of OPA's


def modules_on(opa: Opa) -> list[str]:
    listed = httpx.get(f"{opa.url}/v1/policies").json()["result"]
    return sorted(module["id"] for module in listed)


@pytest.fixture
def opa(children: Children) -> Opa:
    return start_opa(children)


def test_a_server_that_was_restarted_gets_its_policies_again(opa: Opa, children: Children) -> None:
    engine = an_engine(opa.url)
    assert answers(engine)
    opa.child.kill()
    assert not answers(engine)
    eventually(lambda: not engine.state().is_ready, "the engine to notice")
    again = children.start(cast("list[str]", opa.child.program.args))

    eventually(lambda: answers(engine), "the engine to find the server again")
    assert engine.state().is_ready
    again.kill()
    engine.close()


def test_a_module_that_somebody_deleted_is_put_back(opa: Opa) -> None:
    engine = an_engine(opa.url)
    assert answers(engine)
    for text in PROGRAM.texts:
        engine._client.delete_policy(text.name)
        assert answers(engine), text.name
    engine.close()


def test_two_processes_share_a_server_without_knowing(opa: Opa) -> None:
    one, two = an_engine(opa.url), an_engine(opa.url)
    assert [answers(engine) for engine in (one, two, one, two)] == [True] * 4
    one._remove(PROGRAM)

    assert [answers(engine) for engine in (two, one)] == [True, True]
    one.close()
    two.close()


def test_only_so_many_bundles_stay_on_the_server(opa: Opa) -> None:
    engine = an_engine(opa.url, remembered=3)
    bundles = [a_policy(f'deny contains "p{number}"') for number in range(6)]
    for _turn in range(2):
        for number, bundle in enumerate(bundles):
            assert engine.evaluate(bundle, BASE, PATIENT_SECONDS)["contract"].deny == (f"p{number}",)

    assert len(modules_on(opa)) == 3
    engine.close()


def test_checking_leaves_nothing_behind(opa: Opa) -> None:
    engine = an_engine(opa.url)
    engine.check(ORGANISATION.modules, ORGANISATION.data)
    engine.check(a_policy('deny contains "x" if contains("a")').modules)

    assert modules_on(opa) == []
    engine.close()


def test_checking_takes_away_nothing_that_is_in_use(opa: Opa) -> None:
    engine = an_engine(opa.url)
    assert answers(engine)
    before = modules_on(opa)
    engine.check(ORGANISATION.modules, ORGANISATION.data)

    assert modules_on(opa) == before
    engine.close()


def test_without_a_server_nothing_can_be_checked() -> None:
    engine = an_engine(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable):
        engine.check(ORGANISATION.modules, ORGANISATION.data)
    engine.close()
