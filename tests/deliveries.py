"""Contracts of the library, kept true by hand: a test plays the reconciler's part.

It starts an operation of a bundle in the real workflow engine, looks with `observe.yaml`, breaks
something, and sees what the next operation makes of it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from catalog.acting import ACTION, action_root
from catalog.bundle import Bundle, read_bundle
from catalog.clock import utc_now
from catalog.contract import OperationName
from catalog.digest import JsonObject
from catalog.ids import mint
from catalog.schema import violations, with_defaults
from executors.port import ContractRef, Effect, RunReport, RunState, WorkOrder
from executors.steps import StepSettings, builtin
from executors.workflow.executor import WorkflowExecutor, create
from executors.workflow.parts import Parts, worker_of
from executors.workflow.worker import Worker
from tests.factories import PROJECT, UID, created_database
from tests.services.polling import eventually

LIBRARY = Path(__file__).parents[1] / "catalog/library"
NUMBERS = count(1)


class Silent:
    """A dispatcher for runs that the test drives itself."""

    def ring(self, run_id: str) -> None:
        """Do nothing."""


@dataclass
class Delivery:
    """One request on one bundle, kept true by hand."""

    bundle: Bundle
    executor: WorkflowExecutor
    worker: Worker
    request: JsonObject
    destination: JsonObject
    inputs: dict[str, Any]
    outputs: Mapping[str, Any] = field(default_factory=dict)

    def run(self, name: OperationName, **inputs: Any) -> RunReport:
        """Carry out an operation to its end; inputs given here stay."""
        self.inputs |= inputs
        report = self._carried_out(name, {})
        if report.state is RunState.SUCCEEDED and name is not OperationName.OBSERVE:
            self.outputs = report.outputs or self.outputs
        return report

    def act(self, name: str, **inputs: Any) -> RunReport:
        """Carry out an action of the contract to its end, which must be a good one."""
        whole = with_defaults(self.bundle.contract.actions[name].inputs, inputs)
        report = self._carried_out(name, {ACTION: action_root(name, whole)})
        assert report.state is RunState.SUCCEEDED, report.message
        return report

    def seen(self) -> Mapping[str, Any]:
        """Return what the bundle's own look reports."""
        report = self.run(OperationName.OBSERVE)
        assert report.state is RunState.SUCCEEDED, report.message
        return report.facts

    def succeeded(self, name: OperationName, **inputs: Any) -> RunReport:
        """Carry out an operation that must succeed, with outputs that fit the promise."""
        report = self.run(name, **inputs)
        assert report.state is RunState.SUCCEEDED, report.message
        if name is not OperationName.DELETE:
            assert violations(self.bundle.contract.outputs, dict(report.outputs)) == ()
        return report

    def _carried_out(self, name: str, more: JsonObject) -> RunReport:
        key = f"key-{next(NUMBERS)}"
        started = self.executor.start(self._order(name, key, more))
        if started.state.is_final:
            return started
        ended = eventually(lambda: self._ended(key, started.run_id), f"{name} to end")
        assert ended is not None
        return ended

    def _ended(self, key: str, run_id: str) -> RunReport | None:
        self.worker.drive(run_id)
        report = self.executor.observe(key)
        return report if report is not None and report.state.is_final else None

    def _order(self, name: str, key: str, more: JsonObject) -> WorkOrder:
        contract = self.bundle.contract
        return WorkOrder(
            idempotency_key=key,
            fence=next(NUMBERS),
            project=str(self.request["project"]),
            request_uid=str(self.request["uid"]),
            operation=str(name),
            effect=Effect.READ if name == OperationName.OBSERVE else Effect.WRITE,
            contract=ContractRef(contract.name, contract.version, self.bundle.digest),
            definition=self.bundle.definition_for(name),
            context={
                **more,
                "inputs": with_defaults(contract.inputs, self.inputs),
                "request": self.request,
                "destination": self.destination,
                "outputs": dict(self.outputs),
            },
        )


@dataclass
class Library:
    """Starts deliveries in one engine."""

    parts: Parts
    bundles: dict[str, Bundle] = field(default_factory=dict)

    def deliver(
        self, contract: str, name: str, config: JsonObject, /, project: str = PROJECT, **inputs: Any
    ) -> Delivery:
        """Return a request for a contract that nothing was done for yet."""
        bundle = read_bundle(LIBRARY / contract)
        self.bundles[bundle.digest] = bundle
        request: JsonObject = {
            "uid": UID,
            "name": name,
            "project": project,
            "owner": "team-orders",
            "environment": "dev",
            "generation": 1,
            "labels": {},
        }
        destination: JsonObject = {"name": "here", "kind": "any", "labels": {}, "config": config}
        executor = create(self.parts, Silent())
        return Delivery(bundle, executor, worker_of(self.parts), request, destination, inputs)


@contextmanager
def library_on(database_url: str, settings: StepSettings) -> Iterator[Library]:
    """Give the library on an engine that keeps its runs in a database."""
    with created_database(database_url) as database:
        bundles: dict[str, Bundle] = {}
        parts = Parts(
            database=database,
            kinds=builtin(settings),
            clock=utc_now,
            mint=lambda prefix: mint(prefix, utc_now()),
            roll=lambda: 0.1,
            files_of=lambda digest: bundles[digest].files,
            on_final=lambda *_: None,
        )
        yield Library(parts, bundles)
