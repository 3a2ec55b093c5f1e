"""`make demo` as a newcomer meets it: a fresh copy, one command, whatever may happen on the way.

The copy has its own `.venv`, which hands on to the interpreter that runs the tests, so that
nothing is downloaded; `deploy/environment.sh` takes it for one of its own making.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psutil
import pytest

from deploy.demo import postgres_server
from deploy.demo.scenes import FIRST, SCENES
from tests.architecture.tree import ROOT, tracked_files
from tests.services.children import Child, Children
from tests.services.polling import eventually
from tests.services.ports import LOOPBACK
from tests.services.postgres import SUPERUSER, Postgres, connect

DEMO_SECONDS = 300.0
NOT_PLAIN = re.compile(r"[\x1b\r\x07\x08]")
ALARMING = re.compile(r"WARNING|Warning\b|Traceback|CRITICAL")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(2 * DEMO_SECONDS)]


@dataclass(frozen=True)
class Newcomer:
    """A fresh copy of the tree, and a place for temporary files that nobody else uses."""

    copy: Path
    temporary: Path
    children: Children

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
        return kept | {"HOME": str(self.copy.parent), "TMPDIR": str(self.temporary)} | more

    def makes(self, target: str, **more: str) -> Child:
        return self.children.start(["make", target], cwd=self.copy, env=self.environment(**more))

    def files(self) -> set[str]:
        """Return what lies in the copy, beside what Python caches."""
        paths = (path for path in self.copy.rglob("*") if path.is_file())
        relative = (path.relative_to(self.copy) for path in paths)
        return {str(path) for path in relative if not {".venv", "__pycache__"} & set(path.parts)}

    def processes(self) -> list[str]:
        """Return what runs with our place for temporary files, whoever started it."""
        return [line for line in map(self._command_line, psutil.process_iter()) if line]

    def _command_line(self, process: psutil.Process) -> str:
        try:
            is_ours = process.environ().get("TMPDIR", "").startswith(str(self.temporary))
            return " ".join(process.cmdline()) if is_ours and process.status() != psutil.STATUS_ZOMBIE else ""
        except psutil.Error:
            return ""

    def has_nothing_left(self) -> None:
        assert self.processes() == []
        assert list(self.temporary.iterdir()) == []


@pytest.fixture
def newcomer(tmp_path: Path, children: Children) -> Iterator[Newcomer]:
    copy = tmp_path / "avow"
    # Outside of pytest's closed folders: under root, PostgreSQL runs as another account.
    temporary = Path(tempfile.mkdtemp(prefix="avow-newcomer-"))
    temporary.chmod(0o755)
    for path in tracked_files():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, copy / path)
    hand_on(copy)
    yield Newcomer(copy, temporary, children)
    shutil.rmtree(temporary)


def hand_on(copy: Path) -> None:
    """Make a `.venv` that is this interpreter, with the stamps that say what it holds."""
    program = copy / ".venv/bin/python"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{copy}" exec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    script = """
        stamp() { echo "$(cksum | tr ' ' '-') $(pwd)"; }
        cat requirements/runtime.txt requirements/dev.txt | stamp >.venv/.pins-runtime
        stamp <pyproject.toml >.venv/.source
    """
    subprocess.run(["sh", "-eu", "-c", script], cwd=copy, check=True)


def headings(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^(\d+)\. [A-Z]", text, re.MULTILINE)]


def commands(text: str) -> list[tuple[str, str]]:
    """Return the program of every shown command, with what it printed."""
    return re.findall(r"^\$ (avow|git) .*\n((?:  .*\n)*)", text, re.MULTILINE)


def test_the_demo_shows_everything_and_leaves_nothing(newcomer: Newcomer) -> None:
    before = newcomer.files()
    demo = newcomer.makes("demo")
    code, shown = demo.wait(DEMO_SECONDS), demo.output()
    assert code == 0, shown
    assert headings(shown) == list(range(1, len(SCENES) + FIRST))
    for word in ("Preparing .venv", "Interrupted", "The demo failed"):
        assert word not in shown
    assert NOT_PLAIN.search(shown) is None
    assert ALARMING.search(shown) is None
    assert {name for name, printed in commands(shown) if not printed} <= {"git"}, "avow says what it did"
    is_left_out = "this scene is left out" in shown
    assert is_left_out is (postgres_server.at_hand(newcomer.environment()) is None)
    assert newcomer.files() == before
    newcomer.has_nothing_left()


def test_a_named_postgresql_is_used_and_left_as_it_was(newcomer: Newcomer, postgres: Postgres) -> None:
    def names(query: LiteralString) -> Sequence[object]:
        with closing(connect(postgres.port)) as connection:
            return connection.execute(query).fetchall()

    queries: tuple[LiteralString, ...] = ("SELECT datname FROM pg_database", "SELECT rolname FROM pg_roles")
    before = [names(query) for query in queries]
    address = f"postgresql://{SUPERUSER}:not-asked-for@{LOOPBACK}:{postgres.port}/postgres"
    demo = newcomer.makes("demo", AVOW_DEMO_POSTGRES=address)
    assert demo.wait(DEMO_SECONDS) == 0, demo.output()
    assert f"port={postgres.port}" in demo.output()
    assert "Connected as orders-db with the delivered password" in demo.output()
    assert "not-asked-for" not in demo.output()
    assert [names(query) for query in queries] == before
    newcomer.has_nothing_left()


@pytest.mark.parametrize(
    ("number", "scene"),
    [(signal.SIGINT, 1), (signal.SIGINT, 5), (signal.SIGTERM, 7)],
    ids=lambda value: getattr(value, "name", f"scene {value}"),
)
def test_a_demo_that_is_interrupted_leaves_nothing(
    newcomer: Newcomer, number: signal.Signals, scene: int
) -> None:
    command: list[str | Path] = [newcomer.copy / ".venv/bin/python", "deploy/demo/demo.py"]
    demo = newcomer.children.start(command, cwd=newcomer.copy, env=newcomer.environment())
    eventually(
        lambda: not demo.is_running or scene in headings(demo.output()), f"scene {scene}", DEMO_SECONDS
    )
    if number is signal.SIGINT:
        os.killpg(demo.pid, number)  # as a terminal does: everything in the foreground gets it
    else:
        demo.signal(number)
    assert demo.wait(60.0) == 130, demo.output()
    assert "Interrupted. Everything was stopped and removed." in demo.output()
    assert ALARMING.search(demo.output()) is None
    newcomer.has_nothing_left()


def test_a_scene_that_does_not_show_what_it_must_ends_the_demo_with_a_reason(newcomer: Newcomer) -> None:
    policy = newcomer.copy / "catalog/library/service/policy.rego"
    policy.write_text(policy.read_text().replace('== "experimental"', '== "of no tier"'))
    demo = newcomer.makes("demo")
    assert demo.wait(DEMO_SECONDS) != 0
    assert "The demo failed: avow request service ended with 0 instead of 5" in demo.output()
    assert headings(demo.output())[-1] == 4
    assert "Traceback" not in demo.output()
    newcomer.has_nothing_left()


def test_a_reader_who_leaves_early_does_not_leave_the_demo_running(newcomer: Newcomer) -> None:
    line = ".venv/bin/python deploy/demo/demo.py | head -n 12"
    piped = newcomer.children.start(["sh", "-c", line], cwd=newcomer.copy, env=newcomer.environment())
    piped.wait(DEMO_SECONDS)
    assert "One process is enough" in piped.output()
    assert ALARMING.search(piped.output()) is None
    eventually(lambda: not newcomer.processes(), "everything to end")
    newcomer.has_nothing_left()
