"""Only plain relative paths are written, and no two that could meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import Invalid
from executors.paths import check_paths, path_fault

HOSTILE = [
    "",
    "/etc/passwd",
    "//host/share",
    "../x",
    "a/../../x",
    "a/..",
    ".",
    "./a",
    "a/./b",
    "a//b",
    "a/",
    "..\\x",
    "a\\b",
    "C:\\x",
    ".git/config",
    ".GIT/config",
    "a/.git/hooks/post-checkout",
    ".git",
    ".git./config",
    ".git /config",
    ".git::$INDEX_ALLOCATION/config",
    "git~1/config",
    "GIT~1",
    ".g\u200cit/config",
    "\uff0egit/config",
    ".gitmodules",
    "sub/.GitModules",
    "gitmod~1",
    "a\nb",
    "a\0b",
    "a\tb",
    "a\x7f",
    "\x1b[2Jx",
    "a\u202egnp.exe",
    "a\u2028b",
    "a\ud800",
    "a ",
    " a",
    "a.",
    "e\u0301",
    "x" * 256,
    "/".join(["deep"] * 300),
]
PLAIN = [
    ".github/workflows/ci.yml",
    ".gitignore",
    ".gitattributes",
    "a b/c-d_e.json",
    "é/ü",
    'say "hi"',
    "..x",
    "a..b",
]


@pytest.mark.parametrize("path", HOSTILE, ids=ascii)
def test_a_hostile_path_is_refused(path: str) -> None:
    assert path_fault(path)
    with pytest.raises(Invalid) as refused:
        check_paths([path])
    assert refused.value.findings[0].message


@pytest.mark.parametrize("path", PLAIN, ids=ascii)
def test_a_plain_path_is_fine(path: str) -> None:
    check_paths([path])


@pytest.mark.parametrize(
    "paths",
    [("README.md", "readme.MD"), ("a", "a/b"), ("a/b", "A"), ("x", "X/y"), ("straße", "STRASSE"), ("a", "a")],
    ids=str,
)
def test_paths_that_meet_on_some_disk_are_refused_together(paths: tuple[str, str]) -> None:
    with pytest.raises(Invalid):
        check_paths(paths)
    with pytest.raises(Invalid):
        check_paths(reversed(paths))


def test_every_unfit_path_is_named_and_printable() -> None:
    with pytest.raises(Invalid) as refused:
        check_paths(["ok", "../a", "b\x1b[0m"])
    pointers = [finding.pointer for finding in refused.value.findings]
    assert len(pointers) == 2
    assert all(pointer.isprintable() for pointer in (*pointers, refused.value.message))


@given(st.text(max_size=30))
def test_whatever_passes_stays_below_its_folder(path: str) -> None:
    if path_fault(path):
        return
    parts = path.split("/")
    assert not path.startswith("/")
    assert not {"", ".", "..", ".git"} & set(parts)
    assert (
        path.isprintable()
        or " " in path
        or all(ord(letter) > 127 for letter in path if not letter.isprintable())
    )
