"""What every step kind promises, tried on every kind that ships, with real parts behind it.

A case says how to call a kind, what counts as its effect, and which kind undoes it. The suite
does not know what a kind does: run twice under one key is one effect; a look before says
"certainly not" and a look after says the outputs; the schema refuses what it does not name;
the undo works, twice, and also when there was nothing to undo.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from catalog.digest import JsonObject, canonical_json
from catalog.schema import check_schema, violations
from executors.port import Effect
from executors.registry import Registry
from executors.step import StepCall, StepKind
from executors.steps import SHIPPED, builtin
from tests.factories import PROJECT, UID
from tests.services.git_http import GitHost
from tests.services.postgres import Postgres, connect
from tests.services.programs import ansible_program, terraform_program
from tests.step_calls import step_call, step_settings
from tests.web import Web, web_service

NUMBERS = count()
SCRIPT = """
import os, sys
place = os.path.join(sys.argv[1], os.environ["AVOW_IDEMPOTENCY_KEY"])
if len(sys.argv) > 2:
    sys.exit(not os.path.exists(place))
try:
    os.close(os.open(place, os.O_CREAT | os.O_EXCL))
except FileExistsError:
    pass
"""


@dataclass(slots=True)
class World:
    """The real parts that the kinds act on; each is started when a case first asks for it."""

    request: pytest.FixtureRequest
    folder: Path
    name: str = field(default_factory=lambda: f"thing-{next(NUMBERS)}")

    @property
    def git(self) -> GitHost:
        host: GitHost = self.request.getfixturevalue("git_http")
        return host

    @property
    def web(self) -> Web:
        served: Web = self.request.getfixturevalue("web")
        return served

    @property
    def postgres(self) -> Postgres:
        server: Postgres = self.request.getfixturevalue("postgres")
        return server

    def kinds(self, case: "Case") -> Registry[StepKind]:
        """Return all kinds, allowed to reach what the case needs."""
        allowed: dict[str, Any] = {"commands": {"python": Path(sys.executable).resolve()}}
        match case.kind.partition(".")[0]:
            case "git":
                allowed["repository_roots"] = (self.git.root,)
            case "ansible":
                allowed["ansible"] = ansible_program()
            case "terraform":
                allowed |= {"terraform": terraform_program(), "stacks": self.folder / "stacks"}
        return builtin(step_settings(self.folder, **allowed), ())


@dataclass(frozen=True, slots=True)
class Case:
    """One kind and how to try it.

    Attributes:
        arguments: of the kind, after `needs` ran.
        needs: kinds that run before, with their arguments.
        effects: tells the effects apart: a value that grows with each.
        undo: the kind that undoes it, with its arguments.
        told: what its outputs say of the thing; what is left says how much this one call had to do.
    """

    kind: str
    arguments: Callable[[World], JsonObject]
    effects: Callable[[World], object]
    needs: Callable[[World], list[tuple[str, JsonObject]]] = lambda world: []
    undo: Callable[[World], tuple[str, JsonObject]] | None = None
    told: Callable[[Mapping[str, Any]], object] = dict


def shelf(world: World) -> JsonObject:
    return {"destination": {"root": str(world.git.root), "url": world.git.url}, "name": world.name}


def remote(world: World, **more: Any) -> JsonObject:
    return {"url": f"{world.git.url}/{world.name}.git", **more}


def repositories(world: World) -> list[str]:
    return sorted(place.name for place in world.git.root.glob("*/**/avow.json")) + sorted(
        place.name for place in world.git.root.glob(".archive/*")
    )


def commits(world: World) -> str:
    bare = world.git.root / f"{world.name}.git"
    command = ["git", "--git-dir", str(bare), "rev-list", "--count", "--all"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def server(world: World, **more: Any) -> JsonObject:
    return {
        "destination": {"host": "127.0.0.1", "port": world.postgres.port, "admin_user": "postgres"},
        **more,
    }


def objects(world: World) -> Any:
    query = (
        "SELECT (SELECT oid::text FROM pg_roles WHERE rolname = %s),"
        " (SELECT oid::text || datacl::text FROM pg_database WHERE datname = %s)"
    )
    with closing(connect(world.postgres.port)) as connection:
        return connection.execute(query, (world.name, world.name)).fetchone()


def an_idle_connection(world: World) -> JsonObject:
    connection = connect(world.postgres.port, world.name)
    world.request.addfinalizer(connection.close)
    return server(world, database=world.name)


def sessions(world: World) -> list[Any]:
    query = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
    with closing(connect(world.postgres.port)) as connection:
        return sorted(connection.execute(query, (world.name,)).fetchall())


def a_password(world: World) -> tuple[str, JsonObject]:
    return ("secret.create", {"name": "password"})


def a_role(world: World) -> tuple[str, JsonObject]:
    call = step_call({})
    reference = f"secret://file/{call.project}/{call.request_uid}/password"
    return ("postgres.create_role", server(world, name=world.name, password=reference))


def a_database(world: World) -> tuple[str, JsonObject]:
    return ("postgres.create_database", server(world, name=world.name, owner=world.name))


def secret_files(world: World) -> list[tuple[str, bytes]]:
    places = (world.folder / "secrets").rglob("*")
    return sorted((place.name, place.read_bytes()) for place in places if place.is_file())


def web_call(world: World, method: str, expect: int) -> JsonObject:
    arguments: dict[str, Any] = {"method": method, "base_url": world.web.url, "path": ["things", "a"]}
    arguments["check"] = {"path": ["things", "a"], "expect": [expect]}
    return arguments | ({"body": {"x": 1}} if method == "PUT" else {})


def command(world: World) -> JsonObject:
    ledger = world.folder / "ledger"
    ledger.mkdir(exist_ok=True)
    run = ["python", "-c", SCRIPT, str(ledger)]
    return {"command": run, "check": [*run, "look"]}


def stack(world: World) -> Any:
    state = world.folder / "stacks" / PROJECT / UID / "main" / "state.json"
    return json.loads(state.read_text())["resources"] if state.exists() else []


def play(world: World, wanted: str = "file") -> JsonObject:
    place = str(world.folder / "played.conf")
    return {"playbook": "ansible/site.yaml", "variables": {"place": place, "wanted": wanted}}


def played(world: World) -> object:
    place = world.folder / "played.conf"
    return (place.stat().st_ino, place.stat().st_mtime_ns) if place.exists() else None


MODULE: JsonObject = {"module": "tf"}
CASES = (
    Case("terraform.apply", lambda w: MODULE, stack, undo=lambda w: ("terraform.destroy", {})),
    Case("terraform.destroy", lambda w: {}, stack, needs=lambda w: [("terraform.apply", MODULE)]),
    Case("terraform.inspect", lambda w: {}, stack, needs=lambda w: [("terraform.apply", MODULE)]),
    Case(
        "ansible.play",
        play,
        played,
        undo=lambda w: ("ansible.play", play(w, "absent")),
        told=lambda outputs: outputs["values"],
    ),
    Case("files.render", lambda w: {"templates": {"a": "templates/a"}, "values": {"n": 1}}, lambda w: None),
    Case(
        "secret.create",
        lambda w: {"name": "password"},
        secret_files,
        undo=lambda w: ("secret.delete", {"name": "password"}),
    ),
    Case("secret.inspect", lambda w: {"name": "password"}, secret_files, needs=lambda w: [a_password(w)]),
    Case("secret.delete", lambda w: {"name": "password"}, secret_files, needs=lambda w: [a_password(w)]),
    Case("git.create_repository", shelf, repositories, undo=lambda w: ("git.delete_repository", shelf(w))),
    Case("git.delete_repository", shelf, repositories, needs=lambda w: [("git.create_repository", shelf(w))]),
    Case(
        "git.commit",
        lambda w: remote(w, files={"a": "1"}, message="m"),
        commits,
        needs=lambda w: [("git.create_repository", shelf(w))],
        undo=lambda w: ("git.commit", remote(w, files={"a": None}, message="undo")),
    ),
    Case(
        "git.inspect",
        lambda w: remote(w, paths=["a"]),
        commits,
        needs=lambda w: [("git.create_repository", shelf(w))],
    ),
    Case(
        "http.call",
        lambda w: web_call(w, "PUT", 200),
        lambda w: list(w.web.effects),
        undo=lambda w: ("http.call", web_call(w, "DELETE", 404)),
    ),
    Case("http.read", lambda w: {"base_url": w.web.url, "expect": [404]}, lambda w: list(w.web.effects)),
    Case("command.run", command, lambda w: sorted((w.folder / "ledger").iterdir())),
    Case(
        "postgres.create_role",
        lambda w: a_role(w)[1],
        objects,
        needs=lambda w: [a_password(w)],
        undo=lambda w: ("postgres.drop_role", server(w, name=w.name)),
    ),
    Case(
        "postgres.drop_role",
        lambda w: server(w, name=w.name),
        objects,
        needs=lambda w: [a_password(w), a_role(w)],
    ),
    Case(
        "postgres.create_database",
        lambda w: a_database(w)[1],
        objects,
        needs=lambda w: [a_password(w), a_role(w)],
        undo=lambda w: ("postgres.drop_database", server(w, name=w.name)),
    ),
    Case(
        "postgres.drop_database",
        lambda w: server(w, name=w.name),
        objects,
        needs=lambda w: [a_password(w), a_role(w), a_database(w)],
    ),
    Case(
        "postgres.grant",
        lambda w: server(w, role=f"{w.name}-reader", database=w.name, privileges=["connect"]),
        objects,
        needs=lambda w: [
            *(a_password(w), a_role(w), a_database(w)),
            ("postgres.create_role", {**a_role(w)[1], "name": f"{w.name}-reader"}),
        ],
        undo=lambda w: ("postgres.drop_role", server(w, name=f"{w.name}-reader")),
    ),
    Case(
        "postgres.end_connections",
        an_idle_connection,
        sessions,
        needs=lambda w: [a_password(w), a_role(w), a_database(w)],
        told=sorted,
    ),
    Case(
        "postgres.inspect",
        lambda w: server(w, role=w.name, database=w.name),
        objects,
        needs=lambda w: [a_password(w), a_role(w)],
    ),
)
WRITING = [case for case in CASES if case.undo is not None]


FILES = {
    "templates/a": "n = [[ n ]]\n",
    "tf/main.tf": 'resource "terraform_data" "thing" {}\n',
    "ansible/site.yaml": """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {dest: "{{ place }}", content: x, mode: "0600", force: false}
      when: wanted == "file"
    - ansible.builtin.file: {path: "{{ place }}", state: absent}
      when: wanted == "absent"
