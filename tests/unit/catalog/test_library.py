"""Every contract that ships, or is an example, is publishable, judged as it says, and whole.

New folders are found by themselves. What the contracts do to real servers is tried in
`tests/integration/test_library.py` and in the scenes of `tests/scenarios`.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from catalog.actor import Actor
from catalog.bundle import Bundle, read_bundle
from catalog.contract import Example, OperationName
from catalog.digest import JsonObject
from catalog.references import references
from catalog.schema import sensitive_names, violations, with_defaults
from executors.steps import builtin
from executors.workflow.authoring.folder import folder_of
from executors.workflow.check import workflow_findings
from executors.workflow.spec import Action, parse_workflow
from policy.admit import Admission, Timing
from policy.bundle import contract_module, organisation, with_contract
from policy.decision import EnforcementPoint
from policy.document import Query
from policy.embedded import EmbeddedEngine
from policy.testing import TIMEOUT_SECONDS, run_table
from tests.factories import FakeClock, a_request, seeded_mint
from tests.step_calls import step_settings

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "catalog/library"
NAMES = sorted(folder.name for folder in LIBRARY.iterdir() if folder.is_dir())
FOLDERS = sorted(
    contract.parent
    for part in ("catalog/library/*", "catalog/starters/*", "deploy/examples/*/contract")
    for contract in ROOT.glob(f"{part}/contract.yaml")
)
EXAMPLES = {folder.parent.name for folder in FOLDERS if folder.name == "contract"}
POLICY = "policy.rego"


@pytest.fixture(params=FOLDERS, ids=[str(folder.relative_to(ROOT)) for folder in FOLDERS])
def bundle(request: pytest.FixtureRequest) -> Bundle:
    """Give each bundle of the library, each starter, and each of the examples."""
    folder: Path = request.param
    return read_bundle(folder)


@pytest.fixture(scope="module")
def engine() -> Iterator[EmbeddedEngine]:
    with closing(EmbeddedEngine()) as started:
        yield started


def property_names(schema: JsonObject) -> set[str]:
    properties = schema["properties"]
    assert isinstance(properties, Mapping)
    return set(properties)


def definitions(bundle: Bundle) -> dict[OperationName, JsonObject]:
    return {name: bundle.definition(name) for name in bundle.contract.operations}


def calls(definition: JsonObject) -> list[Action]:
    doings = [step.do for step in parse_workflow(definition).steps.values()]
    return [doing for doing in doings if isinstance(doing, Action)]


def test_the_library_has_the_contracts_that_the_documents_speak_of() -> None:
    assert set(NAMES) == {
        "service",
        "postgres-database",
        "developer-onboarding",
        "secret-rotation",
        "scheduled-job",
        "environment",
    }
    assert {"environment", "order-saga", "incident"} <= EXAMPLES


@pytest.mark.parametrize("name", NAMES)
def test_a_bundle_is_named_like_its_folder(name: str) -> None:
    assert read_bundle(LIBRARY / name).contract.name == name


def test_every_workflow_can_be_run(bundle: Bundle, tmp_path: Path) -> None:
    kinds = builtin(step_settings(tmp_path))
    for name, definition in definitions(bundle).items():
        reads_only = name is OperationName.OBSERVE
        findings = workflow_findings(definition, kinds, files=bundle.files, reads_only=reads_only)
        assert findings == (), name


def test_every_operation_is_for_the_engine_that_ships(bundle: Bundle) -> None:
    assert {operation.executor for operation in bundle.contract.operations.values()} == {"workflow"}


def test_inputs_that_workflows_refer_to_are_inputs_of_the_contract(bundle: Bundle) -> None:
    known = with_defaults(bundle.contract.inputs, {})
    required = bundle.contract.inputs.get("required", [])
    always = {*known, *(required if isinstance(required, list) else [])}
    for name, definition in definitions(bundle).items():
        for reference in references(definition, ""):
            if reference.path[0] == "inputs" and len(reference.path) > 1:
                assert reference.path[1] in always, f"{name}{reference.pointer}"


def test_every_template_that_a_workflow_names_is_in_the_bundle(bundle: Bundle) -> None:
    for definition in definitions(bundle).values():
        for action in calls(definition):
            templates = action.arguments.get("templates", {})
            assert isinstance(templates, dict)
            assert set(templates.values()) <= set(bundle.files)


def test_what_is_delivered_has_the_outputs_that_are_promised(bundle: Bundle) -> None:
    promised = bundle.contract.outputs
    for name in (OperationName.PROVISION, OperationName.UPDATE):
        outputs = parse_workflow(bundle.definition(name)).outputs
        missing = [found for found in violations(promised, dict(outputs)) if found.code in _SHAPE]
        assert missing == [], name
    assert sensitive_names(promised) <= set(parse_workflow(bundle.definition(OperationName.UPDATE)).outputs)


_SHAPE = {"required", "unknown_field"}  # a reference has no type yet


def test_what_is_delivered_and_what_is_observed_have_one_shape(bundle: Bundle) -> None:
    shapes = {
        name: set(parse_workflow(bundle.definition(name)).facts)
        for name in (OperationName.PROVISION, OperationName.UPDATE, OperationName.OBSERVE)
    }
    assert len(set(map(frozenset, shapes.values()))) == 1
    assert all("exists" in shape for shape in shapes.values())


def test_every_step_that_leaves_something_says_how_to_undo_it(bundle: Bundle) -> None:
    lasting = re.compile(r"\.(create(_|\Z)|apply\Z|play\Z)")
    for step in parse_workflow(bundle.definition(OperationName.PROVISION)).steps.values():
        leaves = isinstance(step.do, Action) and lasting.search(step.do.uses)
        assert step.undo is not None or not leaves, step.id


def test_every_step_has_a_time_limit(bundle: Bundle) -> None:
    for path, source in folder_of(bundle.files).workflows.items():
        for step in source.steps:
            asked = step.get("approval")
            has_limit = "expires" in asked if isinstance(asked, dict) else "timeout" in step
            # A sub-workflow's steps have limits of their own, and templates are filled in memory.
            assert has_limit or "workflow" in step or step["uses"] == "files.render", f"{path}/{step['id']}"


def test_the_policy_passes_the_linter_and_compiles(bundle: Bundle, engine: EmbeddedEngine) -> None:
    assert bundle.contract.policy == POLICY
    assert engine.check([contract_module(bundle.files[POLICY])]) == ()


def test_the_policy_passes_its_own_table(bundle: Bundle, engine: EmbeddedEngine) -> None:
    policies = with_contract(organisation(), bundle.files[POLICY])
    outcomes = run_table(engine, policies, bundle.files["policy_test.yaml"])
    assert [f"{outcome.name}: {outcome.message}" for outcome in outcomes if not outcome.is_passed] == []


def test_every_example_fits_and_is_decided_as_it_says(bundle: Bundle, engine: EmbeddedEngine) -> None:
    admission = Admission(engine, organisation(), FakeClock(), seeded_mint(), Timing(TIMEOUT_SECONDS))
    assert {example.expect for example in bundle.contract.examples} == {"allow", "deny"}
    for example in bundle.contract.examples:
        assert violations(bundle.contract.inputs, example.inputs) == (), example.name
        decision = admission.decide(question(bundle, example))
        assert str(decision.outcome) == example.expect, example.name


def question(bundle: Bundle, example: Example) -> Query:
    contract = bundle.contract
    request = a_request(
        contract=contract.name,
        environment=example.environment,
        inputs=with_defaults(contract.inputs, example.inputs),
    )
    return Query(request, contract, "create", EnforcementPoint.ADMISSION, Actor("dora"), bundle.files[POLICY])


def test_its_document_names_every_output_and_the_kind_of_destination(bundle: Bundle) -> None:
    text = bundle.files["docs/README.md"]
    assert bundle.contract.placement is None or f"`{bundle.contract.placement.kind}`" in text
    names = {
        reference.path[2]
        for definition in definitions(bundle).values()
        for reference in references(definition, "")
        if reference.path[:2] == ("destination", "config") and len(reference.path) > 2
    }
    for name in {*names, *property_names(bundle.contract.outputs)}:
        assert f"`{name}`" in text, name
