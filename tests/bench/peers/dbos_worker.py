"""A DBOS worker process: takes from the queues until it is killed.

    python -m tests.bench.peers.dbos_worker URL EXECUTOR

Says `ready` once it is.
"""

import sys
import threading

from tests.bench.peers.dbos_flows import launch

if __name__ == "__main__":
    launch(*sys.argv[1:])
    print("ready", flush=True)
    threading.Event().wait()
