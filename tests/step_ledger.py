"""The step ledger: an independent witness in its own process, and the step kinds that call it.

The witness (`python -m tests.step_ledger PORT FILE`) shares no code with the engine. It
writes every call into its own SQLite file before the effect, keeps every effect, even one
under a key that had one before, and refuses a fencing token lower than one it has seen for
the run. What must not happen twice would therefore be seen to happen twice. Used by the
conformance suite and by the tests that kill workers.
"""

import json
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from catalog.digest import Json, JsonObject
from executors.port import Effect
from executors.step import OutcomeUnknown, Permanent, StepCall, Transient
from tests.services.children import Children, first_to_answer
from tests.services.ports import LOOPBACK

REPOSITORY = Path(__file__).parents[1]
TABLES = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS calls (
        id INTEGER PRIMARY KEY, verb TEXT, request TEXT, run TEXT, name TEXT, key TEXT, fence INTEGER);
    CREATE TABLE IF NOT EXISTS effects (id INTEGER PRIMARY KEY, request TEXT, name TEXT, key TEXT);
    CREATE TABLE IF NOT EXISTS released (request TEXT PRIMARY KEY);
"""
HOLD_SECONDS = 60.0
_COLUMNS = ("verb", "request", "run", "name", "key", "fence")


class Book:
    """The witness's own database."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript(TABLES)
        self._lock = threading.Lock()

    def call(self, body: dict[str, Any]) -> dict[str, Any]:
        """Write a call down; answer with its number under the key, or refuse it."""
        with self._lock:
            newest = self._one("SELECT max(fence) FROM calls WHERE run = ?", body["run"])
            values = [body[column] for column in _COLUMNS]
            self._connection.execute(
                f"INSERT INTO calls ({', '.join(_COLUMNS)}) VALUES (?,?,?,?,?,?)",  # noqa: S608  # names of our own
                values,
            )
            if newest is not None and body["fence"] < newest:
                return {"refused": True}
            query = "SELECT count(*) FROM calls WHERE key = ? AND verb = 'run'"
            return {"number": self._one(query, body["key"]), "has": self._has(body["key"])}

    def effect(self, body: dict[str, Any]) -> dict[str, Any]:
        """Let it happen, every time, unless a newer driver was seen meanwhile."""
        with self._lock:
            if body["fence"] < self._one("SELECT max(fence) FROM calls WHERE run = ?", body["run"]):
                return {"refused": True}
            values = (body["request"], body["name"], body["key"])
            self._connection.execute("INSERT INTO effects (request, name, key) VALUES (?, ?, ?)", values)
            return {}

    def release(self, body: dict[str, Any]) -> dict[str, Any]:
        """Let the held steps of a request go on."""
        with self._lock:
            self._connection.execute("INSERT OR IGNORE INTO released VALUES (?)", (body["request"],))
            return {}

    def released(self, body: dict[str, Any]) -> dict[str, Any]:
        """Tell whether held steps may go on."""
        with self._lock:
            found = self._one("SELECT count(*) FROM released WHERE request = ?", body["request"])
            return {"yes": bool(found)}

    def _has(self, key: str) -> bool:
        return bool(self._one("SELECT count(*) FROM effects WHERE key = ?", key))

    def _one(self, query: str, *values: object) -> Any:
        return self._connection.execute(query, values).fetchone()[0]


