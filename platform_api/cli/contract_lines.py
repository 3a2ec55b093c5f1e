"""What `avow contract` tells a person, as lines.

The results of a test are told like those of `avow workflow test`, with what each example would
come to below it: inputs, policy's verdict, the plan.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from executors.workflow.lint.linter import Report
from platform_api.cli import workflow_lines
from platform_api.cli.failure import finding_lines
from platform_api.cli.output import Document
from platform_api.cli.tables import plain
from platform_api.cli.terminal import one_line, shortened

_INDENT = " " * 8
_ROOM = 110


def report(found: Report, contracts: int) -> Iterator[str]:
    """Yield findings, then how many there are in how many contracts."""
    *findings, sums = workflow_lines.report(found)
    yield from findings
    yield f"{workflow_lines.many(contracts, 'contract')}, {sums}"


def results(cases: Sequence[Document]) -> Iterator[str]:
    """Yield a line a case, what each example comes to, and why those that failed did."""
    return workflow_lines.results(cases, _example)


def _example(case: Mapping[str, Any]) -> Iterator[str]:
    if "decision" not in case:
        return
    filled = case["defaults"]
    shown = (
        f"{name}={plain(value)}{' (default)' if name in filled else ''}"
        for name, value in case["inputs"].items()
    )
    yield from _labelled("inputs", ", ".join(shown) or "none")
    yield from _policy(case["decision"])
    if "plan" in case:
        yield from _plan(case["plan"])


def _policy(decision: Mapping[str, Any]) -> Iterator[str]:
    outcome = "allowed" if decision["outcome"] == "allow" else "denied"
    as_said = ", as the example says" if decision["expected"] == decision["outcome"] else ""
    yield from _labelled("policy", outcome + as_said)
    for each in decision["results"]:
        finding = {
            "pointer": f"{each['policy']} {each['path']}".strip(),
            "detail": each["message"],
            "fix": each["remediation"],
        }
        yield from (f"{_INDENT}    {line}" for line in finding_lines([finding]))


def _plan(plan: Mapping[str, Any]) -> Iterator[str]:
    what = f"{plan['operation']}: {plan['definition']} by {plan['executor']}"
    if not plan["rehearsed"]:
        yield from _labelled("plan", f"{what}, which cannot be rehearsed here")
        return
    yield from _labelled("plan", what)
    yield from (f"{_INDENT}  {line}" for line in workflow_lines.steps(plan["steps"]))
    said = plan["message"] or f"hands back {', '.join(plan['outputs']) or 'nothing'}"
    yield from _labelled("ends", f"{plan['state']}: {said}")


def _labelled(label: str, text: str) -> Iterator[str]:
    yield shortened(f"{_INDENT}{label:<7} {one_line(text)}", _ROOM)
