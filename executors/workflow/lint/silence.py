"""Comments that silence a rule at one place, with the reason.

    # lint: allow no-compensation: the repository is archived with everything in it
    - id: starter
      uses: git.commit

Within a step, or on the lines right above it, it holds for that step; above `steps:`, for the
whole file. A silence without a reason, of a rule that does not exist, or where nothing has to
be silenced, is itself told.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from executors.workflow.authoring.folder import Source

_COMMENT = re.compile(r"(?:^|\s)#\s*lint:\s*allow\s+(?P<rule>[\w-]+)\s*(?::\s*(?P<reason>.*\S))?\s*$")


@dataclass(frozen=True, slots=True)
class Silence:
    """One such comment.

    Attributes:
        start: the first line for which it holds; `end` is the last.
    """

    rule: str
    reason: str
    line: int
    start: int
    end: int

    def covers(self, rule: str, line: int) -> bool:
        """Say whether a finding falls silent by this."""
        return self.rule == rule and self.start <= line <= self.end and bool(self.reason)


def silences(text: str, source: Source | None) -> tuple[Silence, ...]:
    """Return the silencing comments of a file; in one that is no workflow they hold for all of it."""
    return tuple(_found(text.splitlines(), source))


def _found(lines: list[str], source: Source | None) -> Iterator[Silence]:
    spans = _spans(lines, source)
    for number, line in enumerate(lines, 1):
        match = _COMMENT.search(line)
        if match is not None:
            start, end = next((span for span in spans if span[0] <= number <= span[1]), (1, len(lines)))
            yield Silence(match["rule"], match["reason"] or "", number, start, end)


def _spans(lines: list[str], source: Source | None) -> list[tuple[int, int]]:
    """Return first and last line of each step, with the comment above it."""
    if source is None:
        return []
    starts = [
        source.positions[f"/steps/{index}"].line
        for index in range(len(source.steps))
        if f"/steps/{index}" in source.positions
    ]
    heads = [_with_comment_above(lines, start) for start in starts]
    after = [place.line for name, place in source.positions.items() if name.count("/") == 1]
    ends = [*heads[1:], min((line for line in after if starts and line > starts[-1]), default=len(lines) + 1)]
    return [(head, end - 1) for head, end in zip(heads, ends, strict=False)]


def _with_comment_above(lines: list[str], line: int) -> int:
    while line > 1 and lines[line - 2].lstrip().startswith("#"):
        line -= 1
    return line
