"""The larger shape: API, Celery worker and reconciler apart, on PostgreSQL, Redis and an OPA server."""

from pathlib import Path

import pytest

from tests.scenarios import bundles
from tests.scenarios.ledger import Call, Ledger
from tests.scenarios.rig import Rig
from tests.services.children import Children
from tests.services.polling import eventually
from tests.services.redis import Redis


@pytest.fixture
def apart(children: Children, tmp_path: Path, postgresql_url: str, redis_server: Redis, opa_url: str) -> Rig:
    """Give an installation with its roles apart, running."""
    options = {"AVOW_BROKER_URL": redis_server.new_url(), "AVOW_OPA_URL": opa_url, "AVOW_WORKERS": "2"}
    rig = Rig(children, tmp_path / "avow", postgresql_url, options, ("api", "worker", "reconciler"))
    rig.start()
    rig.project("shop")
    return rig


def test_a_request_goes_all_the_way_through_three_processes(apart: Rig, witness: Ledger) -> None:
    apart.publish(bundles.entry(witness.url))
    apart.request("notes", "entry")
    uid = apart.until_ready("notes")["uid"]
    assert len(witness.parts_of(uid)) == 4

    apart.delete("notes")
    apart.until_gone("notes")
    assert witness.parts_of(uid) == []
    assert witness.twice() == {}


def test_each_role_can_be_killed_in_the_middle_and_nothing_is_lost_or_doubled(
    apart: Rig, witness: Ledger
) -> None:
    apart.publish(bundles.entry(witness.url))
    for role in ("worker", "reconciler", "api"):
        name = f"notes-{role}"
        killed: list[str] = []

        def kill_the_role(call: Call, role: str = role, killed: list[str] = killed) -> None:
            if call.path.endswith("/third") and not killed:
                killed.append(role)
                apart.kill(role)

        witness.after_effect = kill_the_role
        apart.request(name, "entry")
        eventually(lambda: killed, f"the {role} to be killed")  # noqa: B023  # asked at once
        witness.after_effect = lambda call: None
        apart.start_role(role)
        eventually(apart.is_ready, "the API")
        uid = apart.until_ready(name)["uid"]
        assert len(witness.parts_of(uid)) == 4

    assert witness.twice() == {}
    assert apart.ask("GET", "/v1/audit/verify?project=shop")["is_intact"] is True
