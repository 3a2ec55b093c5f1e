"""Requests: submitting, changing, deleting, holding.

`submit` is the first of the two straight lines through Avow:

    authorise -> load contract -> check inputs -> ask policy
              -> one transaction: request, decision, audit, event, git, wake-up, answer

Policy is asked before the transaction is opened, because it may take a while; what it was
asked about is exactly what is then stored.
"""

from dataclasses import dataclass, replace

from catalog import contracts, projects, requests
from catalog.actor import Actor
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.errors import Conflict, Finding, Invalid
from catalog.ids import ContractName, ProjectName, RequestUid
from catalog.request import Request, phase_of
from platform_api import access
from platform_api.admission import admit, checked_inputs
from platform_api.commands.traces import Trace, leave
from platform_api.parts import Platform
from platform_api.preconditions import check_match
from platform_api.receipts import Receipt
from policy import store as decisions
from reconciler import operations, outbox, workqueue
from reconciler.render import Origin, desired_change, desired_removal
from reconciler.status import accepted
from reconciler.workqueue import Lane


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for.

    Attributes:
        version: an exact version; None follows the newest.
    """

    name: str
    contract: str
    version: str | None
    environment: str
    owner: str
    labels: dict[str, str]
    inputs: JsonObject


def submit(
    platform: Platform, actor: Actor, project: str, wanted: Wanted, receipt: Receipt[Request]
) -> Request:
    """Accept a new request.

    Raises:
        Invalid: `invalid_inputs`.
        Denied: `policy_denied`.
        Unavailable: `policy_unavailable`; nothing was accepted.
        Conflict: `request_exists`.
    """
    access.check_requester(actor, project)
    revision = revision_for(platform, project, wanted)
    request = new_request(platform, actor, project, wanted, revision)
    decision = admit(platform, actor, "create", request, revision)
    with platform.db.write() as tx:
        receipt.claim(tx)
        requests.insert(tx, request)
        decisions.record(tx, decision)
        head = leave(platform, tx, Trace.ACCEPTED, actor, request, decision=decision)
        origin = Origin(actor.subject, head, decision.id)
        outbox.put(tx, desired_change(request, revision.contract, origin), request.created_at, platform.mint)
        workqueue.enqueue(tx, project, request.uid, Lane.CHANGE, platform.clock())
        return receipt.keep(tx, request)


def change(
    platform: Platform, actor: Actor, held: Request, wanted: Wanted, receipt: Receipt[Request]
) -> Request:
    """Replace what is wanted; the caller has seen `held`, and nobody may have changed it since.

    A new generation is made only when what is delivered may differ; nothing at all is
    written when nothing changes.

    Raises:
        Invalid: `invalid_inputs`, `field_immutable`.
        Conflict: `request_deleting`, `revision_changed`.
        Denied, Unavailable: as for `submit`.
    """
    access.check_requester(actor, held.project)
    check_changeable(held, wanted)
    revision = revision_for(platform, held.project, wanted)
    after = changed(platform, held, wanted, revision)
    if after == held:
        return held
    decision = admit(platform, actor, "update", after, revision)
    with platform.db.write() as tx:
        receipt.claim(tx)
        stored = save(tx, held, after)
        decisions.record(tx, decision)
        head = leave(platform, tx, Trace.CHANGED, actor, stored, decision=decision)
        origin = Origin(actor.subject, head, decision.id)
        outbox.put(tx, desired_change(stored, revision.contract, origin), stored.updated_at, platform.mint)
        workqueue.wake(tx, stored.uid, Lane.CHANGE, platform.clock())
        return receipt.keep(tx, stored)


def delete(platform: Platform, actor: Actor, held: Request, receipt: Receipt[Request]) -> Request:
    """Ask for teardown; asking again changes nothing.

    Policy is not asked here: it is asked about the teardown itself, by the pass that plans it.

    Raises:
        Conflict: `revision_changed`.
    """
    access.check_requester(actor, held.project)
    now = platform.clock()
    with platform.db.write() as tx:
        receipt.claim(tx)
        current = requests.locked(tx, held.uid)
        if current.deletion_requested_at is not None:
            return receipt.keep(tx, current)
        after = replace(current, deletion_requested_at=now, updated_at=now)
        stored = save(tx, held, after)
        head = leave(platform, tx, Trace.DELETING, actor, stored)
        outbox.put(tx, desired_removal(stored, Origin(actor.subject, head)), now, platform.mint)
        workqueue.wake(tx, stored.uid, Lane.TEARDOWN, now)
        return receipt.keep(tx, stored)


def pause(
    platform: Platform, actor: Actor, project: str, name: str, receipt: Receipt[Request], *, paused: bool
) -> Request:
    """Hold a request, or let it go on; one that is so already stays as it is.

    Raises:
        Conflict: `request_deleting`: a teardown is not held.
    """
    access.check_requester(actor, project)
    now = platform.clock()
    with platform.db.write() as tx:
        receipt.claim(tx)
        current = requests.locked(tx, requests.by_name(tx, project, name).uid)
        _check_alive(current)
        if current.paused is paused:
            return receipt.keep(tx, current)
        stored = save(tx, current, replace(current, paused=paused, updated_at=now))
        leave(platform, tx, Trace.PAUSED if paused else Trace.RESUMED, actor, stored)
        workqueue.wake(tx, stored.uid, Lane.CHANGE, now)
        return receipt.keep(tx, stored)


def reconcile(
    platform: Platform, actor: Actor, project: str, name: str, receipt: Receipt[Request]
) -> Request:
    """Have a request looked at now, and let it try again what failed."""
    access.check_requester(actor, project)
    with platform.db.write() as tx:
        receipt.claim(tx)
        current = requests.locked(tx, requests.by_name(tx, project, name).uid)
        operations.supersede(tx, current.uid)
        leave(platform, tx, Trace.RECONCILE, actor, current)
        workqueue.wake(tx, current.uid, Lane.CHANGE, platform.clock())
        return receipt.keep(tx, current)


def revision_for(platform: Platform, project: str, wanted: Wanted) -> Revision:
    """Return the contract revision that a wish is about, its inputs checked.

    Raises:
        NotFound: `project_not_found`, `contract_not_found`.
        Invalid: `invalid_inputs`.
    """
    with platform.db.read() as tx:
        projects.load(tx, project)
        revision = (
            contracts.newest(tx, wanted.contract)
            if wanted.version is None
            else contracts.load(tx, wanted.contract, wanted.version)
        )
    checked_inputs(revision, wanted.inputs)
    return revision


def new_request(
    platform: Platform, actor: Actor, project: str, wanted: Wanted, revision: Revision
) -> Request:
    """Return the request that a wish becomes."""
    now = platform.clock()
    return Request(
        uid=RequestUid(platform.mint("req")),
        project=ProjectName(project),
        name=wanted.name,
        contract=ContractName(wanted.contract),
        version=wanted.version,
        contract_version=revision.version,
        contract_digest=revision.digest,
        environment=wanted.environment,
        owner=wanted.owner,
        labels=wanted.labels,
        inputs=wanted.inputs,
        generation=1,
        revision=1,
        created_at=now,
        created_by=actor.subject,
        updated_at=now,
    )


def changed(platform: Platform, held: Request, wanted: Wanted, revision: Revision) -> Request:
    """Return the request as it would stand after a change; the same when nothing changes."""
    after = replace(
        held, version=wanted.version, owner=wanted.owner, labels=wanted.labels, inputs=wanted.inputs
    )
    if after == held:
        return held
    is_delivery = (after.version, after.inputs) != (held.version, held.inputs)
    return replace(
        after,
        contract_version=revision.version,
        contract_digest=revision.digest,
        generation=held.generation + is_delivery,
        updated_at=platform.clock(),
    )


def save(tx: Tx, held: Request, after: Request) -> Request:
    """Store what people changed on the status as it is now, and return the request.

    Raises:
        Conflict: `revision_changed`, when somebody else changed it since `held` was read.
    """
    current = requests.locked(tx, held.uid)
    check_match(f'"{held.revision}"', current.revision)
    status = {
        name: getattr(current, name)
        for name in ("conditions", "outputs", "applied", "destination", "attempt")
    }
    merged = replace(after, **status)
    # What holds of the old generation, or failed before the deletion, says nothing of what comes now.
    is_new = merged.generation > current.generation or merged.is_deleting > current.is_deleting
    conditions = accepted(merged, merged.updated_at) if is_new else merged.conditions
    merged = replace(merged, conditions=conditions, phase=phase_of(merged, conditions))
    return requests.save_desired(tx, merged, current.revision)


def teardown(platform: Platform, held: Request) -> tuple[Revision, Request]:
    """Return what a deletion would set out from: the revision in force, and the request as it would stand."""
    with platform.db.read() as tx:
        revision = contracts.by_digest(tx, held.contract_digest)
    return revision, replace(held, deletion_requested_at=held.deletion_requested_at or platform.clock())


def check_changeable(held: Request, wanted: Wanted) -> None:
    """Pass a change that leaves alone what never changes.

    Raises:
        Conflict: `request_deleting`.
        Invalid: `field_immutable`.
    """
    _check_alive(held)
    fixed = {"name": held.name, "contract": held.contract, "environment": held.environment}
    findings = tuple(
        Finding(
            f"/{field}", "field_immutable", f"the {field} of a request never changes", "leave it as it is"
        )
        for field, value in fixed.items()
        if getattr(wanted, field) != value
    )
    if findings:
        raise Invalid(
            "field_immutable",
            "A request keeps its name, contract and environment.",
            findings=findings,
            fix="delete it and request another",
        )


def _check_alive(request: Request) -> None:
    if request.is_deleting:
        raise Conflict(
            "request_deleting",
            f"{request.name} is being deleted.",
            fix=f"wait: avow wait {request.name} --for deleted",
        )
