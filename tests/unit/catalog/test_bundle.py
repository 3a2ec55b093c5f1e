"""A bundle is plain text files under plain paths, and its digest covers all of them."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.bundle import MAX_FILE_BYTES, MAX_FILES, bundle_from_files, read_bundle, read_files
from catalog.contract import OperationName
from catalog.errors import Invalid
from tests.factories import contract_document, contract_files


def refusals(files: dict[str, str]) -> set[tuple[str, str]]:
    """Return the places and codes with which added files make a bundle unfit."""
    with pytest.raises(Invalid) as refused:
        bundle_from_files(contract_files() | files)
    assert refused.value.code == "invalid_bundle"
    return {(finding.pointer, finding.code) for finding in refused.value.findings}


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8"))
    return folder


def test_a_bundle_knows_its_contract_and_definitions() -> None:
    bundle = bundle_from_files(contract_files())
    assert bundle.contract.name == "postgres-database"
    assert bundle.definition(OperationName.OBSERVE)["metadata"] == {"name": "observe"}
    assert bundle.definition(OperationName.REPAIR)["metadata"] == {"name": "update"}


@pytest.mark.parametrize(
    "path",
    [
        "../etc/passwd",
        "a/../b",
        "/etc/passwd",
        "a//b",
        "./a",
        "a/",
        "",
        ".",
        "..",
        ".git/config",
        "a/.GIT/hooks/post-checkout",
        ".hg/hgrc",
        ".svn/entries",
        "a\\b",
        "C:x",
        "a b",
        "a\nb",
        "a\x00",
        "é",
        "-rf",
        "a/-x",
        "~",
        "$HOME",
        "a/" * 100 + "b",
        "x" * 101,
        "\ud800",
    ],
)
def test_a_path_that_is_not_plain_is_refused(path: str) -> None:
    assert {code for _, code in refusals({path: "x"})} == {"bad_path"}


@pytest.mark.parametrize(
    "path", ["a", "a/b/c.txt", ".gitlab-ci.yml", ".github/workflows/ci.yml", "_x", "a-b"]
)
def test_a_plain_path_is_taken(path: str) -> None:
    assert path in bundle_from_files(contract_files() | {path: "x"}).files


def test_paths_that_meet_on_another_file_system_are_refused() -> None:
    assert refusals({"Docs/A": "1", "docs/a": "2"}) == {("docs/a", "path_collision")}
    assert refusals({"a": "1", "A/b": "2"}) == {("a", "path_collision")}
    assert refusals({"CONTRACT.yaml": "x"}) == {("CONTRACT.yaml", "path_collision")}


@pytest.mark.parametrize(
    "content", ["\x00", "a\ud800", "x" * (MAX_FILE_BYTES + 1), "é" * (MAX_FILE_BYTES // 2 + 1)]
)
def test_a_file_that_is_too_large_or_no_text_is_refused(content: str) -> None:
    assert refusals({"big": content}) == {("big", "bad_file")}


def test_too_many_files_or_bytes_are_refused() -> None:
    assert ("", "bundle_too_large") in refusals({f"f{n}": "" for n in range(MAX_FILES)})
    assert ("", "bundle_too_large") in refusals({f"f{n}": "é" * 120_000 for n in range(9)})


def test_every_fault_is_named_at_once() -> None:
    assert refusals({"../a": "", "b": "\x00"}) == {("../a", "bad_path"), ("b", "bad_file")}


def test_a_bundle_without_a_contract_is_refused() -> None:
    with pytest.raises(Invalid) as refused:
        bundle_from_files({"readme": "x"})
    assert [finding.code for finding in refused.value.findings] == ["contract_missing"]


def test_files_that_the_contract_names_must_be_there() -> None:
    files = contract_files(contract_document(policies=["policy.rego"]))
    del files["observe.yaml"]
    with pytest.raises(Invalid) as refused:
        bundle_from_files(files)
    assert [finding.pointer for finding in refused.value.findings] == [
        "contract.yaml#/spec/operations/observe/definition",
        "contract.yaml#/spec/policies/0",
    ]


paths = st.sampled_from(["a", "b/c", "d.txt"])


@settings(max_examples=25)
@given(st.dictionaries(paths, st.text("xy", max_size=3)), st.dictionaries(paths, st.text("xy", max_size=3)))
def test_two_bundles_have_one_digest_only_when_every_file_is_the_same(
    one: dict[str, str], other: dict[str, str]
) -> None:
    first, second = (bundle_from_files(contract_files() | extra) for extra in (one, other))
    assert (first.digest == second.digest) == (one == other)
    assert bundle_from_files(dict(sorted(first.files.items(), reverse=True))).digest == first.digest


def test_a_folder_is_the_bundle_of_its_files(tmp_path: Path) -> None:
    files = contract_files() | {"templates/ci.yml": "a: é\r\n", "docs/deep/er/x.md": "\ufeffx"}
    assert read_bundle(written(tmp_path, files)) == bundle_from_files(files)


def test_a_folder_below_a_cache_folder_is_read_and_a_cache_within_is_not(tmp_path: Path) -> None:
    folder = written(tmp_path / "__pycache__" / "bundle", {"a": "1", "__pycache__/x.pyc": "2"})
    assert read_files(folder) == {"a": "1"}


@pytest.mark.parametrize("target", ["/etc/hostname", "a", "missing", "."])
def test_a_link_is_refused_wherever_it_points(tmp_path: Path, target: str) -> None:
    written(tmp_path, {"a": "1"})
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(Invalid) as refused:
        read_files(tmp_path)
    assert [(finding.pointer, finding.code) for finding in refused.value.findings] == [("link", "link")]


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Invalid) as refused:
        read_files(tmp_path)
    assert refused.value.findings[0].code == "not_text"


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(Invalid) as refused:
        read_files(tmp_path)
    assert refused.value.findings[0].code == "not_text"


def test_a_folder_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    written(tmp_path, {f"f{number}": "" for number in range(MAX_FILES + 1)})
    with pytest.raises(Invalid) as refused:
        read_files(tmp_path)
    assert refused.value.findings[0].code == "bundle_too_large"
    with pytest.raises(Invalid):
        read_files(written(tmp_path / "other", {"big": "x" * (MAX_FILE_BYTES + 1)}))


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", written(tmp_path, {"a": "1"}) / "a"):
        with pytest.raises(Invalid) as refused:
            read_files(path)
        assert refused.value.code == "invalid_bundle"
        assert refused.value.fix


def test_a_definition_that_is_no_yaml_is_refused_with_its_line() -> None:
    bundle = bundle_from_files(contract_files(files={"observe.yaml": "a: 1\nb: [\n"}))
    with pytest.raises(Invalid) as refused:
        bundle.definition(OperationName.OBSERVE)
    assert refused.value.findings[0].pointer.startswith("observe.yaml:")
