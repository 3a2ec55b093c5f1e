"""The examples do what their READMEs say: every command in them is run, in order, as it stands.

Only places change: the folder below /tmp, ports and the database's administrator are replaced by
ones of the test's own, in the commands and in the files that are applied. `export` lines become
the environment, `NAME=value` before a command holds for it alone, `> file` takes what it answers;
the servers that a reader would start in terminals of their own are started aside.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.services.children import Child, Children
from tests.services.polling import eventually
from tests.services.ports import LOOPBACK, free_port
from tests.services.postgres import Postgres
from tests.services.programs import ansible_program, terraform_program

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "deploy/examples"
NAMES = {"golden-path", "database", "environment", "onboarding", "order-saga", "incident"}
READY = {
    "avow up": "ready in",
    "python deploy/demo/catalogue_server.py": "catalogue at",
    "python deploy/demo/company_server.py": "company at",
    "python deploy/demo/alert_receiver.py": "alerts at",
}
FAILED, ASKED, DENIED = 7, 9, 5
ALARMING = re.compile(r"WARNING|Warning\b|Traceback|\x1b")
ADMINISTRATOR = "examples_admin"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Spoken:
    """A command line, as a shell takes it.

    Attributes:
        into: the file that takes what it answers; empty when the reader does.
    """

    words: list[str]
    variables: dict[str, str]
    into: str = ""

    @classmethod
    def of(cls, line: str) -> "Spoken":
        """Return what a line says."""
        words, into = shlex.split(line), ""
        if ">" in words:
            *words, _, into = words
        variables: dict[str, str] = {}
        while re.match(r"[A-Z_]+=", words[0]):
            name, _, variables[name] = words.pop(0).partition("=")
        return cls(words, variables, into)


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

    def follow(
        self,
        afterwards: Mapping[str, Callable[[], object]],
        ends_with: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """Run every command of the README.

        Args:
            afterwards: what is waited for after a command.
            ends_with: the exit codes of a command that does not end well, each time that it is run.
        """
        codes = {command: iter(told) for command, told in (ends_with or {}).items()}
        for command in commands(self.name):
            spoken = Spoken.of(self.here(command))
            bare = " ".join(spoken.words)
            if spoken.words[0] == "export":
                name, _, value = spoken.words[1].partition("=")
                self.environment[name] = value
            elif sign := next((sign for start, sign in READY.items() if bare.startswith(start)), ""):
                self._start(spoken, sign)
            else:
                code = next(codes.get(command, iter(())), 0)
                self.said.append((command, self._run(spoken, code)))
            afterwards.get(command, lambda: None)()

    def run(self, *words: str) -> str:
        """Run a command that must succeed, and return what it printed."""
        return self._run(Spoken([*words], {}), 0)

    def _run(self, spoken: Spoken, code: int) -> str:
        with (self.tree / (spoken.into or os.devnull)).open("w") as taken:
            done = subprocess.run(
                program(spoken.words),
                cwd=self.tree,
                env=self.environment | spoken.variables,
                stdin=subprocess.DEVNULL,
                stdout=taken if spoken.into else subprocess.PIPE,
                stderr=subprocess.PIPE if spoken.into else subprocess.STDOUT,
                text=True,
                check=False,
            )
        printed = done.stderr if spoken.into else done.stdout
        assert done.returncode == code, f"{shlex.join(spoken.words)}\n{printed}"
        assert ALARMING.search(printed) is None
        return printed

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

    def _start(self, spoken: Spoken, sign: str) -> None:
        server = self.children.start(
            program(spoken.words),
            cwd=self.tree,
            env=self.environment | spoken.variables,
            stop_signal=signal.SIGINT,
        )
        eventually(lambda: not server.is_running or sign in server.output(), f"{spoken.words[:2]} to start")
        assert server.is_running, server.output()
        self.servers.append(server)


def commands(name: str) -> list[str]:
    """Return the commands of an example's README, in their order."""
    text = (EXAMPLES / name / "README.md").read_text()
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def program(words: Sequence[str]) -> list[str]:
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


def decided(reader: Reader, name: str, step: str) -> Callable[[], object]:
    """Return a wait for the end of what was asked at a step; a reader at a terminal is slower than that."""

    def is_over() -> bool:
        asked = json.loads(reader.run("avow", "approvals", "--request", name, "--inbox", "all", "-o", "json"))
        return all(each["step"] != step for each in asked)

    return lambda: eventually(is_over, f"the end of {step}")


