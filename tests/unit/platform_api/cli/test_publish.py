"""A folder becomes a published contract, once."""

from pathlib import Path

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.stub import Said, Stub

PUBLISHED = {"name": "postgres", "version": "1.0.0", "digest": "sha256:abc", "is_new": True}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bundle = tmp_path / "postgres"
    (bundle / "templates").mkdir(parents=True)
    (bundle / "contract.yaml").write_text("kind: Contract\n")
    (bundle / "templates" / "ci.yml").write_text("on: push\n")
    return bundle


def test_the_files_of_a_folder_are_sent_by_path(avow: Avow, stub: Stub, folder: Path) -> None:
    stub.says("POST", "/v1/contracts", Said(PUBLISHED, 201))
    ended = avow("publish", str(folder))
    assert (ended.code, ended.out) == (0, "contract postgres 1.0.0 published  sha256:abc\n")
    assert stub.last("POST").body == {
        "files": {"contract.yaml": "kind: Contract\n", "templates/ci.yml": "on: push\n"}
    }


def test_publishing_again_changes_nothing(avow: Avow, stub: Stub, folder: Path) -> None:
    stub.says("POST", "/v1/contracts", Said(PUBLISHED | {"is_new": False}))
    assert avow("publish", str(folder)).out == "contract postgres 1.0.0 unchanged  sha256:abc\n"


def test_a_dry_run_only_checks(avow: Avow, stub: Stub, folder: Path) -> None:
    stub.says("POST", "/v1/contracts", Said(PUBLISHED | {"dry_run": True}))
    assert (
        avow("publish", "--dry-run", str(folder)).out
        == "contract postgres 1.0.0 can be published  sha256:abc\n"
    )
    assert stub.last("POST").query == {"dry_run": "true"}


def test_nothing_is_sent_when_any_folder_cannot_be_read(
    avow: Avow, stub: Stub, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "link").symlink_to("/etc/passwd")
    ended = avow("publish", str(folder), str(tmp_path / "other"))
    assert ended.code == 2
    assert "x  link  links are not allowed in a bundle" in ended.err
    assert stub.asked == []


def test_what_is_wrong_with_a_contract_is_said_place_by_place(avow: Avow, stub: Stub, folder: Path) -> None:
    places = [
        {"pointer": "contract.yaml#/spec", "code": "required", "detail": "it is missing", "fix": "add it"}
    ]
    stub.refuses(
        "POST", "/v1/contracts", 422, "invalid_contract", detail="It cannot be published.", errors=places
    )
    ended = avow("publish", str(folder))
    assert (ended.code, ended.out) == (2, "")
    assert "  x  contract.yaml#/spec  it is missing\n       fix: add it\n" in ended.err
