"""A contract's examples, tried without a server: schema, policy, and the delivery on virtual time.

What would become of a request with an example's inputs is told as a `Trial`: the defaults that
are filled in, what policy says, and the steps of the provisioning workflow with whom they would
ask. An example that is denied is planned no further, as a request would not be.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog.actor import Actor
from catalog.bundle import Bundle
from catalog.contract import Example, Operation, OperationName
from catalog.digest import Json, JsonObject
from catalog.ids import ContractName, ProjectName, RequestUid
from catalog.request import Request
from catalog.schema import sensitive_names, violations, with_defaults
from executors.workflow.authoring.folder import Folder
from executors.workflow.lint.rule import Kinds
from executors.workflow.rehearsal.bench import play_of
from executors.workflow.rehearsal.dry import HIDDEN, DryRun, dry_run
from executors.workflow.rehearsal.script import BEGINNING, given_of
from executors.workflow.rehearsal.verdict import Difference
from platform_api.secret_values import secrets_among
from policy.admit import Admission
from policy.decision import Decision, EnforcementPoint
from policy.document import Query

AUTHOR = Actor("author")
_REQUEST: Mapping[str, Any] = {"name": "rehearsed", "project": "rehearsal", "owner": "team-rehearsal"}
_MISFITS = frozenset({"required", "unknown_field"})
"""What is held against stand-ins for outputs: that one is missing or too many, not its value."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a request with an example's inputs would come to.

    Attributes:
        inputs: with defaults; what the contract calls sensitive is hidden.
        defaults: names of the inputs that were filled in.
        plan: None when nothing would be done, or when what would do it cannot be rehearsed here.
        differences: from what the example says, and from a delivery that succeeds.
    """

    example: Example
    inputs: JsonObject
    defaults: tuple[str, ...]
    decision: Decision
    operation: Operation
    plan: DryRun | None
    differences: tuple[Difference, ...]

    @property
    def is_passed(self) -> bool:
        """Say whether everything is as it should be."""
        return not self.differences


def now() -> datetime:
    """Return the time at which examples are tried: the same for everybody, so that answers are too."""
    return BEGINNING


def trials(bundle: Bundle, folder: Folder, admission: Admission, kinds: Kinds) -> Iterator[Trial]:
    """Yield what becomes of each example of a contract that can be published.

    Raises:
        Invalid: `invalid_workflow`, `endless_rehearsal`.
        Unavailable: `policy_unavailable`.
    """
    for example in bundle.contract.examples:
        yield _trial(bundle, folder, admission, kinds, example)


def _trial(bundle: Bundle, folder: Folder, admission: Admission, kinds: Kinds, example: Example) -> Trial:
    contract = bundle.contract
    whole = with_defaults(contract.inputs, example.inputs)
    decision = admission.decide(_question(bundle, example, whole))
    operation = contract.operation(OperationName.PROVISION)
    plan = None
    if decision.is_allowed and operation.definition in folder.named:
        given = given_of({"inputs": whole, "request": {**_REQUEST, "environment": example.environment}})
        plan = dry_run(play_of(folder, operation.definition, kinds), given, contract.inputs)
    return Trial(
        example=example,
        inputs=_shown(contract.inputs, whole),
        defaults=tuple(sorted(whole.keys() - example.inputs.keys())),
        decision=decision,
        operation=operation,
        plan=plan,
        differences=(
            *_of_inputs(contract.inputs, whole),
            *_of_decision(example, decision),
            *_of_plan(contract.outputs, plan),
        ),
    )


def _question(bundle: Bundle, example: Example, inputs: Mapping[str, Json]) -> Query:
    contract = bundle.contract
    request = Request(
        uid=RequestUid("req_rehearsed"),
        project=ProjectName(_REQUEST["project"]),
        name=_REQUEST["name"],
        contract=ContractName(contract.name),
        version=None,
        contract_version=contract.version,
        contract_digest=bundle.digest,
        environment=example.environment,
        owner=_REQUEST["owner"],
        labels={},
        inputs=inputs,
        generation=1,
        revision=1,
        created_at=BEGINNING,
        created_by=AUTHOR.subject,
        updated_at=BEGINNING,
    )
    policy = None if contract.policy is None else bundle.files[contract.policy]
    return Query(request, contract, "create", EnforcementPoint.ADMISSION, AUTHOR, policy)


def _of_inputs(schema: JsonObject, inputs: Mapping[str, Json]) -> Iterator[Difference]:
    for finding in secrets_among(schema, inputs, "/inputs"):
        yield Difference(finding.pointer, "a reference to a secret", "a secret")


def _of_decision(example: Example, decision: Decision) -> Iterator[Difference]:
    if example.expect is None or example.expect == decision.outcome:
        return
    said = "; ".join(f"{result.policy} {result.rule}: {result.message}" for result in decision.denials)
    yield Difference("decision", example.expect, f"{decision.outcome}: {said}" if said else decision.outcome)


def _of_plan(promised: JsonObject, plan: DryRun | None) -> Iterator[Difference]:
    if plan is None:
        return
    if not plan.is_fine:
        yield Difference("provision", "succeeded", f"{plan.state}: {plan.message}")
        return
    for finding in violations(promised, dict(plan.outputs), "/outputs"):
        if finding.code in _MISFITS:
            yield Difference(finding.pointer, "what the contract promises", finding.message)


def _shown(schema: JsonObject, inputs: Mapping[str, Json]) -> JsonObject:
    secret = sensitive_names(schema)
    return {name: HIDDEN if name in secret else value for name, value in inputs.items()}
