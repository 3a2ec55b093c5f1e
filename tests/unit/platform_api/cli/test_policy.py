"""A folder of policies is tried on what is there, and nothing is changed."""

import json
from pathlib import Path

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.stub import Said, Stub

IMPACT = "/v1/policies/impact"
CALM = {"summary": {"requests": 3, "outcomes": {"unchanged": 3}, "left_alone": {}}, "items": []}
DENIES = {
    "summary": {
        "requests": 3,
        "outcomes": {"denied": 1, "unchanged": 2},
        "left_alone": {},
        "by_rule": {"org/sizes small": {"denied": 1}},
    },
    "items": [
        {
            "project": "shop",
            "request": "small",
            "environment": "dev",
            "outcome": "denied",
            "findings": [],
            "policy": [
                {"policy": "org/sizes", "rule": "small", "message": "too small", "path": "/size"}
                | {"remediation": "--set size=m"}
            ],
        }
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "rules"
    made.mkdir()
    (made / "sizes.rego").write_text("package avow.policies.sizes\n")
    (made / "sizes_test.rego").write_text("package avow.policies.sizes_test\n")
    (made / "sizes_test.yaml").write_text("cases: []\n")
    (made / "settings.json").write_text("{}\n")
    return made


def test_the_policies_of_a_folder_are_tried(avow: Avow, stub: Stub, folder: Path) -> None:
    stub.says("POST", IMPACT, Said(CALM))
    ended = avow("policy", "impact", str(folder), "--set-json", 'words=["a"]')
    assert (ended.code, ended.out) == (0, f"Impact of {folder} on 3 requests\n  unchanged  3\n")
    assert stub.last("POST").body == {
        "files": {"sizes.rego": "package avow.policies.sizes\n", "settings.json": "{}\n"},
        "settings": {"words": ["a"]},
    }


def test_what_would_be_denied_is_listed_and_ends_with_5(avow: Avow, stub: Stub, folder: Path) -> None:
    stub.says("POST", IMPACT, Said(DENIES))
    ended = avow("policy", "impact", str(folder))
    assert ended.code == 5
    assert ended.out.splitlines()[1:] == [
        "  unchanged  2",
        "  denied     1",
        "  rule org/sizes small: 1 denied",
        "shop/small  denied  (dev)",
        "  x  org/sizes /size  too small",
        "       fix: --set size=m",
    ]
    ended = avow("policy", "impact", str(folder), "-o", "json")
    assert (ended.code, json.loads(ended.out)) == (5, DENIES)
    assert stub.last("POST").query == {"format": "json"}


def test_settings_are_tried_on_the_policies_in_force(avow: Avow, stub: Stub) -> None:
    stub.says("POST", IMPACT, Said(CALM))
    ended = avow("policy", "impact", "--set-json", "strict=true")
    assert ended.out.startswith("Impact of policies in force on 3 requests")
    assert stub.last("POST").body == {"settings": {"strict": True}}


@pytest.mark.parametrize("words", [["--set-json", "strict"], ["--set-json", "a=b"], ["--set-json", "=1"]])
def test_a_setting_that_is_none_is_refused(avow: Avow, stub: Stub, words: list[str]) -> None:
    assert avow("policy", "impact", *words).code == 2
    assert stub.asked == []


def test_a_folder_without_policies_is_refused(avow: Avow, stub: Stub, tmp_path: Path) -> None:
    ended = avow("policy", "impact", str(tmp_path))
    assert ended.code == 2
    assert "holds no policies" in ended.err
    assert stub.asked == []
