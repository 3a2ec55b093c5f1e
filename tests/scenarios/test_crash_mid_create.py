"""Scenario 17: the process dies between an effect and its recording."""

import os
import signal
from contextlib import suppress

from tests.scenarios import bundles
from tests.scenarios.ledger import Call, Ledger
from tests.scenarios.rig import Rig
from tests.services.polling import eventually


def test_an_effect_that_was_not_recorded_is_found_again_and_not_made_twice(rig: Rig, witness: Ledger) -> None:
    rig.publish(bundles.entry(witness.url))
    killed: list[str] = []

    def kill_the_caller(call: Call) -> None:
        if call.path.endswith("/second") and not killed:
            killed.append(call.key)
            with suppress(ProcessLookupError):
                os.killpg(rig.pid, signal.SIGKILL)

    witness.after_effect = kill_the_caller
    rig.request("notes", "entry")
    eventually(lambda: killed and not rig.is_running, "the crash")

    rig.start()
    ready = rig.until_ready("notes")

    assert witness.parts_of(ready["uid"]) == ["first", "fourth", "second", "third"]
    assert witness.twice() == {}
    assert len({call.key for call in witness.made("PUT")}) == 4
    assert len(rig.runs("notes")) == 1
