"""Tests of policies, written as a table.

Contract authors and the shipped policies put theirs beside the module: `naming_test.yaml`
says, case by case, which input gets which denials and warnings. `run_table` runs such a
file on any engine. The engine's own test idiom (`with input as`) is not used, because the
embedded engine can die of it. A case's input is laid over `BASE`, a valid request, so
that it says only what it is about.

    policy: org/naming
    cases:
      - name: a reserved word is refused
        input: {request: {name: admin-db}}
        settings: {reserved_words: [admin]}      # laid over the bundle's settings
        expect: {deny: [reserved_word]}          # ids; an object compares the members it has
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from catalog.digest import Json, JsonObject
from catalog.documents import read_yaml
from catalog.errors import Finding, Invalid
from policy.bundle import bundle_of
from policy.combine import results
from policy.decision import Action, Result
from policy.document import plain_numbers
from policy.engine import PolicyBundle, PolicyEngine

TIMEOUT_SECONDS = 10.0

BASE: JsonObject = {
    "subject": "req_00000000000000000000000000",
    "operation": "create",
    "enforcement_point": "admission",
    "project": "shop",
    "actor": {"subject": "user:ada", "roles": ["developer"]},
    "request": {
        "uid": "req_00000000000000000000000000",
        "name": "orders-db",
        "environment": "dev",
        "owner": "team-orders",
        "labels": {},
        "generation": 1,
        "version": None,
    },
    "contract": {
        "name": "example",
        "version": "1.0.0",
        "owner": "team-platform",
        "lifecycle": "stable",
        "state": "published",
        "sunset_at": None,
        "replacement": None,
        "is_new_here": True,
    },
    "inputs": {},
    "action": None,
    "destination": None,
    "plan": None,
    "facts": {},
    "now": "2026-01-01T00:00:00Z",
}
"""A request that no sensible policy objects to."""

_CASE_MEMBERS = frozenset({"name", "input", "settings", "expect"})


@dataclass(frozen=True, slots=True)
class CaseOutcome:
    """What became of one case.

    Attributes:
        message: what was expected and what came, empty when these agree.
    """

    name: str
    message: str

    @property
    def is_passed(self) -> bool:
        """Say whether the policy said what was expected."""
        return not self.message


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a table."""

    name: str
    input: JsonObject
    settings: JsonObject
    expect: JsonObject


def run_table(
    engine: PolicyEngine, bundle: PolicyBundle, text: str, path: str = "policy_test.yaml"
) -> tuple[CaseOutcome, ...]:
    """Return the outcome of every case in a table.

    Raises:
        Invalid: `invalid_policy_test`, when the file is no such table.
        Unavailable: when the engine cannot answer.
    """
    policy, cases = read_table(text, path)
    return tuple(_run(engine, bundle, policy, case) for case in cases)


def read_table(text: str, path: str) -> tuple[str, tuple[Case, ...]]:
    """Return the policy that a table is about, and its cases."""
    document = read_yaml(text, path)
    policy, cases = document.get("policy"), document.get("cases")
    if not isinstance(policy, str) or not isinstance(cases, list) or not cases or len(document) != 2:  # noqa: PLR2004  # the two members named here
        raise _refused(path, "/", "the table needs policy and cases, and nothing else")
    return policy, tuple(_case(part, f"{path}#/cases/{index}") for index, part in enumerate(cases))


def _case(part: Json, pointer: str) -> Case:
    if not isinstance(part, Mapping) or not _CASE_MEMBERS.issuperset(part) or "expect" not in part:
        raise _refused(pointer, "", "a case has name, input, settings and expect")
    name = part.get("name")
    if not isinstance(name, str) or not name:
        raise _refused(pointer, "/name", "a case needs a name: the sentence that it proves")
    input_, settings, expect = (
        _object(part.get(key), f"{pointer}/{key}") for key in ("input", "settings", "expect")
    )
    if not {"deny", "warn"}.issuperset(expect):
        raise _refused(pointer, "/expect", "expect has deny and warn")
    return Case(name, input_, settings, expect)


def _object(value: Json, pointer: str) -> JsonObject:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise _refused(pointer, "", "this must be an object")
    return value


def _run(engine: PolicyEngine, bundle: PolicyBundle, policy: str, case: Case) -> CaseOutcome:
    asked = bundle_of(bundle.modules, {**bundle.data, **case.settings}) if case.settings else bundle
    given = {name: plain_numbers(value) for name, value in merged(BASE, case.input).items()}
    sets = engine.evaluate(asked, given, TIMEOUT_SECONDS)
    if policy not in sets:
        return CaseOutcome(case.name, f"there is no policy {policy} among {', '.join(sorted(sets))}")
    found = results({policy: sets[policy]})
    messages = [_difference(action, case.expect.get(str(action)), found) for action in Action]
    return CaseOutcome(case.name, "; ".join(filter(None, messages)))


def merged(base: JsonObject, over: JsonObject) -> JsonObject:
    """Return one object laid over another, member by member and at every depth."""
    whole = dict(base)
    for name, value in over.items():
        below = whole.get(name)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        whole[name] = merged(below, value) if both else value  # type: ignore[arg-type]  # `both` says it
    return whole


def _difference(action: Action, expected: Json, found: Sequence[Result]) -> str:
    got = [result for result in found if result.action is action]
    wanted = list(expected) if isinstance(expected, Sequence) and not isinstance(expected, str) else []
    agrees = len(wanted) == len(got) and all(any(_matches(w, r) for r in got) for w in wanted)
    if agrees and all(any(_matches(w, r) for w in wanted) for r in got):
        return ""
    shown = [f"{result.rule} ({result.message})" for result in got]
    return f"{action}: expected {wanted}, got {shown}"


def _matches(wanted: Json, result: Result) -> bool:
    if isinstance(wanted, str):
        return wanted in (result.rule, result.message)
    names = {"id": result.rule, "msg": result.message, "path": result.path, "remediation": result.remediation}
    return isinstance(wanted, Mapping) and all(names.get(key) == value for key, value in wanted.items())


def _refused(path: str, pointer: str, message: str) -> Invalid:
    finding = Finding(f"{path}{pointer}", "invalid_policy_test", message, "see policy/rego/naming_test.yaml")
    return Invalid("invalid_policy_test", f"{path} is no table of tests.", findings=(finding,))
