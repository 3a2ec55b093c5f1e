"""Every policy engine, each the real one."""

from collections.abc import Iterator

import pytest

from policy.embedded import EmbeddedEngine, EmbeddedLimits
from policy.engine import PolicyEngine
from policy.opa import OpaAddress, OpaEngine


@pytest.fixture(scope="module")
def embedded() -> Iterator[EmbeddedEngine]:
    engine = EmbeddedEngine(EmbeddedLimits(rest_seconds=0.1))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def opa(opa_url: str) -> Iterator[OpaEngine]:
    engine = OpaEngine(OpaAddress(opa_url))
    yield engine
    engine.close()


@pytest.fixture(params=["embedded", "opa"])
def engine(request: pytest.FixtureRequest) -> PolicyEngine:
    chosen: PolicyEngine = request.getfixturevalue(request.param)
    return chosen
