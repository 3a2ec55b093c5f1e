"""May this be accepted? The schema's answer, then policy's.

Shared by the commands and by their dry runs, so that a plan is judged by the very rules
that judge the request. A denial is recorded, with nothing else, before it is raised.
"""

from collections.abc import Mapping
from dataclasses import replace

from catalog import audit
from catalog.actor import Actor
from catalog.contracts import Revision
from catalog.digest import JsonObject
from catalog.errors import Finding, Invalid
from catalog.request import Request
from catalog.schema import escape, sensitive_names, violations, with_defaults
from platform_api.denial import PolicyDenied
from platform_api.parts import Platform
from platform_api.secret_values import is_reference, refusal
from policy import store as decisions
from policy.decision import Decision, EnforcementPoint
from policy.document import Query


def checked_inputs(revision: Revision, inputs: JsonObject) -> None:
    """Pass inputs that fit the contract and hold no secret.

    Raises:
        Invalid: `invalid_inputs`, with every finding.
    """
    findings = violations(revision.contract.inputs, inputs, "/inputs")
    findings += _secrets(revision.contract.inputs, inputs)
    if findings:
        raise Invalid(
            "invalid_inputs",
            f"The inputs do not fit {revision.name} {revision.version}.",
            findings=findings,
            fix=f"see what it takes: avow get contracts {revision.name}",
        )


def question(actor: Actor, operation: str, request: Request, revision: Revision) -> Query:
    """Return what policy is asked before a request is accepted: defaults are filled in."""
    contract = revision.contract
    return Query(
        request=replace(request, inputs=with_defaults(contract.inputs, request.inputs)),
        contract=contract,
        operation=operation,
        enforcement_point=EnforcementPoint.ADMISSION,
        actor=actor,
        contract_policy=None if contract.policy is None else revision.files[contract.policy],
    )


def admit(platform: Platform, actor: Actor, operation: str, request: Request, revision: Revision) -> Decision:
    """Return the decision that lets a request in.

    Raises:
        Denied: `policy_denied`; the decision is stored.
        Unavailable: `policy_unavailable`.
    """
    decision = platform.admission.decide(question(actor, operation, request, revision))
    if not decision.is_allowed:
        _record_denial(platform, actor, request, decision)
        raise PolicyDenied(decision)
    return decision


def _record_denial(platform: Platform, actor: Actor, request: Request, decision: Decision) -> None:
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


def _secrets(schema: JsonObject, inputs: Mapping[str, object]) -> tuple[Finding, ...]:
    return tuple(
        refusal(f"/inputs/{escape(name)}", "this field takes a reference to a secret, never the secret")
        for name in sorted(sensitive_names(schema))
        if isinstance(inputs.get(name), str) and not is_reference(str(inputs[name]))
    )
