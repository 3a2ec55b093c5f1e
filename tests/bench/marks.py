"""The marks that the workflow engine is to reach, judged by the lines of one run. Pure.

Most are a ratio to a peer or to the floor, measured in the same run, because absolute times say
more about the machine; only what people notice as such (a timer's lag, how soon a dead worker's
runs go on) has a limit of its own. A mark whose other side was not measured is not judged. Where a
peer has several lines for the same thing, the best of them counts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.bench.figures import LIKE_OURS, Figure, Line

Reference = tuple[str, float]
Find = Callable[[Sequence[Line], Line, "Mark"], Reference | None]
"""Finds what one of our lines is compared with among all lines; None when it was not measured."""

REACHED = "reached"
_OURS, _FLOOR = "avow-", "floor"
_HEAD = ("", "figure", "how", "ours", "compared with", "ratio", "mark", "")


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark.

    Attributes:
        figure: which of our line's figures counts.
        factor: how many times the other side ours may be at most, or must be at least.
        find: what it is compared with; None makes the factor a limit by itself.
        terms: what else our line says when it is meant.
    """

    metric: str
    figure: str
    factor: float
    find: Find | None
    terms: Mapping[str, Figure]
    is_least: bool = False

    def judge(self, lines: Sequence[Line]) -> Iterator["Judged"]:
        """Yield how each of our lines that is meant stands to it."""
        for line in lines:
            if line["metric"] == self.metric and _is_ours(line) and self.terms.items() <= line.items():
                reference = None if self.find is None else self.find(lines, line, self)
                if self.find is None or reference is not None:
                    yield Judged(self, line, reference)

    def shown(self, value: Figure) -> str:
        """Return a value of its figure with the unit."""
        unit = {"ms": " ms", "s": " s"}.get(self.figure.split("_")[-1], "")
        if not isinstance(value, int | float):
            return "never"
        return f"{value:.4g}" + (" runs/s" if self.figure == "wf_s" else unit)


@dataclass(frozen=True, slots=True)
class Judged:
    """How one of our lines stands to a mark."""

    mark: Mark
    line: Line
    reference: Reference | None

    @property
    def ours(self) -> float | None:
        """Return our figure; None when what it measures never came."""
        value = self.line[self.mark.figure]
        return float(value) if isinstance(value, int | float) else None

    @property
    def limit(self) -> float:
        """Return what ours may be at most, or must be at least."""
        return self.mark.factor * (1.0 if self.reference is None else self.reference[1])

    @property
    def verdict(self) -> str:
        """Return that it is reached, or by how much it is missed."""
        ours, limit = self.ours, self.limit
        if ours is None:
            return "MISSED"
        if ours >= limit if self.mark.is_least else ours <= limit:
            return REACHED
        return f"MISSED by {abs(ours / limit - 1):.0%}" if limit else f"MISSED by {ours:g}"

    def cells(self) -> tuple[str, ...]:
        """Return what its row of the table says."""
        mark, line = self.mark, self.line
        compared, ratio, factor = "-", "-", mark.shown(mark.factor)
        if self.reference is not None:
            name, theirs = self.reference
            compared, factor = f"{name} {mark.shown(theirs)}", f"{mark.factor:.3g}"
            ratio = f"{self.ours / theirs:.2f}" if self.ours is not None and theirs else "-"
        figure = f"{mark.metric} {mark.figure}"
        bound = f"at {'least' if mark.is_least else 'most'} {factor}"
        shown = mark.shown(line[mark.figure])
        return str(line["peer"]), figure, _how(line), shown, compared, ratio, bound, self.verdict


def judged(lines: Sequence[Line]) -> list[Judged]:
    """Return how our lines stand to the marks, as far as both sides were measured."""
    return [row for mark in MARKS for row in mark.judge(lines)]


