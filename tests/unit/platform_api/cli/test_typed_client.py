"""`avow client` writes a small package of its own, and touches nothing that it did not write."""

import json
import sys
from pathlib import Path

import pytest

from platform_api.cli.client_package import MARKER
from platform_api.cli.failure import ExitCode
from tests.capabilities import contracts, document
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.stub import Stub

NETWORK = contracts()["network"]
PATH = "/v1/capabilities/network"
FILES = ["__init__.py", "client.py", "errors.py", "models.py", "py.typed"]


@pytest.fixture(autouse=True)
def described(stub: Stub) -> None:
    stub.says("GET", f"{PATH}/openapi.json", document(NETWORK))
    stub.says("GET", f"{PATH}/versions/2.1.0/openapi.json", document(NETWORK, is_pinned=True))


def test_it_writes_a_package_and_says_which_files(avow: Avow, tmp_path: Path) -> None:
    ended = avow("client", "network", "--output", "out")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [f"out/network_client/{name}" for name in FILES]
    assert sorted(each.name for each in (tmp_path / "out/network_client").iterdir()) == FILES
    for name in FILES[:4]:
        assert MARKER in (tmp_path / "out/network_client" / name).read_text()


def test_programs_learn_what_was_written(avow: Avow) -> None:
    ended = avow("client", "network", "--output", "out", "--package", "nets", "-o", "json")
    assert json.loads(ended.out) == {
        "name": "nets",
        "capability": "network",
        "version": "2.1.0",
        "folder": "out/nets",
        "files": FILES,
    }


def test_the_folder_is_not_the_format(avow: Avow, tmp_path: Path) -> None:
    assert avow("-o", "name", "client", "network", "--output", "json").out == "network_client\n"
    assert (tmp_path / "json/network_client/client.py").is_file()


def test_a_version_that_is_named_is_the_one_that_is_asked_for(avow: Avow, tmp_path: Path) -> None:
    assert avow("client", "network@2.1.0", "--output", "pinned").code == 0
    assert avow("client", "network", "--output", "newest").code == 0
    asked = {
        name: next(
            line
            for line in (tmp_path / name / "network_client/client.py").read_text().splitlines()
            if line.startswith("_PINNED")
        )
        for name in ("pinned", "newest")
    }
    assert asked == {"pinned": '_PINNED: str | None = "2.1.0"', "newest": "_PINNED: str | None = None"}


def test_a_client_is_made_anew_where_one_stands(avow: Avow, tmp_path: Path) -> None:
    avow("client", "network", "--output", "out")
    models = tmp_path / "out/network_client/models.py"
    whole = models.read_text()
    models.write_text("")
    assert avow("client", "network", "--output", "out").code == 0
    assert models.read_text() == whole


def test_what_somebody_else_wrote_is_left_alone(avow: Avow, tmp_path: Path) -> None:
    theirs = tmp_path / "out/network_client/client.py"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    ended = avow("client", "network", "--output", "out")
    assert (ended.code, ended.out) == (ExitCode.CONFLICT, "")
    assert theirs.read_text() == "mine"
    assert [each.name for each in theirs.parent.iterdir()] == ["client.py"]


def test_a_file_in_the_way_is_left_alone(avow: Avow, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/network_client").write_text("mine")
    assert avow("client", "network", "--output", "out").code == ExitCode.CONFLICT
    assert (tmp_path / "out/network_client").read_text() == "mine"


@pytest.mark.parametrize("package", ["no-dash", "1st", "class", "a.b", "../up", "ä"])
def test_a_package_has_a_name_that_can_be_imported(avow: Avow, package: str, tmp_path: Path) -> None:
    assert avow("client", "network", "--output", "out", "--package", package).code == ExitCode.USAGE
    assert not (tmp_path / "out").exists()


def test_a_capability_that_is_not_there_leaves_nothing_behind(avow: Avow, tmp_path: Path) -> None:
    assert avow("client", "nothing", "--output", "out").code == ExitCode.NOT_FOUND
    assert not (tmp_path / "out").exists()


def test_without_the_generator_it_says_what_to_install(
    avow: Avow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datamodel_code_generator", None)
    ended = avow("client", "network", "--output", "out")
    assert (ended.code, ended.out) == (ExitCode.OTHER, "")
    assert "Fix: pip install 'avow[clients]'" in ended.err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_named(avow: Avow, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    ended = avow("client", "network", "--output", "out")
    assert ended.code == ExitCode.OTHER
    assert "out/network_client cannot be written" in ended.err
