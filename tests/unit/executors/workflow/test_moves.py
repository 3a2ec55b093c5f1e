"""A migration is written down with what the run follows from then on, or not at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog.db import Database
from catalog.digest import digest
from catalog.errors import Unavailable
from executors import definitions, runs
from executors.port import RunState
from executors.workflow.mail import MIGRATE
from executors.workflow.memory import MemoryJournal
from tests.engine import Engine, World, a_worker, accept, document, order, step, undoable
from tests.factories import created_database
from tests.workflows import VirtualClock

GO = {"id": "go", "wait": {"signal": "go"}}
OLD = document(undoable("reserve"), GO, step("ship"))
NEW = document(undoable("hold"), GO, step("scan"), step("ship"))
MOVED_TO = "sha256:" + "2" * 64


def letter(former: dict[str, Any] = OLD, **more: Any) -> dict[str, Any]:
    """Return the letter that moves a run from the old definition to the new one."""
    contract = {"name": "database", "version": "2.0.0", "digest": MOVED_TO}
    wish = {
        "document": NEW,
        "definition": digest(NEW),
        "former": digest(former),
        "mapping": {"reserve": "hold"},
        "contract": contract,
        "keeps_approvals": False,
    }
    return wish | more


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with created_database(f"sqlite:///{tmp_path}/avow.db") as database:
        engine = Engine(database)
        engine.executor.start(order(OLD))
        engine.drive()
        yield engine


def post(engine: Engine, kind: str, body: dict[str, Any]) -> None:
    with engine.database.write() as tx:
        runs.post(tx, "key-1", kind, body, now=engine.clock())


def followed(database: Database) -> tuple[str, str, dict[str, Any]]:
    """Return the digests of what the run follows and of its revision, and what it followed before."""
    with database.read() as tx:
        record = runs.by_key(tx, "key-1")
        assert record is not None
        now = runs.definition(tx, "shop", record.id)
        return digest(now), record.contract_digest, definitions.former(tx, record.id)


def test_the_run_follows_the_new_definition_and_the_old_one_is_kept(engine: Engine) -> None:
    post(engine, MIGRATE, letter())
    engine.drive()
    assert followed(engine.database) == (digest(NEW), MOVED_TO, {digest(OLD): OLD})
    engine.executor.signal("key-1", "go", {})
    engine.drive()
    report = engine.executor.observe("key-1")
    assert report is not None
    assert (report.state, report.contract_digest) == (RunState.SUCCEEDED, MOVED_TO)
    assert engine.world.done() == ["reserve", "scan", "ship"]


def test_letters_that_came_with_the_migration_are_taken_in_after_it(engine: Engine) -> None:
    post(engine, MIGRATE, letter())
    engine.executor.signal("key-1", "go", {})
    engine.drive()
    assert engine.world.done() == ["reserve", "scan", "ship"]


def test_a_doubled_letter_changes_nothing_more(engine: Engine) -> None:
    for _ in range(2):
        post(engine, MIGRATE, letter())
    engine.drive()
    assert followed(engine.database)[0] == digest(NEW)
    engine.executor.signal("key-1", "go", {})
    engine.drive()
    assert engine.world.done() == ["reserve", "scan", "ship"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"document": {}, "mapping": {}},
        {"document": "no", "mapping": 5},
        letter(mapping={"reserve": "nowhere"}),
        letter(mapping=None),
        letter(document=None),
    ],
)
def test_a_letter_that_cannot_be_read_or_does_not_fit_is_dropped(
    engine: Engine, body: dict[str, Any]
) -> None:
    post(engine, MIGRATE, body)
    engine.executor.signal("key-1", "go", {})
    engine.drive()
    assert followed(engine.database)[0] == digest(OLD)
    assert engine.world.done() == ["reserve", "ship"]


def test_a_migration_after_the_end_changes_nothing(engine: Engine) -> None:
    engine.executor.signal("key-1", "go", {})
    engine.drive()
    post(engine, MIGRATE, letter())
    engine.drive()
    assert followed(engine.database) == (digest(OLD), order(OLD).contract.digest, {})


class Losing(MemoryJournal):
    """Loses commits, or only their answers, as it is told."""

    loses: tuple[str, ...] = ()

    def commit(self, turn: Any) -> Any:
        fault, *rest = self.loses or ("",)
        self.loses = tuple(rest)
        if fault == "commit":
            raise Unavailable("database_unavailable", "no answer")
        answer = super().commit(turn)
        if fault == "answer":
            raise Unavailable("database_unavailable", "no answer")
        return answer


@pytest.mark.parametrize("fault", ["commit", "answer"])
@pytest.mark.parametrize("before", [0, 1])
def test_a_crash_at_the_migration_leaves_the_old_or_the_new_and_nothing_between(
    fault: str, before: int
) -> None:
    clock, world, journal = VirtualClock(), World(), Losing()
    accept(journal, order(OLD))
    a_worker(journal, world, clock, "one").drive("run_1")
    journal.post("run_1", MIGRATE, letter(), clock())
    journal.loses = ("",) * before + (fault,)
    for number in range(3):
        try:
            a_worker(journal, world, clock, f"w{number}").drive("run_1")
        except Unavailable:
            clock.advance(60)
        run = journal.runs["run_1"]
        is_new = "Migrated" in {entry.type for entry in run.entries}
        assert run.claim.definition == (NEW if is_new else OLD)
        assert run.former == ({digest(OLD): OLD} if is_new else {})
    journal.post("run_1", "signal", {"name": "go", "payload": {}}, clock())
    for _ in range(3):
        clock.advance(60)
        a_worker(journal, world, clock, "last").drive("run_1")
    assert journal.runs["run_1"].report.state is RunState.SUCCEEDED
    assert world.done() == ["reserve", "scan", "ship"]
