"""A team signs what it publishes, with real commands against a real server that takes nothing else."""

import base64
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.conftest import COMMAND, AvowServer, Ended, environment, start_avow
from tests.services.children import Children
from tests.services.git_http import GitHost


@dataclass(frozen=True)
class Desk:
    """Where a team writes contracts, and the server that it publishes to."""

    server: AvowServer
    folder: Path

    def avow(self, *words: str) -> Ended:
        """Run a command at the desk."""
        return self.server.avow(*words, cwd=self.folder)

    def done(self, *words: str) -> str:
        """Run a command that must succeed."""
        ended = self.avow(*words)
        assert ended.code == 0, ended.err
        return ended.out


@pytest.fixture
def desk(children: Children, tmp_path: Path, git_http: GitHost) -> Desk:
    folder = tmp_path / "desk"
    folder.mkdir()
    children.start(
        [*COMMAND, "contract", "keygen", "--out", str(folder / "team.key")], env=environment()
    ).wait()
    trusted = {
        "AVOW_TRUSTED_KEYS": str(folder),
        "AVOW_REQUIRE_SIGNED_BUNDLES": "true",
        "AVOW_BUNDLE_SOURCES": git_http.url,
    }
    desk = Desk(start_avow(children, tmp_path / "avow", settings=trusted), folder)
    desk.done("contract", "init", "queue", "--kind", "external-api", "--owner", "team-data")
    return desk


def test_only_what_the_team_signed_is_published_and_its_key_stays_at_the_desk(desk: Desk) -> None:
    unsigned = desk.avow("publish", "queue")
    assert unsigned.code == 4
    assert "signature_missing" in unsigned.err
    desk.done("contract", "sign", "queue", "--key", "team.key")
    said = desk.done("publish", "queue", "--signature", "queue-0.1.0.sig.json")
    assert "contract queue 0.1.0 published" in said
    assert "signed by" in said
    (desk.folder / "queue/docs/README.md").write_text("Something else.\n")
    altered = desk.avow("publish", "queue", "--signature", "queue-0.1.0.sig.json")
    assert altered.code == 4
    assert "signature_mismatch" in altered.err
    desk.done("contract", "keygen", "--out", "mine.key")
    desk.done("contract", "sign", "queue", "--key", "mine.key", "--out", "mine.sig.json")
    strange = desk.avow("publish", "queue", "--signature", "mine.sig.json")
    assert "signature_untrusted" in strange.err
    trail = desk.server.json("get", "audit", project="platform")
    actions = [entry["action"] for entry in trail if entry["subject"] == "contract/queue@0.1.0"]
    assert actions == ["contract.refused", "contract.published", "contract.refused", "contract.refused"]
    assert_stays(desk, "team.key")


def test_what_was_signed_in_a_working_tree_is_published_from_git(desk: Desk, git_http: GitHost) -> None:
    url = git_http.new_repository("contracts.git")
    person = ("git", "-c", "user.name=Dev", "-c", "user.email=dev@example.test")
    for words in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "queue"),
        ("commit", "--quiet", "--message", "A queue"),
        ("tag", "v0.1.0"),
        ("push", "--quiet", url, "v0.1.0"),
    ):
        subprocess.run([*person, *words], cwd=desk.folder, check=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=desk.folder, capture_output=True, text=True, check=True
    ).stdout
    desk.done("contract", "sign", "queue", "--key", "team.key")
    said = desk.done("publish", f"git+{url}@v0.1.0#queue", "--signature", "queue-0.1.0.sig.json")
    assert f"  from commit {commit[:12]}" in said
    shown = desk.server.json("get", "contracts", "queue")["newest"]
    assert shown["source"]["git"]["commit"] == commit.strip()
    assert shown["signature"]["key_id"]


def assert_stays(desk: Desk, key: str) -> None:
    """See that no form of a private key is in anything that the server wrote or said."""
    body = "".join((desk.folder / key).read_text().splitlines()[1:-1])
    seed = base64.b64decode(body)[-32:]
    canaries = [body[20:60].encode(), seed, seed.hex().encode(), base64.b64encode(seed)[:30]]
    kept = [path.read_bytes() for path in desk.server.folder.rglob("*") if path.is_file()]
    kept.append(desk.server.child.output().encode())
    assert kept
    assert not [canary for canary in canaries for content in kept if canary in content]
