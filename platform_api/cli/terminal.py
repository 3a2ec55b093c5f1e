"""Where a command's words go: answers to stdout, the story and errors to stderr.

Used by every command. Text that came from a server may try to steer the terminal, so
control characters and direction marks are taken out before anything is printed. Off a
terminal there is no escape byte and no carriage return, whatever the environment asks.
"""

import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TextIO

import typer

# Whole escape sequences go with their parameters; a half one loses its escape below.
_SEQUENCES = re.compile(
    "(?:\x1b\\[|\x9b)[0-?]*[ -/]*[@-~]"  # colours, cursor moves
    "|(?:\x1b\\]|\x9d)[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\\\|\x9c)"  # titles, links
)
# Lone surrogates cannot be written, and a direction mark can make a name read as another.
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_GAP = "  "
_PLAIN_TERMINALS = frozenset({"dumb", "unknown"})


def clean(text: str) -> str:
    """Return text without anything that could steer a terminal; newlines and tabs stay."""
    return UNSAFE.sub("", _SEQUENCES.sub("", text))


def one_line(text: str) -> str:
    """Return clean text on a single line."""
    return " ".join(clean(" ".join(text.split())).split())


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines with aligned columns and no space at their ends."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(cell + " " * (room - width(cell)) for cell, room in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def width(text: str) -> int:
    """Return how many columns a text takes: wide letters two, combining marks none."""
    return sum(_letter_width(letter) for letter in text)


def shortened(text: str, room: int) -> str:
    """Return a text cut to so many columns, with dots where something is missing."""
    if width(text) <= room:
        return text
    kept = ""
    for letter in text:
        if width(kept) + _letter_width(letter) > room - 3:
            break
        kept += letter
    return kept + "..."


@dataclass(frozen=True, slots=True)
class Terminal:
    """The two streams of one command.

    Attributes:
        is_plain: the environment asked for no colour (NO_COLOR, TERM=dumb).
    """

    out: TextIO
    err: TextIO
    is_plain: bool = False

    def answer(self, text: str, *, mark: str = "", colour: str = "") -> None:
        """Write clean text to stdout at once, so that a reader of the pipe sees it as it happens.

        Args:
            mark: our own word before the text, in a colour where colours are wanted.
        """
        self.out.write(self.paint(mark, colour, self.out) + clean(text) + "\n")
        self.out.flush()

    def tell(self, text: str) -> None:
        """Write clean text to stderr at once."""
        self.err.write(clean(text) + "\n")
        self.err.flush()

    def paint(self, text: str, colour: str, stream: TextIO) -> str:
        """Return text in a colour when the stream is a terminal that wants it."""
        return typer.style(text, fg=colour) if text and self.has_colour(stream) else text

    def has_colour(self, stream: TextIO) -> bool:
        """Say whether escape sequences may go to this stream."""
        return not self.is_plain and stream.isatty()

    @property
    def is_attended(self) -> bool:
        """Say whether a person sits there to read a question and answer it."""
        return sys.stdin.isatty() and self.err.isatty()

    def room(self, stream: TextIO) -> int | None:
        """Return how wide a line may be; None where nobody wraps."""
        return shutil.get_terminal_size().columns if stream.isatty() else None


def open_terminal(no_color: str, term: str) -> Terminal:
    """Return the streams of this program, made unable to fail on a letter.

    Args:
        no_color: NO_COLOR from the environment; anything but the empty text asks for no colour.
        term: TERM from the environment.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    return Terminal(sys.stdout, sys.stderr, is_plain=bool(no_color) or term in _PLAIN_TERMINALS)


def _letter_width(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