def serve(port: int, path: str) -> None:
    """Answer until killed."""
    book = Book(path)

    class Witness(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps(getattr(book, self.path.removeprefix("/"))(body)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Stay silent; the book is the log."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Stay silent when a caller was killed; that is what tests do."""

    Server((LOOPBACK, port), Witness).serve_forever()


@dataclass(frozen=True, slots=True)
class StepLedger:
    """The running witness, as tests see it."""

    url: str
    path: Path

    def effects(self, request: str) -> list[str]:
        """Return what took effect for a request, in order."""
        return [name for name, _ in self._rows("SELECT name, key FROM effects WHERE request = ?", request)]

    def twice(self) -> list[str]:
        """Return the names of what happened more than once under one key."""
        query = "SELECT name, key FROM effects GROUP BY key HAVING count(*) > ?"
        return [name for name, _ in self._rows(query, 1)]

    def calls(self, request: str) -> list[tuple[str, str]]:
        """Return the calls of a request as (verb, name)."""
        rows = self._rows("SELECT verb, name FROM calls WHERE request = ?", request)
        return [(verb, name) for verb, name in rows]

    def release(self, request: str) -> None:
        """Let the held steps of a request go on."""
        post(self.url, "release", {"request": request})

    def _rows(self, query: str, value: object) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(
                f"{query} ORDER BY id" if "GROUP" not in query else query, (value,)
            ).fetchall()


@contextmanager
def step_ledger(folder: Path) -> Iterator[StepLedger]:
    """Run the witness in a process of its own."""
    path = folder / "ledger.db"
    with closing(Children(folder)) as children:
        command = [sys.executable, "-m", "tests.step_ledger"]
        _, port = first_to_answer(
            lambda port: children.start([*command, str(port), str(path)], cwd=REPOSITORY), _answers
        )
        yield StepLedger(f"http://{LOOPBACK}:{port}", path)


def _answers(port: int) -> bool:
    try:
        post(f"http://{LOOPBACK}:{port}", "released", {"request": ""})
    except OSError:
        return False
    return True


def post(url: str, what: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask the witness, on a connection of its own: a client library would cost more than the step."""
    address = urlsplit(url)
    with closing(HTTPConnection(str(address.hostname), address.port, timeout=30)) as connection:
        connection.request("POST", f"/{what}", json.dumps(body))
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer


class LedgerKind:
    """A step kind whose only effect is a line in the ledger; `does` says how it misbehaves."""

    def __init__(self, url: str, name: str, effect: Effect = Effect.WRITE) -> None:
        self.name = name
        self.effect = effect
        self.schema: JsonObject = {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {"name": {"type": "string"}, "does": {"type": "string"}},
        }
        self._url = url

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Write the call down, misbehave as told, and take effect."""
        number = self._ask("call", call, "run")["number"]
        does = call.arguments.get("does", "")
        if does == "fails":
            raise Permanent("refused", "the target refuses")
        if does == "is busy" and number == 1:
            raise Transient("busy", "the target is busy")
        if does == "holds":
            self._hold(call)
        if does == "dawdles":
            time.sleep(0.05)
        if does == "kills":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.effect is Effect.WRITE:
            self._ask("effect", call, "run")
        if does == "breaks off" and number == 1:
            raise OutcomeUnknown("line_broke", "the line broke")
        return self._answer(str(does), call)

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Tell what the ledger has."""
        has = self._ask("call", call, "look")["has"]
        return {"id": str(call.arguments["name"]), "exists": True} if has else None

    def _answer(self, does: str, call: StepCall) -> Mapping[str, Json]:
        hostile: dict[str, Any] = {"sends 100 MB": {"x": "A" * 100_000_000}, "sends a set": {"x": {1, 2}}}
        answer: Mapping[str, Json] = hostile.get(does, {"id": str(call.arguments["name"]), "exists": True})
        return answer

    def _hold(self, call: StepCall) -> None:
        until = time.monotonic() + HOLD_SECONDS
        while not self._ask("released", call, "")["yes"] and time.monotonic() < until:
            time.sleep(0.02)

    def _ask(self, what: str, call: StepCall, verb: str) -> dict[str, Any]:
        body = {
            "verb": verb,
            "request": call.request_uid,
            "run": call.run_id,
            "name": ("-" if self.name == "test.undo" else "") + str(call.arguments["name"]),
            "key": call.idempotency_key,
            "fence": call.fence,
        }
        try:
            answer: dict[str, Any] = post(self._url, what, body)
        except (OSError, HTTPException) as error:
            raise OutcomeUnknown("line_broke", "the ledger does not answer") from error
        if answer.get("refused"):
            raise Permanent("stale_fence", "a newer driver was here")
        return answer


def ledger_kinds(url: str) -> dict[str, LedgerKind]:
    """Return step kinds over a ledger."""
    effects = {"test.do": Effect.WRITE, "test.undo": Effect.WRITE, "test.look": Effect.READ}
    return {name: LedgerKind(url, name, effect) for name, effect in effects.items()}


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2])
