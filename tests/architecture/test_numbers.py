"""The source and the tests keep to the numbers of the house."""

import pytest

from tests.architecture.house import SOURCE_RULES, TEST_RULES, Rule
from tests.architecture.measure import Module
from tests.architecture.tree import PACKAGES, other_modules, source_modules


@pytest.fixture(scope="module")
def source() -> list[Module]:
    return source_modules()


@pytest.fixture(scope="module")
def others() -> list[Module]:
    return other_modules()


@pytest.mark.parametrize("rule", SOURCE_RULES, ids=lambda rule: rule.__name__)
def test_the_source_keeps_the_rule(source: list[Module], rule: Rule) -> None:
    assert rule(source) == []


@pytest.mark.parametrize("rule", TEST_RULES, ids=lambda rule: rule.__name__)
def test_the_tests_keep_the_rule(others: list[Module], rule: Rule) -> None:
    assert rule(others) == []


def test_every_package_was_measured(source: list[Module]) -> None:
    assert {module.path.partition("/")[0] for module in source} == set(PACKAGES)
