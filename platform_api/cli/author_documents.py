"""What the commands for authors answer to programs: findings, results and rehearsals as documents.

Shared by `avow workflow` and `avow contract`, and like them loaded by name only. The same
documents are what the JUnit file of a test is written from.
"""

from dataclasses import asdict
from typing import Any

from executors.workflow.lint.linter import Remark, Report
from executors.workflow.lint.rule import Rule, Severity
from executors.workflow.rehearsal.bench import Result
from executors.workflow.rehearsal.dry import DryRun
from executors.workflow.rehearsal.verdict import span
from platform_api.cli.output import Document


def lint_report(report: Report) -> Document:
    """Return what linting came to."""
    return {
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
        "findings": list(map(_remark, report.remarks)),
        "silenced": list(map(_remark, report.silenced)),
    }


def rule(each: Rule[Any]) -> Document:
    """Return a rule with why it exists and what to do."""
    return {"name": each.name, "severity": each.severity, "why": each.why, "fix": each.fix}


def case(result: Result) -> Document:
    """Return what became of one case of a test file."""
    return {
        "path": result.path,
        "workflow": result.workflow,
        "name": result.name,
        "passed": result.is_passed,
        "state": result.state,
        "elapsed_seconds": result.elapsed.total_seconds(),
        "differences": [asdict(each) for each in result.differences],
        "story": [{"at": span(at), "message": message} for at, message in result.story],
    }


def dry(answer: DryRun) -> Document:
    """Return what a workflow would do."""
    steps = [asdict(each) | {"at": span(each.at)} for each in answer.steps]
    return asdict(answer) | {"steps": steps, "undo": list(answer.undo)}


def _remark(remark: Remark) -> Document:
    told = asdict(remark)
    told["code"] = told.pop("rule")
    return {name: value for name, value in told.items() if value != ""}
