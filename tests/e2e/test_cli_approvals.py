"""People and the command line against a real server: asked, answered, handed on, refused."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import AvowServer, Ended
from tests.services.polling import eventually

CONTRACT = "signed-note"


def contract() -> dict[str, Any]:
    """Return a contract whose delivery asks people first and then does as good as nothing."""
    operations = ("provision", "update", "delete", "observe")
    return {
        "apiVersion": "avow/v1",
        "kind": "Contract",
        "metadata": {"name": CONTRACT, "version": "1.0.0", "owner": "team-notes"},
        "spec": {
            "description": "A note that somebody signs.",
            "inputs": {
                "type": "object",
                "required": ["text"],
                "additionalProperties": False,
                "properties": {"text": {"type": "string", "maxLength": 100}},
            },
            "outputs": {"type": "object", "additionalProperties": False, "properties": {}},
            "operations": {
                name: {"executor": "workflow", "definition": f"{name}.yaml"} for name in operations
            },
        },
    }


def workflow(name: str, *steps: dict[str, Any]) -> str:
    """Return a workflow that renders a note after these steps."""
    templates = {"note.txt": "templates/note.txt"}
    render = {
        "id": "note",
        "uses": "files.render",
        "with": {"templates": templates, "values": {"text": "${inputs.text}"}},
    }
    document = {
        "apiVersion": "avow/v1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "steps": [*steps, render],
        "facts": {"exists": True},
    }
    return yaml.safe_dump(document)


@dataclass(frozen=True)
class Office:
    """A project with people in it who have tokens of their own."""

    server: AvowServer
    project: str
    tokens: dict[str, str]

    def avow(self, who: str, *words: str) -> Ended:
        """Run a command as somebody."""
        return self.server.avow(*words, project=self.project, token=self.tokens[who])

    def ask_for(self, name: str) -> str:
        """Have dora ask for a note, and return the id of the approval that this takes."""
        words = ("request", CONTRACT, name, "--set", f"text={name}", "-o", "json")
        ended = self.avow("dora", *words)
        assert ended.code == 0, ended.err
        return str(eventually(lambda: self.open(name), f"{name} to be asked for", 60))

    def open(self, name: str) -> str:
        """Return the id of the approval that is open for a request; empty when none is."""
        words = ("approvals", "--request", name, "-o", "json")
        found = json.loads(self.avow("dora", *words).out)
        return str(found[0]["id"]) if found else ""

    def ends(self, name: str) -> int:
        """Wait until nothing is asked for a request any more, and return how waiting for it ends."""
        eventually(lambda: not self.open(name), f"{name} to be decided", 60)
        return self.avow("dora", "wait", name, "--timeout", "60s").code


@pytest.fixture(scope="module")
def office(avow_server: AvowServer, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Give a project in which notes can be asked for."""
    folder: Path = tmp_path_factory.mktemp("signed-note")
    (folder / "templates").mkdir()
    (folder / "templates" / "note.txt").write_text("[[ text ]]\n")
    (folder / "contract.yaml").write_text(yaml.safe_dump(contract()))
    asked = {"groups": ["security"], "expires": "3d", "reason": "notes are read by many"}
    ask = {"id": "sign-off", "approval": asked}
    for name in ("provision", "update"):
        (folder / f"{name}.yaml").write_text(workflow(name, ask))
    for name in ("delete", "observe"):
        (folder / f"{name}.yaml").write_text(workflow(name))
    project = avow_server.new_project()
    published = avow_server.avow("publish", folder)
    assert published.code == 0, published.err
    people = {"dora": ("developer", ()), "anna": ("approver", ("security",)), "otto": ("approver", ())}
    tokens = {}
    for who, (role, groups) in people.items():
        words = ["token", "create", f"{who}-{project}", "--subject", who, "--grant", f"{role}:{project}"]
        words += [word for group in groups for word in ("--group", group)]
        made = avow_server.avow(*words)
        assert made.code == 0, made.err
        tokens[who] = made.out.strip()
    return Office(avow_server, project, tokens)


