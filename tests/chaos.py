"""How hard the tests that break things try: a little in every run, long behind `make chaos`.

`CHAOS=long` in the environment multiplies kills, stops and restarts, and gives each test the
time for them. Figures are printed as JSON lines, which pytest shows with `-s`.
"""

import json
import os
import sys
from collections.abc import Sequence

LONG = "long"


def amount(short: int, long: int) -> int:
    """Return how often to do it in this run."""
    return long if os.environ.get("CHAOS") == LONG else short


def print_figures(metric: str, seconds: Sequence[float]) -> None:
    """Print the median, the 95th of a hundred and the greatest of some spans."""
    ordered = sorted(seconds)
    shares = {"p50_s": 0.5, "p95_s": 0.95, "most_s": 1.0}
    figures = {name: round(at_share(ordered, share), 3) for name, share in shares.items()}
    sys.stdout.write(json.dumps({"peer": "avow", "metric": metric, **figures, "n": len(ordered)}) + "\n")


def at_share(ordered: Sequence[float], share: float) -> float:
    """Return the value below which this share of sorted values lies."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
