"""What a contract of the library forbids does not depend on the engine that an installation chose."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from policy.bundle import organisation, with_contract
from policy.embedded import EmbeddedEngine
from policy.engine import PolicyEngine
from policy.opa import OpaAddress, OpaEngine
from policy.testing import run_table

LIBRARY = Path(__file__).parents[2] / "catalog/library"
CONTRACTS = sorted(path.parent for path in LIBRARY.glob("*/policy.rego"))


@pytest.fixture(scope="module")
def embedded() -> Iterator[PolicyEngine]:
    with closing(EmbeddedEngine()) as engine:
        yield engine


@pytest.fixture(scope="module")
def opa(opa_url: str) -> Iterator[PolicyEngine]:
    with closing(OpaEngine(OpaAddress(opa_url))) as engine:
        yield engine


@pytest.mark.parametrize("kind", ["embedded", "opa"])
@pytest.mark.parametrize("folder", CONTRACTS, ids=lambda path: path.name)
def test_a_contract_s_policy_says_what_its_table_says(
    request: pytest.FixtureRequest, kind: str, folder: Path
) -> None:
    engine: PolicyEngine = request.getfixturevalue(kind)
    own = with_contract(organisation(), (folder / "policy.rego").read_text("utf-8"))
    outcomes = run_table(engine, own, (folder / "policy_test.yaml").read_text("utf-8"))
    assert [f"{each.name}: {each.message}" for each in outcomes if not each.is_passed] == []