def table(rows: Sequence[Judged]) -> Iterator[str]:
    """Yield a table and in how many of its rows the mark is reached; nothing when nothing was judged."""
    if rows:
        cells = [_HEAD, *(row.cells() for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield f"{sum(row.verdict == REACHED for row in rows)} of {len(rows)} rows reached"


def _floor(lines: Sequence[Line], ours: Line, _mark: Mark) -> Reference | None:
    """Find the floor that was measured last before ours: a disk changes its mind within minutes."""
    before = lines[: next(place for place, line in enumerate(lines) if line is ours)]
    wanted = {"peer": _FLOOR, "metric": "commit", "mode": LIKE_OURS[_database(ours)]}
    found = [_number(line["six_commits_ms"]) for line in before if wanted.items() <= line.items()]
    return ("six commits", found[-1]) if found else None


def _peer(name: str = "") -> Find:
    """Find a peer's best line, or the best of all peers; `{database}` in its name is ours."""

    def find(lines: Sequence[Line], ours: Line, mark: Mark) -> Reference | None:
        wanted = name.format(database=_database(ours))
        found = [
            (_number(line[mark.figure]), str(line["peer"]))
            for line in lines
            if line["metric"] == mark.metric
            and line.get("workers") == ours.get("workers")
            and (line["peer"] == wanted if wanted else not _is_ours(line))
        ]
        best = max(found, default=None) if mark.is_least else min(found, default=None)
        return None if best is None else (best[1], best[0])

    return find


def _one_worker(lines: Sequence[Line], ours: Line, mark: Mark) -> Reference | None:
    same = {name: ours[name] for name in ("peer", "metric", "mode")} | {"workers": 1}
    found = [_number(line[mark.figure]) for line in lines if same.items() <= line.items()]
    return ("our one worker", found[-1]) if found else None


def _is_ours(line: Line) -> bool:
    return str(line["peer"]).startswith(_OURS)


def _database(ours: Line) -> str:
    return str(ours["peer"]).removeprefix(_OURS)


def _how(line: Line) -> str:
    workers = {1: "1 worker", 2: "2 workers"}.get(int(_number(line.get("workers"))), "")
    return ", ".join(filter(None, [str(line.get("mode", "")), workers, str(line.get("by", ""))]))


def _number(value: Figure) -> float:
    return float(value or 0)


_INSIDE: Mapping[str, Figure] = {"mode": "in-process"}
_BROKER: Mapping[str, Figure] = {"mode": "broker"}
_ALONE: Mapping[str, Figure] = {"mode": "in-process", "workers": 1}
_TWO: Mapping[str, Figure] = {"workers": 2}

MARKS = (
    Mark("seq_latency", "p50_ms", 4, _floor, _INSIDE),
    Mark("seq_latency", "p50_ms", 1 / 3, _peer("dbos-{database}"), _INSIDE),
    Mark("seq_latency", "p50_ms", 1 / 2, _peer("celery-redis"), _BROKER),
    Mark("first_step", "p50_ms", 1.5, _peer("celery-redis"), _BROKER),
    Mark("throughput", "wf_s", 5, _peer("dbos-pg"), {"peer": "avow-pg", **_ALONE}, is_least=True),
    Mark("throughput", "wf_s", 20, _peer("dbos-sqlite"), {"peer": "avow-sqlite", **_ALONE}, is_least=True),
    Mark("throughput", "wf_s", 1, _peer("spiffworkflow"), _ALONE, is_least=True),
    Mark("throughput", "wf_s", 1.3, _one_worker, _TWO, is_least=True),
    Mark("saga", "p50_ms", 1 / 3, _peer(), {}),
    Mark("timer_lag", "p95_ms", 10, None, {}),
    Mark("crash", "resume_s", 3, None, {}),
    Mark("crash", "takeover_last_s", 5, None, {}),
    Mark("crash", "lost_steps", 0, None, {}),
    Mark("crash", "rerun_completed", 0, None, {}),
)
