"""The event stream over a real server: live, resumed without loss, ended when it must end."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from platform_api import tokens
from tests.doors import open_doors
from tests.served import Served, served
from tests.services.polling import eventually

EVENTS = "/v1/events"
START = {"Last-Event-ID": "0.0"}


@dataclass
class Reader:
    """Somebody who follows the stream in a thread of his own."""

    url: str
    headers: dict[str, str]
    query: str = ""
    frames: list[dict[str, str]] = field(default_factory=list)
    comments: int = 0
    status: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)

    def start(self) -> "Reader":
        """Begin to read."""
        threading.Thread(target=self._read, daemon=True).start()
        eventually(lambda: self.status, "an answer")
        return self

    def stop(self) -> None:
        """Leave."""
        self._stop.set()

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the events that came."""
        return [json.loads(frame["data"]) for frame in list(self.frames) if "data" in frame]

    @property
    def last_id(self) -> str:
        """Return where to resume."""
        return self.frames[-1]["id"]

    def _read(self) -> None:
        with (
            suppress(httpx.TransportError),
            httpx.stream("GET", self.url + self.query, headers=self.headers, timeout=60) as answer,
        ):
            self.status = answer.status_code
            frame: dict[str, str] = {}
            for line in answer.iter_lines():
                if self._stop.is_set():
                    break
                name, _, value = line.partition(": ")
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    frame[name] = value
                elif frame:
                    self.frames.append(frame)
                    frame = {}
        self.ended.set()


@pytest.fixture
def running(database_url: str, tmp_path: Path) -> Iterator[Served]:
    with open_doors(database_url, tmp_path, streams_per_actor=3) as doors, served(doors) as server:
        yield server


@pytest.fixture
def follow(running: Served) -> Iterator[Callable[..., Reader]]:
    readers: list[Reader] = []

    def start(who: str, query: str = "", **headers: str) -> Reader:
        token = {"Authorization": f"Bearer {running.doors.secrets[who]}"}
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        readers.append(Reader(f"{running.url}{EVENTS}", token | more, query).start())
        return readers[-1]

    yield start
    for reader in readers:
        reader.stop()


def names(reader: Reader) -> list[str]:
    """Return which requests were spoken of."""
    return [event["message"].split()[0] for event in reader.events if event["kind"] == "RequestAccepted"]


def test_an_event_is_seen_as_it_happens_with_ids_and_a_sentence(
    running: Served, follow: Callable[..., Reader]
) -> None:
    reader = follow("dora")
    uid = running.doors.submit("a-db")["uid"]
    eventually(lambda: names(reader) == ["a-db"], "the event")
    [event] = reader.events
    assert event["request_uid"] == uid
    assert event.keys() <= {"id", "project", "request_uid", "kind", "reason", "message", "at"}
    assert reader.frames[-1]["event"] == "RequestAccepted"
    assert reader.frames[-1]["id"] == event["id"]


def test_a_reader_resumes_after_the_last_event_that_he_got(
    running: Served, follow: Callable[..., Reader]
) -> None:
    first = follow("dora")
    running.doors.submit("a-db")
    eventually(lambda: names(first) == ["a-db"], "the first event")
    first.stop()
    running.doors.submit("b-db")
    second = follow("dora", **{"Last-Event-ID": first.last_id})
    running.doors.submit("c-db")
    eventually(lambda: len(names(second)) == 2, "the events since then")
    assert names(second) == ["b-db", "c-db"]


def test_a_reader_who_left_before_the_first_event_misses_none(
    running: Served, follow: Callable[..., Reader]
) -> None:
    first = follow("dora")
    eventually(lambda: first.frames, "the first place")
    first.stop()
    running.doors.submit("a-db")
    second = follow("dora", **{"Last-Event-ID": first.last_id})
    eventually(lambda: names(second) == ["a-db"], "the event")


