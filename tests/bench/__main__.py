"""`python -m tests.bench [--only a,b] [--quick] [--peers a,b]`: measure, one JSON object a line.

Lines go to stdout and nothing else does; what is being measured, what had to be left out, and in
the end how the engine stands to its marks, is said on stderr. Measurements run one after the other,
so that they do not disturb each other.
"""

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import closing

import pytest

from tests.bench import (
    accept,
    crash,
    demo,
    engine,
    impact,
    marks,
    passes,
    starts,
    throughput,
    timers,
    writeback,
)
from tests.bench.amounts import FULL, QUICK
from tests.bench.figures import PRINTED
from tests.bench.peers import install
from tests.bench.peers.install import PEERS
from tests.bench.site import Site

Measure = Callable[[Site], None]

# what a module prints -> its measurement; in the order of a run
MEASURES: dict[tuple[str, ...], Measure] = {
    ("seq_latency", "first_step"): engine.measure,
    ("throughput",): throughput.measure,
    ("timer_lag", "saga"): timers.measure,
    ("crash",): crash.measure,
    ("accept",): accept.measure,
    ("reconcile_unchanged",): passes.measure,
    ("writeback_1000",): writeback.measure,
    ("impact_5k",): impact.measure,
    ("up_ready", "cli_help"): starts.measure,
    ("demo",): demo.measure,
}
OURS = tuple(metric for metrics in MEASURES for metric in metrics)
METRICS = tuple(dict.fromkeys((*OURS, *install.METRICS)))


def main() -> int:
    """Measure what the command line asks for; return 1 when something could not be measured."""
    told = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(os.EX_TEMPFAIL))  # so that all is stopped and removed
    troubles = 0
    with closing(Site(QUICK if told.quick else FULL)) as site:
        for name, work in _chosen(site, told.only, told.peers):
            _say(f"measuring {name}")
            troubles += _carried_out(work)
    for row in marks.table(marks.judged(PRINTED)):
        _say(row)
    return int(troubles > 0)


def _chosen(
    site: Site, only: Collection[str], peers: Collection[str]
) -> Iterator[tuple[str, Callable[[], Collection[str]]]]:
    theirs = [metric for metric in only if metric in install.METRICS]
    if theirs:
        yield "the floor and the peers", lambda: list(install.measure(site, theirs, peers))
    for metrics, measure in MEASURES.items():
        if set(metrics) & set(only):
            yield ", ".join(metrics), lambda measure=measure: measure(site) or ()  # type: ignore[misc]  # bound now


def _carried_out(work: Callable[[], Collection[str]]) -> int:
    """Measure one thing; return how many figures are missing for it, after saying why."""
    try:
        left_out = work()
    except pytest.skip.Exception as error:  # a server is not installed here
        left_out = [str(error)]
    except Exception:  # noqa: BLE001  # the edge of a measurement: the others are still wanted
        left_out = [traceback.format_exc()]
    for reason in left_out:
        _say(reason)
    return len(left_out)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--quick", action="store_true", help="small amounts: to see that it works")
    parser.add_argument(
        "--only", type=_among(METRICS), default=OURS, help=f"some of: {', '.join(METRICS)}", metavar="A,B"
    )
    parser.add_argument(
        "--peers",
        type=_among(("none", *PEERS)),
        default=tuple(PEERS),
        help=f"none, or some of: {', '.join(PEERS)}",
        metavar="A,B",
    )
    told = parser.parse_args()
    told.peers = [name for name in told.peers if name != "none"]
    return told


def _among(names: Collection[str]) -> Callable[[str], list[str]]:
    def chosen(text: str) -> list[str]:
        words = [word for word in text.split(",") if word]
        unknown = sorted(set(words) - set(names))
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(names)}")
        return words

    return chosen


if __name__ == "__main__":
    sys.exit(main())
