"""Migrations: runs that are parked go over to another definition, one by one or all of a version.

Whoever publishes a contract may move its runs to another version of it; a definition that
belongs to no version is for whoever runs the installation. A run is told by a letter, which
its driver takes in; the audit trail says who moved it, from what to what.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from catalog import audit, contracts, lifecycles, requests
from catalog.actor import Actor
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.digest import Json, JsonObject, digest
from catalog.errors import Conflict, Finding, Invalid
from executors.workflow import parked
from executors.workflow.linkage import linked
from executors.workflow.parked import Goal, Parked
from platform_api import access
from platform_api.parts import Platform
from platform_api.receipts import Receipt
from reconciler.situation import target_of

EXECUTOR = "workflow"
AT_ONCE = 1000
"""So many runs are judged per call; the answer says where to go on."""


@dataclass(frozen=True, slots=True)
class Move:
    """Where a run is to go: to a version of its contract, or to a definition of its own.

    Attributes:
        mapping: old step to new; None gives one up that was never begun.
        keeps_approvals: what people approved holds for the new definition as well.
    """

    version: str | None
    definition: JsonObject | None
    mapping: Mapping[str, str | None]
    keeps_approvals: bool


@dataclass(frozen=True, slots=True)
class Moved:
    """What comes of a move for one run; without findings it was told to go."""

    run_id: str
    project: str
    operation: str
    former: str
    definition: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a move for the runs of a version.

    Attributes:
        after: the last run that was looked at; go on behind it. Empty when there are no more.
    """

    runs: tuple[Moved, ...]
    after: str


def migrate(
    platform: Platform, actor: Actor, where: tuple[str, str], move: Move, receipt: Receipt[Moved]
) -> Moved:
    """Move one run.

    Args:
        where: its project and its id.

    Raises:
        Conflict: `run_ended`, `run_not_parked`, `run_going_back`, `outcome_unknown`,
            `version_not_followed`.
        Invalid: `migration_refused`, with every finding; `invalid_workflow`.
        Denied: `role_missing`.
    """
    with platform.db.read() as tx:
        found = parked.load(tx, *where)
        revision = contracts.by_digest(tx, found.record.contract_digest)
        target = None if move.version is None else contracts.load(tx, revision.name, move.version)
    _check_actor(actor, revision, move)
    goal = _goal(platform, found, target or revision, move)
    with platform.db.write() as tx:
        receipt.claim(tx)
        moved = _move(platform, actor, tx, where, goal)
        if moved.findings:
            raise _refused(moved.findings)
        return receipt.keep(tx, moved)


def migrate_all(
    platform: Platform, actor: Actor, where: tuple[str, str, str], move: Move, receipt: Receipt[Report]
) -> Report:
    """Move every parked run of a contract's version, as far as each can be moved; report on all.

    Args:
        where: the contract's name, the version that the runs are on, and the run to go on behind.

    Raises:
        NotFound: `contract_not_found`.
        Denied: `role_missing`.
    """
    name, version, after = where
    with platform.db.read() as tx:
        revision = contracts.load(tx, name, version)
        target = contracts.load(tx, name, move.version or version)
        _check_actor(actor, revision, move)
        ids = parked.open_on(tx, revision.digest, after, AT_ONCE)
    report = Report(
        tuple(_each(platform, actor, ids, target, move, is_dry=receipt.is_dry)),
        ids[-1][1] if len(ids) == AT_ONCE else "",
    )
    with platform.db.write() as tx:
        receipt.claim(tx)
        return receipt.keep(tx, report)


def _each(
    platform: Platform,
    actor: Actor,
    ids: list[tuple[str, str]],
    target: Revision,
    move: Move,
    *,
    is_dry: bool,
) -> Iterator[Moved]:
    for where in ids:
        with platform.db.read() as tx:
            found = parked.load(tx, *where)
        try:
            goal = _goal(platform, found, target, move)
        except Invalid as refused:
            yield _moved(found, None, refused.findings)
            continue
        if is_dry:
            with platform.db.read() as tx:
                yield _moved(found, goal, _unfit(tx, found, goal))
            continue
        with platform.db.write() as tx:
            yield _move(platform, actor, tx, where, goal)


