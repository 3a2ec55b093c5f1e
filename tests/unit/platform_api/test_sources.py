"""Bundles come only from where an operator said, however an address is written."""

from pathlib import Path

import pytest

from catalog.errors import Denied, Invalid, PlatformError
from platform_api.sources import Sources, sources_of

PUBLIC = "93.184.216.34"


def nowhere(host: str, port: int) -> tuple[str, ...]:
    """Resolve to what nobody may connect to, so that whatever is let through ends there."""
    return ("169.254.169.254",)


def code(url: str, *allowed: str, folder: Path = Path("/nonexistent")) -> str:
    """Return the code with which a source is refused."""
    with pytest.raises(PlatformError) as refused:
        Sources(folder, allowed, resolve=nowhere).fetch(url, "main", "")
    return refused.value.code


@pytest.mark.parametrize(
    ("url", "beginning"),
    [
        ("https://git.example/team/a.git", "https://git.example"),
        ("https://git.example/team/a.git", "https://git.example/"),
        ("https://git.example/team/a.git", "https://git.example/team"),
        ("https://git.example/team/a.git", "https://git.example/team/"),
        ("https://git.example/team/a.git", "https://git.example/team/a.git"),
        ("https://GIT.example/team/a.git", "https://git.EXAMPLE/team/"),
        ("https://git.example:443/team/a.git", "https://git.example/team/"),
        ("https://git.example./team/a.git", "https://git.example/team/"),
    ],
    ids=lambda text: text.partition("://")[2],
)
def test_what_an_operator_allows_gets_as_far_as_its_address(url: str, beginning: str, tmp_path: Path) -> None:
    # The address is then judged as for everything that goes out, whatever was allowed.
    found = code(url, "https://other.example/", beginning, folder=tmp_path)
    assert found in ("address_refused", "git_url_refused")


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.evil.example/team/a.git",
        "https://evil.example/git.example/team/a.git",
        "https://git.example@evil.example/team/a.git",
        "https://user:word@git.example/team/a.git",
        "https://git.example/teams/a.git",
        "https://git.example/team.evil/a.git",
        "https://git.example/team/../other/a.git",
        "https://git.example/team/%2e%2e/other/a.git",
        "https://git.example/other/team/a.git",
        "https://git.example:8443/team/a.git",
        "http://git.example/team/a.git",
        "ssh://git.example/team/a.git",
        "git://git.example/team/a.git",
        "file:///git.example/team/a.git",
        "ext::sh -c id",
        "https://git.example/team/a.git?x=1",
        "https://git.example/team/a.git#x",
        "https://[git.example/team/a.git",
        "https://git.example:99999/team/a.git",
        "/git.example/team/a.git",
        "",
        "-oProxyCommand=id",
    ],
)
def test_an_address_that_only_looks_allowed_is_refused(url: str) -> None:
    assert code(url, "https://git.example/team/") == "git_source_refused"


def test_nothing_is_fetched_from_anywhere_until_somebody_says_so() -> None:
    assert code("https://git.example/team/a.git") == "git_source_refused"
    assert code("file:///srv/a.git") == "git_source_refused"


def test_a_link_does_not_lead_out_of_an_allowed_folder(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "closed/a.git").mkdir(parents=True)
    (tmp_path / "open/link.git").symlink_to(tmp_path / "closed/a.git")
    allowed = f"file://{tmp_path}/open"
    for path in ("open/link.git", "open/../closed/a.git", "closed/a.git", "opened/a.git"):
        assert code(f"file://{tmp_path}/{path}", allowed, folder=tmp_path / "work") == "git_source_refused"
    assert code(f"file://{tmp_path}/open/%00", allowed) == "git_source_refused"
    assert (
        code(f"file://{tmp_path}/open/none.git", allowed, folder=tmp_path / "work") == "git_source_not_found"
    )


@pytest.mark.parametrize(
    "address", ["127.0.0.2", "10.0.0.1", "169.254.169.254", "100.100.100.200", "::1", "fd00::1"]
)
def test_an_allowed_name_that_leads_inside_is_refused(address: str, tmp_path: Path) -> None:
    sources = Sources(tmp_path, ("https://git.example/",), resolve=lambda host, port: (PUBLIC, address))
    with pytest.raises(Denied) as refused:
        sources.fetch("https://git.example/a.git", "main", "")
    assert refused.value.code == "address_refused"
    assert address not in refused.value.message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "beginning",
    [
        "git.example",
        "ssh://git.example/",
        "https://",
        "https://a@b/",
        "https://a/?b",
        "file:///",
        "file://host/x",
    ],
)
def test_a_beginning_that_would_allow_too_much_or_nothing_is_refused_at_the_start(beginning: str) -> None:
    with pytest.raises(Invalid) as refused:
        sources_of(Path(), ["https://fine.example/", beginning], [])
    assert refused.value.code == "invalid_settings"
    [finding] = refused.value.findings
    assert (finding.pointer, beginning in finding.message) == ("AVOW_BUNDLE_SOURCES", True)


@pytest.mark.parametrize(
    "ref", ["--upload-pack=id", "a..b", "", "a b", "main:refs/heads/x", "@{1}", "x" * 300]
)
def test_a_name_that_git_would_misread_is_refused_before_anybody_is_asked(ref: str, tmp_path: Path) -> None:
    sources = Sources(tmp_path / "work", (f"file://{tmp_path}/",), resolve=nowhere)
    with pytest.raises(Invalid) as error:
        sources.fetch(f"file://{tmp_path}/a.git", ref, "")
    assert error.value.code == "git_ref_refused"


@pytest.mark.parametrize("path", ["../x", "a/../b", "/", "a//b", ".git/config", "a\\b", "a\nb"])
def test_a_folder_that_leads_elsewhere_is_refused(path: str, tmp_path: Path) -> None:
    sources = Sources(tmp_path / "work", (f"file://{tmp_path}/",), resolve=nowhere)
    with pytest.raises(Invalid) as error:
        sources.fetch(f"file://{tmp_path}/a.git", "main", path)
    assert error.value.code == ("git_source_not_found" if path == "/" else "git_path_refused")
