"""Following one request until it is where it should be, or never will be.

Used by `watch`, `wait` and every `--watch` and `--wait`. What happened is caught up with
first; then happenings come over the event stream, which goes on where it broke. While there
is no stream, the list of events is asked once a second. Either way the request itself
decides, never an event: events are a commentary.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

from platform_api.cli.client import Client, Unreachable, path
from platform_api.cli.failure import ExitCode, Failure, Refused
from platform_api.cli.output import Document
from platform_api.cli.progress import Progress
from platform_api.cli.story import Line, RunStory, is_of_a_run, told
from platform_api.cli.stream import COMMENT, Frame
from platform_api.cli.verdict import Goal, Verdict, verdict

QUIET_SECONDS = 20.0
POLL_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
"""How long a server may be out of reach before following is given up: longer than a restart takes."""

_PAGE = {"page_size": 1000}
_BEGINS = {Goal.READY: "OperationBegun", Goal.DELETED: "DeletionRequested"}
"""Where the story begins of what somebody waits for; what was before has been told to others."""

Heard = Callable[[Document], None]


@dataclass(slots=True)
class Followed:
    """One request, and how much of its story is known.

    Attributes:
        until: the monotonic time at which to give up.
        is_new: its story is told from its beginning; else from the operation under way.
        keeps_on: being ready is no end; only being gone is.
        uid: the request that is meant; one made anew under its name is another.
        last_id: the last event that was seen.
        document: the request as it was seen last; None when it is gone.
    """

    client: Client
    project: str
    name: str
    goal: Goal
    until: float = float("inf")
    is_new: bool = False
    keeps_on: bool = False
    looks: int = 0
    uid: str = ""
    last_id: str = ""
    document: Document | None = None
    run_id: str = ""
    run: RunStory = field(default_factory=RunStory)

    @property
    def left_seconds(self) -> float:
        """Return how much time is left."""
        return self.until - time.monotonic()

    def look(self) -> Verdict:
        """Read the request and return whether to go on."""
        self.looks += 1
        answer = self.client.find(self._path())
        found = None if answer is None else answer.document
        if found is not None and self.uid not in ("", found.get("uid")):
            found = None
        self.document = found
        if found is not None:
            self.uid = str(found.get("uid", ""))
        end = verdict(found, self.goal)
        return Verdict(None) if self.keeps_on and found is not None else end

    def news(self) -> list[Document]:
        """Return the events after the last one that was seen; at first, where the story begins."""
        events = list(self.client.pages(self._path("events"), _PAGE))
        ids = [str(event.get("id")) for event in events]
        if self.last_id:
            return events[ids.index(self.last_id) + 1 :] if self.last_id in ids else []
        if self.is_new:
            return events
        begin = _BEGINS[self.goal]
        begun = [index for index, event in enumerate(events) if event.get("kind") == begin]
        return events[begun[-1] :] if begun else events[-1:]

    def lines(self, event: Document) -> Iterator[Line]:
        """Yield what is to tell after an event: the run's own journal, where there is one."""
        journal = self._journal() if is_of_a_run(event) else None
        if journal is None:
            yield from told(event)
        else:
            yield from (line for entry in journal for line in self.run.tell(entry))

    def _journal(self) -> list[Document] | None:
        if not self.run_id or self.run.is_over:
            newest = next(self.client.pages(self._path("runs"), {"page_size": 1}, limit=1), {})
            if newest.get("id") != self.run_id:
                self.run_id, self.run = str(newest.get("id", "")), RunStory()
        try:
            return (
                list(self.client.pages(path("runs", self.run_id, "events"), _PAGE)) if self.run_id else None
            )
        except Refused:
            return None

    def _path(self, *below: str) -> str:
        return path("projects", self.project, "requests", self.name, *below)


def follow(followed: Followed, progress: Progress, heard: Heard) -> Verdict:
    """Follow a request to its end and return how it ended.

    Args:
        heard: is told every event, for whoever writes them down.

    Raises:
        Failure: when time ran out, or the server stayed out of reach.
    """
    reached_at = time.monotonic()
    with closing(progress):
        while True:
            try:
                for end in _verdicts(followed, progress, heard):
                    reached_at = time.monotonic()
                    if end.code is not None:
                        if followed.last_id:  # what happened last may not have been told yet
                            _tell_news(followed, progress, heard)
                        return end
                    _check_time(followed)
            except Unreachable:
                if time.monotonic() - reached_at > PATIENCE_SECONDS:
                    raise
                progress.present("the server does not answer; trying again")
            _check_time(followed)
            threading.Event().wait(min(POLL_SECONDS, max(0.0, followed.left_seconds)))


def _verdicts(followed: Followed, progress: Progress, heard: Heard) -> Iterator[Verdict]:
    """Yield a verdict whenever there may be a new one, until there is no stream any more."""
    yield from _caught_up(followed, progress, heard)
    query = {"project": followed.project, "request": followed.name}
    quiet = min(QUIET_SECONDS, max(0.1, followed.left_seconds))
    try:
        with followed.client.events(path("events"), query, followed.last_id, quiet) as frames:
            for frame in frames:
                event = _event(frame)
                followed.last_id = frame.id or followed.last_id
                if event.get("request_uid") == followed.uid:
                    _tell(followed, event, progress, heard)
                if frame.kind == COMMENT or _may_move(event, followed):
                    yield followed.look()
    except Refused as refused:
        if refused.code is ExitCode.AUTH:
            raise
    except Unreachable:
        pass  # the stream broke; whether the server is still there, the next look will tell


def _caught_up(followed: Followed, progress: Progress, heard: Heard) -> Iterator[Verdict]:
    """Tell what happened since the last event that was seen; of something ready, nothing happened."""
    before = followed.look()
    was_ready = followed.document is not None and followed.document.get("phase") == "ready"
    if was_ready and not followed.is_new and not followed.last_id:
        yield before
        for event in _news(followed):
            followed.last_id = str(event.get("id") or "")
    else:
        _tell_news(followed, progress, heard)
    yield followed.look()


def _tell_news(followed: Followed, progress: Progress, heard: Heard) -> None:
    for event in _news(followed):
        followed.last_id = str(event.get("id") or followed.last_id)
        _tell(followed, event, progress, heard)


def _news(followed: Followed) -> list[Document]:
    try:
        return [] if followed.document is None else followed.news()
    except Refused:
        return []  # it went away since the look; the next one will say so


def _tell(followed: Followed, event: Document, progress: Progress, heard: Heard) -> None:
    heard(event)
    for line in followed.lines(event):
        progress.line(line)
    progress.present(followed.run.present)


def _event(frame: Frame) -> Document:
    if frame.kind == COMMENT:
        return {}
    try:
        event = json.loads(frame.text)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def _may_move(event: Document, followed: Followed) -> bool:
    """Say whether the request may stand elsewhere after this event; its steps do not move it."""
    return event.get("request_uid") == followed.uid and not is_of_a_run(event)


def _check_time(followed: Followed) -> None:
    if followed.left_seconds <= 0:
        stands = (followed.document or {}).get("phase", "unknown")
        raise Failure(
            ExitCode.TIMED_OUT,
            f"{followed.name} is not {followed.goal} yet; it is {stands}.",
            fix=f"see what it waits for: avow why {followed.name}",
        )
