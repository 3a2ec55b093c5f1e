"""Starting says what is in use and what else there is, and never shows a password."""

import platform
import socket
import sqlite3
from collections.abc import Collection
from pathlib import Path

import pytest

from platform_api.cli import serve
from platform_api.cli.main import run
from platform_api.settings import Settings
from platform_api.wiring import ALL_ROLES, Role
from tests.services.ports import LOOPBACK


@pytest.fixture(autouse=True)
def versioned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "own_version", lambda: "0.1.0")
    monkeypatch.setattr(platform, "python_version", lambda: "3.11.7")
    monkeypatch.setattr(sqlite3, "sqlite_version", "3.40.1")


def settings(**given: object) -> Settings:
    return Settings(**{"data_dir": Path(".avow"), **given})  # type: ignore[arg-type]  # as the command gives them


def lines(
    wanted: Settings, url: str = "http://127.0.0.1:8420", roles: Collection[Role] = ALL_ROLES
) -> list[str]:
    return list(serve.start_lines(wanted, roles, url, 1.84))


def test_a_start_says_what_is_in_use_and_what_else_there_is() -> None:
    assert lines(settings()) == [
        "avow 0.1.0  (python 3.11.7, everything in one process, data in .avow)",
        "  database  sqlite 3.40.1  .avow/avow.db  ok  (PostgreSQL: --database-url)",
        "  policy    embedded, 2 processes         ok  (OPA server: --opa-url)",
        "  workers   4 embedded                    ok  (Celery over Redis or RabbitMQ: --broker-url)",
        "  git       .avow/state.git               ok  (remote: --git-remote)",
        "API  http://127.0.0.1:8420   described at http://127.0.0.1:8420/openapi.json",
        "The administrator's token is in .avow/admin-token: whoever may read that file may do everything.",
        "Try in another terminal:   avow doctor",
        "Stop: Ctrl-C   ready in 1.8 s",
    ]


def test_elsewhere_the_commands_say_where() -> None:
    said = lines(settings(data_dir=Path("/data")), "http://127.0.0.1:9000")
    words = "export AVOW_TOKEN_FILE=/data/admin-token; avow --url http://127.0.0.1:9000 doctor"
    assert f"Try in another terminal:   {words}" in said


def test_no_password_is_shown() -> None:
    secret = "hunter2"
    wanted = settings(
        database_url=f"postgresql+psycopg://avow:{secret}@db:5432/avow",
        broker_url=f"redis://:{secret}@redis/0",
        opa_url="http://opa:8181",
        git_remote=f"https://bot:{secret}@git.example.org/state.git",
    )
    said = "\n".join(lines(wanted))
    assert secret not in said
    assert "postgresql+psycopg://avow:***@db:5432/avow  ok" in said
    assert "redis://:***@redis/0" in said


def test_a_role_alone_says_what_it_uses_and_names_no_address() -> None:
    assert lines(settings(), "", (Role.WORKER,)) == [
        "avow 0.1.0  (python 3.11.7, the worker alone, data in .avow)",
        "  database  sqlite 3.40.1  .avow/avow.db  ok  (PostgreSQL: --database-url)",
        "  workers   4 embedded                    ok  (Celery over Redis or RabbitMQ: --broker-url)",
        "Stop: Ctrl-C   ready in 1.8 s",
    ]


def test_a_port_that_is_taken_is_said_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert run(["up", "--data-dir", str(tmp_path / "d"), "--port", port]) == 1
    assert f"Error: Cannot listen on port {port} of 127.0.0.1: " in capsys.readouterr().err
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("words", "place"),
    [(["--log-level", "loud"], "AVOW_LOG_LEVEL"), (["--policy-dir", "/nowhere"], "")],
    ids=["log-level", "policy-dir"],
)
def test_settings_that_cannot_be_are_refused_by_name(
    words: list[str], place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run(["up", "--data-dir", str(tmp_path / "d"), "--port", "0", *words])
    said = capsys.readouterr().err
    assert code in (1, 2)
    assert said.startswith("Error: ")
    assert place in said
