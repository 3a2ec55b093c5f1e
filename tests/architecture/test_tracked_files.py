"""No tracked file depends on the machine or the registry it happened to be made with.

The patterns are written with a class of one letter, so that this file does not contain what
it forbids.
"""

import re
import tomllib
from collections.abc import Iterator

import pytest

from tests.architecture.tree import ROOT, tracked_files

TIED_TO_A_PLACE = {
    "a folder of somebody's machine": re.compile(
        r"(?<![\w.$}])/(r[o]ot|w[o]rk|h[o]me/\w+|U[s]ers/\w+)(/|\b)"
    ),
    "a package registry": re.compile(
        r"p[y]pi\.(org|io)|p[y]thonhosted\.org|registry\.n[p]mjs|crates\.[i]o|proxy\.g[o]lang|an[a]conda\.org"
    ),
}
ANY_ADDRESS = re.compile(
    r"\w+://|^\s*--?(i|f|index-url|extra-index-url|find-links|trusted-host)\b", re.MULTILINE
)
PINNED = re.compile(r"^(?P<name>[a-z0-9-]+)(\[[a-z0-9,-]+\])?==(?P<version>[^ ;]+)")
REQUIREMENTS = ("runtime", "dev")


def complaints(path: str, text: str) -> list[str]:
    """Return what ties a text to a place."""
    return [f"{path}: {what}" for what, pattern in TIED_TO_A_PLACE.items() if pattern.search(text)]


def texts() -> Iterator[tuple[str, str]]:
    """Yield every tracked file that is text."""
    for path in tracked_files():
        content = (ROOT / path).read_bytes()
        if b"\0" not in content:
            yield path, content.decode(errors="replace")


def entries(kind: str) -> list[str]:
    """Return the requirements of a file, one string each with its hashes."""
    text = (ROOT / "requirements" / f"{kind}.txt").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return [entry for entry in "\n".join(lines).replace("\\\n", " ").splitlines() if entry.strip()]


def pins(kind: str) -> dict[str, str]:
    """Return name and version of every requirement of a file."""
    found = (PINNED.match(entry) for entry in entries(kind))
    return {match["name"]: match["version"] for match in found if match}


def test_no_tracked_file_is_tied_to_a_place() -> None:
    assert [complaint for path, text in texts() for complaint in complaints(path, text)] == []


@pytest.mark.parametrize(
    "text",
    [
        "cp a " + "/ro" + "ot/b",
        'open("' + "/wo" + 'rk/main")',
        "PATH=" + "/ho" + "me/ada/bin",
        "https://py" + "pi.org/simple",
        "files.python" + "hosted.org",
    ],
)
def test_a_file_tied_to_a_place_is_caught(text: str) -> None:
    assert complaints("planted.txt", text)


@pytest.mark.parametrize(
    "text", ["{project}/w" + "ork/x", "tmp/ro" + "ot/", "/workflow", "/usr/lib/postgresql", "/v1/homes"]
)
def test_ordinary_paths_are_left_alone(text: str) -> None:
    assert complaints("planted.txt", text) == []


@pytest.mark.parametrize("kind", REQUIREMENTS)
def test_requirements_are_pinned_by_hash_and_name_no_address(kind: str) -> None:
    text = (ROOT / "requirements" / f"{kind}.txt").read_text()
    assert ANY_ADDRESS.search(text) is None
    assert [
        entry for entry in entries(kind) if not PINNED.match(entry) or "--hash=sha256:" not in entry
    ] == []


def test_both_requirements_agree() -> None:
    runtime, dev = pins("runtime"), pins("dev")
    assert runtime
    assert {name: dev.get(name) for name in runtime} == runtime


@pytest.mark.parametrize("kind", REQUIREMENTS)
def test_everything_asked_for_is_pinned(kind: str) -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*settings["project"]["dependencies"]]
    asked += [item for extra in settings["project"]["optional-dependencies"].values() for item in extra]
    groups = settings["dependency-groups"]
    asked += [
        item for item in groups["build"] + (groups["dev"] if kind == "dev" else []) if isinstance(item, str)
    ]
    names = {re.split(r"[\[<>=! ]", item)[0].lower() for item in asked} - {"avow"}
    assert names - set(pins(kind)) == set()
