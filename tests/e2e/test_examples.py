"""The examples do what their READMEs say: every command in them is run, in order, as it stands.

Only places change: the folder below /tmp, ports and the database's administrator are replaced by
ones of the test's own, in the commands and in the files that are applied. `export` lines become
the environment; the servers that a reader would start in terminals of their own are started aside.
"""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.services.children import Child, Children
from tests.services.polling import eventually
from tests.services.ports import LOOPBACK, free_port
from tests.services.postgres import Postgres

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "deploy/examples"
NAMES = {"golden-path", "database"}
READY = {"avow up": "ready in", "python deploy": "catalogue at"}
ALARMING = re.compile(r"WARNING|Warning\b|Traceback|\x1b")
ADMINISTRATOR = "examples_admin"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class Reader:
    """Somebody who follows a README.

    Attributes:
        places: what is replaced by what.
        said: every command with what it printed.
    """

    name: str
    tree: Path
    places: Mapping[str, str]
    environment: dict[str, str]
    children: Children
    servers: list[Child] = field(default_factory=list)
    said: list[tuple[str, str]] = field(default_factory=list)

    def here(self, text: str) -> str:
        """Return a text with our places in it."""
        for place, ours in self.places.items():
            text = text.replace(place, ours)
        return text

    def follow(self, afterwards: Mapping[str, Callable[[], object]]) -> None:
        """Run every command of the README; what is named here is waited for after a command."""
        for command in commands(self.name):
            words = shlex.split(self.here(command))
            if words[0] == "export":
                name, _, value = words[1].partition("=")
                self.environment[name] = value
            elif sign := next((sign for start, sign in READY.items() if command.startswith(start)), ""):
                self._start(words, sign)
            else:
                self.said.append((command, self.run(*words)))
            afterwards.get(command, lambda: None)()

    def run(self, *words: str) -> str:
        """Run a command that must succeed, and return what it printed."""
        done = subprocess.run(
            program(words),
            cwd=self.tree,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stdout}"
        assert ALARMING.search(done.stdout) is None
        return done.stdout

    def answers(self, command: str) -> list[str]:
        """Return what a command printed, each time that it was run."""
        found = [printed for run, printed in self.said if run == command]
        assert found, f"the README does not say: {command}"
        return found

    def ends(self) -> None:
        """Stop the servers as Ctrl-C would, and see that they had nothing alarming to say."""
        for server in reversed(self.servers):
            server.signal(server.stop_signal)
            assert server.wait() == 0, server.output()
            assert ALARMING.search(server.output()) is None

    def _start(self, words: list[str], sign: str) -> None:
        command = [*program(words)]
        server = self.children.start(command, cwd=self.tree, env=self.environment, stop_signal=signal.SIGINT)
        eventually(lambda: not server.is_running or sign in server.output(), f"{words[:2]} to start")
        assert server.is_running, server.output()
        self.servers.append(server)


def commands(name: str) -> list[str]:
    """Return the commands of an example's README, in their order."""
    text = (EXAMPLES / name / "README.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def program(words: list[str] | tuple[str, ...]) -> list[str]:
    """Return a command line with our own interpreter in it."""
    ours = {"avow": [sys.executable, "-m", "platform_api.cli.main"], "python": [sys.executable, "-u"]}
    return [*ours.get(words[0], words[:1]), *words[1:]]


def reader_of(name: str, folder: Path, children: Children, places: Mapping[str, str]) -> Reader:
    """Return a reader with a tree in which the files of the example name our places."""
    tree, port = folder / "tree", free_port()
    (tree / "deploy/examples").mkdir(parents=True)
    (tree / "catalog").symlink_to(ROOT / "catalog")
    (tree / "deploy/demo").symlink_to(ROOT / "deploy/demo")
    kept = {word: os.environ[word] for word in ("PATH", "LANG") if word in os.environ}
    person = {
        f"GIT_{who}_{what}": "sam@shop.example"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    }
    addresses = {"AVOW_PORT": str(port), "AVOW_URL": f"http://{LOOPBACK}:{port}"}
    environment = kept | person | addresses | {"HOME": str(folder), "PYTHONPATH": str(ROOT)}
    places = {f"/tmp/avow-{name}": str(folder / "avow"), **places}
    reader = Reader(name, tree, places, environment, children)
    shutil.copytree(EXAMPLES / name, tree / "deploy/examples" / name)
    for path in (tree / "deploy/examples" / name).glob("*.yaml"):
        path.write_text(reader.here(path.read_text()))
    return reader


def test_every_example_is_tried_here() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == NAMES
    listed = re.findall(r"\((\S+)/README\.md\)", (EXAMPLES / "README.md").read_text())
    assert set(listed) == NAMES


def test_the_golden_path_leads_to_a_service_that_is_kept_true(tmp_path: Path, children: Children) -> None:
    reader = reader_of("golden-path", tmp_path, children, {"8421": str(free_port())})
    looks = "avow get runs orders"

    def repaired() -> None:
        eventually(lambda: is_repaired(reader.run(*looks.split())), "the repair")

    reader.follow({"avow reconcile orders": repaired})
    first, second = reader.answers("avow apply -f deploy/examples/golden-path")
    assert first.splitlines() == ["project shop created", "destination git created", "request orders created"]
    assert all(line.endswith("unchanged") for line in second.splitlines())
    assert "READY  orders" in reader.answers("avow watch orders")[0]
    [tree] = reader.answers("avow status orders --tree")
    assert "try 2" in tree
    assert is_repaired(reader.answers(looks)[0])
    assert (tmp_path / "avow/clone/.github/workflows/ci.yml").exists()
    assert "DELETED  orders" in reader.answers("avow delete orders --yes --watch")[0]
    assert list((tmp_path / "avow/catalogue").iterdir()) == []
    reader.ends()


def is_repaired(runs: str) -> bool:
    return re.search(r"repair +succeeded", runs) is not None


@pytest.fixture
def administrator(postgres: Postgres) -> Iterator[str]:
    """Give the password of an administrator who has to prove it."""
    role = sql.Identifier(ADMINISTRATOR)
    postgres.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN PASSWORD 'correct-horse'").format(role))
    yield "correct-horse"
    postgres.execute(sql.SQL("DROP ROLE {}").format(role))


def test_the_database_example_delivers_a_database_that_its_role_can_use(
    tmp_path: Path, children: Children, postgres: Postgres, administrator: str
) -> None:
    places = {
        "5432": str(postgres.port),
        "admin_user: postgres": f"admin_user: {ADMINISTRATOR}",
        "change-me": administrator,
    }
    reader = reader_of("database", tmp_path, children, places)
    reader.follow({"avow watch orders-db": lambda: log_in(reader, postgres)})
    assert "READY  orders-db" in reader.answers("avow watch orders-db")[0]
    assert "DELETED  orders-db" in reader.answers("avow delete orders-db --yes --watch")[0]
    reader.ends()
    assert administrator not in "".join(printed for _, printed in reader.said)


def log_in(reader: Reader, postgres: Postgres) -> None:
    """Use what was delivered, finding the password where the README says that it lies."""
    shown = reader.run("avow", "status", "orders-db")
    outputs = dict(re.findall(r"(\w+)=(\S+)", shown))
    path = outputs["password"].removeprefix("secret://file/")
    password = (Path(reader.places["/tmp/avow-database"]) / "data/secrets" / path).read_text()
    assert password not in shown
    with psycopg.connect(
        host=outputs["host"],
        port=outputs["port"],
        dbname=outputs["database"],
        user=outputs["username"],
        password=password,
    ) as connection:
        connection.execute("CREATE TABLE orders (id int)")
