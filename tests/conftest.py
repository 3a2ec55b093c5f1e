"""What every test run shares: the service fixtures and how Hypothesis behaves here.

Collected by pytest; tests ask for fixtures by name. It knows no part of Avow, so that a
broken package breaks its own tests and not all of them.
"""

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.services.fixtures"]

# Two shared cores make any single example slow now and then; time limits belong to the benchmarks.
settings.register_profile(
    "avow", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("avow")
