"""Bundles that the server fetches from git itself, over real HTTP: what is kept of where, and for whom."""

import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog import audit
from catalog.bundle import bundle_from_files
from catalog.provenance import PAYLOAD_TYPE, statement_about
from platform_api import signing
from tests.doors import Doors, open_doors
from tests.factories import START, contract_document, contract_files
from tests.services.git_http import GitHost

KEY = signing.new_private_key()


@dataclass
class Team:
    """A door that may fetch from a git host, and a team's repository there."""

    doors: Doors
    host: GitHost
    folder: Path
    url: str

    def git(self, *words: str) -> str:
        """Run git in the team's tree."""
        person = ("-c", "user.name=Dev", "-c", "user.email=dev@example.test")
        command = ["git", *person, *words]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    def commit(self, files: Mapping[str, str], below: str = "", branch: str = "main") -> str:
        """Commit and push a bundle into a folder of the repository; return the commit's id."""
        for path, text in files.items():
            place = self.folder / below / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "x")
        self.git("push", "--quiet", "--force", "origin", f"HEAD:{branch}")
        return self.git("rev-parse", "HEAD")

    def publish(self, ref: str = "main", path: str = "", who: str = "pia", **more: Any) -> httpx.Response:
        """Publish from the repository."""
        sent = more.pop("sent", {})
        git = {"url": self.url, "ref": ref} | ({"path": path} if path else {})
        return self.doors(who, "POST", "/v1/contracts", {"source": {"git": git}} | more, **sent)

    def trail(self) -> list[audit.Entry]:
        """Return what the audit trail holds."""
        with self.doors.platform.db.read() as tx:
            return audit.page(tx, audit.PLATFORM, 0, 1000)


@pytest.fixture
def team(database_url: str, tmp_path: Path, git_http: GitHost) -> Iterator[Team]:
    (tmp_path / "trusted.pub").write_text(KEY.public.pem)
    settings = {"bundle_sources": (f"{git_http.url}/",), "trusted_keys": (str(tmp_path / "trusted.pub"),)}
    with open_doors(database_url, tmp_path / "avow", **settings) as doors:
        made = Team(doors, git_http, tmp_path / "tree", git_http.new_repository("contracts.git"))
        made.folder.mkdir()
        made.git("init", "--quiet", "--initial-branch=main")
        made.git("remote", "add", "origin", made.url)
        yield made
        assert list((tmp_path / "avow/sources").glob("*")) == []


def files(version: str) -> dict[str, str]:
    return contract_files(contract_document(version=version))


def test_the_commit_that_a_bundle_was_fetched_from_is_kept_and_shown_and_in_the_trail(team: Team) -> None:
    commit = team.commit(files("1.1.0"), "contracts/database")
    answer = team.publish(path="contracts/database")
    assert (answer.status_code, answer.json()["is_new"]) == (201, True), answer.text
    source = {"git": {"url": team.url, "ref": "main", "path": "contracts/database", "commit": commit}}
    shown = team.doors("dora", "GET", answer.headers["Location"]).json()
    assert shown["source"] == answer.json()["source"] == source
    assert shown["files"] == files("1.1.0")
    assert shown["digest"] == bundle_from_files(files("1.1.0")).digest
    assert team.trail()[-1].detail["source"] == source
    assert team.doors("dora", "GET", "/v1/contracts/postgres-database").json()["newest"]["source"] == source


def test_a_tag_and_a_commit_are_as_good_as_a_branch(team: Team) -> None:
    commit = team.commit(files("1.1.0"))
    team.git("tag", "v1.1.0")
    team.git("push", "--quiet", "origin", "v1.1.0")
    team.commit(files("1.2.0"))
    assert team.publish("v1.1.0").json()["source"]["git"]["commit"] == commit
    again = team.publish(commit)
    assert (again.status_code, again.json()["is_new"], again.json()["version"]) == (200, False, "1.1.0")


def test_an_impact_names_the_commit_so_that_just_that_can_be_published(team: Team) -> None:
    commit = team.commit(files("1.1.0"))
    body = {"source": {"git": {"url": team.url, "ref": "main"}}}
    for query in ("", "?format=json"):
        seen = team.doors("pia", "POST", f"/v1/contracts/impact{query}", body).json()["source"]["git"]
        assert (seen["ref"], seen["commit"]) == ("main", commit)
    team.commit(files("1.2.0"))
    assert team.publish(commit).json()["version"] == "1.1.0"
    sent = team.doors("pia", "POST", "/v1/contracts/impact", {"files": files("1.2.0")}).json()
    assert "source" not in sent


def test_where_a_revision_came_from_is_where_it_came_from_first(team: Team) -> None:
    team.commit(files("1.1.0"))
    first = team.publish().json()
    sent = team.doors("pia", "POST", "/v1/contracts", {"files": files("1.1.0")}).json()
    assert (sent["is_new"], sent["source"]) == (False, first["source"])
    known = team.doors("pia", "POST", "/v1/contracts", {"files": contract_files()}).json()
    assert "source" not in known


