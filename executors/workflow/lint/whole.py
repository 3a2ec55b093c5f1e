"""Rules about a bundle as a whole: what those who ask for it, run it and change it miss later.

Publishing lets all of this pass. `avow contract lint` hands these rules to the linter; it is
held to them only when its contract can be read. Hits are placed in `contract.yaml`.
"""

import difflib
from collections.abc import Collection, Iterator
from typing import Any

from catalog.bundle import CONTRACT_FILE
from catalog.contract import Contract, OperationName
from catalog.digest import Json
from catalog.documents import read_yaml
from catalog.schema import escape
from executors.workflow.authoring.folder import ENGINES, Folder
from executors.workflow.lint.rule import Hit, Rule, Severity

POLICY_TEST = "policy_test.yaml"
_DOCS = "docs/"
_DELIVERS = (OperationName.PROVISION, OperationName.UPDATE, OperationName.REPAIR)


def rules(executors: Collection[str]) -> tuple[Rule[Folder], ...]:
    """Return the rules.

    Args:
        executors: names of those that are installed here.
    """
    return (*_RULES, _installed(executors))


def _hit(pointer: str, message: str, fix: str = "") -> Hit:
    return Hit(CONTRACT_FILE, pointer, message, fix)


def _contract(folder: Folder) -> Contract:
    assert folder.contract is not None  # noqa: S101  # the linter asks of no other folder; tells mypy
    return folder.contract


def _spec(folder: Folder) -> dict[str, Any]:
    spec = read_yaml(folder.files[CONTRACT_FILE], CONTRACT_FILE).get("spec")
    return spec if isinstance(spec, dict) else {}


def _no_examples(folder: Folder) -> Iterator[Hit]:
    if not _contract(folder).examples:
        yield _hit("/spec/examples", "the contract shows nobody how to ask")


def _undescribed(folder: Folder) -> Iterator[Hit]:
    contract = _contract(folder)
    schemas = {"/spec/inputs": contract.inputs}
    schemas |= {f"/spec/actions/{name}/inputs": part.inputs for name, part in contract.actions.items()}
    for pointer in (place for at, schema in schemas.items() for place in _bare_fields(schema, at)):
        name = pointer.rpartition("/")[2]
        yield _hit(pointer, f"the input {name} says nothing of what it is for")


def _bare_fields(schema: Json, pointer: str) -> Iterator[str]:
    if not isinstance(schema, dict):
        return
    properties = schema.get("properties")
    for name, part in properties.items() if isinstance(properties, dict) else ():
        place = f"{pointer}/properties/{escape(name)}"
        if isinstance(part, dict) and "description" not in part and "$ref" not in part:
            yield place
        yield from _bare_fields(part, place)
    yield from _bare_fields(schema.get("items"), f"{pointer}/items")


def _no_service_level(folder: Folder) -> Iterator[Hit]:
    if not _contract(folder).service_levels:
        yield _hit("/spec/service_levels", "nobody can tell how long it may take, and when it is late")


def _no_docs(folder: Folder) -> Iterator[Hit]:
    if not any(path.startswith(_DOCS) and folder.files[path].strip() for path in folder.files):
        yield _hit("", "there is nothing to read for those who ask for it or run it")


def _no_policy_test(folder: Folder) -> Iterator[Hit]:
    if _contract(folder).policy is not None and POLICY_TEST not in folder.files:
        yield _hit("/spec/policies", "nothing shows that the policy forbids what it should, and no more")


def _no_drift_interval(folder: Folder) -> Iterator[Hit]:
    drift = _spec(folder).get("drift")
    if not isinstance(drift, dict) or "interval" not in drift:
        yield _hit("/spec/drift", "how often it is looked at is left to a default that may change")


def _unfilled(folder: Folder) -> Iterator[Hit]:
    contract = _contract(folder)
    promised = contract.outputs.get("properties")
    for name in promised if isinstance(promised, dict) else ():
        lacking = [path for path, filled in _handed_back(folder) if name not in filled]
        if lacking:
            pointer = f"/spec/outputs/properties/{escape(name)}"
            yield _hit(pointer, f"{name} is promised, and {' and '.join(lacking)} does not hand it back")


def _handed_back(folder: Folder) -> Iterator[tuple[str, Collection[str]]]:
    """Yield each delivering workflow that can be read, with the names of its outputs."""
    contract = _contract(folder)
    paths = {
        contract.operations[name].definition
        for name in _DELIVERS
        if name in contract.operations and contract.operations[name].executor in ENGINES
    }
    for path in sorted(paths & folder.workflows.keys()):
        outputs = folder.workflows[path].document.get("outputs")
        yield path, outputs if isinstance(outputs, dict) else {}


def _installed(executors: Collection[str]) -> Rule[Folder]:
    def look(folder: Folder) -> Iterator[Hit]:
        contract = _contract(folder)
        named = {f"/spec/operations/{name}": part.executor for name, part in contract.operations.items()}
        named |= {f"/spec/actions/{name}": part.executor for name, part in contract.actions.items()}
        for pointer, executor in named.items():
            if executor in executors:
                continue
            close = difflib.get_close_matches(executor, sorted(executors), n=1)
            fix = f"did you mean {close[0]}?" if close else ""
            yield _hit(f"{pointer}/executor", f"no executor {executor} is installed here", fix)

    return Rule(
        "unknown-executor",
        Severity.WARNING,
        "A server refuses a contract whose executors it does not have. This machine may have others "
        "than the server, so it is only pointed out.",
        "install what brings it; or say in a silencing comment that the server has it",
        look,
    )


_RULES: tuple[Rule[Folder], ...] = (
    Rule(
        "no-examples",
        Severity.WARNING,
        "Examples are what people copy, and what shows before a release that schema, policy and workflow "
        "still let through what they should, and nothing else.",
        "add spec.examples: one that is allowed, one that is denied",
        _no_examples,
    ),
    Rule(
        "undescribed-input",
        Severity.WARNING,
        "Who asks for a capability reads its inputs in a form, and knows of them what stands there.",
        "add a description",
        _undescribed,
    ),
    Rule(
        "no-service-level",
        Severity.WARNING,
        "Without a service level nothing is late: no alert, no figure, and no answer to how long it takes.",
        "add spec.service_levels, such as provision_p95: 5m",
        _no_service_level,
    ),
    Rule(
        "no-docs",
        Severity.WARNING,
        "Schema and workflows do not say what deletion destroys, what a destination must have, and what "
        "drift means here.",
        "write docs/README.md",
        _no_docs,
    ),
    Rule(
        "no-policy-test",
        Severity.WARNING,
        "A rule that nothing tries out may deny nothing, or everything; a request is where it shows.",
        f"write {POLICY_TEST}: a case for what is denied and one for what is not",
        _no_policy_test,
    ),
    Rule(
        "no-drift-interval",
        Severity.WARNING,
        "Looking costs something, and what is not looked at has drifted unseen. How often is the "
        "author's decision.",
        "add spec.drift.interval, such as 10m",
        _no_drift_interval,
    ),
    Rule(
        "unfilled-output",
        Severity.ERROR,
        "Whoever reads the contract waits for the output in vain, and when it is required every delivery "
        "fails at its end.",
        "hand it back under outputs of that workflow, or promise it no more",
        _unfilled,
    ),
)
NAMES = tuple(rule.name for rule in rules(()))
"""Every name by which one of these is silenced."""
