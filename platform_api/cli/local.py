"""Faults found on this side, before anything is sent, as failures of the command.

The catalogue's readers raise the same errors here that they raise in the server; this is
where they get the form in which the command line says things.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from catalog.duration import duration
from catalog.errors import Invalid, PlatformError
from platform_api.cli.failure import ExitCode, Failure, finding_lines


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
