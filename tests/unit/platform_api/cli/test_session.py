"""Options, environment and files say who asks whom; the later and nearer one wins."""

from pathlib import Path
from typing import NoReturn

import pytest

from platform_api.cli.session import Session, is_loopback, nearest
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import page, request
from tests.unit.platform_api.cli.stub import Stub

LIST = "/v1/projects/default/requests"


@pytest.fixture
def listed(stub: Stub) -> Stub:
    stub.says("GET", LIST, page(request()))
    stub.says("GET", "/v1/projects/pay/requests", page())
    return stub


def bearer(stub: Stub) -> str:
    return stub.last("GET").headers.get("Authorization", "").removeprefix("Bearer ")


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")
    return path


def test_options_stand_before_and_after_the_command(avow: Avow, listed: Stub) -> None:
    for words in (("-o", "name", "get", "requests"), ("get", "requests", "-o", "name")):
        assert avow(*words).out == "orders-db\n"


def test_the_later_option_wins(avow: Avow, listed: Stub) -> None:
    avow("--project", "default", "get", "requests", "--project", "pay")
    assert listed.last("GET").path == "/v1/projects/pay/requests"


def test_an_option_wins_over_the_environment(
    avow: Avow, listed: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVOW_PROJECT", "default")
    avow("--project", "pay", "get", "requests")
    assert listed.last("GET").path == "/v1/projects/pay/requests"


def test_the_token_is_looked_for_from_near_to_far(
    avow: Avow, listed: Stub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AVOW_TOKEN")
    avow("get", "requests")
    assert "Authorization" not in listed.last("GET").headers
    written(tmp_path / "home/.config/avow/token", "avow_own")
    avow("get", "requests")
    assert bearer(listed) == "avow_own"
    written(tmp_path / ".avow/admin-token", "avow_local")
    avow("get", "requests")
    assert bearer(listed) == "avow_local"
    monkeypatch.setenv("AVOW_TOKEN_FILE", str(written(tmp_path / "named", "avow_named")))
    avow("get", "requests")
    assert bearer(listed) == "avow_named"
    monkeypatch.setenv("AVOW_TOKEN", "avow_said")
    avow("get", "requests")
    assert bearer(listed) == "avow_said"


def test_the_local_admins_token_is_never_sent_elsewhere(
    avow: Avow, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AVOW_TOKEN")
    written(tmp_path / ".avow/admin-token", "avow_local")
    seen: list[str] = []

    def connect(session: Session) -> NoReturn:
        seen.append(session.token)
        raise SystemExit(0)

    monkeypatch.setattr("platform_api.cli.version.connect", connect)
    avow("version", "--url", "https://avow.example.org")
    assert seen == [""]


def test_a_named_token_file_must_be_there(avow: Avow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AVOW_TOKEN")
    monkeypatch.setenv("AVOW_TOKEN_FILE", "/nowhere/token")
    ended = avow("get", "requests")
    assert ended.code == 4
    assert "/nowhere/token cannot be read: No such file or directory" in ended.err


@pytest.mark.parametrize("url", ["localhost:8420", "ftp://localhost", "http://"])
def test_what_is_no_url_is_refused(avow: Avow, url: str) -> None:
    ended = avow("get", "requests", "--url", url)
    assert ended.code == 2
    assert "is not the URL of a server" in ended.err


def test_an_unknown_format_is_refused_with_the_nearest(avow: Avow) -> None:
    ended = avow("get", "requests", "-o", "jsom")
    assert ended.code == 2
    assert ended.err == "Error: jsom is no output format.\nFix: did you mean json?\n"


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("127.8.9.1", True),
        ("10.0.0.1", False),
        ("avow", False),
    ],
)
def test_this_machine_is_known(host: str, *, is_here: bool) -> None:
    assert is_loopback(host) is is_here


def test_without_anything_near_all_is_named() -> None:
    assert nearest("zebra", ["requests", "runs"]) == "write one of requests, runs"
