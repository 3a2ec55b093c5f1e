"""A worker process of `throughput`: starts its share of the runs and drives whatever is due.

Says `ready` after a first run, waits for the file `go`, says how long the starting took, and
drives until it is stopped.
"""

import argparse
import threading
import time
from pathlib import Path

from tests.bench.engine import engine

_GLANCE_SECONDS = 0.001


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--share", type=int, required=True)
    told = parser.parse_args()
    with engine(told.folder / f"from-{told.first}", told.url, first=told.first) as built:
        built.run()
        print("ready", flush=True)
        while not (told.folder / "go").exists():
            time.sleep(_GLANCE_SECONDS)
        began = time.time()
        for _ in range(told.share):
            built.start()
        print(f"submitted {time.time() - began:.3f}", flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
