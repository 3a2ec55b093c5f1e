"""A model of one request and its surroundings, for simulating passes without any I/O.

A pass here is the reconciler's: look, plan, ask policy, act, record; what it calls of the
reconciler is the real, pure code. Around it stand a thing that may be tampered with, an
executor and a git writer that may fail, people who change their minds, and a clock.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from catalog.conditions import Conditions, Status, Type
from catalog.contract import Child, Contract, OperationName
from catalog.conversion import fitting
from catalog.digest import JsonObject
from catalog.fleet import Observation, Presence
from catalog.ids import ContractName, RequestUid
from catalog.request import Applied, Phase, Request, phase_of
from executors.port import ContractRef, RunReport, RunState
from reconciler import status, upgrade
from reconciler.composition import PARENT_LABEL
from reconciler.drift import facts_digest
from reconciler.operation import Operation, OperationState
from reconciler.outcome import as_upgrade, finished, next_attempt, outcome_of
from reconciler.placement import Placed
from reconciler.plan import Move, Plan, Situation, plan
from reconciler.relation import NONE, Member, Obstacle, Relations
from tests.factories import START, UID, a_contract, a_destination, a_request, an_operation

PLACED = Placed(a_destination(), is_needed=True, message="stays on pg-1")
NOWHERE = Placed(None, is_needed=True, message="no destination fits")


@dataclass
class World:
    """Everything that a pass may meet.

    Attributes:
        thing: the facts of what exists; None when nothing does.
        failing: how many operations fail before one succeeds.
        failure: how they fail.
        unwritten: changes that git does not have yet.
        planned: every plan that a pass made, with the situation it was made from.
        saved: the request as it was stored each time, and when.
    """

    request: Request = field(default_factory=a_request)
    now: datetime = START
    thing: JsonObject | None = None
    contracts: list[Contract] = field(default_factory=lambda: [a_contract()])
    contract_paused: bool = False
    relations: Relations = NONE
    placed: Placed = PLACED
    policy: str = "allow"
    look_works: bool = True
    failing: int = 0
    failure: RunState = RunState.FAILED
    unwritten: int = 0
    write_error: str = ""
    delivered_by: Contract | None = None
    operations: list[Operation] = field(default_factory=list)
    planned: list[tuple[Situation, Plan]] = field(default_factory=list)
    saved: list[tuple[Request, datetime]] = field(default_factory=list)

    @property
    def contract(self) -> Contract:
        """Return the newest contract."""
        return self.contracts[-1]

    @property
    def is_over(self) -> bool:
        """Say whether the request is gone for good."""
        return self.request.deleted_at is not None

    def situation(self) -> Situation:
        """Return what a pass knows, after its look."""
        finished_ones = [each for each in self.operations if not each.superseded]
        contract, given, trouble = self.aimed()
        current = self.delivered_by or contract
        touched = bool(self.operations)
        return Situation(
            request=self.request,
            contract=contract,
            contract_ref=_ref(contract),
            given=given,
            trouble=trouble,
            current=current,
            current_ref=_ref(current),
            placed=self.placed,
            observation=self._look() if touched else None,
            last=finished_ones[-1] if finished_ones else None,
            was_touched=touched,
            repairs=self._repairs(),
            pending_writes=self.unwritten,
            contract_paused=self.contract_paused,
            relations=self.relations,
        )

    def aimed(self) -> tuple[Contract, JsonObject, upgrade.Trouble | None]:
        """Return the contract that the request is to be on, as a pass finds it."""
        request, wanted = self.request, self.contract
        if request.is_deleting:
            return self._named(request.contract_version), request.inputs, None
        fit = fitting(wanted, request)
        last = next((each for each in reversed(self.operations) if not each.superseded), None)
        candidate = upgrade.Candidate(wanted.version, _ref(wanted).digest, fit)
        where, trouble = upgrade.place(request, candidate, last)
        if where is upgrade.Place.APPLIED and request.applied is not None:
            return self._named(request.applied.contract_version), request.applied.inputs, trouble
        if where is upgrade.Place.WANTED:
            return wanted, fit.inputs, trouble
        return self._named(request.contract_version), request.inputs, trouble

    def _named(self, version: str) -> Contract:
        return next(each for each in self.contracts if each.version == version)

    def go_by(self) -> Plan:
        """Make one pass and return its plan."""
        situation = self.situation()
        found = plan(situation, self.now)
        self.planned.append((situation, found))
        match found.move:
            case Move.OPERATE:
                self._operate(situation, found)
            case Move.RELEASE:
                self._save(status.standing(situation, found, "", self.now))
                self.unwritten += 1
            case Move.COMPOSE | Move.GIVE_BACK:
                self._save(status.standing(situation, found, "", self.now))
                self.relations = NONE  # they go, as everything does that is given back
            case Move.FORGET:
                self._save(status.standing(situation, found, "", self.now), deleted_at=self.now)
            case Move.NOTHING | Move.WAIT:
                self._save(status.standing(situation, found, self.write_error, self.now))
        return found

    def change(self, **fields: Any) -> None:
        """Let people change what is wanted."""
        before = self.request
        fields = {"generation": before.generation + 1, "revision": before.revision + 1} | fields
        unfailed: dict[str, Any] = {"failed_version": None, "failed_digest": None}
        if "inputs" in fields:  # the door refuses what does not fit, so it is written for what is aimed at
            fields = {"inputs_version": self.aimed()[0].version} | fields
        after = replace(before, updated_at=self.now, **(unfailed | fields))
        self.request = after
        self._save(status.accepted(after, self.now))

    def write_git(self) -> None:
        """Let the git writer catch up."""
        self.unwritten, self.write_error = 0, ""

    def try_again(self) -> None:
        """Forget past failures and repairs, because somebody asked to."""
        self.operations = [replace(each, superseded=True) for each in self.operations]
        self.request = replace(self.request, failed_version=None, failed_digest=None)

    def wait(self, span: timedelta) -> None:
        """Let time go by."""
        self.now += span

    def _look(self) -> Observation:
        if not self.look_works:
            return Observation(RequestUid(UID), Presence.UNKNOWN, {}, self.now, "no answer")
        presence = Presence.ABSENT if self.thing is None else Presence.PRESENT
        return Observation(RequestUid(UID), presence, self.thing or {}, self.now)

    def _repairs(self) -> int:
        since = self.now - timedelta(hours=1)
        return sum(
            each.reason in ("Drifted", "Missing") and each.created_at > since and not each.superseded
            for each in self.operations
        )

    def _operate(self, situation: Situation, found: Plan) -> None:
        if self.policy != "allow":
            reason = "PolicyDenied" if self.policy == "deny" else "PolicyUnavailable"
            self._save(status.refused(self.request, reason, "policy says no", self.now))
            return
        ref = situation.contract_ref
        resolved = {"contract_version": ref.version, "contract_digest": ref.digest}
        self._save(status.begun(situation, found, self.now), attempt=self.request.attempt + 1, **resolved)
        name = found.operation or OperationName.PROVISION
        operation = an_operation(
            name,
            attempt=len(self.operations) + 1,
            state=OperationState.RUNNING,
            contract_version=ref.version,
            contract_digest=ref.digest,
            generation=self.request.generation,
            desired_digest=situation.desired_digest,
            reason=found.reason,
            message=found.message,
            plan={
                "inputs": situation.inputs_for(name),
                "children": situation.children_for(name),
                **situation.rewritten,
            },
            created_at=self.now,
        )
        self._save(status.under_way(self.request, operation, RunReport(RunState.RUNNING), self.now))
        self._end(operation, self._carried_out(operation))

    def _carried_out(self, operation: Operation) -> RunReport:
        if self.failing:
            self.failing -= 1
            return RunReport(self.failure, message="it did not work")
        if operation.name is OperationName.DELETE:
            self.thing = None
            return RunReport(RunState.SUCCEEDED)
        self.thing = {"exists": True, **operation.inputs}
        return RunReport(RunState.SUCCEEDED, outputs={"host": "h"}, facts=self.thing)

    def _end(self, operation: Operation, report: RunReport) -> None:
        contract = self._named(operation.contract_version)
        if operation.name in (OperationName.REPAIR, OperationName.DELETE):
            contract = self.delivered_by or contract
        outcome = as_upgrade(outcome_of(operation, report, contract), self.request, operation)
        next_at = None if outcome.is_success else next_attempt(outcome, contract, 3, 0.5, self.now)
        done = finished(operation, outcome, self.now, next_at)
        self.operations.append(done)
        delivers = outcome.is_success and operation.name is not OperationName.DELETE
        changes: dict[str, Any] = {}
        if delivers:
            changes = self._applied(done, contract) | upgrade.after_success(self.request, done)
        elif not outcome.is_success:
            changes = dict(upgrade.after_failure(self.request, done))
        self._save(status.ended(self.request, done, self.now), **changes)

    def _applied(self, done: Operation, contract: Contract) -> dict[str, Any]:
        self.unwritten += 1
        self.delivered_by = contract
        applied = Applied(
            generation=done.generation,
            contract_version=contract.version,
            contract_digest=_ref(contract).digest,
            desired_digest=done.desired_digest,
            inputs=done.inputs,
            facts=done.facts,
            facts_digest=facts_digest(done.facts, contract.drift.ignore, self.now),
            at=self.now,
            children=done.children,
            dead_ends=upgrade.dead_ends_after(self.request, done),
        )
        return {"applied": applied, "outputs": done.outputs}

    def _save(self, conditions: Conditions, **changes: Any) -> None:
        after = replace(self.request, conditions=conditions, **changes)
        self.request = replace(after, phase=phase_of(after, conditions))
        self.saved.append((self.request, self.now))


def _with_child(phase: Phase) -> Relations:
    child = Child("net", ContractName("postgres-database"), "*", {"size": "s"})
    held = replace(
        a_request("req_00000000000000000000000002"),
        name="orders-db-net",
        version="*",
        child="net",
        labels={"tier": "backend", PARENT_LABEL: "orders-db"},
        phase=phase,
    )
    member = Member("net", held.name, child, a_contract(), _ref(a_contract()), held)
    return Relations(members=(member,))


def _ref(contract: Contract) -> ContractRef:
    return ContractRef(contract.name, contract.version, f"sha256:{contract.version}")


_OTHER = a_contract(inputs={"type": "object", "required": ["tier"], "additionalProperties": False})


def _next_version(world: World) -> None:
    version = f"1.{len(world.contracts)}.0"
    world.contracts.append(replace(world.contract, version=version))


def _delete(world: World) -> None:
    if world.request.deletion_requested_at is None:
        world.change(deletion_requested_at=world.now)


def _set(**values: Any) -> Callable[[World], None]:
    def happen(world: World) -> None:
        for name, value in values.items():
            setattr(world, name, value)

    return happen


EVENTS: dict[str, Callable[[World], None]] = {
    "wants a small one": lambda world: world.change(inputs={"size": "s"}),
    "wants a large one": lambda world: world.change(inputs={"size": "l"}),
    "pauses": lambda world: world.change(paused=True),
    "resumes": lambda world: world.change(paused=False),
    "deletes": _delete,
    "tries again": World.try_again,
    "somebody tampers": lambda world: setattr(world, "thing", world.thing and {**world.thing, "size": "x"}),
    "somebody removes it": _set(thing=None),
    "the executor fails twice": _set(failing=2, failure=RunState.FAILED),
    "the executor gets stuck": _set(failing=1, failure=RunState.STUCK),
    "the look fails": _set(look_works=False),
    "the look works": _set(look_works=True),
    "git is written": World.write_git,
    "git refuses": lambda world: setattr(world, "write_error", "no" if world.unwritten else ""),
    "the contract is held": _set(contract_paused=True),
    "the contract is released": _set(contract_paused=False),
    "a version is published": _next_version,
    "the contract only reports drift": lambda world: world.contracts.append(
        replace(a_contract(drift={"mode": "observe"}), version=f"1.{len(world.contracts)}.0")
    ),
    "the contract does not retry": lambda world: world.contracts.append(
        replace(a_contract(reconcile={"retry_failed": False}), version=f"1.{len(world.contracts)}.0")
    ),
    "what it needs is withdrawn": _set(
        relations=Relations(lacking=Obstacle(Type.AVAILABLE, Status.FALSE, "RequirementMissing", "m", "net"))
    ),
    "what it uses is not ready": _set(
        relations=Relations(awaited=Obstacle(Type.AVAILABLE, Status.FALSE, "UsedNotReady", "m", "net"))
    ),
    "a child fails": lambda world: setattr(world, "relations", _with_child(Phase.FAILED)),
    "a child is at work": lambda world: setattr(world, "relations", _with_child(Phase.PROGRESSING)),
    "a child is ready": lambda world: setattr(world, "relations", _with_child(Phase.READY)),
    "others are as they should be": _set(relations=NONE),
    "a version is published that takes other inputs": lambda world: world.contracts.append(
        replace(_OTHER, version=f"1.{len(world.contracts)}.0")
    ),
    "policy denies": _set(policy="deny"),
    "policy is silent": _set(policy="silent"),
    "policy allows": _set(policy="allow"),
    "no place is left": _set(placed=NOWHERE),
    "there is a place": _set(placed=PLACED),
    "a second goes by": lambda world: world.wait(timedelta(seconds=1)),
    "ten minutes go by": lambda world: world.wait(timedelta(minutes=10)),
}
"""What may happen between two passes, by the name under which a failing example shows it."""


def quiet(world: World) -> None:
    """End every disturbance."""
    for name in (
        "resumes",
        "tries again",
        "the look works",
        "the contract is released",
        "policy allows",
        "there is a place",
        "others are as they should be",
    ):
        EVENTS[name](world)
    world.failing = 0
    world.contracts.append(replace(a_contract(), version=f"1.{len(world.contracts)}.0"))


def settle(world: World, passes: int = 20) -> Plan:
    """Make passes, with git written and time going by in between, and return the last plan."""
    found = world.go_by()
    for _ in range(passes):
        world.write_git()
        world.wait(timedelta(minutes=2))
        if world.request.phase is Phase.DELETED:
            break
        found = world.go_by()
    return found