def test_many_writers_at_once_are_all_heard_once(running: Served, follow: Callable[..., Reader]) -> None:
    reader = follow("dora", **START)
    threads = [threading.Thread(target=running.doors.submit, args=[f"db-{number}"]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: len(names(reader)) >= 20, "twenty events")
    assert sorted(names(reader)) == sorted(f"db-{number}" for number in range(20))


def test_one_tenant_hears_nothing_of_the_other(running: Served, follow: Callable[..., Reader]) -> None:
    ours, all_of_it = follow("dora", **START), follow("admin", **START)
    running.doors.submit("secret-db", who="erin", project="bank")
    running.doors.submit("a-db")
    eventually(lambda: "a-db" in names(ours), "our event")
    eventually(lambda: len(names(all_of_it)) == 2, "both events")
    assert names(ours) == ["a-db"]
    assert {event["project"] for event in ours.events} == {"shop"}


def test_one_request_can_be_followed(running: Served, follow: Callable[..., Reader]) -> None:
    running.doors.submit("a-db")
    running.doors.submit("b-db")
    reader = follow("dora", "?project=shop&request=b-db", **START)
    eventually(lambda: reader.events, "an event")
    assert names(reader) == ["b-db"]


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("", {"Last-Event-ID": "nonsense"}, 400),
        ("", {"Last-Event-ID": "9" * 19 + ".1"}, 400),
        ("", {"Last-Event-ID": "1.2.3"}, 400),
        ("?project=bank", {}, 404),
        ("?project=shop&request=nothing", {}, 404),
        ("?request=a-db", {}, 422),
        ("?topic=x", {}, 422),
    ],
    ids=str,
)
def test_a_stream_that_cannot_be_is_refused_before_it_begins(
    running: Served, query: str, headers: dict[str, str], status: int
) -> None:
    answer = running.doors("dora", "GET", EVENTS + query, headers=headers)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert running.doors.app.state.streams.count == 0


def test_a_subject_holds_so_many_streams_and_no_more(running: Served, follow: Callable[..., Reader]) -> None:
    readers = [follow("dora") for _ in range(3)]
    refused = running.doors("dora", "GET", EVENTS)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_streams")
    assert int(refused.headers["Retry-After"]) > 0
    assert follow("erin").status == 200
    readers[0].stop()
    running.doors.submit("a-db")  # the reader notices that he has left when something comes
    eventually(lambda: running.doors.app.state.streams.count <= 3, "a free place")
    assert follow("dora").status == 200


def test_a_stream_ends_when_its_token_is_revoked(running: Served, follow: Callable[..., Reader]) -> None:
    reader = follow("dora")
    with running.doors.platform.db.write() as tx:
        token = tokens.find(tx, running.doors.secrets["dora"])
        assert token is not None
        tokens.revoke(tx, token.id, running.doors.clock())
    assert reader.ended.wait(60)
    eventually(lambda: running.doors.app.state.streams.count == 0, "the stream to be counted out")


def test_a_stop_does_not_wait_for_readers(running: Served, follow: Callable[..., Reader]) -> None:
    readers = [follow("dora"), follow("erin")]
    running.stop()
    assert all(reader.ended.wait(60) for reader in readers)
    assert running.doors.app.state.streams.count == 0


def test_an_idle_stream_is_kept_alive(
    running: Served, follow: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    reader = follow("dora")
    eventually(lambda: reader.comments > 3, "keep-alive comments")


def test_a_body_without_end_is_cut_off_by_the_server(running: Served) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(800):
            sent += 64 * 1024
            yield b" " * 64 * 1024

    headers = {"Authorization": f"Bearer {running.doors.secrets['dora']}", "Content-Type": "application/json"}
    with suppress(httpx.WriteError):  # the server need not read what it has refused
        answer = httpx.post(
            f"{running.url}/v1/projects/shop/requests", content=endless(), headers=headers, timeout=60
        )
        assert answer.status_code == 413
    assert httpx.get(f"{running.url}/livez").status_code == 200


def test_a_body_that_never_comes_is_given_up(running: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform_api.bodies.BODY_SECONDS", 0.2)
    host, _, port = running.url.removeprefix("http://").partition(":")
    token = running.doors.secrets["dora"]
    head = (
        f"POST /v1/projects/shop/requests HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{"
    )
    with socket.create_connection((host, int(port)), 60) as line:
        line.sendall(head.encode())
        answer = line.makefile().read()
    assert answer.startswith("HTTP/1.1 408 ")
    assert "body_too_slow" in answer


def test_the_server_says_nothing_of_itself(running: Served) -> None:
    answer = httpx.get(f"{running.url}/livez")
    assert "server" not in answer.headers
    assert isinstance(running.server, uvicorn.Server)
