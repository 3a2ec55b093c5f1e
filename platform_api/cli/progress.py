"""Showing a story while it happens: lines off a terminal, a live line on one.

`follow` writes into it. Off a terminal every line is written once and flushed, with no
escape byte and no carriage return; on a terminal the last line moves and shows what is
under way.
"""

from typing import Protocol

from rich.console import Console
from rich.status import Status
from rich.text import Text

from platform_api.cli.story import Line
from platform_api.cli.terminal import Terminal

_MARK_WIDTH = 3


class Progress(Protocol):
    """Where a story goes."""

    def line(self, line: Line) -> None:
        """Tell a line that stays."""
        ...

    def present(self, text: str) -> None:
        """Show what is under way; empty shows nothing."""
        ...

    def close(self) -> None:
        """Leave nothing moving behind."""
        ...


class PlainProgress:
    """Lines on stderr, and nothing that moves."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def line(self, line: Line) -> None:
        """Tell a line that stays."""
        self._terminal.tell(f"  {line.mark:<{_MARK_WIDTH}} {line.text}")

    def present(self, text: str) -> None:
        """Show nothing: what is under way becomes a line when it is over."""

    def close(self) -> None:
        """Leave nothing behind: nothing moves."""


class LiveProgress:
    """Lines above a live one."""

    def __init__(self, terminal: Terminal) -> None:
        self._console = Console(file=terminal.err, force_terminal=True, highlight=False, markup=False)
        self._status = Status("", console=self._console)
        self._shown = ""

    def line(self, line: Line) -> None:
        """Tell a line that stays."""
        mark = (f"{line.mark:<{_MARK_WIDTH}}", line.mark.colour)
        self._console.print(Text.assemble("  ", mark, " ", line.text), soft_wrap=True)

    def present(self, text: str) -> None:
        """Show what is under way below the lines."""
        if text == self._shown:
            return
        self._shown = text
        if text:
            self._status.update(Text(text))
            self._status.start()
        else:
            self._status.stop()

    def close(self) -> None:
        """Take the live line away."""
        self._status.stop()


def progress_on(terminal: Terminal) -> Progress:
    """Return the way of showing that suits where stderr goes."""
    return LiveProgress(terminal) if terminal.has_colour(terminal.err) else PlainProgress(terminal)
