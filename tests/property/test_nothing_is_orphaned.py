"""No request points to a missing version, and no child outlives its parent, whatever happens in which order.

What a request remembers of the past (`previous_version`, `failed_version`) may name a version that
was deleted since: going back there is refused then, which the machine tries as well.
"""

import sys
from collections import Counter
from contextlib import AbstractContextManager
from typing import ClassVar

import pytest
from hypothesis import seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.chaos import amount
from tests.property.bustle import Bustle
from tests.village import Village, open_village

HAPPENS = {
    "POST contracts",
    "POST contracts version_published",
    "PUT contracts",
    "PUT contracts version_in_use",
    "PUT contracts lifecycle_move",
    "DELETE contracts",
    "DELETE contracts lifecycle_move",
    "POST projects",
    "PATCH projects",
    "POST upgrade",
    "DELETE projects",
    "DELETE projects owned_by_parent",
}
"""What every run comes across; without it nothing would have been tried."""


@pytest.mark.slow
@pytest.mark.timeout(amount(600, 4000))
def test_nothing_is_orphaned(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> None:
    number = pytestconfig.getoption("randomly_seed", 0)
    sys.stdout.write(f"seed {number}\n")  # shown when it fails; --randomly-seed repeats it

    class Here(Bustle):
        tally: ClassVar[Counter[str]] = Counter()

        @staticmethod
        def open_village() -> AbstractContextManager[Village]:
            folder = tmp_path_factory.mktemp("bustle")
            return open_village(f"sqlite:///{folder}/avow.db", folder)

    run_state_machine_as_test(
        seed(number)(Here),
        settings=settings(max_examples=amount(20, 1000), stateful_step_count=40, deadline=None),
    )
    assert set(Here.tally) >= HAPPENS, "nothing much happened"
