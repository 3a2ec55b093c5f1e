"""`avow contract diff`: two versions from wherever they are, and what lies between them."""

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.factories import contract_document, contract_files
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.stub import Stub

OLD = contract_files(contract_document())
PUBLISHED = "/v1/contracts/postgres-database/versions/1.0.0"


def files_of(version: str, **changed: Any) -> dict[str, str]:
    """Return a bundle of this version whose input `size` says something else."""
    document = contract_document(version=version)
    document["spec"]["inputs"]["properties"]["size"] |= changed
    return contract_files(document)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return written(tmp_path / "old", OLD)


def written(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.usefixtures("old")
def test_what_breaks_is_told_with_place_person_and_version(avow: Avow, stub: Stub, tmp_path: Path) -> None:
    written(tmp_path / "new", files_of("1.1.0", enum=["s", "m", "xl"]))
    ended = avow("contract", "diff", "old", "new")
    assert (ended.code, ended.err) == (7, "")
    assert ended.out == (
        "postgres-database 1.0.0 -> 1.1.0: major version due, and the version is too low\n"
        "  major  /spec/inputs/properties/size/enum/2  (breaks the requester)\n"
        '         the value "l" is gone: requests that were accepted may be refused\n'
        "         fix: keep it, or publish it as a breaking version\n"
        "  minor  /spec/inputs/properties/size/enum/2\n"
        '         the value "xl" is new: more can be asked for than before\n'
        "Fix: publish it as 2.0.0 or higher, or mend what is named\n"
    )
    assert stub.asked == []


@pytest.mark.usefixtures("old")
def test_a_version_that_is_high_enough_ends_well(avow: Avow, tmp_path: Path) -> None:
    written(tmp_path / "new", files_of("2.0.0", enum=["s"]))
    ended = avow("contract", "diff", "old", "new")
    assert ended.code == 0
    assert ended.out.startswith("postgres-database 1.0.0 -> 2.0.0: major version due\n")


@pytest.mark.usefixtures("old")
def test_programs_get_all_of_it(avow: Avow, tmp_path: Path) -> None:
    written(tmp_path / "new", files_of("1.0.1", enum=["s", "m", "l", "xl"]))
    ended = avow("contract", "diff", "old", "new", "-o", "json")
    assert ended.code == 7
    assert json.loads(ended.out) == {
        "name": "postgres-database",
        "from_version": "1.0.0",
        "to_version": "1.0.1",
        "due": "minor",
        "enough": False,
        "changes": [
            {
                "pointer": "/spec/inputs/properties/size/enum/3",
                "code": "enum_value_added",
                "breaks": "nobody",
                "due": "minor",
                "detail": 'the value "xl" is new: more can be asked for than before',
                "before": None,
                "after": "xl",
            }
        ],
        "publish_as": "1.1.0",
    }


def test_an_archive_is_compared_with_what_is_published(
    avow: Avow, stub: Stub, old: Path, tmp_path: Path
) -> None:
    stub.says("GET", PUBLISHED, {"name": "postgres-database", "version": "1.0.0", "files": OLD})
    with tarfile.open(tmp_path / "new.tgz", "w:gz") as tape:
        tape.add(old, "new")
    ended = avow("contract", "diff", "postgres-database@1.0.0", "new.tgz")
    assert (ended.code, ended.err) == (0, "")
    assert "the contracts say the same" in ended.out


def test_a_version_that_is_not_published_is_said_to_be_missing(avow: Avow, stub: Stub, old: Path) -> None:
    stub.refuses("GET", PUBLISHED, 404, "contract_not_found", detail="There is no such contract.")
    ended = avow("contract", "diff", "postgres-database@1.0.0", str(old))
    assert (ended.code, ended.out) == (3, "")


@pytest.mark.usefixtures("old")
def test_two_contracts_are_no_versions_of_one(avow: Avow, tmp_path: Path) -> None:
    written(tmp_path / "cache", contract_files(contract_document("cache")))
    ended = avow("contract", "diff", "old", "cache")
    assert (ended.code, ended.out) == (2, "")
    assert "old is postgres-database, and cache is cache." in ended.err


@pytest.mark.usefixtures("old")
def test_what_is_no_contract_is_refused_place_by_place(avow: Avow, tmp_path: Path) -> None:
    written(tmp_path / "new", {"contract.yaml": "{}"})
    ended = avow("contract", "diff", "old", "new")
    assert (ended.code, ended.out) == (2, "")
    assert "contract.yaml#/metadata" in ended.err
    assert avow("contract", "diff", "old", "nowhere").code == 2


def test_nobody_steers_a_terminal_by_a_contract(avow: Avow, tmp_path: Path) -> None:
    written(tmp_path / "old", files_of("1.0.0", enum=["\x1b[2J", "s"]))
    written(tmp_path / "new", files_of("1.0.1", enum=["s"]))
    assert "\x1b" not in avow("contract", "diff", "old", "new").out
