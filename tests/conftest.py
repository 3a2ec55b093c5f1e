"""What every test run shares: the service fixtures, how Hypothesis behaves here, and second tries.

Collected by pytest; tests ask for fixtures by name. It knows no part of Avow, so that a
broken package breaks its own tests and not all of them.
"""

import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.services.fixtures"]

TESTS = Path(__file__).parent

# Tests of real servers and processes, which share a machine with whatever else runs there.
WITH_PROCESSES = ("conformance", "e2e", "integration", "scenarios", "services")
OF_PROCESSES = frozenset({"servers", "children", "broker", "database_url", "shared_database_url"})

# Two shared cores make any single example slow now and then; time limits belong to the benchmarks.
settings.register_profile(
    "avow", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("avow")

# A shell starts what it puts into the background deaf to SIGINT, and children inherit that;
# the tests that interrupt a process need one that hears.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests of real processes a second try, which the summary names (RERUN, with what failed).

    A fault that shows every time still fails. Tests of pure code get one try, and so does
    everything under `make chaos`, whose very point is what happens once in a hundred.
    """
    for item in items:
        is_there = item.path.relative_to(TESTS).parts[0] in WITH_PROCESSES
        if is_there or not OF_PROCESSES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.flaky(reruns=1))
