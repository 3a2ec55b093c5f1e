"""May this be accepted? The schema's answer, then policy's.

Shared by the commands and by their dry runs, so that a plan is judged by the very rules
that judge the request. A denial is recorded, with nothing else, before it is raised.
"""

from dataclasses import replace

from catalog import audit
from catalog.actor import Actor
from catalog.contracts import Revision
from catalog.conversion import Fit
from catalog.digest import JsonObject
from catalog.errors import Finding, Invalid
from catalog.request import Request
from catalog.schema import violations, with_defaults
from platform_api.denial import PolicyDenied
from platform_api.parts import Platform
from platform_api.secret_values import secrets_among
from policy import store as decisions
from policy.decision import Decision, EnforcementPoint
from policy.document import Query


def checked_fit(revision: Revision, fit: Fit) -> None:
    """Pass inputs that another version's become on this one.

    Raises:
        Invalid: `invalid_inputs`, with every finding.
    """
    if not fit.is_good:
        raise _unfit(revision, fit.findings)


def checked_inputs(revision: Revision, inputs: JsonObject) -> None:
    """Pass inputs that fit the contract and hold no secret.

    Raises:
        Invalid: `invalid_inputs`, with every finding.
    """
    findings = violations(revision.contract.inputs, inputs, "/inputs")
    findings += secrets_among(revision.contract.inputs, inputs, "/inputs")
    if findings:
        raise _unfit(revision, findings)


def question(
    actor: Actor, operation: str, request: Request, revision: Revision, held: Request | None = None
) -> Query:
    """Return what policy is asked before a request is accepted: defaults are filled in.

    Args:
        held: the request as it stands; None for a new one.
    """
    contract = revision.contract
    return Query(
        request=replace(request, inputs=with_defaults(contract.inputs, request.inputs)),
        contract=contract,
        operation=operation,
        enforcement_point=EnforcementPoint.ADMISSION,
        actor=actor,
        contract_policy=None if contract.policy is None else revision.files[contract.policy],
        lifecycle=revision.lifecycle,
        is_new_here=held is None or contract.version not in held.versions,
    )


def admit(
    platform: Platform,
    actor: Actor,
    operation: str,
    request: Request,
    revision: Revision,
    *,
    held: Request | None = None,
) -> Decision:
    """Return the decision that lets a request in.

    Args:
        held: the request as it stands; None for a new one.

    Raises:
        Denied: `policy_denied`; the decision is stored.
        Unavailable: `policy_unavailable`.
    """
    decision = platform.admission.decide(question(actor, operation, request, revision, held))
    if not decision.is_allowed:
        record_denial(platform, actor, request, decision)
        raise PolicyDenied(decision)
    return decision


def record_denial(platform: Platform, actor: Actor, request: Request, decision: Decision) -> None:
    """Record a decision that denies, and who ran into it, in a transaction of its own."""
    with platform.db.write() as tx:
        decisions.record(tx, decision)
        audit.append(
            tx,
            request.project,
            platform.clock(),
            actor=actor.subject,
            action="request.denied",
            subject=f"request/{request.name}",
            detail={"uid": request.uid, "operation": decision.operation, "decision": decision.id},
        )


def _unfit(revision: Revision, findings: tuple[Finding, ...]) -> Invalid:
    return Invalid(
        "invalid_inputs",
        f"The inputs do not fit {revision.name} {revision.version}.",
        findings=findings,
        fix=f"see what it takes: avow explain {revision.name}",
    )
