"""Scenario 8: somebody else commits to the repository that Avow writes to."""

from tests.scenarios import bundles, gitwork
from tests.scenarios.ledger import Ledger
from tests.scenarios.rig import Rig, condition
from tests.services.polling import eventually

FILE = "projects/shop/requests/notes.yaml"


def test_a_removed_file_comes_back_with_the_next_change_and_ready_waits_for_the_remote(
    rig: Rig, witness: Ledger
) -> None:
    rig.publish(bundles.entry(witness.url))
    rig.request("notes", "entry")
    rig.until_ready("notes")

    gitwork.push(rig.state_remote, rig.folder / "stranger", {FILE: None, "README.md": "ours too\n"})
    rig.change("notes", inputs={"note": "two"})
    ready = rig.until_ready("notes", generation=2)

    assert condition(ready, "Written")["status"] == "True"
    assert "note: two" in (gitwork.show(rig.state_remote, FILE) or "")
    assert gitwork.show(rig.state_remote, "README.md") == "ours too\n"
    assert "a stranger was here" in gitwork.log(rig.state_remote)


def test_a_removed_file_comes_back_without_any_change(rig: Rig, witness: Ledger) -> None:
    rig.publish(bundles.entry(witness.url))
    rig.request("notes", "entry")
    rig.until_ready("notes")

    gitwork.push(rig.state_remote, rig.folder / "stranger", {FILE: None})

    eventually(lambda: gitwork.show(rig.state_remote, FILE), "the file to come back", 120)


def test_an_unwritable_remote_keeps_the_request_from_being_ready_and_says_so(
    rig: Rig, witness: Ledger
) -> None:
    rig.publish(bundles.entry(witness.url))
    hook = rig.state_remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'closed for today' >&2\nexit 1\n")
    hook.chmod(0o755)

    rig.request("notes", "entry")
    rig.until("notes", lambda seen: condition(seen, "Written")["reason"] == "WritebackFailed")
    assert rig.show("notes")["phase"] != "ready"

    hook.unlink()
    rig.until_ready("notes")
    assert gitwork.show(rig.state_remote, FILE)
