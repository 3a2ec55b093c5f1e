"""Rules about what does not belong in a workflow: policy, and who owns what.

The orchestrator decides what and who, the workflow delivers how. A decision that stands in a
step is made once per workflow, is seen by no impact report and asked by nobody at plan time.
"""

import re
from collections.abc import Iterator
from typing import Any

from catalog.expression import Unfit, expression
from catalog.schema import escape
from executors.workflow.lint.rule import Hit, Page, Rule, Severity, arguments_of

_WHO_AND_WHERE = frozenset({"environment", "project", "labels"})
_ENGINES = frozenset(
    {"opa", "conftest", "sentinel", "kyverno", "checkov", "tfsec", "terrascan", "cfn-guard", "gator"}
)
_WORDS = (
    r"polic(?:y|ies)|complian(?:ce|t)|authori[sz](?:e|ation)|permissions?|entitlements?|quotas?|guardrails?"
)
_NAMED_SO = re.compile(rf"(?:^|[_-])(?:{_WORDS})(?:[_-]|\Z)")
_OWNERS = frozenset({"owner", "owners", "owned_by", "team", "teams", "cost_center"})
_POLICY_PATH = ("v1", "data")


def paths_of(condition: object) -> tuple[tuple[str, ...], ...]:
    """Return what a condition reads; nothing where it is no condition."""
    try:
        return expression(condition).paths if isinstance(condition, str) else ()
    except Unfit:
        return ()


def _policy(page: Page) -> Iterator[Hit]:
    for pointer, step in page.steps():
        for path in paths_of(step.get("if")):
            if path[0] == "request" and path[1:2] and path[1] in _WHO_AND_WHERE:
                message = f"whether {step.get('id')} is done is decided here by request.{path[1]}"
                yield page.hit(f"{pointer}/if", message)
                break
        if _asks_an_engine(step):
            yield page.hit(pointer, f"{step.get('id')} asks a policy engine by itself")
        elif "uses" in step and _NAMED_SO.search(str(step.get("id"))):
            yield page.hit(f"{pointer}/id", f"{step.get('id')} judges, by its name, what policy has to judge")


def _asks_an_engine(step: dict[str, Any]) -> bool:
    arguments = arguments_of(step)
    command, path = arguments.get("command"), arguments.get("path")
    if isinstance(command, list) and command and str(command[0]) in _ENGINES:
        return True
    return isinstance(path, list) and tuple(path[:2]) == _POLICY_PATH


def _ownership(page: Page) -> Iterator[Hit]:
    for pointer, step in page.steps():
        if any(path[:2] == ("request", "owner") for path in paths_of(step.get("if"))):
            yield page.hit(f"{pointer}/if", f"{step.get('id')} treats one owner unlike another")
        for place in _literal_owners(arguments_of(step), f"{pointer}/with"):
            yield page.hit(place, f"{step.get('id')} says who owns what it makes")


def _literal_owners(value: object, pointer: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            place = f"{pointer}/{escape(str(name))}"
            if name in _OWNERS and isinstance(part, str) and not part.startswith("${"):
                yield place
            yield from _literal_owners(part, place)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _literal_owners(part, f"{pointer}/{index}")


RULES: tuple[Rule[Page], ...] = (
    Rule(
        "policy-in-steps",
        Severity.WARNING,
        "A rule inside a workflow holds for this workflow alone, is found out after things were begun, "
        "and is missing from plans, impact reports and waivers.",
        "write it in policy.rego, or ask for it as a policy of the organisation",
        _policy,
    ),
    Rule(
        "ownership-in-steps",
        Severity.WARNING,
        "The owner of what is delivered is the request's, and changes with it. A copy in a step is wrong "
        "after the first handover.",
        "refer to ${request.owner}",
        _ownership,
    ),
)
