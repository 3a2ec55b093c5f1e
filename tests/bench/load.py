"""Clients that post over HTTP, as many at a time or as often a second as they are told.

The client must cost little, since it shares the machine with what it measures: one connection
per thread that is kept open, bodies made beforehand, and nothing of an answer looked at but its
status. Posting so many a second keeps to its timetable: a late answer does not put off the next
post, and a post that began late counts from when it was due.
"""

import http.client
import json
import time
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass

from tests.services.ports import LOOPBACK

_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where to post to, and which status is right."""

    port: int
    path: str
    headers: Mapping[str, str]
    status: int


@dataclass(frozen=True, slots=True)
class Posted:
    """How long all of it took, and each answer."""

    seconds: float
    spans: list[float]

    @property
    def each_second(self) -> float:
        """Return how many were answered in a second."""
        return len(self.spans) / self.seconds


class Crowd:
    """Threads that post until there is nothing left to post.

    Args:
        each_second: how many to begin in a second; 0 begins one as soon as another is answered.
    """

    def __init__(self, target: Target, documents: Iterable[object], each_second: float = 0.0) -> None:
        self._target = target
        self._left = deque(enumerate(json.dumps(document).encode() for document in documents))
        self._each_second = each_second
        self._began = 0.0
        self._spans: list[float] = []

    def post(self, clients: int) -> Posted:
        """Post everything, from so many threads.

        Raises:
            AssertionError: an answer was not what it must be.
        """
        self._began = time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            for ended in [pool.submit(self._serve) for _ in range(clients)]:
                ended.result()
        return Posted(time.perf_counter() - self._began, self._spans)

    def _serve(self) -> None:
        line = http.client.HTTPConnection(LOOPBACK, self._target.port, timeout=_TIMEOUT_SECONDS)
        with closing(line), suppress(IndexError):
            while True:
                number, body = self._left.popleft()
                due_at = self._due_at(number)
                line.request("POST", self._target.path, body, self._target.headers)
                answer = line.getresponse()
                content = answer.read()
                self._spans.append(time.perf_counter() - due_at)
                assert answer.status == self._target.status, content

    def _due_at(self, number: int) -> float:
        now = time.perf_counter()
        if not self._each_second:
            return now
        due_at = self._began + number / self._each_second
        time.sleep(max(0.0, due_at - now))
        return due_at
