"""What `avow workflow` tells a person, as lines.

Findings in the form that editors jump to (`file:line:column`), the fix below each; results a
line a case, and for one that failed the differences and the story of its run.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from itertools import groupby
from textwrap import wrap
from typing import Any

from executors.workflow.lint.linter import Report
from executors.workflow.lint.rule import Rule, Severity
from executors.workflow.rehearsal.dry import DryRun, Would
from executors.workflow.rehearsal.verdict import span
from platform_api.cli.output import Document
from platform_api.cli.terminal import columns, shortened

_WIDTH = 80
_DOES = {
    "call": "would call",
    "ask": "would ask",
    "wait": "would wait",
    "skip": "is skipped:",
    "open": "runs",
    "fail": "fails:",
}


def rules(known: Sequence[Rule[Any]]) -> Iterator[str]:
    """Yield the rules with why they exist and what to do."""
    for rule in known:
        yield f"{rule.name}  ({rule.severity})"
        yield from wrap(rule.why, _WIDTH, initial_indent="  ", subsequent_indent="  ")
        yield from wrap(f"fix: {rule.fix}", _WIDTH, initial_indent="  ", subsequent_indent="       ")


def report(found: Report) -> Iterator[str]:
    """Yield findings, then how many there are."""
    for remark in found.remarks:
        place = f"{remark.path}:{remark.line}:{remark.column}"
        yield f"{place}: {remark.severity} {remark.rule}: {remark.message}"
        if remark.fix:
            yield f"    fix: {remark.fix}"
    for remark in found.silenced:
        yield f"{remark.path}:{remark.line}:{remark.column}: silenced {remark.rule}: {remark.reason}"
    errors, warnings = found.count(Severity.ERROR), found.count(Severity.WARNING)
    yield (
        f"{many(found.workflows, 'workflow')}: {many(errors, 'error')}, {many(warnings, 'warning')}, "
        f"{len(found.silenced)} silenced"
    )


def _nothing(_case: Document) -> Iterable[str]:
    return ()


def results(
    found: Sequence[Document], details: Callable[[Document], Iterable[str]] = _nothing
) -> Iterator[str]:
    """Yield a line a case, and why those that failed did.

    Args:
        details: what is told of a case besides.
    """
    for path, cases in groupby(found, key=lambda case: case["path"]):
        yield path
        for case in cases:
            yield f"  {'ok  ' if case['passed'] else 'FAIL'}  {case['name']}{_aside(case)}"
            yield from details(case)
            if not case["passed"]:
                yield from _failed(case)
    failed = sum(not case["passed"] for case in found)
    yield f"{many(len(found), 'case')}, {failed} failed"


def dry(path: str, answer: DryRun) -> Iterator[str]:
    """Yield what would be done."""
    yield f"{path}: dry run, nothing is done; answers are stand-ins, people agree, time flies"
    told = steps([asdict(would) | {"at": span(would.at)} for would in answer.steps])
    for line, would in zip(told, answer.steps, strict=True):
        yield f"  {line}"
        yield from _arguments(would)
    said = f": {answer.message}" if answer.message else ""
    yield f"it would end {answer.state}{said}"
    if answer.outputs:
        yield f"  outputs  {json.dumps(answer.outputs, ensure_ascii=False)}"
    if answer.undo:
        yield f"  a failure at the end would undo: {' > '.join(answer.undo)}"


def steps(would: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what would be done, a line a step."""
    rows = [[step["at"], step["step"], f"{_DOES[step['does']]} {step['what']}"] for step in would]
    return columns(rows) if rows else []


def many(number: int, what: str) -> str:
    """Return a number of things, in words."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def _aside(case: Document) -> str:
    if "state" in case:
        return f"  ({case['state']} after {span(timedelta(seconds=case['elapsed_seconds']))})"
    return f"  ({case['environment']})" if "environment" in case else ""


def _failed(case: Document) -> Iterator[str]:
    for each in case["differences"]:
        yield f"        {each['what']}"
        yield f"          expected  {each['expected']}"
        yield f"          got       {each['got']}"
    rows = [[f"          {each['at']}", each["message"]] for each in case["story"]]
    if rows:
        yield "        what happened:"
        yield from columns(rows)


def _arguments(would: Would) -> Iterator[str]:
    for name, value in would.arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield shortened(f"            {name}: {text}", 110)
