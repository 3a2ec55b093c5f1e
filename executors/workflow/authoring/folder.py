"""A bundle as its author has it: perhaps not publishable yet, with every workflow found in it.

Made from the files' texts, so that nothing here touches a disk. A file that cannot be read
becomes a finding and the others are looked at all the same. What refuses a bundle at publish
is asked of the same functions that refuse it there.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from catalog.bundle import CONTRACT_FILE, bundle_from_files
from catalog.contract import Contract, OperationName, parse_contract
from catalog.digest import JsonObject
from catalog.documents import read_yaml
from catalog.errors import Finding, Invalid
from catalog.positions import Position, positions
from executors.workflow.linkage import followed

ENGINES = frozenset({"workflow", "temporal"})
"""The executors whose definitions are looked at here: both run the same documents."""

TEST_SUFFIX = ".test.yaml"
_YAML = (".yaml", ".yml")
_KIND = "kind: Workflow"


@dataclass(frozen=True, slots=True)
class Source:
    """One workflow file that could be read.

    Attributes:
        path: within the bundle.
        operations: what of the contract it is for, operations or an action; by its own name where no
            contract says.
    """

    path: str
    text: str
    document: dict[str, Any]
    positions: Mapping[str, Position]
    operations: frozenset[str] = frozenset()

    @property
    def steps(self) -> list[dict[str, Any]]:
        """Return the steps, as far as they have the shape of steps."""
        found = self.document.get("steps")
        parts = found if isinstance(found, list) else []
        return [part if isinstance(part, dict) else {} for part in parts]


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of one bundle, or of one workflow that stands alone.

    Attributes:
        shown: what stands before a file's path when people are told of it.
        contract: None when there is none that can be read.
        workflows: by path.
        findings: why it would be refused as a whole; the workflows' own are not among them.
    """

    shown: str
    files: Mapping[str, str]
    contract: Contract | None
    workflows: Mapping[str, Source]
    findings: tuple[Finding, ...] = ()
    named: Mapping[str, frozenset[str]] = field(default_factory=dict)


def folder_of(files: Mapping[str, str], shown: str = "") -> Folder:
    """Return what the files of a bundle are; without a contract.yaml they are workflows alone."""
    findings: list[Finding] = []
    contract = _contract(files, findings) if CONTRACT_FILE in files else None
    named = _named(contract)
    workflows: dict[str, Source] = {}
    for path, text in sorted(files.items()):
        if path in named or (path.endswith(_YAML) and _KIND in text and not path.endswith(TEST_SUFFIX)):
            source = _source(path, text, named.get(path), findings)
            if source is not None:
                workflows[path] = source
    return Folder(shown, files, contract, workflows, tuple(findings), named)


def nested_files(document: JsonObject) -> Iterator[str]:
    """Yield the files of the sub-workflows that a workflow's steps name."""
    steps = document.get("steps")
    for step in steps if isinstance(steps, list) else []:
        file = step.get("workflow") if isinstance(step, dict) else None
        if isinstance(file, str):
            yield file


def assembled(source: Source, folder: Folder) -> dict[str, Any]:
    """Return a workflow with those that it runs inside, as a run would hold it."""
    inside = followed(source.document, folder.files).documents
    return {**source.document, "workflows": inside} if inside else source.document


def _contract(files: Mapping[str, str], findings: list[Finding]) -> Contract | None:
    try:
        return bundle_from_files(files).contract
    except Invalid as error:
        findings += error.findings
    try:
        return parse_contract(read_yaml(files[CONTRACT_FILE], CONTRACT_FILE))
    except Invalid:
        return None  # its faults are among the findings already


def _named(contract: Contract | None) -> dict[str, frozenset[str]]:
    if contract is None:
        return {}
    found: dict[str, frozenset[str]] = {}
    for name, operation in contract.operations.items():
        if operation.executor in ENGINES:
            found[operation.definition] = found.get(operation.definition, frozenset()) | {name.value}
    for own, action in contract.actions.items():
        if action.executor in ENGINES:  # what an operation runs as well is judged as the operation's
            found.setdefault(action.definition, frozenset({own}))
    return found


def _source(
    path: str, text: str, operations: frozenset[str] | None, findings: list[Finding]
) -> Source | None:
    try:
        document = cast("dict[str, Any]", read_yaml(text, path))
    except Invalid as error:
        findings += error.findings
        return None
    return Source(path, text, document, positions(text), _operations(document, operations))


def _operations(document: dict[str, Any], known: frozenset[str] | None) -> frozenset[str]:
    if known is not None:
        return known
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return frozenset({str(name)} & set(map(str, OperationName)))
