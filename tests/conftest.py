"""What every test run shares: the service fixtures and how Hypothesis behaves here.

Collected by pytest; tests ask for fixtures by name. It knows no part of Avow, so that a
broken package breaks its own tests and not all of them.
"""

import signal

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.services.fixtures"]

# Two shared cores make any single example slow now and then; time limits belong to the benchmarks.
settings.register_profile(
    "avow", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("avow")

# A shell starts what it puts into the background deaf to SIGINT, and children inherit that;
# the tests that interrupt a process need one that hears.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
