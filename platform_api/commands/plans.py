"""Plans: stored as they are shown, and submitted as they stand or not at all.

Planning changes nothing but the table of plans. Submitting does what submitting, changing or
deleting the request does, by the same commands, once everything that the plan is bound to was
found as it was. Whoever made the plan has had a hand in what is wanted, whoever submits it.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from catalog import contracts, requests
from catalog.actor import Actor
from catalog.db import Tx
from catalog.digest import Json, JsonObject
from catalog.errors import Conflict, Gone, NotFound
from catalog.request import Request, Use
from executors.port import ContractRef
from platform_api import access, notices, plans
from platform_api.commands import drafting
from platform_api.commands import requests as commands
from platform_api.commands.requests import Wanted
from platform_api.drafts import Draft, uids_of
from platform_api.parts import Platform
from platform_api.plan_binding import (
    CONTRACT,
    HELD,
    USED,
    Bound,
    contract_document,
    differences,
    held_document,
)
from platform_api.plans import PlannedOperation, PlanState, StoredPlan
from platform_api.previews import PlanView
from platform_api.receipts import Receipt
from platform_api.staleness import PlanStale
from reconciler.impact import ChildImpact


@dataclass(frozen=True, slots=True)
class Intent:
    """What somebody wants to plan.

    Attributes:
        uid: the uid that the request has, or will get.
        wanted: None when it is to be deleted.
    """

    operation: PlannedOperation
    project: str
    name: str
    uid: str
    wanted: Wanted | None

    def wish(self) -> dict[str, Json]:
        """Return what is asked for, as it is stored."""
        wanted = self.wanted
        return {} if wanted is None else asdict(wanted) | {"uses": [asdict(use) for use in wanted.uses]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeeming(Receipt[Request]):
    """A receipt that takes a plan for what the command does, in the command's own transaction."""

    plan: StoredPlan

    def claim(self, tx: Tx) -> None:
        """Take the key and the plan, unless either is used up or the request was changed.

        Raises:
            Conflict: `plan_submitted`, `plan_stale`.
            Gone: `plan_expired`.
        """
        Receipt.claim(self, tx)
        check_open(plans.locked(tx, self.plan.project, self.plan.id), self.now)
        if self.plan.operation is not PlannedOperation.CREATE:
            held = requests.locked(tx, self.plan.request_uid)
            _check_same(self.plan, {HELD: held_document(held)})

    def keep(self, tx: Tx, result: Request) -> Request:
        """Mark the plan submitted, when what was done rests on what was planned.

        Raises:
            Conflict: `plan_stale`.
        """
        if self.plan.operation is not PlannedOperation.DELETE:
            names = [use.request for use in result.uses]
            _check_same(self.plan, {USED: dict(uids_of(tx, result.project, names))})
        is_changed = held_document(result) != self.plan.binding[HELD]
        if is_changed and self.plan.operation is not PlannedOperation.DELETE:
            ref = ContractRef(result.contract, result.contract_version, result.contract_digest)
            _check_same(self.plan, {CONTRACT: contract_document(ref)})
        plans.mark_submitted(tx, self.plan.id, self.now)
        return Receipt.keep(self, tx, result)


def save(platform: Platform, actor: Actor, intent: Intent, receipt: Receipt[StoredPlan]) -> StoredPlan:
    """Plan something and store the plan; nothing else is written.

    Raises:
        Invalid, NotFound, Conflict, Unavailable: whatever asking for it would be refused for; a
            denial by policy is part of the plan instead.
    """
    access.check_requester(actor, intent.project)
    draft = _draft(platform, actor, intent)
    now = platform.clock()
    plan = StoredPlan(
        id=platform.mint("pln"),
        project=intent.project,
        request=intent.name,
        operation=intent.operation,
        wish=intent.wish(),
        binding=_binding(intent, draft),
        document=PlanView.of(draft).model_dump(mode="json"),
        created_at=now,
        created_by=actor.subject,
        expires_at=now + timedelta(hours=platform.settings.plan_hours),
        request_uid=intent.uid,
    )
    with platform.db.write() as tx:
        receipt.claim(tx)
        plans.insert(tx, plan)
        return receipt.keep(tx, plan)


def submit(platform: Platform, actor: Actor, plan: StoredPlan, receipt: Receipt[Request]) -> Request:
    """Do what was planned, if it is still what would be done.

    Raises:
        Conflict: `plan_submitted`; `plan_stale`, with what changed.
        Gone: `plan_expired`.
        Denied, Unavailable: as for the request itself.
    """
    access.check_requester(actor, plan.project)
    draft = check_fresh(platform, actor, plan)
    ending = Redeeming(receipt.now, receipt.answer, receipt.key, receipt.is_dry, plan=plan)
    wanted, planners = _wanted(plan), (plan.created_by,)
    if draft.held is None or wanted is None:
        if wanted is None:
            return commands.delete(platform, actor, _there(draft), ending, planners=planners)
        return commands.submit(
            platform, actor, plan.project, wanted, ending, uid=plan.request_uid, planners=planners
        )
    if draft.request == draft.held:
        with platform.db.write() as tx:
            ending.claim(tx)
            return ending.keep(tx, draft.held)
    return commands.change(platform, actor, draft.held, wanted, ending, planners=planners)


