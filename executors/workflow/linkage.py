"""Sub-workflows: which files a workflow document runs, and the document with all of them in it.

A stored definition is whole: it carries every file that its steps run, so that a run keeps
what it started with. `linked` makes it whole when an order is admitted; the findings here are
about files that are missing, unreadable, too many or run one another in circles.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from catalog.digest import JsonObject
from catalog.documents import read_yaml
from catalog.errors import Finding, Invalid
from catalog.schema import escape
from executors.workflow.graph import cycle
from executors.workflow.places import MAX_LENGTH

MAX_DEPTH = 5
MAX_FILES = 20
MAX_STEPS = 2_000
"""So many steps a run may have over all its sub-workflows, lists counted once."""


@dataclass
class Linked:
    """What was found while files were followed.

    Attributes:
        documents: by file, as they were read.
    """

    documents: dict[str, JsonObject] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def runs_others(document: JsonObject) -> bool:
    """Say whether a document runs another workflow."""
    return bool(_run_by(document, ""))


def linked(document: JsonObject, files: Mapping[str, str]) -> JsonObject:
    """Return a definition with every workflow that it runs, at any depth, beside it.

    Raises:
        Invalid: `invalid_workflow`, a file is missing or cannot be read.
    """
    found = followed(document, files)
    if found.findings:
        raise Invalid("invalid_workflow", "A sub-workflow cannot be used.", findings=found.findings)
    return {**document, "workflows": found.documents} if found.documents else document


def followed(document: JsonObject, files: Mapping[str, str]) -> Linked:
    """Return the files that a document runs; what it carries itself comes before what is in the bundle."""
    found = Linked()
    carried = document.get("workflows")
    own = carried if isinstance(carried, Mapping) else {}
    waiting = [(file, f"{pointer}/workflow") for file, pointer in _run_by(document, "")]
    while waiting and len(found.documents) <= MAX_FILES:
        file, pointer = waiting.pop(0)
        if file in found.documents:
            continue
        read = own.get(file) or _read(file, pointer, files, found)
        if isinstance(read, Mapping):
            found.documents[file] = read
            waiting += ((each, f"{at}/workflow") for each, at in _run_by(read, pointer_of(file)))
    if len(found.documents) > MAX_FILES:
        message = f"at most {MAX_FILES} files are run"
        found.findings.append(Finding("/steps", "too_many_workflows", message, "put some of them together"))
    return found


def pointer_of(file: str) -> str:
    """Return where a sub-workflow stands in a whole definition."""
    return f"/workflows/{escape(file)}"


def circle_findings(document: JsonObject, documents: Mapping[str, JsonObject]) -> Iterator[Finding]:
    """Yield that files run one another in circles, too deep, or come to too much."""
    runs = {
        file: tuple(dict.fromkeys(each for each, _ in _run_by(part, ""))) for file, part in documents.items()
    }
    circle = cycle(runs)
    if circle:
        message = f"files run one another in a circle: {' runs '.join((*circle, circle[0]))}"
        yield Finding("/steps", "cycle", message, "break the circle")
        return
    whole = _extent(document, documents, {})
    if whole.depth > MAX_DEPTH + 1:
        message = f"files run files over more than {MAX_DEPTH} levels"
        yield Finding("/steps", "nested_too_deep", message, "flatten them")
    if whole.steps > MAX_STEPS:
        message = f"it comes to more than {MAX_STEPS} steps"
        yield Finding("/steps", "too_many_steps", message, "split it into several contracts")
    if whole.name > MAX_LENGTH:
        message = f"ids within ids come to more than {MAX_LENGTH} characters"
        yield Finding("/steps", "name_too_long", message, "shorten the ids of nested steps")


@dataclass(frozen=True, slots=True)
class _Extent:
    """How far a document reaches with all that it runs: levels, steps, and its longest name of a step."""

    depth: int
    steps: int
    name: int


def _extent(document: JsonObject, documents: Mapping[str, JsonObject], known: dict[str, _Extent]) -> _Extent:
    depth, steps, longest = 1, 0, 0
    for step in _steps_of(document):
        name = len(str(step.get("id", ""))) + (len("[999]") if "for_each" in step else 0)
        file = step.get("workflow")
        if isinstance(file, str) and file in documents:
            if file not in known:
                known[file] = _extent(documents[file], documents, known)
            inner = known[file]
            depth, steps, name = max(depth, 1 + inner.depth), steps + inner.steps, name + 1 + inner.name
        steps, longest = steps + 1, max(longest, name)
    return _Extent(depth, steps, longest)


def _read(file: str, pointer: str, files: Mapping[str, str], found: Linked) -> JsonObject | None:
    text = files.get(file)
    if text is None:
        known = [name for name in sorted(files) if name.endswith((".yaml", ".yml"))]
        fix = f"use one of {', '.join(known)}" if known else "add the file to the bundle"
        message = "the bundle has no file of this name"
        found.findings.append(Finding(pointer, "unknown_workflow", message, fix))
        return None
    try:
        return read_yaml(text, file)
    except Invalid as error:
        found.findings += error.findings
        return None


def _steps_of(document: JsonObject) -> list[Mapping[str, Any]]:
    steps = document.get("steps")
    return [step for step in steps if isinstance(step, Mapping)] if isinstance(steps, list | tuple) else []


def _run_by(document: JsonObject, pointer: str) -> list[tuple[str, str]]:
    named = ((step.get("workflow"), index) for index, step in enumerate(_steps_of(document)))
    return [(file, f"{pointer}/steps/{index}") for file, index in named if isinstance(file, str)]
