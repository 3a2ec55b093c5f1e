"""Requests: submitting, changing, deleting, holding.

`submit` is the first of the two straight lines through Avow:

    authorise -> load contract -> check inputs -> ask policy
              -> one transaction: request, decision, audit, event, git, wake-up, answer

Policy is asked before the transaction is opened, because it may take a while; what it was
asked about is exactly what is then stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from catalog import contracts, projects, requests, trace, uses
from catalog.actor import Actor
from catalog.contract import Contract
from catalog.contracts import Revision, Wish
from catalog.conversion import written_for
from catalog.db import Tx
from catalog.digest import JsonObject
from catalog.digest import is_same as is_same_json
from catalog.errors import Conflict, Finding, Invalid
from catalog.ids import ContractName, ProjectName, RequestUid
from catalog.request import Request, Use, asked_by, phase_of
from platform_api import access, notices
from platform_api.admission import admit, checked_fit, checked_inputs
from platform_api.commands.traces import Trace, leave
from platform_api.commands.uses import check_own, check_ring, check_unused, hold_used, users_of
from platform_api.parts import Platform
from platform_api.preconditions import check_match
from platform_api.receipts import Receipt
from platform_api.resolving import hold_version, resolve
from policy import store as decisions
from reconciler import operations, outbox, workqueue
from reconciler.render import Origin, desired_change, desired_removal
from reconciler.situation import aim, fit_of, target_of
from reconciler.status import accepted
from reconciler.workqueue import Lane

_STATUS = (
    *("conditions", "outputs", "applied", "destination", "attempt"),
    *("previous_version", "failed_version", "failed_digest"),
)
"""What became of a request: a change of what is wanted leaves it as it is stored."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asks for.

    Attributes:
        version: an exact version, a range or a channel; None follows what is stable.
        is_rewritten: the inputs are written for the version that this comes to, even where they are
            the same as before; else inputs that stay the same stay written for an older one.
    """

    name: str
    contract: str
    version: str | None
    environment: str
    owner: str
    labels: dict[str, str]
    inputs: JsonObject
    uses: tuple[Use, ...] = ()
    is_rewritten: bool = False


def submit(
    platform: Platform,
    actor: Actor,
    project: str,
    wanted: Wanted,
    receipt: Receipt[Request],
    *,
    uid: str = "",
    planners: Sequence[str] = (),
) -> Request:
    """Accept a new request.

    Args:
        uid: that a plan promised to it; without one it gets a new one.
        planners: whoever else had a hand in what is wanted, here as in `change` and `delete`.

    Raises:
        Invalid: `invalid_inputs`, `used_request_missing`.
        Denied: `policy_denied`.
        Unavailable: `policy_unavailable`; nothing was accepted.
        Conflict: `request_exists`, `used_request_leaving`; `version_draft`, `version_retired`,
            `version_unresolvable`.
    """
    access.check_requester(actor, project)
    uid = uid or platform.mint("req")
    revision = revision_for(platform, project, wanted, uid)
    request = asked_by(new_request(platform, actor, project, wanted, revision, uid=uid), *planners)
    decision = admit(platform, actor, "create", request, revision)
    with platform.db.write() as tx:
        receipt.claim(tx)
        hold_version(tx, request)
        used = hold_used(tx, request)
        requests.insert(tx, request)
        if used:
            uses.relate(tx, request, used)
        decisions.record(tx, decision)
        head = leave(platform, tx, Trace.ACCEPTED, actor, request, decision=decision)
        origin = Origin(actor.subject, head, decision.id)
        outbox.put(tx, desired_change(request, revision.contract, origin), request.created_at, platform.mint)
        workqueue.enqueue(tx, project, request.uid, Lane.CHANGE, platform.clock())
        return receipt.keep(tx, request)


def change(
    platform: Platform,
    actor: Actor,
    held: Request,
    wanted: Wanted,
    receipt: Receipt[Request],
    *,
    planners: Sequence[str] = (),
    anew: bool = False,
) -> Request:
    """Replace what is wanted; the caller has seen `held`, and nobody may have changed it since.

    A new generation is made only when what is delivered may differ; nothing at all is
    written when nothing changes.

    Args:
        anew: try again what is wanted, also when nothing changes.

    Raises:
        Invalid: `invalid_inputs`, `field_immutable`, `used_request_missing`, `dependency_cycle`.
        Conflict: `request_deleting`, `revision_changed`, `owned_by_parent`, `used_request_leaving`; those
            of a version as for `submit`.
        Denied, Unavailable: as for `submit`.
    """
    access.check_requester(actor, held.project)
    check_changeable(held, wanted)
    is_another_try = held.failed_version is not None
    held = unfailed(held) if anew else held
    revision = revision_for(platform, held.project, wanted, held.uid, held)
    after = changed(platform, held, wanted, revision, anew=anew)
    if after == held:
        return held
    notices.tell(revision.name, revision.version, revision.lifecycle)
    after = replace(asked_by(after, actor.subject, *planners), trace=trace.cause())
    inputs, schema = _inputs_on(platform, after, revision)
    decision = admit(platform, actor, "update", replace(after, inputs=inputs), revision, held=held)
    with platform.db.write() as tx:
        receipt.claim(tx)
        if brings_version(held, after):
            hold_version(tx, after, held)
        used = hold_used(tx, after, held)
        stored = save(tx, held, after)
        released = uses.relate(tx, stored, used) if stored.uses != held.uses else []
        if is_another_try and stored.generation > held.generation:
            operations.supersede(tx, stored.uid)
        decisions.record(tx, decision)
        head = leave(platform, tx, Trace.CHANGED, actor, stored, decision=decision)
        check_ring(tx, stored, used)
        origin = Origin(actor.subject, head, decision.id)
        outbox.put(tx, desired_change(stored, schema, origin), stored.updated_at, platform.mint)
        workqueue.wake_many(tx, [stored.uid, *released], Lane.CHANGE, platform.clock())
        return receipt.keep(tx, stored)


def delete(
    platform: Platform,
    actor: Actor,
    held: Request,
    receipt: Receipt[Request],
    *,
    planners: Sequence[str] = (),
    when_unused: bool = False,
) -> Request:
    """Ask for teardown; asking again changes nothing.

    Policy is not asked here: it is asked about the teardown itself, by the pass that plans it.

    Args:
        when_unused: while others use it, let it wait until they are gone.

    Raises:
        InUse: `in_use`, `owned_by_parent`.
        Conflict: `revision_changed`.
    """
    access.check_requester(actor, held.project)
    now = platform.clock()
    with platform.db.write() as tx:
        receipt.claim(tx)
        current = requests.locked(tx, held.uid)
        check_own(current)
        if current.deletion_requested_at is not None:
            return receipt.keep(tx, current)
        users = users_of(tx, current)
        if users and when_unused:
            return receipt.keep(tx, _queued(platform, tx, actor, current))
        check_unused(current, users)
        wish = replace(
            current,
            deletion_requested_at=now,
            deletion_queued_at=None,
            updated_at=now,
            trace=trace.cause(),
        )
        after = asked_by(wish, actor.subject, *planners)
        stored = save(tx, held, after)
        head = leave(platform, tx, Trace.DELETING, actor, stored)
        outbox.put(tx, desired_removal(stored, Origin(actor.subject, head)), now, platform.mint)
        workqueue.wake(tx, stored.uid, Lane.TEARDOWN, now)
        return receipt.keep(tx, stored)


def _queued(platform: Platform, tx: Tx, actor: Actor, current: Request) -> Request:
    if current.deletion_queued_at is not None:
        return current
    now = platform.clock()
    wish = replace(current, deletion_queued_at=now, updated_at=now, trace=trace.cause())
    stored = save(tx, current, asked_by(wish, actor.subject))
    leave(platform, tx, Trace.QUEUED, actor, stored)
    workqueue.wake(tx, stored.uid, Lane.CHANGE, now)  # its last user may be leaving at this moment
    return stored


def keep(platform: Platform, actor: Actor, project: str, name: str, receipt: Receipt[Request]) -> Request:
    """Take back a deletion that waits until nothing uses the request; without one nothing changes.

    Raises:
        Conflict: `request_deleting`, when it has begun; `owned_by_parent`.
    """
    access.check_requester(actor, project)
    with platform.db.write() as tx:
        receipt.claim(tx)
        current = requests.locked(tx, requests.by_name(tx, project, name).uid)
        check_own(current)
        _check_alive(current)
        if current.deletion_queued_at is None:
            return receipt.keep(tx, current)
        now = platform.clock()
        stored = save(tx, current, replace(current, deletion_queued_at=None, updated_at=now))
        leave(platform, tx, Trace.KEPT, actor, stored)
        workqueue.wake(tx, stored.uid, Lane.CHANGE, now)
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
        family = [stored.uid, *([stored.parent_uid] if stored.parent_uid else [])]
        workqueue.wake_many(tx, family, Lane.CHANGE, now)
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
        requests.forget_failure(tx, current.uid)
        leave(platform, tx, Trace.RECONCILE, actor, current)
        workqueue.wake(tx, current.uid, Lane.CHANGE, platform.clock())
        return receipt.keep(tx, current)


def revision_for(
    platform: Platform, project: str, wanted: Wanted, uid: str, held: Request | None = None
) -> Revision:
    """Return the contract revision that a wish is about, its inputs checked.

    Args:
        uid: of the request, because a canary is for some requests only.
        held: the request as it stands; None for a new one.

    Raises:
        NotFound: `project_not_found`, `contract_not_found`.
        Conflict: `version_draft`, `version_retired`, `version_unresolvable`.
        Invalid: `invalid_inputs`.
    """
    with platform.db.read() as tx:
        projects.load(tx, project)
        revision = resolved(tx, wanted, uid, held)
        if held is not None and is_same(held, wanted):
            return revision
        inputs = wanted.inputs
        if held is not None and not rewrites(held, wanted):
            fit = fit_of(tx, revision, held)
            checked_fit(revision, fit)
            inputs = fit.inputs
    notices.tell(revision.name, revision.version, revision.lifecycle)
    checked_inputs(revision, inputs)
    return revision


def resolved(tx: Tx, wanted: Wanted, uid: str, held: Request | None = None) -> Revision:
    """Return the contract revision that a wish is about now.

    Raises:
        NotFound: `contract_not_found`.
        Conflict: `version_draft`, `version_retired`, `version_unresolvable`.
    """
    if held is not None and is_same(held, wanted):
        return target_of(tx, held)
    return resolve(tx, Wish(wanted.contract, wanted.version), uid, held)


def new_request(
    platform: Platform, actor: Actor, project: str, wanted: Wanted, revision: Revision, *, uid: str
) -> Request:
    """Return the request that a wish becomes."""
    now = platform.clock()
    return Request(
        uid=RequestUid(uid),
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
        requesters=(actor.subject,),
        trace=trace.cause(),
        uses=wanted.uses,
        inputs_version=revision.version,
    )


def changed(
    platform: Platform, held: Request, wanted: Wanted, revision: Revision, *, anew: bool = False
) -> Request:
    """Return the request as it would stand after a change; the same when nothing changes.

    Args:
        anew: try again what is wanted, also when nothing changes.
    """
    after = replace(
        held,
        version=wanted.version,
        owner=wanted.owner,
        labels=wanted.labels,
        inputs=wanted.inputs,
        uses=wanted.uses,
    )
    if after == held and not rewrites(held, wanted) and not anew:
        return held
    if rewrites(held, wanted):
        after = replace(after, inputs_version=revision.version, converted=None)
    after = replace(
        after,
        contract_version=revision.version,
        contract_digest=revision.digest,
        updated_at=platform.clock(),
    )
    if is_same(held, wanted) and not anew:
        return after
    return replace(unfailed(after), generation=held.generation + 1)


def unfailed(request: Request) -> Request:
    """Return the request as if no upgrade of it had failed, for what is tried anew."""
    return replace(request, failed_version=None, failed_digest=None)


def is_same(held: Request, wanted: Wanted) -> bool:
    """Say whether a change leaves alone all that a delivery depends on."""
    return wanted.version == held.version and not rewrites(held, wanted)


def rewrites(held: Request, wanted: Wanted) -> bool:
    """Say whether a change brings inputs that are written for the version that it comes to."""
    return wanted.is_rewritten or not is_same_json(wanted.inputs, held.inputs)


def brings_version(held: Request, after: Request) -> bool:
    """Say whether a change says which version it is for; another one leaves it to the passes."""
    return after.generation > held.generation or after.contract_version != held.contract_version


def save(tx: Tx, held: Request, after: Request) -> Request:
    """Store what people changed on the status as it is now, and return the request.

    Raises:
        Conflict: `revision_changed`, when somebody else changed it since `held` was read.
    """
    current = requests.locked(tx, held.uid)
    check_match(f'"{held.revision}"', current.revision)
    status = {name: getattr(current, name) for name in _STATUS}
    if after.generation > held.generation:
        status |= {"failed_version": None, "failed_digest": None}
    if not brings_version(held, after):
        status |= {name: getattr(current, name) for name in ("contract_version", "contract_digest")}
    is_same_form = (after.inputs_version, after.converted) == (held.inputs_version, held.converted)
    if is_same_form and is_same_json(after.inputs, held.inputs):
        status |= {"inputs_version": current.inputs_version, "converted": current.converted}
    merged = replace(after, **status)
    # What holds of the old generation, or failed before the deletion, says nothing of what comes now.
    is_new = merged.generation > current.generation or merged.is_deleting > current.is_deleting
    conditions = accepted(merged, merged.updated_at) if is_new else merged.conditions
    merged = replace(merged, conditions=conditions, phase=phase_of(merged, conditions))
    return requests.save_desired(tx, merged, current.revision)


def _inputs_on(platform: Platform, after: Request, revision: Revision) -> tuple[JsonObject, Contract]:
    """Return the inputs that a changed request has on a revision, and the contract they are written for."""
    with platform.db.read() as tx:
        inputs = aim(tx, after, revision).inputs
        written = written_for(after)
        is_here = written == revision.version
        schema = revision.contract if is_here else contracts.load(tx, after.contract, written).contract
    return inputs, schema


def teardown(platform: Platform, held: Request) -> tuple[Revision, Request]:
    """Return what a deletion would set out from: the revision in force, and the request as it would stand."""
    with platform.db.read() as tx:
        revision = contracts.by_digest(tx, held.contract_digest)
    return revision, replace(held, deletion_requested_at=held.deletion_requested_at or platform.clock())


def check_changeable(held: Request, wanted: Wanted) -> None:
    """Pass a change that leaves alone what never changes.

    Raises:
        Conflict: `request_deleting`, `owned_by_parent`.
        Invalid: `field_immutable`.
    """
    check_own(held)
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
            fix=f"delete it and request another: avow delete {held.name}",
        )


def _check_alive(request: Request) -> None:
    if request.is_deleting:
        raise Conflict(
            "request_deleting",
            f"{request.name} is being deleted.",
            fix=f"wait: avow wait {request.name} --for deleted",
        )