def _move(platform: Platform, actor: Actor, tx: Tx, where: tuple[str, str], goal: Goal) -> Moved:
    found = parked.load(tx, *where, locked=True)
    moved = _moved(found, goal, _ended(tx, goal) or _unfit(tx, found, goal))
    if moved.findings:
        return moved
    mapping: dict[str, Json] = dict(goal.mapping)
    audit.append(
        tx,
        moved.project,
        platform.clock(),
        actor=actor.subject,
        action="run.migrated",
        subject=f"run/{moved.run_id}",
        detail={
            "uid": found.record.request_uid,
            "former": moved.former,
            "definition": moved.definition,
            "contract": goal.contract.get("digest", found.record.contract_digest),
            "mapping": mapping,
            "keep_approvals": goal.keeps_approvals,
        },
    )
    parked.leave_letter(tx, found, goal, platform.clock())
    return moved


def _ended(tx: Tx, goal: Goal) -> tuple[Finding, ...]:
    """Return that a version has ended; one that has not is kept from it until the transaction ends."""
    if not goal.contract or lifecycles.keeps_serving(tx, goal.contract["name"], goal.contract["version"]):
        return ()
    why = f"{goal.contract['version']} is retired, or gone"
    return (Finding("", "version_not_followed", why, "choose the version that its request follows now"),)


def _unfit(tx: Tx, found: Parked, goal: Goal) -> tuple[Finding, ...]:
    """Return what keeps a run from going there; a version that its request does not follow is one of it."""
    request = requests.by_uid(tx, found.record.request_uid)
    target = target_of(tx, request)
    if goal.contract and goal.contract["digest"] != target.digest:
        wanted = goal.contract["version"]
        why = f"its request follows {target.version} and would leave {wanted} again"
        return (Finding("", "version_not_followed", why, f"let the request follow {wanted} first"),)
    return parked.unfit(found, goal)


def _moved(found: Parked, goal: Goal | None, findings: tuple[Finding, ...]) -> Moved:
    record = found.record
    definition = "" if goal is None else digest(goal.document)
    return Moved(record.id, record.project, record.operation, digest(found.definition), definition, findings)


def _goal(platform: Platform, found: Parked, target: Revision, move: Move) -> Goal:
    """Return what a run would follow, found fit and whole.

    Raises:
        Invalid: `invalid_workflow`, `migration_refused` where the version has no such operation.
    """
    definition = move.definition or _definition(target, found.record.operation)
    findings = platform.executors[EXECUTOR].check(definition, target.files)
    if findings:
        raise Invalid("invalid_workflow", "The definition cannot be run as it is.", findings=findings)
    contract = {"name": target.name, "version": target.version, "digest": target.digest}
    return Goal(
        linked(definition, target.files),
        {} if move.version is None else contract,
        move.mapping,
        move.keeps_approvals,
    )


def _definition(target: Revision, operation: str) -> JsonObject:
    contract = target.contract
    known = [str(name) for name, part in contract.operations.items() if part.executor == EXECUTOR]
    known += [name for name, part in contract.actions.items() if part.executor == EXECUTOR]
    if operation not in known:
        fix = f"choose a version that has it; {target.version} has {', '.join(known)}"
        finding = Finding("", "operation_missing", f"{target.version} has no operation {operation}", fix)
        raise Invalid("migration_refused", "The run cannot be migrated.", findings=(finding,))
    return target.bundle.definition_for(operation)


def _check_actor(actor: Actor, revision: Revision, move: Move) -> None:
    if move.definition is not None:
        access.check_admin(actor)
    else:
        access.check_publisher(actor, revision.owner)


def _refused(findings: tuple[Finding, ...]) -> Conflict | Invalid:
    first = findings[0]
    if not first.pointer:
        return Conflict(first.code, f"The run cannot be migrated now: {first.message}.", fix=first.fix)
    return Invalid("migration_refused", "The run cannot be migrated like this.", findings=findings)
