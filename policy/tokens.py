"""Rego cut into words, for whoever checks or rewrites a module without an engine at hand.

`policy.lint` judges the words and `policy.link` replaces a few of them; both need strings
and comments out of the way, and exact places. It knows nothing of grammar beyond that.
Only the characters of the portable subset are known: anything else is reported, so that
what one engine might read and the other not never gets further than here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What sort of word it is."""

    NAME = "name"
    NUMBER = "number"
    STRING = "string"  # in double quotes, with escapes
    RAW = "raw"  # in backticks, without
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Token:
    """One word.

    Attributes:
        start: index of its first character in the source.
        column: 1 for the first character of a line.
    """

    kind: Kind
    text: str
    start: int
    line: int
    column: int

    @property
    def end(self) -> int:
        """Return the index after its last character."""
        return self.start + len(self.text)

    def is_sign(self, *texts: str) -> bool:
        """Say whether it is one of these signs."""
        return self.kind is Kind.SIGN and self.text in texts

    def is_name(self, *texts: str) -> bool:
        """Say whether it is one of these names."""
        return self.kind is Kind.NAME and self.text in texts


class UnreadableError(ValueError):
    """There is a character where no word can begin."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line}")
        self.line = line


_WORD = re.compile(
    r"""(?P<space>[ \t\r\n]+|\#[^\n]*)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)
      | (?P<string>"(?:[^"\\\n]|\\[^\n])*")
      | (?P<raw>`[^`]*`)
      | (?P<sign>:=|==|!=|<=|>=|[-+*/%&|<>=.,:;()\[\]{}])
    """,
    re.VERBOSE,
)


def tokens(source: str) -> Iterator[Token]:
    """Yield the words of a module in order, without space and comments.

    Raises:
        UnreadableError: at the first character that begins no word.
    """
    place, line, line_start = 0, 1, 0
    while place < len(source):
        match = _WORD.match(source, place)
        if match is None:
            raise UnreadableError(line)
        text = match.group()
        if match.lastgroup != "space":
            yield Token(Kind(str(match.lastgroup)), text, place, line, place - line_start + 1)
        breaks = text.count("\n")
        if breaks:
            line += breaks
            line_start = place + text.rindex("\n") + 1
        place = match.end()
