"""Bundles: content makes the revision, and what cannot be used is refused with its place."""

from pathlib import Path

import pytest

from catalog.errors import Invalid
from policy.bundle import SHIPPED, bundle_of, contract_module, organisation, with_contract

CONTRACT = 'package avow.contract\n\nimport rego.v1\n\ndeny contains "x" if input.inputs.a\n'
RULES = 'import rego.v1\n\ndeny contains "x" if input.inputs.size in data.avow.settings.sizes\n'


def a_directory(path: Path, files: dict[str, str]) -> Path:
    path.mkdir()
    for name, text in files.items():
        (path / name).write_text(text, "utf-8")
    return path


def refusal(*directories: Path) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        organisation(directories)
    assert caught.value.code == "invalid_policy"
    return [(finding.code, Path(finding.pointer).name) for finding in caught.value.findings]


def test_the_shipped_policies_can_be_used() -> None:
    assert [module.policy for module in organisation().modules] == [
        "org/lifecycle",
        "org/naming",
        "org/ownership",
        "org/production",
    ]


def test_an_operators_directory_adds_policies_and_replaces_settings(tmp_path: Path) -> None:
    own = a_directory(
        tmp_path / "own",
        {
            "sizes.rego": f"package avow.policies.sizes\n\n{RULES}",
            "settings.json": '{"sizes": ["xl"], "reserved_words": ["king"]}',
        },
    )

    bundle = organisation((SHIPPED, own))

    assert "org/sizes" in [module.policy for module in bundle.modules]
    assert bundle.data["reserved_words"] == ["king"]
    assert bundle.data["protected_environments"] == ["prod", "production"]


def test_the_same_content_has_the_same_revision_wherever_it_lies(tmp_path: Path) -> None:
    files = {"sizes.rego": f"package avow.policies.sizes\n\n{RULES}", "settings.json": '{"sizes": []}'}
    one, two = (organisation([a_directory(tmp_path / name, files)]) for name in "ab")

    assert one.revision == two.revision


def test_the_order_of_modules_does_not_matter() -> None:
    shipped = organisation()

    assert bundle_of(shipped.modules[::-1], shipped.data).revision == shipped.revision


def test_a_contracts_policy_stands_beside_the_organisations_and_removes_none() -> None:
    shipped = organisation()
    both = with_contract(shipped, CONTRACT)

    assert set(shipped.modules) < set(both.modules)
    assert both.revision != shipped.revision


def test_a_second_contract_takes_the_firsts_place() -> None:
    twice = with_contract(with_contract(organisation(), CONTRACT), CONTRACT + "# 2\n")

    assert [m for m in twice.modules if m.policy == "contract"] == [contract_module(CONTRACT + "# 2\n")]


def test_whole_numbers_in_settings_are_the_same_however_they_are_written() -> None:
    assert bundle_of([], {"limit": 100.0}).revision == bundle_of([], {"limit": 100}).revision


def test_a_policy_with_findings_stops_the_start(tmp_path: Path) -> None:
    own = a_directory(tmp_path / "own", {"sizes.rego": f"package avow.policies.sizes\n\n{RULES}"})

    assert refusal(own) == [("unknown_setting", "sizes.rego:5")]


def test_two_files_may_not_define_one_policy(tmp_path: Path) -> None:
    text = 'package avow.policies.naming\n\nimport rego.v1\n\ndeny contains "x" if input.inputs.a\n'

    assert refusal(SHIPPED, a_directory(tmp_path / "own", {"naming.rego": text})) == [
        ("duplicate_policy", "naming.rego:1")
    ]


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"a": NaN}', '{"not a name": 1}', "\ud800".encode("utf-8", "surrogatepass")],
    ids=repr,
)
def test_settings_that_are_no_plain_object_are_refused(tmp_path: Path, text: str | bytes) -> None:
    own = a_directory(tmp_path / "own", {})
    (own / "settings.json").write_bytes(text if isinstance(text, bytes) else text.encode())

    assert refusal(own) == [("policy_unreadable", "settings.json:1")]


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere") == [("policy_unreadable", "nowhere:1")]
