"""Scene 6: an alert comes in; what is safe is done, what is risky is asked, and people get the rest."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import httpx
import pytest

from deploy.demo import alert_receiver
from deploy.demo.alert_receiver import Avow, Receiver
from deploy.demo.company_server import Call, Company, Refusal, serving
from tests.scenarios.rig import Rig
from tests.scenarios.scenes import EXAMPLES, Person, fails, journal, stage

ALERT = json.loads((EXAMPLES / "incident/alert.json").read_text())
INCIDENT = f"incident-{ALERT['alerts'][0]['fingerprint']}"
TICKET = f"/tickets/tickets/{INCIDENT}"
RESTART, FAILOVER = f"/mitigations/restarts/{INCIDENT}", f"/mitigations/failovers/{INCIDENT}"
SERVICE = "/monitoring/services/checkout"


@pytest.fixture
def company() -> Iterator[Company]:
    """Give the systems of a company whose checkout is not healthy."""
    with serving() as running:
        running.entities |= {SERVICE: {"healthy": False}, "/monitoring/databases/checkout": {"healthy": True}}
        yield running


@pytest.fixture
def receiver(rig: Rig, company: Company) -> Iterator[Receiver]:
    """Give the door for alerts; whoever comes through it may make requests and nothing else."""
    stage(rig, "incident", url=company.url)
    alerting = Person(rig, "alerting", role="developer")
    with alert_receiver.serving(Avow(f"http://127.0.0.1:{rig.port}", alerting.token, "shop")) as door:
        yield door


@pytest.fixture
def ines(rig: Rig) -> Person:
    """Give whoever is on call."""
    return Person(rig, "ines", ("on-call",))


def alert(receiver: Receiver, notice: Any = ALERT) -> int:
    """Send a notification as Alertmanager does, and return the status."""
    return httpx.post(f"{receiver.url}/alerts", json=notice, timeout=30).status_code


def restarts_heal(company: Company) -> None:
    def heal(call: Call) -> None:
        if call.path == RESTART:
            company.entities[SERVICE] = {"healthy": True}

    company.after = heal


def test_a_restart_that_helps_needs_nobody(rig: Rig, company: Company, receiver: Receiver) -> None:
    restarts_heal(company)
    assert alert(receiver) == HTTPStatus.ACCEPTED
    rig.until_ready(INCIDENT)
    assert company.made("/diagnostics", "/mitigations", "/tickets") == [
        f"/diagnostics/snapshots/{INCIDENT}",
        RESTART,
    ]
    assert rig.ask("GET", "/v1/approvals?state=any")["items"] == []
    said = journal(rig, INCIDENT)
    begun = [body["step"] for kind, body in said.entries if kind in {"AttemptStarted", "AttemptSucceeded"}]
    assert set(begun[2:5]) == {"service", "database", "snapshot"}, "the three are begun side by side"
    assert said.steps("AttemptSucceeded")[-1] == "afterwards"


def test_an_alert_that_is_sent_again_is_the_same_incident(
    rig: Rig, company: Company, receiver: Receiver
) -> None:
    restarts_heal(company)
    assert [alert(receiver) for _ in range(3)] == [HTTPStatus.ACCEPTED] * 3
    rig.until_ready(INCIDENT)
    assert alert(receiver) == HTTPStatus.ACCEPTED
    assert len(rig.ask("GET", "/v1/projects/shop/requests")["items"]) == 1
    assert len(rig.runs(INCIDENT)) == 1
    assert len(company.asked("PUT", "/mitigations/restarts")) == 1


def test_what_is_risky_waits_for_a_word(rig: Rig, company: Company, receiver: Receiver, ines: Person) -> None:
    alert(receiver)
    ines.asked(INCIDENT)
    assert company.made("/mitigations") == [RESTART]
    ines.decides(INCIDENT, "approve", "The replica is up to date.")
    rig.until_ready(INCIDENT)
    assert company.made("/mitigations", "/tickets") == [FAILOVER, RESTART]


def test_what_is_risky_and_not_wanted_becomes_a_ticket(
    rig: Rig, company: Company, receiver: Receiver, ines: Person
) -> None:
    alert(receiver)
    ines.decides(INCIDENT, "reject", "The replica is an hour behind.")
    fails(rig, INCIDENT)
    assert company.made("/mitigations", "/tickets") == [RESTART, TICKET]
    assert company.entity(TICKET) == {
        "service": "checkout",
        "alert": "HighLatency",
        "summary": "p95 above 2 s",
    }


@pytest.mark.parametrize("system", ["/diagnostics", "/mitigations/restarts"])
def test_when_automation_fails_a_ticket_is_opened(
    rig: Rig, company: Company, receiver: Receiver, system: str
) -> None:
    company.refusals.append(Refusal(503, system))
    alert(receiver)
    fails(rig, INCIDENT)
    assert company.made("/tickets") == [TICKET]
    assert company.made("/mitigations") == []
    assert company.twice() == []


def test_a_failover_that_fails_becomes_a_ticket_too(
    rig: Rig, company: Company, receiver: Receiver, ines: Person
) -> None:
    company.refusals.append(Refusal(500, FAILOVER))
    alert(receiver)
    ines.decides(INCIDENT, "approve")
    fails(rig, INCIDENT)
    assert company.made("/mitigations", "/tickets") == [RESTART, TICKET]
    assert len(company.asked("PUT", FAILOVER)) == 3


@pytest.mark.parametrize(
    "notice",
    [
        {},
        [],
        {"alerts": "x"},
        {"alerts": [{}, 1, {"status": "firing"}]},
        {"alerts": [{**ALERT["alerts"][0], "status": "resolved"}]},
        {"alerts": [{**ALERT["alerts"][0], "fingerprint": "../x"}]},
        {"alerts": [{**ALERT["alerts"][0], "labels": {"service": "Check Out"}}]},
        {"alerts": [{**ALERT["alerts"][0], "labels": ["service"]}]},
    ],
    ids=range(8),
)
def test_a_notice_that_asks_for_nothing_makes_nothing(notice: Any) -> None:
    assert alert_receiver.incidents(notice) == []
