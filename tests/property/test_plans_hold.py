"""A plan that is submitted at once is never stale, whatever is planned."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doors import Doors, open_doors
from tests.factories import contract_document, contract_files

NUMBERS = itertools.count()
WORDS = st.sampled_from(["a", "b", "team-orders"])
WISHES = st.fixed_dictionaries(
    {
        "contract": st.sampled_from(["postgres-database", "unplaced"]),
        "owner": st.sampled_from(["", "team-a"]),
        "labels": st.dictionaries(WORDS, WORDS, max_size=2),
        "inputs": st.fixed_dictionaries(
            {"size": st.sampled_from(["s", "m", "l"])}, optional={"backups": st.booleans()}
        ),
    },
    optional={"version": st.just("1.0.0")},
)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder: Path = tmp_path_factory.mktemp("plans")
    with open_doors(f"sqlite:///{folder}/avow.db", folder) as opened:
        unplaced = contract_document("unplaced")
        del unplaced["spec"]["placement"]
        canary = contract_document(version="2.0.0")
        for files, more in ((contract_files(unplaced), {}), (contract_files(canary), {"canary": 40})):
            answer = opened("pia", "POST", "/v1/contracts", {"files": files, **more})
            assert answer.status_code == 201, answer.text
        yield opened


def submitted(doors: Doors, operation: str, body: dict[str, Any]) -> Any:
    """Plan something, submit it at once, and return plan and answer."""
    where = "/v1/projects/shop/plans"
    plan = doors("dora", "POST", where, {"operation": operation, **body})
    assert plan.status_code == 201, plan.text
    return plan.json(), doors("dora", "POST", f"{where}/{plan.json()['id']}/submit")


@settings(max_examples=15, deadline=None)
@given(first=WISHES, second=WISHES, denied=st.booleans(), environment=st.sampled_from(["dev", "prod"]))
def test_a_plan_submitted_at_once_is_what_happens(
    *, doors: Doors, first: dict[str, Any], second: dict[str, Any], denied: bool, environment: str
) -> None:
    name = f"r-{next(NUMBERS)}"
    made, answer = submitted(doors, "create", {**first, "name": name, "environment": environment})
    assert answer.status_code == 202, answer.text
    assert answer.json()["contract_digest"] == made["binding"]["contract"]["digest"]

    doors.engine.deny = ["no"] if denied else []
    change = {**second, "name": name, "environment": environment, "contract": first["contract"]}
    plan, answer = submitted(doors, "update", change)
    doors.engine.deny = []
    is_change = any(
        change.get(field) != first.get(field) for field in ("owner", "labels", "inputs", "version")
    )
    if denied and is_change:
        assert answer.json()["code"] == "policy_denied", answer.text
        assert plan["binding"]["policy"]["outcome"] == "deny"
    else:
        assert answer.is_success, answer.text
        assert answer.json()["inputs"] == second["inputs"]

    _, answer = submitted(doors, "delete", {"name": name})
    assert (answer.status_code, answer.json()["phase"]) == (202, "deleting"), answer.text
