"""People see what they are asked, and their answer carries what they saw."""

import json

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import APPROVAL, NOW, Document, approval, page
from tests.unit.platform_api.cli.stub import Said, Stub

LIST = "/v1/approvals"
ITEM = f"{LIST}/{APPROVAL}"
APPROVED = approval("approved", message="approved by anna")


@pytest.fixture
def asked(stub: Stub) -> None:
    """Ask the caller for one approval."""
    stub.says("GET", LIST, page(approval()))
    stub.says("GET", ITEM, approval())
    stub.says("POST", f"{ITEM}/votes", Said(APPROVED, 202))


@pytest.mark.usefixtures("asked")
def test_what_is_asked_of_me_is_listed(avow: Avow, stub: Stub) -> None:
    ended = avow("approvals")
    heads, row = ended.out.splitlines()
    assert heads.split() == ["ID", "PROJECT", "REQUEST", "OPERATION", "STEP", "STATE", "ASKED", "OF", "AGE"]
    assert row.split()[:4] == [APPROVAL, "default", "orders-db", "provision"]
    assert "group security" in row
    assert stub.last("GET").query == {"inbox": "mine", "state": "open"}


def test_an_empty_inbox_says_so_and_where_the_others_are(avow: Avow, stub: Stub) -> None:
    stub.says("GET", LIST, page())
    ended = avow("approvals")
    assert (ended.code, ended.out) == (0, "")
    assert "avow approvals --inbox all" in ended.err
    assert json.loads(avow("approvals", "-o", "json").out) == []


@pytest.mark.usefixtures("asked")
def test_a_list_is_narrowed(avow: Avow, stub: Stub) -> None:
    avow("approvals", "--request", "orders-db", "--state", "any")
    expected = {"inbox": "all", "state": "any", "project": "default", "request": "orders-db"}
    assert stub.last("GET").query == expected
    avow("approvals", "--here", "-p", "shop", "--inbox", "groups")
    assert stub.last("GET").query == {"inbox": "groups", "state": "open", "project": "shop"}


@pytest.mark.parametrize(
    "words", [("--inbox", "min"), ("--state", "opne"), ("--claim", "1h"), ("--release",)]
)
def test_words_that_mean_nothing_are_refused_before_anything_is_sent(
    avow: Avow, stub: Stub, words: tuple[str, ...]
) -> None:
    assert avow("approvals", *words).code == 2
    assert stub.asked == []


def test_one_is_shown_with_what_is_to_be_approved(avow: Avow, stub: Stub) -> None:
    plan = {
        "reason": "DesiredChanged",
        "message": "what is wanted changed: /inputs/size",
        "destination": "pg-1",
        "inputs": {"size": "l"},
        "changes": [{"path": "/inputs/size", "before": "s", "after": "l"}],
    }
    votes = [
        {"person": "bob", "seat": "vera", "verdict": "approve", "evidence": [{"kind": "scan", "uri": "u"}]}
    ]
    shown = approval(plan=plan, votes=votes, decision_id="dec_1", reason="goes live", needs_evidence=True)
    stub.says("GET", ITEM, shown)
    assert avow("approvals", APPROVAL).out.splitlines() == [
        "OPEN  provision of orders-db at sign-off  (project default)",
        "  because     goes live",
        "  asked by    dora",
        "  asked of    group security  (0 of 1 votes)",
        "  since       5h ago",
        "  expires     in 19h",
        "  needs       evidence: --evidence KIND=ADDRESS",
        "  plan        what is wanted changed: /inputs/size  (DesiredChanged)",
        "  lies on     pg-1",
        "  inputs      size=l",
        "  changes     /inputs/size  from s to l",
        "  policy      allowed: avow get decisions dec_1",
        "  vote        bob for vera says approve  [scan u]",
        f"  you can     avow approve {APPROVAL}, or avow reject {APPROVAL} --reason TEXT",
    ]


@pytest.mark.parametrize(
    ("words", "minutes"), [(("--claim", "2h"), 120), (("--release",), 0), (("--claim", "10s"), 1)]
)
def test_it_is_taken_in_hand_and_let_go_of(
    avow: Avow, stub: Stub, words: tuple[str, ...], minutes: int
) -> None:
    stub.says("GET", ITEM, approval())
    held: Document = {"claim": {"person": "anna", "until": NOW.isoformat()}} if minutes else {}
    stub.says("POST", f"{ITEM}/claim", Said(approval(**held), 202))
    ended = avow("approvals", APPROVAL, *words)
    assert stub.last("POST").body == {"minutes": minutes}
    assert ("in hand     anna" in ended.out) is bool(minutes)


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("name", [APPROVAL, "orders-db"])
def test_a_vote_carries_the_binding_that_was_read(avow: Avow, stub: Stub, name: str) -> None:
    ended = avow("approve", name, "--reason", "fine", "--evidence", "scan=https://r.example/1@sha256:ab")
    assert (ended.code, ended.out) == (0, "provision of orders-db at sign-off: approved by anna\n")
    assert stub.last("POST").body == {
        "verdict": "approve",
        "binding": approval()["binding"],
        "reason": "fine",
        "evidence": [{"kind": "scan", "uri": "https://r.example/1", "digest": "sha256:ab"}],
    }
    assert stub.last("POST").headers["Idempotency-Key"]


