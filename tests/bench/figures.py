"""The lines that the benchmarks print: one JSON object per figure, the same for everybody.

Used by Avow's measurements and by the peers' scripts, which run in environments of their own;
so it needs nothing but the standard library. A figure names who (`peer`), what (`metric`) and
how (`mode`), and ends with the machine's load, because a figure without it cannot be judged.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence

Figure = str | int | float | None
Line = Mapping[str, Figure]

LIKE_OURS = {"sqlite": "sqlite wal/full", "pg": "pg synchronous_commit=on"}
"""The mode of the floor's commits that are as durable as Avow's, for each kind of database."""

PRINTED: list[Line] = []
"""What this process has printed so far; the marks are judged by it in the end."""


def emit(peer: str, metric: str, **figures: Figure) -> None:
    """Print one line."""
    line: dict[str, Figure] = {"peer": peer, "metric": metric}
    line |= {name: _rounded(value) for name, value in figures.items()}
    pass_on(json.dumps(line | {"load1": round(os.getloadavg()[0], 2)}))


def pass_on(text: str) -> None:
    """Print a line that is written already, ours or a peer's."""
    PRINTED.append(json.loads(text))
    print(text, flush=True)


def emit_spans(peer: str, metric: str, seconds: Sequence[float], **figures: Figure) -> None:
    """Print how long something took, measured many times: median and tail in milliseconds."""
    median, tail = quantile(seconds, 0.5) * 1000, quantile(seconds, 0.95) * 1000
    mode = {"mode": figures.pop("mode")} if "mode" in figures else {}
    emit(peer, metric, **mode, p50_ms=median, p95_ms=tail, n=len(seconds), **figures)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def spans_of(work: Callable[[int], object], times: int) -> list[float]:
    """Return how many seconds each of so many calls took; each is told its number."""
    spans = []
    for number in range(times):
        began = time.perf_counter()
        work(number)
        spans.append(time.perf_counter() - began)
    return spans


def _rounded(value: Figure) -> Figure:
    return round(value, 3) if isinstance(value, float) else value
