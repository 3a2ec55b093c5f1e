"""Rules about the right tool: what needs no durable engine, and what needs one and has none.

A pipeline runs through in minutes and is simply started again when it breaks. A workflow
survives days, crashes and people. Each does the other's work badly.
"""

import re
from collections.abc import Iterator
from typing import Any

from catalog.duration import duration
from catalog.errors import Invalid
from executors.workflow.authoring.folder import ENGINES
from executors.workflow.lint.rule import Hit, Page, Rule, Severity, arguments_of

SHORT = 4
"""So many steps are few."""

LONG_SECONDS = 6 * 3600.0
"""An attempt that may take longer is no attempt but a wait."""

_IDLE_SECONDS = 300.0
_DELIVERS = frozenset({"provision"})
_BRANCHES = frozenset({"approval", "wait", "workflow", "for_each", "if", "compensate"})
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SLEEP = re.compile(r"\bsleep[\s(]+(?P<number>[0-9]{1,7})(?P<unit>[smhd]?)\b")
_SIGNS = (
    (re.compile(r"^\s*when:\s*(?:manual|delayed)\b"), "a person or a delay holds a job"),
    (re.compile(r"\binput\s*(?:\(|message\b)"), "a person is asked in the middle"),
    (re.compile(r"\bmanual-approval\b"), "a person is asked in the middle"),
    (
        re.compile(r"\btimeout-minutes:\s*(?:[1-9][0-9]{3,}|7[2-9][0-9]|[89][0-9]{2})\b"),
        "a job may take days",
    ),
    (re.compile(r"\bstart_in:"), "a job waits for its time"),
)


def _should_be_pipeline(page: Page) -> Iterator[Hit]:
    steps, operations = page.source.steps, page.source.operations
    if page.is_nested or (operations and not operations & _DELIVERS):
        return
    linear = all(not _BRANCHES & step.keys() and "uses" in step and not step.get("needs") for step in steps)
    if linear and 1 < len(steps) <= SHORT and all("needs" not in step for step in steps):
        yield page.hit("/steps", "a few steps one after the other, no person, no wait and nothing to undo")


def _should_be_workflow(page: Page) -> Iterator[Hit]:
    for pointer, step in page.steps():
        command = arguments_of(step).get("command")
        words = " ".join(map(str, command)) if isinstance(command, list) else ""
        if _sleeps(words):
            yield page.hit(f"{pointer}/with/command", f"{step.get('id')} sleeps in a process")
        if _seconds(step.get("timeout")) >= LONG_SECONDS:
            yield page.hit(f"{pointer}/timeout", f"one attempt of {step.get('id')} may take hours")


def pipeline_hits(page_files: dict[str, str]) -> Iterator[Hit]:
    """Yield the signs of waits, people and days in pipelines, by line."""
    for path, text in page_files.items():
        for number, line in enumerate(text.splitlines(), 1):
            signs = [message for pattern, message in _SIGNS if pattern.search(line)]
            signs += ["it sleeps"] if _sleeps(line) else []
            if signs and not line.lstrip().startswith("#"):
                yield Hit(path, "", signs[0], line=number)


def pipelines_of(page: Page) -> dict[str, str]:
    """Return the definitions of a bundle that other executors run, by path."""
    contract = page.folder.contract
    parts = () if contract is None else contract.handed_over
    paths = {each.definition for each in parts if each.executor not in ENGINES}
    return {path: page.folder.files[path] for path in sorted(paths) if path in page.folder.files}


def _sleeps(text: str) -> bool:
    found = _SLEEP.search(text)
    return found is not None and int(found["number"]) * _UNITS[found["unit"]] >= _IDLE_SECONDS


def _seconds(text: Any) -> float:
    try:
        return duration(text).total_seconds() if isinstance(text, str) else 0.0
    except Invalid:
        return 0.0


RULES: tuple[Rule[Page], ...] = (
    Rule(
        "should-be-pipeline",
        Severity.WARNING,
        "What is linear, short and asks nobody needs no durable engine: a pipeline does it with less, and "
        "its authors know it.",
        "name a pipeline's executor for the operation; or add the undo that makes this a workflow",
        _should_be_pipeline,
    ),
    Rule(
        "should-be-workflow",
        Severity.WARNING,
        "A pipeline that waits holds a runner for days, forgets everything when that is restarted, and "
        "knows nobody who could be reminded or stand in.",
        "use wait and approval steps of a workflow",
        _should_be_workflow,
    ),
)
