"""The executors that the conformance suite tries, each ready to work.

A subject says how to make an order go in a certain way, and what took effect; it is all that
the suite knows of an executor. A new one joins here. Engines are those subjects that interpret
a workflow document, which the twin does not.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from catalog.bell import Bell
from catalog.clock import utc_now
from catalog.db import Database
from executors.port import Executor, WorkOrder
from executors.temporal.crew import create as crew_of
from executors.temporal.executor import create as create_temporal
from executors.twin import Answer, Twin
from executors.workflow import inbox
from executors.workflow.ballot import Cast, Verdict, Voter
from executors.workflow.executor import Dispatcher, create
from executors.workflow.parts import worker_of
from executors.workflow.sweeper import Sweeper
from executors.workflow.tasks import Publisher
from executors.workflow.threads import Threads
from tests.engine import counting_mint, document, undoable
from tests.engine_worker import parts, worker_program
from tests.factories import created_database
from tests.services.brokers import Broker
from tests.services.children import Children
from tests.services.postgres import Postgres
from tests.services.temporal import Temporal
from tests.step_ledger import StepLedger, step_ledger


class Way(StrEnum):
    """How an order goes."""

    WELL = "well"  # steps a and b; outputs and facts
    BADLY = "badly"  # a is done, b fails
    HELD = "held"  # a is done, b stays under way until it is released
    LARGE = "large"  # b answers with 100 MB
    WRONG = "wrong"  # b answers with what is no JSON
    LOOKS = "looks"  # reads facts
    LOOKS_BADLY = "looks badly"  # reads, and fails
    # What engines do of a workflow document, before and after a step a and b each.
    SIGNAL = "signal"  # waits for the signal go
    TIMER = "timer"  # waits for a moment
    ASKS = "asks"  # asks the group leads
    EACH = "each"  # does c for three items, two at a time
    EACH_BADLY = "each badly"  # does c for three items; then b fails
    BRANCHES = "branches"  # does c beside d, and skips e
    NESTED = "nested"  # runs another document, which does c


READS = (Way.LOOKS, Way.LOOKS_BADLY)
OUTPUTS = {"id": "b"}
FACTS = {"exists": True}
LEADS = "leads"

_DOES = {
    Way.BADLY: "fails",
    Way.HELD: "holds",
    Way.LARGE: "sends 100 MB",
    Way.WRONG: "sends a set",
    Way.LOOKS_BADLY: "fails",
    Way.EACH_BADLY: "fails",
}
_EACH = {**undoable("c"), "for_each": ["x", "y", "z"], "max_parallel": 2}
_BETWEEN: Mapping[Way, list[dict[str, Any]]] = {
    Way.SIGNAL: [{"id": "go", "wait": {"signal": "go"}}],
    Way.TIMER: [{"id": "rest", "wait": {"timer": "100ms"}}],
    Way.ASKS: [{"id": "ok", "approval": {"groups": [LEADS], "expires": "1h"}}],
    Way.EACH: [_EACH],
    Way.EACH_BADLY: [_EACH],
    Way.BRANCHES: [
        undoable("c", needs=["a"]),
        undoable("d", needs=["a"]),
        undoable("e", needs=["a"]) | {"if": "request.name == 'nobody'"},
    ],
    Way.NESTED: [{"id": "inner", "workflow": "inner.yaml", "with": {"size": "${inputs.size}"}}],
}
_OUTPUTS = {Way.EACH: {"each": "${steps.c.outputs}"}, Way.NESTED: {"inner": "${steps.inner.outputs}"}}
_INNER = document(
    undoable("c"), name="inner", outputs={"made": "${steps.c.outputs.id}", "of": "${inputs.size}"}
)


class Subject:
    """One executor under test."""

    executor: Executor

    def definition(self, way: Way) -> dict[str, Any]:
        """Return a definition that goes this way."""
        raise NotImplementedError

    def effects(self, request: str) -> list[str]:
        """Return what took effect for a request, in order; what was undone as `-name`."""
        raise NotImplementedError

    def release(self, value: WorkOrder) -> None:
        """Let a held run go on."""
        raise NotImplementedError

    def asks(self, value: WorkOrder) -> bool:
        """Tell whether people can see that they are asked."""
        raise NotImplementedError

    def vote(self, value: WorkOrder, person: str, verdict: Verdict) -> None:
        """Let somebody of the group that is asked vote, without asking whether he may."""
        raise NotImplementedError


class Quiet:
    """A dispatcher where nobody has to be told."""

    def ring(self, run_id: str) -> None:
        """Do nothing."""


class EngineSubject(Subject):
    """An engine over a ledger."""

    def __init__(self, executor: Executor, ledger: StepLedger, database: Database) -> None:
        self.executor = executor
        self._ledger = ledger
        self._database = database

    def definition(self, way: Way) -> dict[str, Any]:
        misbehaves = {"name": "b", "does": _DOES.get(way, "")}
        if way in READS:
            return document({"id": "b", "uses": "test.look", "with": misbehaves}, facts=FACTS)
        between = _BETWEEN.get(way, [])
        last = {**undoable("b"), "with": misbehaves}
        if way is Way.BRANCHES:
            last["needs"] = ["c", "d", "e"]
        more: dict[str, Any] = {"workflows": {"inner.yaml": _INNER}} if way is Way.NESTED else {}
        outputs = {"id": "${steps.b.outputs.id}"} | _OUTPUTS.get(way, {})
        return document(undoable("a"), *between, last, outputs=outputs, facts=FACTS, **more)

    def effects(self, request: str) -> list[str]:
        return self._ledger.effects(request)

    def release(self, value: WorkOrder) -> None:
        self._ledger.release(value.request_uid)

    def asks(self, value: WorkOrder) -> bool:
        with self._database.read() as tx:
            return bool(inbox.open_of(tx, value.request_uid))

    def vote(self, value: WorkOrder, person: str, verdict: Verdict) -> None:
        with self._database.write() as tx:
            [approval] = inbox.open_of(tx, value.request_uid)
            task, now = approval.standing.task, utc_now()
            voter = Voter(person, (LEADS,))
            act = Cast(approval.step, task.opened_at, voter, now, task.binding, verdict, "because")
            inbox.post(tx, approval, act, now)


class TwinSubject(Subject):
    """The in-memory twin, scripted."""

    def __init__(self) -> None:
        self.twin = Twin(utc_now, counting_mint())
        self.executor = self.twin
        self.twin.script(Way.WELL, Answer(OUTPUTS, FACTS, ("a", "b")))
        self.twin.script(Way.BADLY, Answer(OUTPUTS, FACTS, ("a", "b"), failure="the target refuses"))
        self.twin.script(Way.HELD, Answer(OUTPUTS, FACTS, ("a", "b"), held=True))
        self.twin.script(Way.LARGE, Answer({"x": "A" * 100_000_000}, FACTS, ("a", "b")))
        self.twin.script(Way.WRONG, Answer(OUTPUTS, {"x": {1, 2}}, ("a", "b")))
        self.twin.script(Way.LOOKS, Answer({}, FACTS))
        self.twin.script(Way.LOOKS_BADLY, Answer(failure="the target refuses"))

    def definition(self, way: Way) -> dict[str, Any]:
        return {}

    def effects(self, request: str) -> list[str]:
        found = [(kind, name) for of, kind, name in self.twin.effects if of == request]
        return [name if kind == "do" else f"-{name}" for kind, name in found]

    def release(self, value: WorkOrder) -> None:
        self.twin.release(value.idempotency_key)


@dataclass(frozen=True, slots=True)
class Site:
    """Where an engine works."""

    database: Database
    bell: Bell
    ledger: StepLedger

    def subject(self, executor: Executor) -> Subject:
        """Return an engine here as a subject."""
        return EngineSubject(executor, self.ledger, self.database)


@contextmanager
def in_threads(site: Site) -> Iterator[Subject]:
    """The engine with a crew of threads in this process."""
    own = parts(site.database, site.ledger.url)
    threads = Threads(worker_of(own), site.database, site.bell, utc_now, size=2)
    threads.start()
    yield site.subject(create(own, threads))
    threads.stop()


@contextmanager
def through_celery(site: Site, broker: str, folder: Path) -> Iterator[Subject]:
    """The engine with Celery workers in processes of their own."""
    url = site.database.url.render_as_string(hide_password=False)
    environment = {"ENGINE_DATABASE": url, "ENGINE_LEDGER": site.ledger.url, "ENGINE_BROKER": broker}
    publisher = Publisher(broker, utc_now)
    sweeper = Sweeper(site.database, publisher, site.bell, utc_now)
    sweeper.start()
    dispatcher: Dispatcher = publisher
    with closing(Children(folder)) as children:
        worker_program(children, "celery", environment)
        yield site.subject(create(parts(site.database, site.ledger.url), dispatcher))
    sweeper.stop()
    publisher.close()


@contextmanager
def on_temporal(site: Site, temporal: Temporal) -> Iterator[Subject]:
    """The second engine: a Temporal server, and its worker in this process."""
    own = parts(site.database, site.ledger.url, temporal.address)
    crew = crew_of(own, site.bell, size=4)
    crew.start()
    yield site.subject(create_temporal(own, Quiet()))
    crew.stop()


CELERY = [f"{broker}-{backend}" for broker in ("redis", "rabbitmq") for backend in ("sqlite", "postgresql")]
ENGINES = ["threads-sqlite", "threads-postgresql", *CELERY, "temporal-sqlite", "temporal-postgresql"]
SUBJECTS = ["twin", *ENGINES]


@contextmanager
def ready(request: pytest.FixtureRequest, folder: Path) -> Iterator[Subject]:
    """Give the subject of a fixture's parameter, ready to work."""
    kind, _, backend = request.param.partition("-")
    if kind == "twin":
        yield TwinSubject()
        return
    url = f"sqlite:///{folder / 'avow.db'}"
    if backend == "postgresql":
        postgres: Postgres = request.getfixturevalue("postgres")
        url = postgres.new_database()
    bell = Bell()
    with ExitStack() as stack:
        database = stack.enter_context(created_database(url, bell))
        ledger = stack.enter_context(step_ledger(folder))
        site = Site(database, bell, ledger)
        if kind == "threads":
            yield stack.enter_context(in_threads(site))
        elif kind == "temporal":
            temporal: Temporal = request.getfixturevalue("temporal_server")
            yield stack.enter_context(on_temporal(site, temporal))
        else:
            broker: Broker = request.getfixturevalue(f"{kind}_server")
            yield stack.enter_context(through_celery(site, broker.new_url(), folder))