def test_waiting_for_somebody_elses_word_ends_with_9(office: Office) -> None:
    office.ask_for("waiting")
    wait = ("wait", "waiting", "--timeout", "60s")
    eventually(lambda: office.avow("dora", *wait).code == 9, "the wait to end", 90)
    ended = office.avow("dora", *wait)
    assert "WaitingForApproval" in ended.err
    assert "whose move" in ended.err
    why = office.avow("dora", "why", "waiting")
    assert "whose move" in why.out
    assert "approver  group security" in why.out
    assert "avow approve apr_" in why.out


def test_it_is_shown_approved_and_delivered(office: Office) -> None:
    approval = office.ask_for("approved")
    shown = office.avow("anna", "approvals", "approved").out
    for line in ("asked by    dora", "asked of    group security", "because     notes are read by many"):
        assert line in shown
    assert "inputs      text=approved" in shown
    assert approval in office.avow("anna", "approvals").out
    assert approval not in office.avow("otto", "approvals").out
    ended = office.avow("anna", "approve", "approved", "--reason", "looked at it")
    assert (ended.code, ended.out) == (0, "provision of approved at sign-off: approved by anna\n")
    assert office.ends("approved") == 0
    again = office.avow("anna", "approve", approval)
    assert (again.code, again.out) == (6, "")
    assert "approval_closed" in again.err


def test_it_is_rejected_with_a_reason_that_the_requester_reads(office: Office) -> None:
    approval = office.ask_for("rejected")
    ended = office.avow("anna", "reject", approval, "--reason", "too long")
    assert (ended.code, ended.out) == (
        0,
        "provision of rejected at sign-off: rejected by anna: too long\n",
    )
    assert office.ends("rejected") == 7
    assert "rejected by anna: too long" in office.avow("dora", "why", "rejected").out
    told = office.avow("dora", "get", "events", "--request", "rejected").out
    assert "ApprovalVoted" in told


@pytest.mark.parametrize(
    ("who", "code", "said"), [("dora", 4, "the role approver"), ("otto", 4, "asked of others")]
)
def test_who_is_not_asked_is_refused_with_4(office: Office, who: str, code: int, said: str) -> None:
    name = f"refused-{who}"
    approval = office.ask_for(name)
    ended = office.avow(who, "approve", approval)
    assert ended.code == code
    assert said in ended.err
    assert "Fix: " in ended.err


def test_it_is_taken_in_hand_and_handed_on(office: Office) -> None:
    approval = office.ask_for("handed")
    assert "in hand     anna" in office.avow("anna", "approvals", approval, "--claim", "1h").out
    assert "in hand" not in office.avow("anna", "approvals", approval, "--release").out
    ended = office.avow("anna", "delegate", approval, "otto", "--reason", "he wrote the rules")
    assert ended.out == "otto may vote in your place on provision of handed at sign-off\n"
    assert office.avow("otto", "approve", "handed").out.endswith("approved by otto for anna\n")
    assert office.ends("handed") == 0


def test_while_one_is_away_another_stands_in(office: Office) -> None:
    ended = office.avow("anna", "away", "otto", "--until", "14d", "--reason", "holiday")
    assert ended.code == 0, ended.err
    absence = json.loads(office.avow("anna", "away", "-o", "json").out)[0]["id"]
    try:
        office.ask_for("away")
        assert office.avow("otto", "approve", "away").out.endswith("approved by otto for anna\n")
    finally:
        assert office.avow("anna", "away", "--cancel", absence).out == f"{absence} has ended\n"
    approval = office.ask_for("back")
    assert office.avow("otto", "approve", approval).code == 4


def test_the_trail_holds_every_vote_and_is_intact(office: Office) -> None:
    office.ask_for("audited")
    assert office.avow("anna", "approve", "audited").code == 0
    trail = office.server.avow("get", "audit", project=office.project).out
    assert "approval.voted" in trail
    assert office.server.avow("audit", project=office.project).code == 0


def test_nothing_in_a_pipe_steers_a_terminal(office: Office) -> None:
    office.ask_for("plain")
    for words in (("approvals",), ("approvals", "plain"), ("away",)):
        ended = office.avow("anna", *words)
        assert ended.code == 0
        assert not any(letter < " " and letter != "\n" for letter in ended.out + ended.err)
