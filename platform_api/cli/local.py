"""Faults found on this side, before anything is sent, as failures of the command.

The catalogue's readers raise the same errors here that they raise in the server; this is
where they get the form in which the command line says things. `show` answers for commands
that talk to no server.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import typer

from catalog.duration import duration
from catalog.errors import Invalid, PlatformError
from platform_api.cli.failure import ExitCode, Failure, finding_lines
from platform_api.cli.output import Document, formatted
from platform_api.cli.session import Format, Given, format_of, terminal_of
from platform_api.cli.spans import moment

WHEN = "a span (14d), a day (2026-12-24) or a time (2026-12-24T18:00Z)"


@contextmanager
def told_as_failure() -> Iterator[None]:
    """Turn a refusal of our own code into a failure that names every place."""
    try:
        yield
    except PlatformError as error:
        findings = [
            {"pointer": found.pointer, "code": found.code, "detail": found.message, "fix": found.fix}
            for found in error.findings
        ]
        code = ExitCode.USAGE if isinstance(error, Invalid) else ExitCode.OTHER
        raise Failure(code, error.message, details=tuple(finding_lines(findings)), fix=error.fix) from error


def span(text: str) -> timedelta | None:
    """Return the span that an option says, None for an empty one."""
    with told_as_failure():
        return duration(text) if text else None


def time_of(text: str, now: datetime) -> str:
    """Return the time that an option says, as it goes over the wire.

    Raises:
        Failure: when it says none.
    """
    try:
        lasts = span(text)
        at = None if lasts is None else now + lasts
    except (Failure, OverflowError):
        at = moment(text)
    if at is None:
        raise Failure(ExitCode.USAGE, f"{text} is no time.", fix=f"write {WHEN}")
    return at.isoformat()


def text_of(path: Path) -> str:
    """Return a file's text.

    Raises:
        Failure: when there is none to read.
    """
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise Failure(ExitCode.USAGE, f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Failure(ExitCode.USAGE, f"{path} is not UTF-8 text.") from error


def show(
    context: typer.Context,
    document: Any,
    told: Iterator[str] | Sequence[str],
    *,
    items: Sequence[Document] | None = None,
) -> None:
    """Write an answer in the format that was asked for.

    Args:
        told: its lines for a person.
        items: what a list of names or JSON lines is made of, when that is not the whole document.
    """
    given: Given = context.obj
    format_ = format_of(given)
    if items is not None and format_ in (Format.JSONL, Format.NAME):
        document = items
    shown = told if format_ is Format.TABLE else formatted(document, format_)
    terminal = terminal_of(given)
    for line in shown:
        terminal.answer(line)