def test_an_environment_is_looked_at_twice_and_a_rejected_one_leaves_nothing(
    tmp_path: Path, children: Children
) -> None:
    terraform_program()
    ansible_program()
    reader = reader_of("environment", tmp_path, children, {"8434": str(free_port())})
    person = "AVOW_TOKEN_FILE=/tmp/avow-environment/{} avow {}"
    evidence = "approve checkout --yes --evidence report=https://qa.example.org/reports/7"
    no = 'reject cart --reason "This network is taken." --yes'
    cart = "avow request machines cart --env test --owner team-orders --watch"
    reader.follow(
        {
            person.format("sam", "approve checkout --yes"): decided(reader, "checkout", "security"),
            person.format("quinn", evidence): decided(reader, "checkout", "qa"),
            person.format("sam", no): decided(reader, "cart", "security"),
        },
        {"avow watch checkout": (ASKED, ASKED, 0), cart: (ASKED,), "avow watch cart": (FAILED,)},
    )
    assert "READY  checkout" in reader.answers("avow watch checkout")[-1]
    assert "This network is taken." in reader.answers("avow why cart")[0]
    assert "DELETED  checkout" in reader.answers("avow delete checkout --yes --watch")[0]
    assert list((tmp_path / "avow/data/stacks").rglob("state.json")) == []
    assert list((tmp_path / "avow/machines").iterdir()) == []
    reader.ends()


def test_onboarding_is_approved_by_a_stand_in_and_undone_when_the_repositories_are_down(
    tmp_path: Path, children: Children
) -> None:
    reader = reader_of("onboarding", tmp_path, children, {"8431": str(free_port())})
    yes = "AVOW_TOKEN_FILE=/tmp/avow-onboarding/otto avow approve kim --yes"
    reader.follow({yes: decided(reader, "kim", "approved")}, {"avow watch kim": (ASKED, FAILED)})
    assert "503" in reader.answers("avow why kim")[0]
    told = reader.servers[0].output().splitlines()[1:]
    assert told[:2] == ["PUT /directory/accounts/kim 201", "PUT /cloud/roles/kim 201"]
    assert told[2:6] == ["PUT /repositories/members/kim 503"] * 4
    assert told[6:8] == ["DELETE /cloud/roles/kim 204", "DELETE /directory/accounts/kim 204"]
    assert "DELETED  kim" in reader.answers("avow delete kim --yes --watch")[0]
    reader.ends()


def test_an_order_is_placed_and_final_and_returned(tmp_path: Path, children: Children) -> None:
    reader = reader_of("order-saga", tmp_path, children, {"8432": str(free_port())})
    change = next(command for command in commands("order-saga") if command.startswith("avow plan"))
    reader.follow({}, {change: (DENIED,)})
    assert "READY  a-book" in reader.answers("avow watch a-book")[0]
    assert "delete it, which refunds it" in reader.answers(change)[0]
    assert "DELETED  a-book" in reader.answers("avow delete a-book --yes --watch")[0]
    told = [line for line in reader.servers[0].output().splitlines() if line.startswith("PUT")]
    made = ["stock/reservations", "payments/charges", "shop/orders", "fulfilment/notices", "payments/refunds"]
    assert told == [f"PUT /{path}/a-book 201" for path in made]
    reader.ends()


def test_an_alert_leads_to_a_restart_and_with_a_word_to_a_failover(
    tmp_path: Path, children: Children
) -> None:
    places = {port: str(free_port()) for port in ("8433", "8435")}
    reader = reader_of("incident", tmp_path, children, places)
    name = "incident-c3a9f1e07b5d2468"
    yes = next(command for command in commands("incident") if "avow approve" in command)
    reader.follow({yes: decided(reader, name, "agreed")}, {f"avow watch {name}": (ASKED, 0)})
    assert f"READY  {name}" in reader.answers(f"avow watch {name}")[-1]
    told = [line for line in reader.servers[0].output().splitlines() if "mitigations" in line]
    assert told == [f"PUT /mitigations/{what}/{name} 201" for what in ("restarts", "failovers")]
    assert f"DELETED  {name}" in reader.answers(f"avow delete {name} --yes --watch")[0]
    reader.ends()
