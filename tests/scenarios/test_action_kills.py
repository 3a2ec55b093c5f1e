"""kill -9 around an action: between its acceptance and its beginning, and between effect and record."""

import json
import os
import signal
from contextlib import suppress
from typing import Any

from tests.scenarios import bundles
from tests.scenarios.ledger import Call, Ledger
from tests.scenarios.rig import Rig
from tests.services.polling import eventually

STAMP = "/v1/projects/shop/requests/notes/actions/stamp"
KEY = {"Idempotency-Key": "once"}
BODY = {"inputs": {"note": "seen"}, "reason": "to be sure"}


def stamped_entry(server: str) -> dict[str, str]:
    """Return `entry` with an action that puts a stamp beside what was delivered."""
    inputs = {
        "type": "object",
        "additionalProperties": False,
        "required": ["note"],
        "properties": {"note": {"type": "string"}},
    }
    call: dict[str, Any] = {
        "method": "PUT",
        "base_url": server,
        "path": ["stamps", "${request.uid}"],
        "body": {"note": "${action.inputs.note}"},
        "check": {"path": ["stamps", "${request.uid}", "${action.inputs.note}"]},
    }
    workflow = {
        "apiVersion": "avow/v1",
        "kind": "Workflow",
        "metadata": {"name": "stamp"},
        "steps": [{"id": "stamp", "uses": "http.call", "with": call, "timeout": "5s"}],
    }
    action = {
        "description": "Stamps it.",
        "executor": "workflow",
        "definition": "stamp.yaml",
        "inputs": inputs,
    }
    stamped = bundles.like(bundles.entry(server), "entry", actions={"stamp": action})
    return stamped | {"stamp.yaml": json.dumps(workflow)}


def test_an_action_survives_the_death_of_whoever_accepted_it(rig: Rig, witness: Ledger) -> None:
    uid = delivered(rig, witness)
    accepted = rig.ask("POST", STAMP, BODY, **KEY)
    rig.kill()  # most likely before the pass that would have begun it
    rig.start()
    rig.until_ready("notes")
    assert rig.ask("POST", STAMP, BODY, **KEY) == accepted
    check_done_once(rig, witness, uid)


def test_an_effect_of_an_action_that_was_not_recorded_is_found_again(rig: Rig, witness: Ledger) -> None:
    uid = delivered(rig, witness)
    killed: list[str] = []

    def kill_the_caller(call: Call) -> None:
        if call.path.startswith("/stamps/") and not killed:
            killed.append(call.key)
            with suppress(ProcessLookupError):
                os.killpg(rig.pid, signal.SIGKILL)

    witness.after_effect = kill_the_caller
    rig.ask("POST", STAMP, BODY, **KEY)
    eventually(lambda: killed and not rig.is_running, "the crash after the effect")
    rig.start()
    check_done_once(rig, witness, uid)


def delivered(rig: Rig, witness: Ledger) -> str:
    """Deliver `notes` and return its uid."""
    rig.publish(stamped_entry(witness.url))
    rig.request("notes", "entry")
    return str(rig.until_ready("notes")["uid"])


def check_done_once(rig: Rig, witness: Ledger, uid: str) -> None:
    """Check that the stamp was put once, by one run, and that the request is ready again."""
    rig.until_ready("notes")
    assert witness.twice() == {}
    assert len({call.key for call in witness.made("PUT") if call.path == f"/stamps/{uid}"}) == 1
    runs = [(run["operation"], run["state"]) for run in rig.runs("notes")]
    assert runs == [("stamp", "succeeded"), ("provision", "succeeded")]
    assert rig.ask("GET", "/v1/audit/verify?project=shop")["is_intact"] is True
