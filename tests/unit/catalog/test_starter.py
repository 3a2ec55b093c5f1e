"""A starter becomes somebody's own by two words, and nothing else of it changes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.bundle import bundle_from_files
from catalog.errors import Invalid
from catalog.starter import NAME, OWNER, STARTERS, CapabilityKind, starter


def test_there_is_a_starter_for_every_kind_and_no_other() -> None:
    assert {folder.name for folder in STARTERS.iterdir()} == set(map(str, CapabilityKind))


@pytest.mark.parametrize("kind", CapabilityKind)
def test_a_starter_is_a_publishable_bundle_of_the_name_and_owner_that_were_given(
    kind: CapabilityKind,
) -> None:
    bundle = bundle_from_files(starter(kind, "orders-db", "team-orders"))
    assert (bundle.contract.name, bundle.contract.owner) == ("orders-db", "team-orders")
    assert bundle.files["docs/README.md"].startswith("# orders-db\n")
    assert not [path for path, text in bundle.files.items() if NAME in text or OWNER in text]


@pytest.mark.parametrize("kind", CapabilityKind)
def test_a_starter_has_all_that_a_contract_should_have(kind: CapabilityKind) -> None:
    files = starter(kind, "orders-db", "team-orders")
    assert {"contract.yaml", "policy.rego", "policy_test.yaml", "provision.test.yaml", "docs/README.md"} <= {
        *files
    }


names = st.from_regex(r"[a-z]([a-z0-9]|-[a-z0-9]){0,20}", fullmatch=True)


@given(st.sampled_from(CapabilityKind), names, names)
def test_any_two_names_are_taken_even_those_that_a_starter_has_itself(
    kind: CapabilityKind, name: str, owner: str
) -> None:
    for pair in ((name, owner), (OWNER, NAME), (f"{OWNER}-x", name)):
        contract = bundle_from_files(starter(kind, *pair)).contract
        assert (contract.name, contract.owner) == pair


@pytest.mark.parametrize("name", ["", "Orders", "a/b", "../x", "a b", "x" * 64])
def test_what_is_no_name_is_refused(name: str) -> None:
    for words in ((name, "team-a"), ("a", name)):
        with pytest.raises(Invalid) as refused:
            starter(CapabilityKind.DATABASE, *words)
        assert refused.value.code == "invalid_name"
