"""What every command is given: where the server is, who asks, in which project, which format.

The same options stand before the command and after it, and the later one wins. Commands
take a `Session` from their context. Nothing here talks to a server, so that commands which
do not talk load no HTTP library.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.terminal import Terminal, open_terminal

DEFAULT_URL = "http://127.0.0.1:8420"
DEFAULT_PROJECT = "default"
LOCAL_TOKEN = Path(".avow/admin-token")
OWN_TOKEN = Path(".config/avow/token")
_TOKEN = re.compile(r"[!-~]+\Z")


class Format(StrEnum):
    """How an answer is written."""

    TABLE = "table"  # for people
    JSON = "json"
    YAML = "yaml"
    NAME = "name"  # names only, one a line
    JSONL = "jsonl"  # one JSON document a line


@dataclass(frozen=True, slots=True)
class Given:
    """What the command line and the environment say, not yet resolved.

    Attributes:
        began_at: the monotonic time at which the program began.
    """

    url: str = DEFAULT_URL
    token: str = ""
    token_file: str = ""
    project: str = DEFAULT_PROJECT
    output: str = Format.TABLE
    no_input: bool = False
    no_color: str = ""
    term: str = ""
    began_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with.

    Attributes:
        token: may be empty; the server then says what it thinks of that.
        may_ask: a person sits at both ends, so a question makes sense.
    """

    terminal: Terminal
    url: str
    token: str
    project: str
    format: Format
    may_ask: bool

    @property
    def is_table(self) -> bool:
        """Say whether a person reads the answer."""
        return self.format is Format.TABLE


Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="AVOW_URL",
        show_envvar=False,
        show_default=False,
        metavar="URL",
        help=f"Where the server is (AVOW_URL); {DEFAULT_URL}.",
    ),
]
Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="AVOW_TOKEN",
        show_envvar=False,
        show_default=False,
        metavar="TOKEN",
        help="Who asks (AVOW_TOKEN, AVOW_TOKEN_FILE).",
    ),
]
TokenFile = Annotated[str, typer.Option("--token-file", envvar="AVOW_TOKEN_FILE", hidden=True)]
Project = Annotated[
    str,
    typer.Option(
        "--project",
        "-p",
        envvar="AVOW_PROJECT",
        show_envvar=False,
        show_default=False,
        metavar="NAME",
        help="The project to work in (AVOW_PROJECT).",
    ),
]
Output = Annotated[
    str,
    typer.Option(
        "--output", "-o", show_default=False, metavar="FORMAT", help=f"How to answer: {', '.join(Format)}."
    ),
]
NoInput = Annotated[bool, typer.Option("--no-input", help="Never ask a question.")]
NoColor = Annotated[str, typer.Option("--no-color", envvar="NO_COLOR", hidden=True)]
Term = Annotated[str, typer.Option("--term", envvar="TERM", hidden=True)]


def new_app() -> typer.Typer:
    """Return an empty set of commands, in the house's plain style of help."""
    return typer.Typer(rich_markup_mode=None, add_completion=False)


def session_of(context: typer.Context) -> Session:
    """Return what a command works with, resolved.

    Raises:
        Failure: when the token file that was named cannot be read, or the URL is none.
    """
    given: Given = context.obj
    parts = urlsplit(given.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failure(ExitCode.USAGE, f"{given.url} is not the URL of a server.", fix=f"write {DEFAULT_URL}")
    terminal = terminal_of(given)
    return Session(
        terminal=terminal,
        url=given.url.rstrip("/"),
        token=_token(given, parts.hostname),
        project=given.project,
        format=format_of(given),
        may_ask=not given.no_input and terminal.is_attended,
    )


def terminal_of(given: Given) -> Terminal:
    """Return the streams of this program."""
    return open_terminal(given.no_color, given.term)


def format_of(given: Given) -> Format:
    """Return the format that was asked for.

    Raises:
        Failure: when there is none of this name.
    """
    if given.output not in list(Format):
        known = list(Format)
        raise Failure(
            ExitCode.USAGE, f"{given.output} is no output format.", fix=nearest(given.output, known)
        )
    return Format(given.output)


def nearest(text: str, known: Sequence[str]) -> str:
    """Return what to write instead of a word that is not known."""
    close = get_close_matches(text, known, n=1)
    return f"did you mean {close[0]}?" if close else f"write one of {', '.join(known)}"


def is_loopback(host: str) -> bool:
    """Say whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def options_after(own: Collection[str] = ()) -> list[Any]:
    """Return the shared options for a command that takes them after its name as well.

    Args:
        own: spellings that the command takes for itself, such as `--output` for a folder.
    """
    donor = new_app()
    donor.command()(_after)
    shared = [option for option in typer.main.get_command(donor).params if option.name != "help"]
    for option in shared:
        option.opts = [name for name in option.opts if name not in own]
    return [option for option in shared if option.opts]


def _token(given: Given, host: str) -> str:
    token = _found(given, host)
    if token and not _TOKEN.match(token):
        # Sent, it would be refused by the HTTP library, whose message repeats it.
        raise Failure(
            ExitCode.AUTH,
            "The token holds characters that no token has.",
            fix="check --token, AVOW_TOKEN and the token file",
        )
    return token


def _found(given: Given, host: str) -> str:
    if given.token:
        return given.token.strip()
    if given.token_file:
        return _read(Path(given.token_file), is_needed=True)
    # The token that `avow up` left in this folder is for that server, never for one elsewhere.
    local = _read(LOCAL_TOKEN) if is_loopback(host) else ""
    return local or _read(Path.home() / OWN_TOKEN)


def _read(path: Path, *, is_needed: bool = False) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        if is_needed:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            raise Failure(ExitCode.AUTH, f"The token file {path} cannot be read: {reason}.") from error
        return ""


def _keep(context: typer.Context, parameter: typer.CallbackParam, value: Any) -> None:
    if value is not None:
        context.obj = replace(context.obj, **{str(parameter.name).removeprefix("shared_"): value})


def _shared(*names: str) -> Any:
    return typer.Option(*names, hidden=True, expose_value=False, callback=_keep)


# The body never runs: Typer reads the options, and `_keep` takes their values. Their names must
# not be those of any command's own parameters, which would get these values otherwise.
def _after(
    *,
    shared_url: Annotated[str | None, _shared("--url")] = None,
    shared_token: Annotated[str | None, _shared("--token")] = None,
    shared_project: Annotated[str | None, _shared("--project", "-p")] = None,
    shared_output: Annotated[str | None, _shared("--output", "-o")] = None,
    shared_no_input: Annotated[bool | None, _shared("--no-input")] = None,
) -> None:
    pass
