"""Lints bundles: what publishing would refuse, then every rule, then what was silenced.

`lint` takes any number of bundles, because a control may be copied from one to another, and
returns a report in the order of the files. It knows positions and silences; rules do not.
Rules about a bundle as a whole are looked for when they are handed in.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from catalog.bundle import CONTRACT_FILE
from catalog.documents import read_yaml
from catalog.errors import Finding, Invalid
from catalog.positions import START, Position, nearest, positions
from catalog.schema import violations
from executors.workflow.authoring.folder import Folder, Source, nested_files
from executors.workflow.check import OBSERVE, SCHEMA, workflow_findings
from executors.workflow.linkage import pointer_of
from executors.workflow.lint import buried, copies, safety, shape, whole
from executors.workflow.lint.rule import Hit, Kinds, Page, Rule, Severity
from executors.workflow.lint.silence import Silence, silences

RULES: tuple[Rule[Page], ...] = (*buried.RULES, copies.RULE, *safety.RULES, *shape.RULES)
_BY_NAME = {rule.name: rule for rule in RULES}
_KNOWN = frozenset({*_BY_NAME, *whole.NAMES})
_SILENCING = "write # lint: allow RULE: the reason"


@dataclass(frozen=True, slots=True, order=True)
class Remark:
    """One finding, as it is told.

    Attributes:
        path: as the author would open it.
        rule: the rule's name, or the code with which publishing refuses.
        reason: why the author silenced it; empty when it counts.
    """

    path: str
    line: int
    column: int
    rule: str
    severity: Severity
    message: str
    fix: str
    pointer: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What came out.

    Attributes:
        silenced: findings that the author gave a reason for.
    """

    remarks: tuple[Remark, ...]
    silenced: tuple[Remark, ...]
    workflows: int

    def count(self, severity: Severity) -> int:
        """Return how many findings of a severity count."""
        return sum(remark.severity is severity for remark in self.remarks)


def lint(folders: Sequence[Folder], kinds: Kinds, wholes: Sequence[Rule[Folder]] = ()) -> Report:
    """Return everything that is to be said about these bundles.

    Rules look only at documents that have the shape of a workflow; others are refused for that.

    Args:
        wholes: rules about a bundle as a whole; only one whose contract can be read is held to them.
    """
    asked = frozenset({*_BY_NAME, *(rule.name for rule in wholes)})
    pages = [_page(folder, source, kinds) for folder in folders for source in folder.workflows.values()]
    shaped = [page for page in pages if not violations(SCHEMA, page.source.document)]
    copied = list(copies.copied_controls(shaped))
    said: list[Remark] = []
    for folder in folders:
        own = [page for page in pages if page.folder is folder]
        hits: list[tuple[Rule[Any], Hit]]
        hits = [(copies.RULE, hit) for page, hit in copied if page.folder is folder]
        hits += [(rule, hit) for page in own if page in shaped for rule in RULES for hit in rule.look(page)]
        hits += [(_BY_NAME["should-be-workflow"], hit) for hit in _in_pipelines(own, folder, kinds)]
        hits += [(rule, hit) for rule in wholes if folder.contract for hit in rule.look(folder)]
        remarks = [*_refusals(folder, own), *(_told(folder, rule, hit) for rule, hit in hits)]
        said += _with_silences(folder, remarks, asked)
    said = sorted(set(said))  # two workflows may run the same one
    counting = tuple(remark for remark in said if not remark.reason)
    return Report(counting, tuple(remark for remark in said if remark.reason), len(pages))


def _page(folder: Folder, source: Source, kinds: Kinds) -> Page:
    others = (other.document for other in folder.workflows.values() if other is not source)
    return Page(folder, source, kinds, any(source.path in nested_files(each) for each in others))


def _in_pipelines(own: Sequence[Page], folder: Folder, kinds: Kinds) -> Iterator[Hit]:
    page = own[0] if own else Page(folder, Source("", "", {}, {}), kinds)
    yield from shape.pipeline_hits(shape.pipelines_of(page))


def _refusals(folder: Folder, pages: Iterable[Page]) -> Iterator[Remark]:
    yield from (_of_finding(folder, finding) for finding in folder.findings)
    for page in pages:
        source = page.source
        if page.is_nested and not source.operations:
            continue  # it is judged within the workflows that run it
        reads_only = OBSERVE in source.operations
        for finding in workflow_findings(
            source.document, page.kinds, files=folder.files, reads_only=reads_only
        ):
            yield _in_workflow(folder, source, finding)


