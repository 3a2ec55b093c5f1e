"""Waiting for a request and saying how it ended; behind `watch`, `wait`, `--watch` and `--wait`.

The story goes to stderr, the end to stdout: lines for a person, the document for a program,
and with `-o jsonl` every event as it happens. A bad end says why and whose move it is.
"""

import time
from dataclasses import dataclass

from catalog.clock import utc_now
from platform_api.cli.client import Client, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.follow import Followed, follow
from platform_api.cli.local import span
from platform_api.cli.output import Document, as_json, show
from platform_api.cli.progress import Progress, progress_on
from platform_api.cli.session import Format, Session
from platform_api.cli.standing import end_lines, why_lines
from platform_api.cli.story import Line
from platform_api.cli.verdict import Goal, Verdict


@dataclass(frozen=True, slots=True)
class Wish:
    """What is waited for.

    Attributes:
        timeout: how long at most, as a person writes it; empty waits for ever.
        is_new: the request was made just now, so its story is told from the beginning.
        is_told: the story is told; else only the end is.
        keeps_on: it goes on after the request is ready, for as long as there is one.
    """

    project: str
    name: str
    goal: Goal = Goal.READY
    timeout: str = ""
    is_new: bool = False
    is_told: bool = True
    keeps_on: bool = False


class Silence:
    """A story that nobody wants to hear."""

    def line(self, line: Line) -> None:
        """Tell nothing."""

    def present(self, text: str) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Leave nothing behind."""


def wait_for(session: Session, client: Client, wish: Wish) -> None:
    """Wait for a request and answer with its end.

    Raises:
        Failure: when it did not end well; its code says how.
    """
    most = span(wish.timeout)
    began = time.monotonic()
    until = float("inf") if most is None else began + most.total_seconds()
    followed = Followed(client, wish.project, wish.name, wish.goal, until, wish.is_new, wish.keeps_on)
    progress: Progress = progress_on(session.terminal) if wish.is_told else Silence()
    end = follow(followed, progress, lambda event: _write_down(session, event))
    if end.code is not ExitCode.OK:
        raise _failure(client, followed, end)
    seconds = time.monotonic() - began if followed.looks > 1 else None
    if session.is_table and followed.document is not None:
        followed.document = client.with_commits(followed.document)
    _answer(session, followed, seconds)


def _write_down(session: Session, event: Document) -> None:
    if session.format is Format.JSONL:
        session.terminal.answer(as_json(event))


def _answer(session: Session, followed: Followed, seconds: float | None) -> None:
    request = followed.document
    if request is None or followed.goal is Goal.DELETED:
        if session.is_table:
            session.terminal.answer(f"DELETED  {followed.name}")
    elif session.is_table:
        for line in end_lines(request, seconds):
            session.terminal.answer(line)
        session.terminal.tell(f"Next: avow status {followed.name} --tree")
    elif session.format is not Format.JSONL:
        show(session, request)


def _failure(client: Client, followed: Followed, end: Verdict) -> Failure:
    stands = str((followed.document or {}).get("phase", "gone")).upper()
    why = client.find(path("projects", followed.project, "requests", followed.name, "why"))
    lines = [] if why is None else list(why_lines(why.document, utc_now()))[1:]
    return Failure(
        end.code or ExitCode.OTHER,
        f"{followed.name} is {stands}: {end.message}" if end.message else f"{followed.name} is {stands}.",
        details=[line.strip() for line in lines],
    )
