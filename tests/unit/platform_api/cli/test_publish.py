"""A folder, an archive or a git repository becomes a published contract, once."""

import json
import tarfile
import zipfile
from pathlib import Path

import pytest

from catalog.starter import CapabilityKind, starter
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


def packed(folder: Path, file: Path) -> Path:
    """Pack a folder into a .tar.gz or a .zip."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w") as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, path.relative_to(folder.parent))
    else:
        with tarfile.open(file, "w:gz") as tape:
            tape.add(folder, folder.name)
    return file


@pytest.mark.parametrize("name", ["postgres.tar.gz", "postgres.tgz", "postgres.zip"])
def test_an_archive_is_sent_as_the_files_in_it(
    avow: Avow, stub: Stub, folder: Path, tmp_path: Path, name: str
) -> None:
    stub.says("POST", "/v1/contracts", Said(PUBLISHED, 201))
    assert avow("publish", str(packed(folder, tmp_path / name))).code == 0
    assert stub.last("POST").body == {
        "files": {"contract.yaml": "kind: Contract\n", "templates/ci.yml": "on: push\n"}
    }


def test_an_archive_that_is_none_is_refused_here(avow: Avow, stub: Stub, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK")
    (tmp_path / "b.txt").write_text("x")
    (tmp_path / "big.zip").write_bytes(b"PK" + bytes(5 * 1024 * 1024))
    told = {
        "a.zip": "it is no zip that can be read",
        "b.txt": "this is neither a .tar.gz nor a .zip",
        "big.zip": "the archive is larger than 4 MiB",
        "nothing.zip": "nothing.zip is not a folder",
    }
    for name, words in told.items():
        ended = avow("publish", name)
        assert (ended.code, ended.out) == (2, "")
        assert words in ended.err
    assert stub.asked == []


@pytest.mark.parametrize(
    ("text", "git"),
    [
        (
            "git+https://git.example/team/a.git@v1.0.0#contracts/b",
            {"url": "https://git.example/team/a.git", "ref": "v1.0.0", "path": "contracts/b"},
        ),
        ("git+https://git.example/a.git@feature/x", {"url": "https://git.example/a.git", "ref": "feature/x"}),
        (
            "git+https://git.example:8443/a@b/c.git@main",
            {"url": "https://git.example:8443/a@b/c.git", "ref": "main"},
        ),
        ("git+file:///srv/git/a.git@main#b", {"url": "file:///srv/git/a.git", "ref": "main", "path": "b"}),
    ],
    ids=["tag-and-folder", "branch-with-slash", "at-in-the-path", "file"],
)
def test_a_git_repository_is_named_to_the_server(
    avow: Avow, stub: Stub, text: str, git: dict[str, str]
) -> None:
    fetched = {"source": {"git": git | {"commit": "0123456789abcdef", "path": ""}}}
    stub.says("POST", "/v1/contracts", Said(PUBLISHED | fetched, 201))
    ended = avow("publish", text)
    assert stub.last("POST").body == {"source": {"git": git}}
    assert ended.out == "contract postgres 1.0.0 published  sha256:abc  from commit 0123456789ab\n"


@pytest.mark.parametrize(
    "text",
    [
        "git+https://git.example/a.git",
        "git+https://git.example/a.git@",
        "git+https://git.example@main",
        "git+https://user@git.example",
        "git+git.example/a.git@main",
        "git+https:///",
        "git+",
    ],
)
def test_an_address_that_leaves_open_what_is_meant_is_refused_here(avow: Avow, stub: Stub, text: str) -> None:
    ended = avow("publish", text)
    assert (ended.code, ended.out) == (2, "")
    assert "Fix: write git+https://host/repository.git@main#folder" in ended.err
    assert stub.asked == []


def test_an_archive_can_be_signed_and_git_be_sent_with_a_signature(
    avow: Avow, stub: Stub, tmp_path: Path
) -> None:
    (tmp_path / "sig.json").write_text('{"payload": "x"}')
    stub.says("POST", "/v1/contracts", Said(PUBLISHED, 201))
    avow("publish", "git+https://git.example/a.git@main", "--signature", "sig.json")
    assert stub.last("POST").body == {
        "source": {"git": {"url": "https://git.example/a.git", "ref": "main"}},
        "signature": {"payload": "x"},
    }
    for name, text in starter(CapabilityKind.DATABASE, "orders", "team-data").items():
        (tmp_path / "orders" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "orders" / name).write_text(text)
    packed(tmp_path / "orders", tmp_path / "orders.zip")
    avow("contract", "keygen", "--out", "key")
    signed = [avow("contract", "sign", name, "--key", "key").out for name in ("orders", "orders.zip")]
    assert signed[0].splitlines()[0] == signed[1].splitlines()[0]  # name, version and digest


SUMMARY = {
    "requests": 9,
    "outcomes": {"breaks": 1, "changes": 4, "denied": 1, "needs_approval": 1},
    "left_alone": {"pinned": 1, "other_version": 1},
    "by_project": {"shop": {"changes": 4, "breaks": 1}, "bank": {"denied": 1, "needs_approval": 1}},
    "by_owner": {"": {"changes": 4}, "team-a": {"breaks": 1, "denied": 1, "needs_approval": 1}},
    "by_environment": {"dev": {"changes": 4, "breaks": 1, "denied": 1, "needs_approval": 1}},
    "by_rule": {"contract needs-owner": {"denied": 1}},
}
BROKEN = {
    "project": "shop",
    "request": "large",
    "environment": "dev",
    "owner": "team-a",
    "outcome": "breaks",
    "held_by": "Paused",
    "findings": [{"pointer": "/inputs/size", "code": "enum", "detail": "must satisfy enum", "fix": "use s"}],
    "policy": [],
}
DENIED = {
    "project": "bank",
    "request": "gate",
    "environment": "prod",
    "outcome": "denied",
    "findings": [],
    "policy": [
        {"policy": "contract", "rule": "needs-owner", "action": "deny", "message": "who answers for it?"}
        | {"remediation": "name an owner"}
    ],
    "children": [
        {"request": "gate-net", "deed": "make", "is_certain": True, "contract": "network", "version": "1.0.0"}
        | {"outcome": "breaks", "policy": []}
        | {"findings": [{"pointer": "/destination", "code": "no_destination", "detail": "nothing fits"}]}
    ],
}
PLANNED = """\
Impact of postgres on 9 requests
  changes             4
  needs approval      1
  denied              1
  breaks              1
  pinned              1
  on another version  1
  project shop: 4 changes, 1 breaks
  project bank: 1 needs approval, 1 denied
  owner (nobody): 4 changes
  owner team-a: 1 needs approval, 1 denied, 1 breaks
  rule contract needs-owner: 1 denied
