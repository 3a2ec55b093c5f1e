"""The command finds the command, loads no more than it needs, and keeps its words off pipes' nerves."""

import os
import pty
import select
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from platform_api.cli.main import COMMANDS, MODULES, load, run
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import condition, event, page, request
from tests.unit.platform_api.cli.stub import Said, Stub, stream

ROOT = Path(__file__).parents[4]
LIST = "/v1/projects/default/requests"
ITEM = f"{LIST}/orders-db"

UNDER_WAY = request("progressing", condition("Applied", "Unknown", "Operating"))

SERVER_MODULES = (
    "alembic",
    "catalog.db",
    "catalog.tables",
    "celery",
    "executors",
    "fastapi",
    "git",
    "jsonschema_rs",
    "platform_api.app",
    "platform_api.settings",
    "policy",
    "psycopg",
    "pydantic_settings",
    "reconciler",
    "regopy",
    "sqlalchemy",
    "starlette",
    "uvicorn",
)
LOADED = """
import sys
from platform_api.cli.main import run
run(sys.argv[1:])
print("\\n".join(sys.modules), file=sys.stderr)
"""


def environment(**extra: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **extra}


def loaded_by(*words: str, **extra: str) -> set[str]:
    ended = subprocess.run(
        [sys.executable, "-c", LOADED, *words],
        env=environment(**extra),
        capture_output=True,
        text=True,
        check=True,
    )
    return set(ended.stderr.splitlines())


def avow_process(*words: str, **extra: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "platform_api.cli.main", *words],
        env=environment(**extra),
        capture_output=True,
        check=False,
    )


def test_the_help_loads_no_server_no_http_and_no_command() -> None:
    loaded = loaded_by("--help")
    assert not loaded & {*SERVER_MODULES, "httpx", "rich", "yaml", "pydantic"}
    assert not loaded & {f"platform_api.cli.{module}" for module in MODULES.values()}


def test_a_command_that_talks_loads_no_server(stub: Stub) -> None:
    stub.says("GET", LIST, page(request()))
    loaded = loaded_by("get", "requests", AVOW_URL=stub.url)
    assert "httpx" in loaded
    assert not loaded & set(SERVER_MODULES)


@pytest.mark.parametrize(
    "words",
    [
        ("watch", "orders-db"),
        ("plan", "postgres", "a"),
        ("apply", "-f", "nothing.yaml"),
        ("delete", "orders-db"),
        ("token", "list"),
        ("doctor",),
    ],
    ids=lambda words: words[0],
)
def test_no_client_command_loads_a_server(stub: Stub, words: Sequence[str]) -> None:
    assert not loaded_by(*words, AVOW_URL=stub.url) & set(SERVER_MODULES)


def test_the_help_fits_one_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) <= 64
    assert max(map(len, lines)) <= 80


