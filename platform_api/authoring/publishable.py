"""What publishing a bundle would refuse, as far as can be told without the server.

The same functions are asked that the server asks. What only a server knows, such as which
executors it has, whose name it is and which versions there are, is not judged here.
"""

from collections.abc import Iterator
from dataclasses import replace

from catalog.acting import action_findings
from catalog.bundle import CONTRACT_FILE
from catalog.digest import JsonObject
from catalog.documents import read_yaml
from catalog.errors import Finding, Invalid
from executors.registry import EXECUTORS, plugs
from executors.temporal.beyond import beyond
from executors.workflow.authoring.folder import ENGINES, Folder
from executors.workflow.check import OBSERVE, workflow_findings
from executors.workflow.lint.rule import Kinds
from executors.workflow.referring import referred
from policy.bundle import contract_module
from policy.engine import PolicyBundle, PolicyEngine

_MISSING = Finding(
    CONTRACT_FILE, "contract_missing", "the bundle has no contract.yaml", "write one; see avow contract init"
)


def installed_executors() -> frozenset[str]:
    """Return the names of the executors that are installed here."""
    return ENGINES | plugs(EXECUTORS, "executor", {}).keys()


def judged(folder: Folder, kinds: Kinds, engine: PolicyEngine, organisation: PolicyBundle) -> Folder:
    """Return a bundle with all that is found about it as a whole; its workflows are not judged.

    Raises:
        Unavailable: `policy_unavailable`.
    """
    findings = (*folder.findings, *_of_policy(folder, engine, organisation), *_of_definitions(folder, kinds))
    missing = () if CONTRACT_FILE in folder.files else (_MISSING,)
    return replace(folder, findings=(*missing, *findings))


def refusals(folder: Folder, kinds: Kinds) -> tuple[Finding, ...]:
    """Return why a `judged` bundle would be refused, its workflows included."""
    workflows = ((path, _of_workflow(folder, path, kinds)) for path in sorted(folder.named))
    found = (replace(each, pointer=f"{path}#{each.pointer}") for path, part in workflows for each in part)
    return (*folder.findings, *found)


def _of_policy(folder: Folder, engine: PolicyEngine, organisation: PolicyBundle) -> tuple[Finding, ...]:
    path = None if folder.contract is None else folder.contract.policy
    if path is None or path not in folder.files:
        return ()
    return engine.check([contract_module(folder.files[path], path)], organisation.data)


def _of_definitions(folder: Folder, kinds: Kinds) -> Iterator[Finding]:
    contract = folder.contract
    parts = () if contract is None else contract.handed_over
    for executor, path in dict.fromkeys((part.executor, part.definition) for part in parts):
        if executor not in ENGINES and path in folder.files:
            yield from _unreadable(folder.files[path], path)
        elif executor == "temporal" and path in folder.workflows:
            sound = not _of_workflow(folder, path, kinds)
            found = beyond(folder.workflows[path].document, folder.files) if sound else ()
            yield from (replace(finding, pointer=f"{path}#{finding.pointer}") for finding in found)
    yield from _of_actions(folder)


def _of_actions(folder: Folder) -> Iterator[Finding]:
    """Yield what workflows that can be read say of actions that is not so."""
    contract = folder.contract
    if contract is None:
        return
    named: list[tuple[str, JsonObject | None]] = [
        *((part.definition, None) for part in contract.operations.values()),
        *((part.definition, part.inputs) for part in contract.actions.values()),
    ]
    for path, inputs in named:
        if path in folder.workflows:
            said = referred(folder.workflows[path].document, folder.files)
            for finding in action_findings(said, inputs):
                yield replace(finding, pointer=f"{path}#{finding.pointer}")


def _unreadable(text: str, path: str) -> Iterator[Finding]:
    try:
        read_yaml(text, path)
    except Invalid as error:
        yield from error.findings


def _of_workflow(folder: Folder, path: str, kinds: Kinds) -> tuple[Finding, ...]:
    source = folder.workflows.get(path)
    if source is None:
        return ()  # why it cannot be read is among the folder's own findings
    reads_only = OBSERVE in source.operations
    return workflow_findings(source.document, kinds, files=folder.files, reads_only=reads_only)