def check_fresh(platform: Platform, actor: Actor, plan: StoredPlan) -> Draft:
    """Return the draft that the plan would be made from now, if it is bound to the same.

    Raises:
        Conflict, Gone: as for `submit`.
    """
    check_open(plan, platform.clock())
    wanted = _wanted(plan)
    with platform.db.read() as tx:
        held = _held(tx, plan)
        contract = _contract_now(tx, plan, held, wanted)
        used = _used_now(tx, plan, wanted)
        _check_same(plan, {HELD: held_document(held), CONTRACT: contract, USED: used})
    intent = Intent(plan.operation, plan.project, plan.request, plan.request_uid, wanted)
    draft = _draft(platform, actor, intent)
    _check_same(plan, _binding(intent, draft))
    return draft


def check_open(plan: StoredPlan, now: datetime) -> None:
    """Pass a plan that can still be submitted.

    Raises:
        Conflict: `plan_submitted`.
        Gone: `plan_expired`.
    """
    match plan.state(now):
        case PlanState.SUBMITTED:
            raise Conflict(
                "plan_submitted",
                f"The plan for {plan.request} was submitted already.",
                fix=f"see what became of it: avow status {plan.request}",
            )
        case PlanState.EXPIRED:
            raise Gone("plan_expired", "The plan is too old.", fix="plan it again: avow plan")


def _draft(platform: Platform, actor: Actor, intent: Intent) -> Draft:
    wanted = intent.wanted
    if wanted is not None and intent.operation is PlannedOperation.CREATE:
        return drafting.creation(platform, actor, intent.project, wanted, intent.uid)
    with platform.db.read() as tx:
        held = requests.by_name(tx, intent.project, intent.name)
    if wanted is None:
        return drafting.deletion(platform, actor, held)
    return drafting.change(platform, actor, held, wanted)


def _binding(intent: Intent, draft: Draft) -> JsonObject:
    situation = draft.seen.situation
    wish = {"operation": str(intent.operation), "name": intent.name, "uid": intent.uid, **intent.wish()}
    bound = Bound(
        wish=wish,
        held=draft.held,
        contract=situation.contract_ref,
        destination=situation.placed.destination,
        decision=draft.decision,
        action=draft.action,
        used=draft.used,
        children={each.child.impact.request.name: _child_document(each.child) for each in draft.children},
    )
    return bound.document()


def _child_document(child: ChildImpact) -> JsonObject:
    wish = child.prospect.wish
    return {
        "deed": str(child.prospect.deed),
        CONTRACT: None if wish is None else contract_document(wish.ref),
    }


def _check_same(plan: StoredPlan, now: JsonObject) -> None:
    """Pass the parts of a binding that are as the plan has them.

    A plan of before an upgrade of Avow is not bound to what was not known then.

    Raises:
        Conflict: `plan_stale`.
    """
    bound = {name: plan.binding[name] for name in now if name in plan.binding}
    changes = list(differences(bound, {name: now[name] for name in bound}))
    if changes:
        raise PlanStale(changes)


def _wanted(plan: StoredPlan) -> Wanted | None:
    if not plan.wish:
        return None
    wish: dict[str, Any] = dict(plan.wish)
    return Wanted(**wish | {"uses": tuple(Use(**use) for use in wish["uses"])})


def _held(tx: Tx, plan: StoredPlan) -> Request | None:
    try:
        held = requests.by_name(tx, plan.project, plan.request)
    except NotFound:
        return None
    notices.tell_of(tx, held)
    return held


def _used_now(tx: Tx, plan: StoredPlan, wanted: Wanted | None) -> dict[str, Json]:
    names = [] if wanted is None else [use.request for use in wanted.uses]
    return dict(uids_of(tx, plan.project, names))


def _there(draft: Draft) -> Request:
    assert draft.held is not None  # noqa: S101  # bound to a request that is there; tells mypy
    return draft.held


def _contract_now(tx: Tx, plan: StoredPlan, held: Request | None, wanted: Wanted | None) -> JsonObject | None:
    try:
        if wanted is not None:
            revision = commands.resolved(tx, wanted, plan.request_uid, held)
        elif held is not None:
            revision = contracts.by_digest(tx, held.contract_digest)
        else:
            return None
    except (NotFound, Conflict):  # nothing fits any more, or what does takes nobody
        return None
    return contract_document(ContractRef(revision.name, revision.version, revision.digest))