def _in_workflow(folder: Folder, source: Source, finding: Finding) -> Remark:
    if finding.pointer[:1] not in ("", "/"):
        return _of_finding(folder, finding)
    for path, other in folder.workflows.items():
        inside = pointer_of(path)
        if finding.pointer.startswith(f"{inside}/"):
            finding = replace(finding, pointer=finding.pointer.removeprefix(inside))
            return _refused(folder, path, nearest(other.positions, finding.pointer), finding)
    return _refused(folder, source.path, nearest(source.positions, finding.pointer), finding)


def _of_finding(folder: Folder, finding: Finding) -> Remark:
    """Return a finding about a file (`path:line`, `path#/pointer` or a path) as a remark."""
    path, _, pointer = finding.pointer.partition("#")
    name, colon, line = path.rpartition(":")
    if colon and line.isdecimal():
        return _refused(folder, name, Position(int(line), 1), finding)
    return _refused(folder, path, _place(folder, path, pointer), replace(finding, pointer=pointer))


def _refused(folder: Folder, path: str, at: Position, finding: Finding) -> Remark:
    shown, fix = f"{folder.shown}{path}", finding.fix
    return Remark(
        shown, at.line, at.column, finding.code, Severity.ERROR, finding.message, fix, finding.pointer
    )


def _told(folder: Folder, rule: Rule[Any], hit: Hit) -> Remark:
    at = Position(hit.line, 1) if hit.line else _place(folder, hit.path, hit.pointer)
    fix, shown = hit.fix or rule.fix, f"{folder.shown}{hit.path}"
    return Remark(shown, at.line, at.column, rule.name, rule.severity, hit.message, fix, hit.pointer)


def _place(folder: Folder, path: str, pointer: str) -> Position:
    source = folder.workflows.get(path)
    if source is not None:
        return nearest(source.positions, pointer)
    if path == CONTRACT_FILE and path in folder.files:
        return nearest(_positions(folder.files[path]), pointer)
    return START


@lru_cache(maxsize=16)
def _positions(contract: str) -> Mapping[str, Position]:
    try:
        read_yaml(contract, CONTRACT_FILE)  # admits it: what is refused here may be expensive to read
    except Invalid:
        return {}
    return positions(contract)


def _with_silences(folder: Folder, remarks: Iterable[Remark], asked: frozenset[str]) -> Iterator[Remark]:
    known = {
        f"{folder.shown}{path}": silences(text, folder.workflows.get(path))
        for path, text in folder.files.items()
        if "lint: allow" in text
    }
    used: set[tuple[str, int]] = set()
    for remark in remarks:
        quiet = _silence_for(remark, known) if remark.rule in _KNOWN else None
        if quiet is not None:
            used.add((remark.path, quiet.line))
        yield remark if quiet is None else replace(remark, reason=quiet.reason)
    for path, found in known.items():
        idle = (each for each in found if (path, each.line) not in used)
        yield from filter(None, map(partial(_odd, path, asked), idle))


def _silence_for(remark: Remark, known: Mapping[str, tuple[Silence, ...]]) -> Silence | None:
    # What publishing refuses cannot be talked away: only rules have names that are known.
    found = known.get(remark.path, ())
    return next((each for each in found if each.covers(remark.rule, remark.line)), None)


def _odd(path: str, asked: frozenset[str], silence: Silence) -> Remark | None:
    """Return what is to be said of a silence that silenced nothing."""
    if silence.rule not in _KNOWN:
        code, message = "unknown-rule", f"there is no rule {silence.rule}"
        fix = "use one of " + ", ".join(sorted(_KNOWN))
    elif not silence.reason:
        code, message, fix = (
            "silence-without-reason",
            f"{silence.rule} is silenced without a reason",
            _SILENCING,
        )
    elif silence.rule not in asked:
        return None  # nobody looked
    else:
        code, message, fix = "unused-silence", f"nothing here breaks {silence.rule}", "remove the comment"
    return Remark(path, silence.line, 1, code, Severity.WARNING, message, fix)
