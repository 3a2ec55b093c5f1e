"""An independent witness: an HTTP server that counts effects and shares no code with Avow.

It writes every call down before it acts on it, and knows for each idempotency key how often
an effect was really made. A key that comes again is answered without a second effect, as a
well-behaved target does. Tests may close its gate (503), for all or by a look at each call, and
may hand it something to do right after an effect and before the answer: kill the caller, for
instance.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.scenarios.server import Silent, serving


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it arrived."""

    method: str
    path: str
    key: str
    fence: int
    note: str = ""


@dataclass
class Ledger:
    """What the witness saw."""

    calls: list[Call] = field(default_factory=list)
    effects: Counter[str] = field(default_factory=Counter)
    entries: dict[str, str] = field(default_factory=dict)
    is_open: bool = True
    looks: int = 0
    lets_in: Callable[[Call], bool] = lambda call: True
    after_effect: Callable[[Call], None] = lambda call: None
    lock: threading.Lock = field(default_factory=threading.Lock)
    url: str = ""

    def made(self, method: str) -> list[Call]:
        """Return the calls of one method."""
        with self.lock:
            return [call for call in self.calls if call.method == method]

    def twice(self) -> dict[str, int]:
        """Return the keys under which more than one effect was made."""
        with self.lock:
            return {key: count for key, count in self.effects.items() if count > 1}

    def parts_of(self, request_uid: str) -> list[str]:
        """Return which parts exist for a request."""
        prefix = f"/requests/{request_uid}/"
        with self.lock:
            return sorted(path.removeprefix(prefix) for path in self.entries if path.startswith(prefix))

    def holds(self, path: str) -> bool:
        """Say whether an entry is there, or, with a note after its path, whether it says just that."""
        entry, _, note = path.rpartition("/")
        with self.lock:
            return path in self.entries or self.entries.get(entry) == note

    def act(self, call: Call) -> int:
        """Write the call down, make its effect unless its key had one, and return the status."""
        is_let_in = self.lets_in(call)
        with self.lock:
            self.calls.append(call)
            if not self.is_open or not is_let_in:
                return 503
            was_there = call.path in self.entries
            if call.method == "DELETE" and not was_there:
                return 404
            if call.key not in self.effects:
                self.effects[call.key] += 1
                if call.method == "PUT":
                    self.entries[call.path] = call.note
                else:
                    self.entries.pop(call.path, None)
        self.after_effect(call)
        return 204 if call.method == "DELETE" else 200


@contextmanager
def ledger() -> Iterator[Ledger]:
    """Run the witness on a free loopback port."""
    seen = Ledger()
    with serving(_handler(seen)) as seen.url:
        yield seen


def _handler(seen: Ledger) -> type[Silent]:
    class Handler(Silent):
        def do_PUT(self) -> None:
            note = json.loads(self.body())["note"]
            self.answer(seen.act(self._call("PUT", note)), b"{}")

        def do_DELETE(self) -> None:
            status = seen.act(self._call("DELETE"))
            self.answer(status, b"" if status == 204 else b"{}")

        def do_GET(self) -> None:
            uid = self.path.removeprefix("/requests/")
            if "/" in uid:
                self.answer(200 if seen.holds(self.path) else 404, b"{}")
                return
            seen.looks += 1
            parts = seen.parts_of(uid)
            self.answer(200, json.dumps({"exists": bool(parts), "parts": parts}).encode())

        def _call(self, method: str, note: str = "") -> Call:
            key = self.headers.get("Idempotency-Key", "")
            return Call(method, self.path, key, int(self.headers.get("X-Fencing-Token", "0")), note)

    return Handler
