"""Templates are filled, and nothing else happens."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.digest import Json
from executors.step import Permanent
from executors.steps.files import LARGEST_FILE, Render, filled
from tests.step_calls import step_call, step_settings

VALUES: dict[str, Json] = {
    "inputs": {
        "name": "orders",
        "count": 3,
        "on": True,
        "tags": ["a"],
        "text": 'say "hi": # no',
        "lines": "a\nb",
    },
    "none": None,
}


def render(tmp_path: Path, templates: dict[str, str], files: dict[str, str], values: Any = None) -> Any:
    arguments = {"templates": templates, "values": VALUES if values is None else values}
    return Render(step_settings(tmp_path)).run(step_call(arguments, files=files))["files"]


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("name: [[ inputs.name ]]!", "name: orders!"),
        ("[[ inputs.name ]][[ inputs.count ]]", "orders3"),
        ("[[ inputs.on ]]", "true"),
        ("[[ inputs.tags | json ]]", '["a"]'),
        ("d: [[ inputs.text | json ]]", 'd: "say \\"hi\\": # no"'),
        ("[[ inputs.lines | json ]]", '"a\\nb"'),
        ("if [[[ -f x ]]; then", "if [[ -f x ]]; then"),
        ("[[[[ a ]]", "[[[ a ]]"),
        ("[[tool.mypy]]\n[1, [2, [3]]]", "[[tool.mypy]]\n[1, [2, [3]]]"),
        ("${{ github.ref }} {{ x }} $(id) %s {0}", "${{ github.ref }} {{ x }} $(id) %s {0}"),
        ("", ""),
    ],
)
def test_a_template_is_filled(template: str, text: str) -> None:
    assert filled(template, VALUES, "templates/x") == text


@pytest.mark.parametrize(
    "template",
    [
        "[[ inputs.nothing ]]",
        "[[ inputs.name.deeper ]]",
        "[[ inputs.tags ]]",
        "[[ none ]]",
        "[[ inputs.lines ]]",
        "[[ ]]",
        "[[ inputs ]]",
        "[[ inputs.name",
        "[[ inputs.__class__ ]]",
        "[[ inputs.name | upper ]]",
        "[[ inputs.name() ]]",
        "[[ 7*7 ]]",
        "[[ inputs.tags.0 ]]",
        "[[ .name ]]",
    ],
)
def test_anything_but_a_known_plain_value_is_an_error_that_names_the_place(template: str) -> None:
    with pytest.raises(Permanent, match=r"templates/x:2: "):
        filled(f"first line\n{template}", VALUES, "templates/x")


@pytest.mark.parametrize(
    "hostile", ["[[ inputs.other ]]", "{{7*7}}", "${jndi:x}", "$(id)", "`id`", "{0.__class__}"]
)
def test_a_value_is_never_read_as_a_template(hostile: str) -> None:
    values: dict[str, Json] = {"inputs": {"name": hostile, "other": "leaked"}}
    assert filled("x [[ inputs.name ]]", values, "t") == f"x {hostile}"


@given(st.text(max_size=60))
def test_a_json_placeholder_always_gives_back_the_value(value: str) -> None:
    rendered = filled("[[ v | json ]]", {"v": value}, "t")
    assert json.loads(rendered) == value
    assert "\n" not in rendered


@given(st.text(alphabet="[] ab.|json\n", max_size=60))
def test_any_text_is_rendered_or_refused(template: str) -> None:
    try:
        filled(template, {"a": "x", "b": {"a": 1}}, "t")
    except Permanent as refused:
        assert refused.code in {"template_invalid", "value_unfit"}  # noqa: PT017 - both ways are fine


def test_a_file_that_grows_beyond_its_cap_is_refused_on_the_way() -> None:
    values: dict[str, Json] = {"v": "x" * 60_000}
    with pytest.raises(Permanent, match="256 KiB"):
        filled("[[ v ]]" * 20_000, values, "t")
    assert len(filled("[[ v ]]" * 4, values, "t")) < LARGEST_FILE


def test_files_that_are_too_large_together_are_refused(tmp_path: Path) -> None:
    files = {"templates/big": "x" * 200_000}
    with pytest.raises(Permanent, match="1 MiB"):
        render(tmp_path, {f"f{number}": "templates/big" for number in range(6)}, files)


def test_files_are_rendered_to_their_targets(tmp_path: Path) -> None:
    files = {
        "templates/ci.yml": "on: push\nname: [[ inputs.name ]]\n",
        "templates/readme": "# [[ inputs.name ]]",
    }
    rendered = render(
        tmp_path, {".github/workflows/ci.yml": "templates/ci.yml", "README.md": "templates/readme"}, files
    )
    assert rendered == {".github/workflows/ci.yml": "on: push\nname: orders\n", "README.md": "# orders"}


def test_a_path_may_hold_values_and_the_paths_are_told(tmp_path: Path) -> None:
    templates = {"jobs/job-[[ inputs.name ]].yml": "templates/a", "README.md": "templates/a"}
    arguments: dict[str, Json] = {"templates": templates, "values": VALUES}
    told = Render(step_settings(tmp_path)).run(step_call(arguments, files={"templates/a": "x"}))
    assert told == {
        "files": {"jobs/job-orders.yml": "x", "README.md": "x"},
        "paths": ["README.md", "jobs/job-orders.yml"],
    }


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a/b", "value_unfit"),
        ("../x", "value_unfit"),
        ("..", "path_refused"),
        ("", "path_refused"),
        (".git", "path_refused"),
        ("a\nb", "value_unfit"),
        ("README.MD", "path_refused"),
    ],
    ids=ascii,
)
def test_a_value_in_a_path_is_one_name_and_no_way_out(tmp_path: Path, name: str, code: str) -> None:
    templates = {"[[ n ]]": "templates/a", "readme.md": "templates/a"}
    with pytest.raises(Permanent) as refused:
        render(tmp_path, templates, {"templates/a": ""}, {"n": name})
    assert refused.value.code == code


@pytest.mark.parametrize(
    "source", ["templates/missing", "contract.yaml", "templates/../contract.yaml", "/etc/passwd"]
)
def test_only_the_bundle_s_templates_are_read(tmp_path: Path, source: str) -> None:
    with pytest.raises(Permanent, match="no template"):
        render(tmp_path, {"x": source}, {"contract.yaml": "secret", "templates/a": ""})


@pytest.mark.parametrize("target", ["../x", "/etc/passwd", ".git/config", "a\nb"], ids=ascii)
def test_a_target_outside_is_refused(tmp_path: Path, target: str) -> None:
    with pytest.raises(Permanent) as refused:
        render(tmp_path, {target: "templates/a"}, {"templates/a": ""})
    assert refused.value.code == "path_refused"
