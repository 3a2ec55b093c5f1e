"""Scene 3: an environment with Terraform and Ansible, which two groups of people look at."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.company_server import Company, serving
from tests.scenarios.rig import Rig
from tests.scenarios.scenes import REPORT, Person, fails, journal, stage
from tests.services.children import Children
from tests.services.programs import ansible_program, terraform_program

MACHINES = ["checkout-1", "checkout-2"]
NOTICE = "/notices/environments/checkout"
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def company() -> Iterator[Company]:
    """Give the system that takes notices."""
    with serving() as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give the folder in which the machines have theirs."""
    folder = tmp_path / "machines"
    folder.mkdir()
    return folder


@pytest.fixture
def shop(children: Children, tmp_path: Path, database_url: str, company: Company, root: Path) -> Rig:
    """Give an installation whose operator has turned Terraform and Ansible on."""
    programs = {"AVOW_TERRAFORM": str(terraform_program()), "AVOW_ANSIBLE": str(ansible_program())}
    made = Rig(children, tmp_path / "avow", database_url, programs)
    made.start()
    made.project("shop")
    stage(made, "environment", root=str(root), url=company.url)
    return made


@pytest.fixture
def sam(shop: Rig) -> Person:
    """Give somebody of security."""
    return Person(shop, "sam", ("security",))


@pytest.fixture
def quinn(shop: Rig) -> Person:
    """Give somebody of quality assurance."""
    return Person(shop, "quinn", ("qa",))


def ask_for_one(shop: Rig) -> None:
    wanted = {"environment": "test", "owner": "team-orders", "inputs": {"motd": "{{ 7 * 7 }}"}}
    Person(shop, "dora", role="developer").request("checkout", "machines", **wanted)


def states(shop: Rig) -> dict[str, Any]:
    """Return what Terraform keeps, by stack."""
    found = (shop.folder / "stacks").rglob("state.json")
    return {path.parent.name: json.loads(path.read_text()) for path in found}


def test_an_environment_is_ready_when_both_have_looked_at_it(
    shop: Rig, company: Company, root: Path, sam: Person, quinn: Person
) -> None:
    ask_for_one(shop)
    sam.asked("checkout")
    assert set(states(shop)) == {"network", "machines"}
    assert list(root.iterdir()) == [], "nothing is configured before security has looked"
    sam.decides("checkout", "approve")

    quinn.asked("checkout")
    assert (root / "checkout-2/network.conf").read_text() == "hostname = checkout-2\naddress = 10.1.0.11\n"
    assert (root / "checkout-1/motd").read_text() == "{{ 7 * 7 }}\n", "what a requester wrote is a text"
    assert company.made() == [], "nobody is told before quality assurance has looked"
    quinn.decides("checkout", "approve", "", REPORT)

    ready = shop.until_ready("checkout")
    assert ready["outputs"]["machines"] == MACHINES
    assert company.entity(NOTICE) == {"to": "team-orders", "machines": MACHINES}
    shop.delete("checkout")
    shop.until_gone("checkout")
    assert (states(shop), list(root.iterdir()), company.made()) == ({}, [], [])


def test_what_security_rejects_is_torn_down_in_reverse_order_by_itself(
    shop: Rig, company: Company, root: Path, sam: Person
) -> None:
    ask_for_one(shop)
    sam.decides("checkout", "reject", "This network is taken.")
    failed = fails(shop, "checkout")
    assert "This network is taken." in json.dumps(failed["conditions"])
    assert journal(shop, "checkout").steps("AttemptSucceeded", "undo") == ["machines", "network"]
    assert (states(shop), list(root.iterdir()), company.made()) == ({}, [], [])
    assert len(shop.runs("checkout")) == 1, "nobody is asked again by itself"


def test_what_quality_assurance_rejects_is_taken_back_to_the_ground(
    shop: Rig, company: Company, root: Path, sam: Person, quinn: Person
) -> None:
    ask_for_one(shop)
    sam.decides("checkout", "approve")
    quinn.decides("checkout", "reject", "The checkout does not start.")
    fails(shop, "checkout")
    undone = journal(shop, "checkout").steps("AttemptSucceeded", "undo")
    assert undone == ["configure", "machines", "network"]
    assert (states(shop), list(root.iterdir()), company.made()) == ({}, [], [])


def test_a_word_without_evidence_is_not_taken(shop: Rig, sam: Person, quinn: Person) -> None:
    ask_for_one(shop)
    sam.decides("checkout", "approve")
    approval = quinn.asked("checkout")
    body = {"verdict": "approve", "binding": approval["binding"]}
    refused = quinn.call("POST", f"/v1/approvals/{approval['id']}/votes", body)
    assert "evidence_required" in refused.text


def test_what_somebody_changes_by_hand_is_put_right(
    shop: Rig, root: Path, sam: Person, quinn: Person
) -> None:
    ask_for_one(shop)
    sam.decides("checkout", "approve")
    quinn.decides("checkout", "approve", "", REPORT)
    shop.until_ready("checkout")
    [state] = (shop.folder / "stacks").rglob("network/state.json")
    state.write_text(state.read_text().replace("10.1.0.0/24", "10.9.0.0/24"))

    shop.act("checkout", "reconcile")
    shop.until("checkout", lambda seen: any(run["operation"] == "repair" for run in shop.runs("checkout")))
    shop.until_ready("checkout")
    assert "10.9.0.0/24" not in state.read_text()