@pytest.mark.usefixtures("asked")
def test_a_quorum_that_is_not_reached_yet_is_told(avow: Avow, stub: Stub) -> None:
    stub.says("POST", f"{ITEM}/votes", Said(approval(quorum=2, approvals=1), 202))
    assert avow("approve", APPROVAL).out.endswith("1 of 2 votes; it waits for group security\n")
    assert json.loads(avow("approve", APPROVAL, "-o", "json").out)["approvals"] == 1


def test_a_rejection_needs_its_reason_on_the_command_line(avow: Avow, stub: Stub) -> None:
    assert avow("reject", APPROVAL).code == 2
    assert stub.asked == []


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (412, "binding_changed", 6),
        (409, "approval_closed", 6),
        (403, "own_request", 4),
        (422, "evidence_required", 2),
    ],
)
@pytest.mark.usefixtures("asked")
def test_a_refused_vote_ends_with_its_code(
    avow: Avow, stub: Stub, status: int, code: str, exit_code: int
) -> None:
    stub.refuses("POST", f"{ITEM}/votes", status, code, detail="No.", fix="do something")
    ended = avow("reject", APPROVAL, "--reason", "too open")
    assert (ended.code, ended.out) == (exit_code, "")
    assert "Fix: do something" in ended.err


def test_by_its_requests_name_only_one_can_be_meant(avow: Avow, stub: Stub) -> None:
    other = {"may_vote": False, "code": "not_an_approver", "message": "asked of others"}
    stub.says("GET", LIST, page(approval(), approval(id="apr_2", step="qa")))
    ended = avow("approve", "orders-db")
    assert ended.code == 2
    assert "apr_2  provision of orders-db at qa" in ended.err
    stub.says("GET", LIST, page(approval(), approval(id="apr_2", you=other)))
    stub.says("GET", ITEM, approval())
    stub.says("POST", f"{ITEM}/votes", Said(APPROVED, 202))
    assert avow("approve", "orders-db").code == 0
    stub.says("GET", LIST, page())
    assert avow("approve", "orders-db").code == 3


@pytest.mark.parametrize("evidence", ["scan", "=https://r.example", "scan="])
def test_evidence_says_what_it_is_and_where(avow: Avow, stub: Stub, evidence: str) -> None:
    assert avow("approve", APPROVAL, "--evidence", evidence).code == 2
    assert stub.asked == []


@pytest.mark.usefixtures("asked")
def test_at_a_terminal_it_is_shown_and_asked_about_first(
    avow: Avow, stub: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform_api.cli.terminal.Terminal.is_attended", True)
    questions: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda text, **_: questions.append(text))
    ended = avow("approve", APPROVAL)
    assert questions == ["Approve this?"]
    assert "asked of    group security" in ended.err
    avow("approve", APPROVAL, "--yes")
    assert len(questions) == 1


def test_a_seat_is_handed_on(avow: Avow, stub: Stub) -> None:
    stub.says("GET", ITEM, approval())
    stub.says("POST", f"{ITEM}/delegate", Said(approval(), 202))
    ended = avow("delegate", APPROVAL, "deputy", "--reason", "on holiday")
    assert ended.out == "deputy may vote in your place on provision of orders-db at sign-off\n"
    assert stub.last("POST").body == {"to": "deputy", "reason": "on holiday"}


# --- away -------------------------------------------------------------------------------

AWAY = {
    "id": "dlg_1",
    "person": "vera",
    "delegate": "deputy",
    "starts_at": "2026-11-21T12:00:00Z",
    "ends_at": "2026-12-05T12:00:00Z",
    "created_at": "2026-11-21T12:00:00Z",
    "created_by": "vera",
}


@pytest.mark.parametrize(
    ("until", "ends_at"),
    [
        ("14d", "2026-12-05T12:00:00+00:00"),
        ("2026-12-24", "2026-12-24T00:00:00+00:00"),
        ("2026-12-24T18:00+01:00", "2026-12-24T18:00:00+01:00"),
    ],
)
def test_somebody_stands_in_until_then(avow: Avow, stub: Stub, until: str, ends_at: str) -> None:
    stub.says("POST", "/v1/delegations", Said(AWAY, 201))
    ended = avow("away", "deputy", "--until", until, "--reason", "holiday")
    assert ended.out == "deputy votes in the place of vera until 2026-12-05T12:00:00Z\n"
    assert "avow away --cancel dlg_1" in ended.err
    assert stub.last("POST").body == {"delegate": "deputy", "ends_at": ends_at, "reason": "holiday"}


@pytest.mark.parametrize(
    "words", [("deputy",), ("deputy", "--until", "soon"), ("deputy", "--until", "9999999d")]
)
def test_without_an_end_nobody_stands_in(avow: Avow, stub: Stub, words: tuple[str, ...]) -> None:
    assert avow("away", *words).code == 2
    assert stub.asked == []


def test_absences_are_listed_and_ended(avow: Avow, stub: Stub) -> None:
    stub.says("GET", "/v1/delegations", page(AWAY))
    stub.says("DELETE", "/v1/delegations/dlg_1", Said(None, 204))
    assert avow("away").out.splitlines()[1].split()[:3] == ["dlg_1", "vera", "deputy"]
    assert avow("away", "--cancel", "dlg_1").out == "dlg_1 has ended\n"
    avow("away", "--person", "vera")
    assert stub.last("GET").query == {"person": "vera"}
