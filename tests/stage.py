"""An HTTP door with the real engine and the real reconciler behind it, on a virtual clock.

Everything runs in the caller's thread when it is told to (`settle`), so that a test can stand
between any two moves. Only step kinds are twins; they write what they did into a `World`.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from catalog.db import Tx
from catalog.digest import Json
from executors.port import Executor
from executors.workflow.executor import create
from executors.workflow.parts import Parts, worker_of
from reconciler import workqueue
from reconciler.reconcile import Reconciler
from reconciler.tables import git_outbox
from reconciler.workqueue import Lane
from tests.doors import Doors, open_doors
from tests.engine import World, document, undoable
from tests.factories import contract_document, contract_files

CONTRACT = "gated"
PATH = "/v1/projects/shop/requests/orders"


@dataclass
class Stage:
    """Doors, engine and reconciler over one database."""

    doors: Doors
    world: World = field(default_factory=World)

    def __post_init__(self) -> None:
        """Put engine and reconciler behind the door."""
        platform = self.doors.platform
        parts = Parts(
            database=platform.db,
            kinds=self.world.kinds(),
            clock=platform.clock,
            mint=platform.mint,
            roll=lambda: 0.5,
            files_of=lambda _digest: {},
            on_final=self._wake,
            lease_seconds=10.0,
        )
        self.worker = worker_of(parts)
        executors = cast("dict[str, Executor]", platform.executors)
        executors["workflow"] = create(parts, self)
        self.reconciler = Reconciler(
            db=platform.db,
            admission=platform.admission,
            executor_named=lambda name: executors[name],
            clock=platform.clock,
            mint=platform.mint,
            roll=lambda: 0.5,
        )

    def ring(self, run_id: str) -> None:
        """Need no bell: everything is driven by hand."""

    def publish(self, *steps: dict[str, Any], version: str = "1.0.0", **asked: Json) -> None:
        """Publish a contract that asks people before and after it does something."""
        before = undoable("before")
        ask: dict[str, Any] = {"id": "sign-off", "approval": {"groups": ["security"], **asked}}
        provision = document(
            before,
            ask,
            *steps,
            undoable("after"),
            outputs={"host": "h"},
            facts={"exists": True},
        )
        look = document(
            {"id": "look", "uses": "test.look", "with": {"name": "look"}},
            name="observe",
            facts={"exists": "${steps.look.outputs.exists}"},
        )
        files = contract_files(
            contract_document(CONTRACT, version),
            {
                "provision.yaml": json.dumps(provision),
                "update.yaml": json.dumps(provision),
                "delete.yaml": json.dumps(document(undoable("away"), name="delete")),
                "observe.yaml": json.dumps(look),
            },
        )
        answer = self.doors("pia", "POST", "/v1/contracts", {"files": files})
        assert answer.status_code == 201, answer.text

    def request(self, name: str = "orders", **more: Any) -> Any:
        """Have dora ask for it, and settle."""
        made = self.doors.submit(name, contract=CONTRACT, **more)
        self.settle()
        return made

    def settle(self) -> None:
        """Let engine and reconciler do all that is due now."""
        for _ in range(30):
            moved = self._drive() | self._pass()
            if not moved:
                return
        raise AssertionError("it does not come to rest")

    def sleep(self, span: timedelta) -> None:
        """Let time pass, and all that falls due in it happen."""
        self.doors.clock.advance(span)
        self.settle()

    def shown(self, name: str = "orders") -> Any:
        """Return the request."""
        return self.doors("dora", "GET", f"/v1/projects/shop/requests/{name}").json()

    def why(self, name: str = "orders") -> Any:
        """Return why it is where it is."""
        return self.doors("dora", "GET", f"/v1/projects/shop/requests/{name}/why").json()

    def asked(self, who: str = "admin", query: str = "") -> list[Any]:
        """Return what is asked."""
        return list(self.doors(who, "GET", f"/v1/approvals?{query}").json()["items"])

    def vote(self, who: str, approval: Any, verdict: str = "approve", reason: str = "so") -> Any:
        """Vote on an approval as it was shown, settle, and return the answer."""
        body = {"verdict": verdict, "binding": approval["binding"], "reason": reason}
        answer = self.doors(who, "POST", f"/v1/approvals/{approval['id']}/votes", body)
        self.settle()
        return answer

    def _drive(self) -> bool:
        turn = self.worker.take()
        if turn is not None:
            self.worker.follow(turn)
        return turn is not None

    def _pass(self) -> bool:
        with self.doors.platform.db.write() as tx:
            tx.execute(git_outbox.update().values(written_at=self.doors.clock()))
            claims = workqueue.claim(tx, "stage", self.doors.clock(), workqueue.LEASE, 1)
        for claim in claims:
            self.reconciler.reconcile(claim)
        return bool(claims)

    def _wake(self, tx: Tx, request_uids: Sequence[str]) -> None:
        for uid in request_uids:
            workqueue.wake(tx, uid, Lane.CALLBACK, self.doors.clock())


@contextmanager
def open_stage(url: str, folder: Path) -> Iterator[Stage]:
    """Open a stage over an empty database."""
    with open_doors(url, folder) as doors:
        yield Stage(doors)
