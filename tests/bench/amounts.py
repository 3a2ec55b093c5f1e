"""How often each thing is measured: enough to trust a median, or just enough to see it work.

The full amounts are those of the peers' first measurements, so that figures compare.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of everything.

    Attributes:
        spans: runs started one after the other.
        undone: sagas, and fan-outs, one after the other.
        timers: timers that run at the same time.
        at_once: runs started at once.
        crashed: runs that are under way when their worker is killed.
        posts: requests posted for each way of posting them.
        passes: reconciler passes over one request.
        starts: cold starts.
        demos: plays of the demo.
        writebacks: changes that wait for the git writer.
        impacts: live requests that a publish may concern.
    """

    spans: int = 300
    undone: int = 200
    timers: int = 200
    at_once: int = 1000
    crashed: int = 40
    posts: int = 1000
    passes: int = 200
    starts: int = 5
    demos: int = 5
    writebacks: int = 1000
    impacts: int = 5000


FULL = Amounts()
QUICK = Amounts(
    spans=20,
    undone=5,
    timers=10,
    at_once=60,
    crashed=4,
    posts=60,
    passes=10,
    starts=2,
    demos=1,
    writebacks=100,
    impacts=200,
)
