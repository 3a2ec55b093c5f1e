"""What reaches git was judged first."""

from pathlib import Path

import pytest

from catalog.errors import Invalid
from executors.repository.rules import RemoteRules, check_branch, check_person, check_sha, check_url

ROOT = Path("/srv/git")
RULES = RemoteRules(hosts=frozenset({"127.0.0.1", "::1", "localhost", "git.internal"}), file_roots=(ROOT,))

HOSTILE_URLS = [
    "ext::sh -c touch% /tmp/canary",
    "ext::sh%20-c%20id",
    "fd::17",
    "https::https://example.org/x",
    "transport::address",
    "--upload-pack=touch /tmp/canary",
    "--upload-pack=touch${IFS}canary",
    "-oProxyCommand=touch",
    "-c",
    "ssh://-oProxyCommand=touch/x",
    "ssh://git@-oProxyCommand=touch/x",
    "ssh://git:password@example.org/x",
    "ssh://example.org/-x",
    "ssh://example.org/../../etc",
    "https://user:password@example.org/x.git",
    "https://token@example.org/x.git",
    "https://example.org/x.git\n[core]\n\tfsmonitor=touch canary",
    "https://example.org/x.git\r",
    "https://example.org/\0",
    "https://example.org/%00",
    "https://example.org/%0aconfig",
    "https://example.org/a/%2e%2e/b",
    "https://example.org/x?service=git",
    "https://example.org/x#fragment",
    "https://example.org:99999/x",
    "https://exa mple.org/x",
    "https://example.org\\@evil.example/x",
    "https://example.org",
    "https:///x",
    "https://./x",
    "https://[::1/x",
    "http://example.org/x.git",
    "http://10.0.0.1/x.git",
    "git://example.org/x.git",
    "ftp://example.org/x.git",
    "gopher://127.0.0.1:6379/x",
    "file:///etc/passwd",
    "file:///srv/git/../../etc",
    "file:///srv/git",
    "file:///srv/git/%2e%2e/x",
    "file://host/srv/git/x.git",
    "file://srv/git/x.git",
    "git@example.org:x.git",
    "/srv/git/x.git",
    "../x.git",
    "x.git",
    "https://exämple.org/x.git",
    "",
]


@pytest.mark.parametrize("url", HOSTILE_URLS, ids=ascii)
def test_a_hostile_address_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_url(url, RULES)
    assert refused.value.code == "git_url_refused"
    assert not url or url not in refused.value.message
    assert "password" not in refused.value.message


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port"),
    [
        ("https://example.org/team/x.git", "https", "example.org", 443),
        ("https://example.org:8443/x", "https", "example.org", 8443),
        ("http://127.0.0.1:8080/x.git", "http", "127.0.0.1", 8080),
        ("http://[::1]:8080/x.git", "http", "[::1]", 8080),
        ("http://git.internal/x.git", "http", "git.internal", 80),
        ("ssh://git@example.org/x.git", "ssh", "example.org", 22),
        ("file:///srv/git/x.git", "file", "", 0),
    ],
)
def test_a_plain_address_is_taken_apart(url: str, scheme: str, host: str, port: int) -> None:
    remote = check_url(url, RULES)
    assert (remote.url, remote.scheme, remote.host, remote.port) == (url, scheme, host, port)


def test_files_are_closed_unless_a_root_is_given() -> None:
    with pytest.raises(Invalid):
        check_url("file:///srv/git/x.git", RemoteRules())


def test_a_link_out_of_a_root_is_outside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "inside.git").symlink_to(tmp_path)
    with pytest.raises(Invalid):
        check_url(f"file://{root}/inside.git", RemoteRules(file_roots=(root,)))


@pytest.mark.parametrize(
    "branch",
    [
        *(
            "",
            "-x",
            "--output=x",
            "a..b",
            "a b",
            "a\n",
            "a~1",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "@{u}",
            "a@{0}",
        ),
        *("/a", "a/", "a//b", ".a", "a/.b", "a.", "a.lock", "a.lock/b", "a./b", "x" * 201, "refs/heads/a\0"),
    ],
    ids=ascii,
)
def test_an_odd_branch_name_is_refused(branch: str) -> None:
    with pytest.raises(Invalid):
        check_branch(branch)


@pytest.mark.parametrize("branch", ["main", "platform/prod/change-1", "v1.2.3", "_x"])
def test_a_plain_branch_name_is_fine(branch: str) -> None:
    assert check_branch(branch) == branch


@pytest.mark.parametrize(
    "sha", ["", "HEAD", "a" * 39, "A" * 40, "a" * 40 + "\n", "--all", "a" * 40 + "^"], ids=ascii
)
def test_only_a_full_commit_id_names_a_commit(sha: str) -> None:
    with pytest.raises(Invalid):
        check_sha(sha)


@pytest.mark.parametrize(
    "person",
    ["", "Name", "<a@b>", "N <a@b> <c@d>", "N <a b>", "N\n <a@b>", "N <a@b>\ncommitter x"],
    ids=ascii,
)
def test_an_author_cannot_add_lines_to_a_commit(person: str) -> None:
    with pytest.raises(Invalid):
        check_person(person)