def test_what_was_fetched_is_held_to_its_signature(team: Team) -> None:
    team.commit(files("1.1.0"))
    payload = statement_about(bundle_from_files(files("1.1.0")), START).payload()
    envelope = dict(KEY.seal(payload, PAYLOAD_TYPE))
    team.commit(files("1.2.0"), branch="other")
    assert team.publish("other", signature=envelope).json()["code"] == "signature_mismatch"
    answer = team.publish(signature=envelope).json()
    assert answer["signature"]["key_id"] == KEY.public.id
    assert {"source", "signature"} <= team.trail()[-1].detail.keys()


def test_a_dry_run_fetches_and_writes_nothing(team: Team) -> None:
    team.commit(files("1.1.0"))
    before = team.doors.rows()
    answer = team.publish(sent={"params": {"dry_run": True}})
    assert (answer.status_code, answer.json()["version"]) == (200, "1.1.0")
    assert team.doors.rows() == before


def test_a_repeated_publish_gets_its_answer_though_the_branch_went_on(team: Team) -> None:
    team.commit(files("1.1.0"))
    headers = {"Idempotency-Key": "k-1"}
    first = team.publish(sent={"headers": headers})
    team.commit(files("1.2.0"))
    again = team.publish(sent={"headers": headers})
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.json()["version"] == "1.1.0"


def test_nobody_makes_the_server_fetch_who_publishes_nothing(team: Team) -> None:
    team.commit(files("1.1.0"))
    team.host.answer_next_with(500)
    for who in ("dora", "paul", "anna"):
        assert team.publish(who=who).json()["code"] == "role_missing"
    assert team.publish(who="").status_code == 401
    assert list(team.host.statuses) == [500]  # nobody came to ask


def test_what_is_fetched_is_published_by_its_owner_alone(team: Team) -> None:
    team.commit(contract_files(contract_document(name="cache", owner="team-cache")))
    assert team.publish().json()["code"] == "role_missing"
    assert team.publish(who="admin").status_code == 201


def test_an_address_that_nobody_allowed_is_not_asked(team: Team) -> None:
    for url in (
        "https://git.example/a.git",
        "http://127.0.0.1:1/a.git",
        f"file://{team.host.root}/contracts.git",
    ):
        body = {"source": {"git": {"url": url, "ref": "main"}}}
        answer = team.doors("admin", "POST", "/v1/contracts", body)
        assert (answer.status_code, answer.json()["code"]) == (403, "git_source_refused")
        assert "AVOW_BUNDLE_SOURCES" in answer.json()["fix"]


def test_what_goes_wrong_at_the_other_end_is_told_apart(team: Team) -> None:
    team.commit(files("1.1.0"))
    told = {
        "none.git": (422, "git_source_not_found"),
        "contracts.git@none": (422, "git_ref_not_found"),
        "contracts.git#none": (422, "git_path_not_found"),
        "contracts.git#../x": (422, "git_path_refused"),
        "contracts.git@a b": (422, "git_ref_refused"),
    }
    for address, expected in told.items():
        place, _, path = address.partition("#")
        name, _, ref = place.partition("@")
        git = {"url": f"{team.host.url}/{name}", "ref": ref or "main", "path": path}
        answer = team.doors("pia", "POST", "/v1/contracts", {"source": {"git": git}})
        assert (answer.status_code, answer.json()["code"]) == expected, address
        assert answer.json()["fix"], address
    team.host.answer_next_with(503)
    assert (team.publish().status_code, team.publish().status_code) == (503, 201)


def test_a_repository_that_is_no_bundle_is_refused_with_its_places(team: Team) -> None:
    team.commit({"README.md": "x"})
    answer = team.publish()
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_bundle")
    assert answer.json()["errors"][0]["code"] == "contract_missing"
    (team.folder / "link").symlink_to("README.md")
    (team.folder / "__pycache__").mkdir()
    team.commit({"contract.yaml": "x"})
    assert team.publish().json()["errors"][0]["code"] == "link"


def test_what_is_no_text_is_refused_and_caches_are_left_out(team: Team) -> None:
    (team.folder / "__pycache__").mkdir()
    (team.folder / "__pycache__/x.pyc").write_bytes(b"\xff")
    team.commit(files("1.1.0"))
    assert team.publish().json()["digest"] == bundle_from_files(files("1.1.0")).digest
    (team.folder / "logo.png").write_bytes(b"\xff")
    team.commit({})
    assert team.publish().json()["errors"][0]["code"] == "not_text"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"files": {"a": "x"}, "source": {"git": {"url": "https://a.example/b", "ref": "main"}}},
        {"source": {}},
        {"source": {"git": {"url": "https://a.example/b"}}},
        {"source": {"git": {"url": "https://a.example/b", "ref": "main", "branch": "x"}}},
        {"source": {"svn": {"url": "https://a.example/b", "ref": "main"}}},
        {"source": {"git": {"url": 1, "ref": "main"}}},
        {"source": None},
        {"files": None},
    ],
    ids=["neither", "both", "empty", "no-ref", "more", "svn", "number", "null", "null-files"],
)
def test_a_body_says_one_thing(sqlite_url: str, tmp_path: Path, body: dict[str, Any]) -> None:
    with open_doors(sqlite_url, tmp_path) as doors:
        answer = doors("pia", "POST", "/v1/contracts", body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
        assert answer.json()["errors"]
