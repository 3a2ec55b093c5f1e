"""What `avow contract test` finds out about one bundle, a document a case.

In this order: whether it could be published at all, what becomes of each example, the tables
of its policy, the tests of its workflows. When it could not be published, that is all.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from catalog.bundle import CONTRACT_FILE, bundle_from_files
from catalog.contract import OperationName
from catalog.errors import Finding
from executors.workflow.authoring.folder import Folder, folder_of
from executors.workflow.lint.rule import Kinds
from executors.workflow.rehearsal.bench import run_tests
from executors.workflow.rehearsal.verdict import Difference
from platform_api.authoring.publishable import judged, refusals
from platform_api.authoring.trial import Trial, now, trials
from platform_api.cli import author_documents as documents
from platform_api.cli.bundles import Bundle
from platform_api.cli.output import Document
from policy.admit import Admission, Timing
from policy.bundle import with_contract
from policy.decision import Decision
from policy.engine import PolicyBundle, PolicyEngine
from policy.testing import CaseOutcome, run_table

PATIENCE_SECONDS = 30.0
"""The first question starts the engine, which may take a while on a busy machine."""

_TABLE = "_test.yaml"


def cases(
    bundle: Bundle, kinds: Kinds, engine: PolicyEngine, organisation: PolicyBundle
) -> Iterator[Document]:
    """Yield what became of each case.

    Raises:
        Invalid: a test file cannot be used.
        Unavailable: `policy_unavailable`.
    """
    folder = judged(folder_of(bundle.files, bundle.shown), kinds, engine, organisation)
    refused = [_refusal(finding) for finding in refusals(folder, kinds)]
    yield _case(folder, CONTRACT_FILE, "it can be published", refused)
    if refused:
        return
    yield from _of_examples(folder, kinds, engine, organisation)
    yield from _of_tables(folder, engine, organisation)
    yield from map(documents.case, run_tests(folder, kinds))


def _of_examples(
    folder: Folder, kinds: Kinds, engine: PolicyEngine, organisation: PolicyBundle
) -> Iterator[Document]:
    timing = Timing(PATIENCE_SECONDS)
    admission = Admission(engine, organisation, now, lambda prefix: f"{prefix}_rehearsed", timing)
    for trial in trials(bundle_from_files(folder.files), folder, admission, kinds):
        head = _case(folder, CONTRACT_FILE, f"example {trial.example.name}", list(trial.differences))
        yield head | _told(trial)


def _of_tables(folder: Folder, engine: PolicyEngine, organisation: PolicyBundle) -> Iterator[Document]:
    policy = None if folder.contract is None else folder.contract.policy
    asked = organisation if policy is None else with_contract(organisation, folder.files[policy], policy)
    for path, text in sorted(folder.files.items()):
        if path.endswith(_TABLE):
            for outcome in run_table(engine, asked, text, path):
                yield _case(folder, path, outcome.name, _unmet(outcome))


def _told(trial: Trial) -> Document:
    told: Document = {
        "environment": trial.example.environment,
        "inputs": dict(trial.inputs),
        "defaults": list(trial.defaults),
        "decision": _decision(trial.decision, trial.example.expect),
    }
    if trial.decision.is_allowed:
        told["plan"] = _plan(trial)
    return told


def _decision(decision: Decision, expected: str | None) -> Document:
    results = [asdict(result) | {"action": str(result.action)} for result in decision.results]
    return {"outcome": str(decision.outcome), "expected": expected, "results": results}


def _plan(trial: Trial) -> Document:
    operation = {"operation": str(OperationName.PROVISION), **asdict(trial.operation)}
    if trial.plan is None:
        return operation | {"rehearsed": False}
    approvals = [step.what for step in trial.plan.steps if step.does == "ask"]
    return operation | {"rehearsed": True, "approvals": approvals, **documents.dry(trial.plan)}


def _case(folder: Folder, path: str, name: str, differences: list[Difference]) -> dict[str, Any]:
    return {
        "path": f"{folder.shown}{path}",
        "name": name,
        "passed": not differences,
        "differences": [asdict(each) for each in differences],
        "story": [],
    }


def _refusal(finding: Finding) -> Difference:
    return Difference(f"{finding.pointer} {finding.code}", finding.fix or "nothing of it", finding.message)


def _unmet(outcome: CaseOutcome) -> list[Difference]:
    return [] if outcome.is_passed else [Difference("policy", "what the table says", outcome.message)]
