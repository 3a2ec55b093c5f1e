"""What tests of the workflow engine share: documents, orders, a virtual clock, and step kinds.

The step kinds keep a book of what they did to the world (`World`), honour idempotency keys,
and behave as the test scripted them. Used by unit, property and conformance tests.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from catalog.clock import Clock
from catalog.db import Database, Tx
from catalog.digest import Json, JsonObject
from catalog.tables import events
from executors.claims import ClaimedRun
from executors.port import ContractRef, Effect, WorkOrder
from executors.step import OutcomeUnknown, Permanent, StepCall, Transient
from executors.workflow.act import Actor
from executors.workflow.events import Accepted
from executors.workflow.executor import create
from executors.workflow.journal import Journal, entries_of
from executors.workflow.keeper import Keeper
from executors.workflow.memory import MemoryJournal
from executors.workflow.parts import Parts, worker_of
from executors.workflow.worker import Worker
from tests.workflows import EPOCH, VirtualClock, document, step, undoable

__all__ = ["EPOCH", "VirtualClock", "document", "step", "undoable"]  # so that tests find all in one place

DIGEST = "sha256:" + "0" * 64


def counting_mint() -> Callable[[str], str]:
    """Return a mint of ids that look real and are numbered."""
    numbers: Iterator[int] = iter(range(1, 10**9))
    return lambda prefix: f"{prefix}_{next(numbers):026d}"


def order(definition: JsonObject, key: str = "key-1", **more: Any) -> WorkOrder:
    """Return a work order for a document."""
    values: dict[str, Any] = {
        "idempotency_key": key,
        "fence": 1,
        "project": "shop",
        "request_uid": "req_1",
        "operation": "provision",
        "effect": Effect.WRITE,
        "contract": ContractRef("database", "1.0.0", DIGEST),
        "definition": definition,
        "context": {"inputs": {"size": "s"}, "request": {"name": "orders"}, "destination": {}, "outputs": {}},
    }
    return WorkOrder(**{**values, **more})


SCHEMA: JsonObject = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {"name": {"type": "string"}, "size": {"enum": ["s", "m"]}, "of": {}},
}

Behaviour = Callable[[StepCall], Mapping[str, Json] | None]
"""Runs before the effect; returns outputs to answer with, or None to go on."""


@dataclass
class World:
    """What the step kinds did, and what they are told to do.

    Attributes:
        effects: per key, the names that took effect under it; never more than one.
        calls: every call in order, as (kind, name, key, fence).
        script: per name, what its next runs do instead of simply succeeding.
        looks: per name, what its next looks do instead of telling the truth.
    """

    effects: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, str, str, int]] = field(default_factory=list)
    script: defaultdict[str, list[Behaviour]] = field(default_factory=lambda: defaultdict(list))
    looks: defaultdict[str, list[Behaviour]] = field(default_factory=lambda: defaultdict(list))

    def kinds(self) -> dict[str, "Kind"]:
        """Return step kinds over this world."""
        kinds = [Kind(self, "test.do"), Kind(self, "test.undo"), Kind(self, "test.look", Effect.READ)]
        return {kind.name: kind for kind in kinds}

    def done(self) -> list[str]:
        """Return what took effect, in order, undone things as `-name`."""
        return list(self.effects.values())


class Kind:
    """A step kind that writes its effect into a world, once per key."""

    def __init__(self, world: World, name: str, effect: Effect = Effect.WRITE) -> None:
        self.schema = SCHEMA
        self.name = name
        self.effect = effect
        self._world = world

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Take effect unless scripted otherwise."""
        name = self._named(call)
        self._world.calls.append((self.name, name, call.idempotency_key, call.fence))
        script = self._world.script[name]
        if script:
            answer = script.pop(0)(call)
            if answer is not None:
                return answer
        return self.take_effect(call)

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Tell whether it took effect unless scripted otherwise."""
        name = self._named(call)
        self._world.calls.append((f"look {self.name}", name, call.idempotency_key, call.fence))
        script = self._world.looks[name]
        if script:
            return script.pop(0)(call)
        return {"id": name} if call.idempotency_key in self._world.effects else None

    def take_effect(self, call: StepCall) -> Mapping[str, Json]:
        """Write the effect down under its key."""
        name = self._named(call)
        if self.effect is Effect.WRITE:
            self._world.effects.setdefault(call.idempotency_key, name)
        return {"id": name, "exists": True}

    def _named(self, call: StepCall) -> str:
        return ("-" if self.name == "test.undo" else "") + str(call.arguments["name"])


def fails_for_now(_call: StepCall) -> None:
    """Fail without effect, in a way that passes."""
    raise Transient("busy", "the target is busy")


def fails_for_good(_call: StepCall) -> None:
    """Fail without effect, in a way that stays."""
    raise Permanent("forbidden", "the target refuses")


def cannot_tell(_call: StepCall) -> None:
    """Leave it open whether there was an effect."""
    raise OutcomeUnknown("line_broke", "the line broke")


def answers(outputs: object) -> Behaviour:
    """Answer with these outputs, fit or not, without an effect."""
    return lambda _call: outputs  # type: ignore[return-value]  # hostile answers are the point


def accept(journal: MemoryJournal, value: WorkOrder, run_id: str = "run_1", now: datetime = EPOCH) -> None:
    """Store an order as a fresh run."""
    claim = ClaimedRun(
        id=run_id,
        project=value.project,
        request_uid=value.request_uid,
        idempotency_key=value.idempotency_key,
        operation=value.operation,
        contract_digest=value.contract.digest,
        definition=value.definition,
        context=value.context,
        created_at=now,
        fence=0,
        seq=1,
        mail=0,
    )
    journal.add(claim, entries_of([Accepted(now)], 0)[0], now)


def a_worker(journal: Journal, world: World, clock: VirtualClock, owner: str = "worker-1") -> Worker:
    """Return a worker over a world, with a lease of ten seconds and middling dice."""
    keeper = Keeper(journal, clock, owner, lease_seconds=10)
    actor = Actor(world.kinds(), lambda _digest: {"readme.md": "files"})
    return Worker(journal, actor, keeper, clock=clock, roll=lambda: 0.5, pause=clock.pause)


@dataclass
class Engine:
    """The built-in engine over a real database, with everything that it tells kept.

    Attributes:
        final: requests that were woken because a run of theirs ended.
        rung: runs that were rung for.
    """

    database: Database
    clock: Clock = field(default_factory=VirtualClock)
    world: World = field(default_factory=World)
    final: list[str] = field(default_factory=list)
    rung: list[str] = field(default_factory=list)
    lease_seconds: float = 10.0

    def __post_init__(self) -> None:
        self.parts = Parts(
            database=self.database,
            kinds=self.world.kinds(),
            clock=self.clock,
            mint=counting_mint(),
            roll=lambda: 0.5,
            files_of=lambda _digest: {},
            on_final=self._note_final,
            lease_seconds=self.lease_seconds,
        )
        self.executor = create(self.parts, self)

    def ring(self, run_id: str) -> None:
        """Note that a run was rung for."""
        self.rung.append(run_id)

    def drive(self) -> None:
        """Drive every due run as far as it goes now."""
        worker = worker_of(self.parts)
        while (turn := worker.take()) is not None:
            worker.follow(turn)

    @property
    def told(self) -> list[tuple[str, str]]:
        """Return what requesters were told, as kind and message."""
        with self.database.read() as tx:
            rows = tx.execute(sa.select(events.c.kind, events.c.message).order_by(events.c.id))
            return [(row.kind, row.message) for row in rows]

    def _note_final(self, tx: Tx, request_uids: Sequence[str]) -> None:
        self.final += request_uids
        tx.ring("work")