""",
}


def call_of(arguments: JsonObject, key: str) -> StepCall:
    return step_call(arguments, key=key, files=FILES, timeout_seconds=90.0)


@pytest.fixture
def web() -> Iterator[Web]:
    with web_service() as served:
        yield served


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if "postgres" in str(request.node.name):
        request.getfixturevalue("postgres")  # without it, nothing is tried and nothing is left over
    made = World(request, tmp_path)
    yield made
    if "postgres" in str(request.node.name):
        kinds = builtin(step_settings(tmp_path), ())
        for kind, name in (
            ("postgres.drop_database", made.name),
            ("postgres.drop_role", made.name),
            ("postgres.drop_role", f"{made.name}-reader"),
        ):
            kinds[kind].run(call_of(server(made, name=name), "clean"))


@dataclass(frozen=True, slots=True)
class Trial:
    """A kind, its call and its world, everything it needs being there."""

    case: Case
    world: World
    kind: StepKind
    call: StepCall
    kinds: Registry[StepKind]

    def effects(self) -> object:
        return self.case.effects(self.world)

    def told(self, outputs: Mapping[str, Any]) -> object:
        return self.case.told(outputs)

    def undoing(self) -> tuple[StepKind, StepCall]:
        assert self.case.undo is not None
        name, arguments = self.case.undo(self.world)
        return self.kinds[name], call_of(arguments, "undo-key")


@pytest.fixture
def trial(world: World, case: Case) -> Trial:
    kinds = world.kinds(case)
    for number, (name, arguments) in enumerate(case.needs(world)):
        kinds[name].run(call_of(arguments, f"need-{number}"))
    return Trial(case, world, kinds[case.kind], call_of(case.arguments(world), "do-key"), kinds)


every_kind = pytest.mark.parametrize("case", CASES, ids=lambda case: case.kind)
every_undone_kind = pytest.mark.parametrize("case", WRITING, ids=lambda case: case.kind)


def test_every_kind_that_ships_is_tried() -> None:
    assert {case.kind for case in CASES} == set(SHIPPED) == set(builtin(step_settings(Path("/nowhere")), ()))


@every_kind
def test_its_arguments_fit_its_schema_and_nothing_else_does(trial: Trial) -> None:
    schema = trial.kind.schema
    assert check_schema(schema, "") == ()
    assert violations(schema, trial.call.arguments) == ()
    refused = violations(schema, {**trial.call.arguments, "unknown": 1})
    assert [finding.code for finding in refused] == ["unknown_field"]


@every_kind
def test_it_says_of_itself_what_it_is(trial: Trial) -> None:
    assert trial.kind.name == trial.case.kind
    assert isinstance(trial.kind.effect, Effect)


@every_kind
def test_run_twice_under_one_key_it_has_one_effect(trial: Trial) -> None:
    first = trial.kind.run(trial.call)
    once = trial.effects()
    assert trial.told(trial.kind.run(trial.call)) == trial.told(first)
    assert trial.effects() == once


@every_kind
def test_its_outputs_are_json(trial: Trial) -> None:
    outputs = trial.kind.run(trial.call)
    assert canonical_json(dict(outputs))


@every_kind
def test_a_look_afterwards_says_the_outputs_and_changes_nothing(trial: Trial) -> None:
    outputs = trial.kind.run(trial.call)
    once = trial.effects()
    seen = trial.kind.observe(trial.call)
    assert seen is not None
    assert trial.told(seen) == trial.told(outputs)
    assert trial.effects() == once


@every_kind
def test_a_look_before_says_certainly_not_and_changes_nothing(trial: Trial) -> None:
    before = trial.effects()
    seen = trial.kind.observe(trial.call)
    assert trial.effects() == before
    if trial.kind.effect is Effect.WRITE:
        assert seen is None


@every_kind
def test_a_reading_kind_changes_nothing_by_running(trial: Trial) -> None:
    before = trial.effects()
    trial.kind.run(trial.call)
    assert (trial.effects() == before) is (trial.kind.effect is Effect.READ)


@every_undone_kind
def test_undone_it_is_gone_and_undoing_again_changes_nothing(trial: Trial) -> None:
    trial.kind.run(trial.call)
    undo, call = trial.undoing()
    outputs = undo.run(call)
    gone = trial.effects()
    assert trial.told(undo.run(call)) == trial.told(outputs)
    assert trial.effects() == gone
    assert undo.observe(call) is not None


@every_undone_kind
def test_undoing_what_was_never_done_does_no_harm(trial: Trial) -> None:
    undo, call = trial.undoing()
    undo.run(call)
    undo.run(call)
    assert trial.kind.observe(trial.call) is None