def test_without_words_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Usage: avow" in "".join(capsys.readouterr())


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_command_is_where_the_table_says_and_explains_itself(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: avow {name}")
    assert max(map(len, said.splitlines())) <= 80


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_table_and_the_command_say_the_same(name: str) -> None:
    summary = next(part[name][1] for part in COMMANDS.values() if name in part)
    first = str(load(name).help).split("\n")[0]
    assert summary.split()[0] == first.split()[0]


@pytest.mark.parametrize(
    ("word", "nearest"), [("requst", "request"), ("delte", "delete"), ("reconcil", "reconcile")]
)
def test_an_unknown_command_is_refused_with_the_nearest(
    word: str, nearest: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([word]) == 2
    assert f"No such command '{word}'. Did you mean '{nearest}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["get"], ["get", "requests", "--colour"], ["wait", "a", "--for", "christmas"], ["--colour"]]
)
def test_wrong_words_end_with_2_and_say_how_it_is_done(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    assert "Usage: avow" in capsys.readouterr().err


def test_what_happens_is_told_as_it_happens_in_a_pipe_too(stub: Stub) -> None:
    delivery(stub)
    heard = threading.Event()
    first, second = (
        stream(event(2, "DriftFound", "it drifted")),
        stream(event(3, "PhaseChanged"), ids=["0.3"]),
    )
    chunks = [*(first.chunks or ()), lambda: heard.wait(60), *(second.chunks or ())]
    stub.says("GET", "/v1/events", Said(chunks=chunks, headers=first.headers))
    stub.says("GET", ITEM, UNDER_WAY, UNDER_WAY, UNDER_WAY, request())
    program = subprocess.Popen(
        [sys.executable, "-m", "platform_api.cli.main", "watch", "orders-db"],
        env=environment(AVOW_URL=stub.url),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with program:
        assert program.stderr is not None
        said = [program.stderr.readline(), program.stderr.readline()]
        assert said == ["  --  provision: not delivered yet\n", "  --  it drifted\n"]
        heard.set()  # only now does the server go on
        out, _ = program.communicate(timeout=60)
    assert program.returncode == 0
    assert out.startswith("READY  orders-db")


STEERING = {b"\x1b", b"\r", b"\x07", b"\x08"}


def delivery(stub: Stub) -> None:
    stub.says("GET", LIST, page(request()))
    stub.says("GET", ITEM, UNDER_WAY, UNDER_WAY, request())
    stub.says("GET", f"{ITEM}/events", page(event(1, "OperationBegun", "not delivered yet", "provision")))
    stub.says(
        "GET",
        "/v1/events",
        stream(event(2, "StepSucceeded", "a is done"), event(3, "PhaseChanged"), ids=["0.2", "0.3"]),
    )


@pytest.mark.parametrize(
    "words",
    [["get", "requests"], ["status", "orders-db"], ["watch", "orders-db"], ["--help"], ["get", "nothing"]],
    ids=lambda words: "-".join(words).strip("-"),
)
@pytest.mark.parametrize("forced", [{}, {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}], ids=["asked", "forced"])
def test_a_pipe_gets_plain_lines(stub: Stub, words: list[str], forced: dict[str, str]) -> None:
    delivery(stub)
    ended = avow_process(*words, AVOW_URL=stub.url, **forced)
    said = ended.stdout + ended.stderr
    assert said
    assert not [mark for mark in STEERING if mark in said]
    assert all(line == line.rstrip() for line in said.decode().splitlines())


def on_a_terminal(*words: str, **extra: str) -> bytes:
    """Return what a command writes to a terminal of its own."""
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [sys.executable, "-m", "platform_api.cli.main", *words],
        env=environment(**extra),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = bytearray()
    with program:
        while select.select([ours], [], [], 60)[0]:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # how a terminal says that nobody holds its other end any more
                break
            written += chunk
    os.close(ours)
    return bytes(written)


def test_a_terminal_gets_a_live_line_and_colours(stub: Stub) -> None:
    delivery(stub)
    written = on_a_terminal("watch", "orders-db", AVOW_URL=stub.url)
    assert b"\x1b[" in written
    assert b"READY  orders-db" in written


def test_a_terminal_that_wants_no_colour_gets_none(stub: Stub) -> None:
    for wish in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        delivery(stub)
        written = on_a_terminal("watch", "orders-db", AVOW_URL=stub.url, **wish)
        assert b"\x1b" not in written
        assert b"READY  orders-db" in written


def test_a_reader_that_leaves_is_no_accident(stub: Stub) -> None:
    stub.says("GET", LIST, page(*[request(name=f"r{number}") for number in range(2000)]))
    command = f"{sys.executable} -m platform_api.cli.main get requests --limit 0 | head -1"
    ended = subprocess.run(
        ["sh", "-c", command], env=environment(AVOW_URL=stub.url), capture_output=True, text=True, check=False
    )
    assert ended.stdout.startswith("NAME")
    assert "Traceback" not in ended.stderr
    assert "BrokenPipe" not in ended.stderr


def test_a_letter_that_the_terminal_cannot_show_does_no_harm(stub: Stub) -> None:
    stub.says("GET", LIST, page(request(owner="größe 日本")))
    ended = avow_process("get", "requests", AVOW_URL=stub.url, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert ended.returncode == 0
    assert b"gr\\xf6" in ended.stdout


def test_errors_leave_stdout_alone(avow: Avow, stub: Stub) -> None:
    ended = avow("get", "requests")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("Error: Not found\n")
