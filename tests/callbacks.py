"""Runs that wait for people and signals, and everything that may come in at them from outside.

A `Bench` is the real engine over a real database on a virtual clock. Letters are posted as the
doors post them, below every check that a door makes, so that what is dropped is dropped by the
engine itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from catalog.db import Database, Tx
from catalog.digest import Json, JsonObject
from executors import runs
from executors.port import GROUNDS
from executors.workflow import inbox
from executors.workflow.ballot import Cast, HandOn, TakeInHand, Verdict, Voter
from executors.workflow.executor import create
from executors.workflow.forms import stored
from executors.workflow.inbox import Approval, Wanted
from executors.workflow.parts import Parts, worker_of
from tests.engine import VirtualClock, World, counting_mint, document, order, undoable

ASKED: JsonObject = {"groups": ["security"], "quorum": 2, "expires": "3d"}
DOCUMENT = document(
    undoable("before"),
    {"id": "sign-off", "approval": ASKED},
    {"id": "go", "wait": {"signal": "go", "timeout": "1d"}},
    undoable("after"),
    outputs={"votes": "${steps.sign-off.outputs.votes}", "told": "${steps.go.outputs}"},
    facts={"exists": True},
)
KEY_ONE = "key-1"
GO: JsonObject = {"name": "go", "payload": {"colour": "green"}}


@dataclass
class Bench:
    """The engine with people, and runs of equal requests of two projects."""

    database: Database
    clock: VirtualClock = field(default_factory=VirtualClock)
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        """Put the engine together."""
        self.parts = Parts(
            database=self.database,
            kinds=self.world.kinds(),
            clock=self.clock,
            mint=counting_mint(),
            roll=lambda: 0.5,
            files_of=lambda _digest: {},
            on_final=_nobody,
            lease_seconds=10.0,
        )
        self.executor = create(self.parts, self)
        self.worker = worker_of(self.parts)

    def ring(self, run_id: str) -> None:
        """Need no bell: everything is driven by hand."""

    def start(self, key: str, project: str = "shop", uid: str = "req_1") -> str:
        """Order a run and return its id."""
        context: dict[str, Json] = {
            "inputs": {"size": "s"},
            "request": {"uid": uid, "name": "orders", "generation": 1},
            "destination": {},
            "outputs": {},
            GROUNDS: {"requesters": ["dora"], "contract": "c", "plan": "p", "policy": "o"},
        }
        report = self.executor.start(order(DOCUMENT, key, project=project, request_uid=uid, context=context))
        return report.run_id

    def drive(self) -> None:
        """Drive every due run as far as it goes now."""
        while (turn := self.worker.take()) is not None:
            self.worker.follow(turn)

    def post(self, key: str, kind: str, body: JsonObject) -> None:
        """Leave a letter, whatever it says."""
        with self.database.write() as tx:
            runs.post(tx, key, kind, body, now=self.clock())

    def approval(self, run_id: str) -> Approval:
        """Return the approval of a run as it is told."""
        with self.database.read() as tx:
            found = inbox.page(tx, Wanted(state=None), "", 100)
        [one] = [each for each in found if each.run_id == run_id]
        return one

    def vote(self, key: str, run_id: str, person: str, verdict: str = "approve", **more: Any) -> JsonObject:
        """Vote as a door does, and return the letter."""
        letter = self.ballot(run_id, person, verdict, **more)
        self.post(key, "vote", letter)
        self.drive()
        return letter

    def ballot(self, run_id: str, person: str, verdict: str = "approve", **more: Any) -> dict[str, Json]:
        """Return a good vote on what a run asks, with parts exchanged."""
        task = self.approval(run_id).standing.task
        voter = Voter(person, ("security",))
        act = Cast("sign-off", task.opened_at, voter, self.clock(), task.binding, Verdict(verdict), "because")
        return {**stored(act), **more}

    def handing_on(self, run_id: str, person: str, delegate: str) -> dict[str, Json]:
        """Return a good delegation."""
        opened_at = self.approval(run_id).standing.task.opened_at
        return stored(HandOn("sign-off", opened_at, Voter(person, ("security",)), self.clock(), delegate))

    def claim(self, run_id: str, person: str, seconds: float) -> dict[str, Json]:
        """Return a good claim."""
        opened_at = self.approval(run_id).standing.task.opened_at
        voter, now = Voter(person, ("security",)), self.clock()
        until = VirtualClock(now)
        until.advance(seconds)
        return stored(TakeInHand("sign-off", opened_at, voter, now, until()))

    def told(self, key: str) -> Mapping[str, Any]:
        """Return all that a run came to, for comparing: what it says, did and was told by people."""
        report = self.executor.observe(key)
        assert report is not None
        standing = self.approval(report.run_id).standing
        votes = [(vote.person, vote.seat, vote.verdict.value, vote.reason) for vote in standing.votes]
        return {
            "state": report.state,
            "outputs": report.outputs,
            "facts": report.facts,
            "message": report.message,
            "approval": (standing.outcome.value, standing.message, votes),
            "effects": self.world.done(),
            "calls": [(kind, name) for kind, name, _key, _fence in self.world.calls],
        }

    def dropped(self, run_id: str) -> list[str]:
        """Return why letters to a run were dropped, in order."""
        with self.database.read() as tx:
            return [
                str(entry.body["reason"]) for entry in runs.entries(tx, run_id) if entry.type == "MailDropped"
            ]


def _nobody(tx: Tx, request_uids: Sequence[str]) -> None:
    """Wake nobody."""
