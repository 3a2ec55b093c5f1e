"""Open event streams: who holds how many, what wakes them, what ends them.

A stream sleeps until the bell rings for new events; one thread listens to the bell for all
of them and passes the ring on to the event loop, because a thread per stream would starve
the routes. A stream ends when its token does, when the server stops, or when its reader
goes; it never ends by losing an event, since a reader resumes after the last one he got.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from catalog import events
from catalog.bell import Bell
from catalog.db import Database, Tx
from catalog.errors import Conflict, Unavailable
from catalog.events import Cursor, Recorded

BATCH = 100
_LISTEN_SECONDS = 0.5


class Streams:
    """The open streams of one process.

    Args:
        per_subject: how many one subject may hold open.
    """

    def __init__(self, bell: Bell, per_subject: int) -> None:
        self._bell = bell
        self._per_subject = per_subject
        self._open: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._wakers: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._stopping = threading.Event()
        self._listener: threading.Thread | None = None

    @property
    def count(self) -> int:
        """Return how many streams are open."""
        with self._lock:
            return self._open.total()

    @property
    def is_stopping(self) -> bool:
        """Say whether streams must end."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """End every stream, soon."""
        self._stopping.set()
        self._wake_all()

    def reserve(self, subject: str) -> None:
        """Count one more stream of a subject.

        Raises:
            Conflict: `too_many_streams`.
        """
        with self._lock:
            if self._open[subject] >= self._per_subject:
                raise Conflict(
                    "too_many_streams",
                    f"{self._per_subject} streams are open for this subject already.",
                    fix="close one; a single stream can follow everything",
                    retry_after_seconds=5,
                )
            self._open[subject] += 1

    def release(self, subject: str) -> None:
        """Count one stream less."""
        with self._lock:
            self._open[subject] -= 1
            if not self._open[subject]:
                del self._open[subject]

    @contextmanager
    def waking(self) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever something happened."""
        waker = asyncio.Event()
        with self._lock:
            self._wakers[waker] = asyncio.get_running_loop()
            if self._listener is None:
                self._listener = threading.Thread(target=self._listen, name="avow-streams", daemon=True)
                self._listener.start()
        try:
            yield waker
        finally:
            with self._lock:
                del self._wakers[waker]

    def _listen(self) -> None:
        seen = self._bell.count(events.TOPIC)
        while not self._stopping.is_set():
            if self._bell.wait(events.TOPIC, seen, _LISTEN_SECONDS):
                seen = self._bell.count(events.TOPIC)
                self._wake_all()

    def _wake_all(self) -> None:
        with self._lock:
            wakers = list(self._wakers.items())
        for waker, loop in wakers:
            if not loop.is_closed():
                loop.call_soon_threadsafe(waker.set)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which events a stream shows; `projects=None` means all of them."""

    projects: tuple[str, ...] | None
    request_uid: str | None


async def follow(
    streams: Streams,
    db: Database,
    selection: Selection,
    cursor: Cursor,
    *,
    may_go_on: Callable[[], bool],
    check_seconds: float,
) -> AsyncIterator[Recorded | Cursor]:
    """Yield events after a cursor as they happen, until the stream must end.

    Yields a bare cursor first, so that a reader who breaks off before the first event can
    resume where he began.

    Args:
        may_go_on: asked before each batch and at least every `check_seconds`; blocks.
    """
    yield cursor
    with streams.waking() as waker:
        while not streams.is_stopping:
            waker.clear()
            batch = await run_in_threadpool(_read, db, selection, cursor, may_go_on)
            if batch is None:
                return
            for recorded in batch:
                yield recorded
                cursor = recorded.cursor
            if not batch:
                await _wait(waker, check_seconds)


def _read(
    db: Database, selection: Selection, cursor: Cursor, may_go_on: Callable[[], bool]
) -> list[Recorded] | None:
    try:
        if not may_go_on():
            return None
        with db.read() as tx:
            return _after(tx, selection, cursor)
    except Unavailable:
        # The answer has begun, so nothing can be said any more; the reader comes back and resumes.
        return None


def _after(tx: Tx, selection: Selection, cursor: Cursor) -> list[Recorded]:
    return events.after(tx, cursor, BATCH, projects=selection.projects, request_uid=selection.request_uid)


async def _wait(waker: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(waker.wait(), seconds)
    except TimeoutError:
        return