shop/large  breaks  (dev, team-a, held: Paused)
  x  /inputs/size  must satisfy enum
       fix: use s
bank/gate  denied  (prod)
  x  contract  who answers for it?
       fix: name an owner
  make gate-net  network 1.0.0  (breaks)
    x  /destination  nothing fits
  and more: -o json lists all of them
"""


def test_a_planned_publish_says_what_it_would_do_and_ends_with_6(
    avow: Avow, stub: Stub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    document = {"summary": SUMMARY, "items": [BROKEN, DENIED], "next_page_token": "t"}
    stub.says("POST", "/v1/contracts/impact", Said(document))
    ended = avow("publish", "--plan", "postgres", "--canary", "10")
    assert (ended.code, ended.out) == (6, PLANNED)
    assert "1 requests would break, and 1 be denied. Nothing was published." in ended.err
    asked = stub.last("POST")
    assert asked.path == "/v1/contracts/impact"
    assert asked.query["page_size"] == "100"
    assert asked.body["canary"] == 10


def test_a_planned_publish_that_breaks_nothing_ends_well(avow: Avow, stub: Stub, folder: Path) -> None:
    calm = {"summary": SUMMARY | {"outcomes": {"changes": 4}}, "items": []}
    stub.says("POST", "/v1/contracts/impact", Said(calm))
    assert avow("publish", "--plan", str(folder)).code == 0


def test_a_planned_publish_for_programs_is_all_of_it(avow: Avow, stub: Stub, folder: Path) -> None:
    document = {"summary": SUMMARY, "items": [BROKEN]}
    stub.says("POST", "/v1/contracts/impact", Said(document))
    ended = avow("publish", "--plan", str(folder), "-o", "json")
    assert ended.code == 6
    assert json.loads(ended.out) == [document]
    assert stub.last("POST").query == {"format": "json"}


COMPATIBILITY = {
    "compatible": False,
    "due": "major",
    "publish_as": "2.0.0",
    "compared": [
        {
            "from_version": "1.0.0",
            "to_version": "1.1.0",
            "due": "major",
            "enough": False,
            "changes": [
                {
                    "pointer": "/spec/inputs/required/0",
                    "code": "required_added",
                    "breaks": "requester",
                    "due": "major",
                    "detail": '"size" is required now',
                    "fix": "leave it optional",
                    "before": None,
                    "after": "size",
                }
            ],
        }
    ],
}


def test_a_planned_publish_that_is_too_low_says_what_it_breaks(
    avow: Avow, stub: Stub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    calm = {"summary": SUMMARY | {"outcomes": {"changes": 4}}, "items": []}
    stub.says("POST", "/v1/contracts/impact", Said(calm | {"compatibility": COMPATIBILITY}))
    ended = avow("publish", "--plan", "postgres")
    assert ended.code == 6
    assert ended.out.startswith(
        "postgres 1.0.0 -> 1.1.0: major version due, and the version is too low\n"
        "  major  /spec/inputs/required/0  (breaks the requester)\n"
        '         "size" is required now\n'
        "         fix: leave it optional\n"
        "It cannot be published as it is; as 2.0.0 it might.\n"
        "Impact of postgres on 9 requests\n"
    )
    assert "postgres would be refused: the version is too low. Nothing was published." in ended.err
