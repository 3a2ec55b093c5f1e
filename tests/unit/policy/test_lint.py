"""The linter: each slip of the pen is named with its line and the way out, and good Rego passes."""

import pytest

from policy.bundle import SHIPPED, contract_module
from policy.engine import Module
from policy.lint import MAX_FINDINGS, check_module

HEAD = "package avow.contract\n\nimport rego.v1\n\n"  # rules begin on line 5


def findings(rules: str, head: str = HEAD) -> list[tuple[str, str]]:
    return [(f.code, f.pointer) for f in check_module(contract_module(head + rules))]


def codes(rules: str, head: str = HEAD) -> set[str]:
    return {code for code, _pointer in findings(rules, head)}


def organisation_module(rules: str, name: str = "sizes") -> Module:
    source = f"package avow.policies.{name}\n\nimport rego.v1\n\n{rules}"
    return Module(f"org/{name}", f"{name}.rego", source)


GOOD = {
    "a text": 'deny contains "no" if input.inputs.size == "xl"',
    "an object": 'deny contains {"id": "size", "msg": sprintf("%s", [input.inputs.size])} if input.inputs.a',
    "a bound message": 'deny contains msg if {\n\tinput.inputs.a\n\tmsg := sprintf("%s %v%%", ["a", 1])\n}',
    "iteration": 'deny contains k if {\n\tsome k, v in input.request.labels\n\tv == ""\n}',
    "a declared index": 'deny contains "x" if {\n\tsome i\n\tinput.inputs.xs[i] == input.inputs.ys[i]\n}',
    "every": 'deny contains "x" if {\n\tevery x in input.inputs.xs { x > 0 }\n}',
    "comprehensions": (
        "deny contains [x, y] if {\n\tx := [a | some a in [1]]\n\ty := {k: v | some k, v in input.inputs}\n}"
    ),
    "destructuring": (
        'deny contains "x" if {\n\t[a, b] := input.inputs.pair\n\t{"k": c} := input.inputs.o\n\ta == b + c\n}'
    ),
    "patterns": 'deny contains "x" if {\n\tsome [a, _] in input.inputs.pairs\n\ta == 1\n}',
    "a function": 'big(n) if n > 10\n\ndeny contains "x" if big(input.inputs.n)',
    "else and default": (
        'default level := "low"\n\nlevel := "high" if {\n\tinput.inputs.n > 1\n} else := "mid" if {\n'
        "\tinput.inputs.n > 0\n}\n\nwarn contains level"
    ),
    "negation": 'deny contains "x" if not input.inputs.backups',
    "a partial object": "m[k] := v if {\n\tsome k, v in input.inputs\n}\n\ndeny contains m.a",
    "contains as a function": 'deny contains "x" if contains(input.request.name, "db")',
    "a plain pattern": 'deny contains "x" if not regex.match(`^[a-z]+(-[a-z]+)*$`, input.request.name)',
    "sets": 'deny contains "x" if count({"a"} | {x | some x in input.inputs.xs}) > 1',
    "an empty set": "deny contains x if some x in set()",
    "member paths": 'deny contains "x" if input.inputs["strange name"].a.b[0].c == 1.5',
    "only warnings": 'warn contains "x" if input.destination.kind == "git-server"',
    "a comment with brackets": 'deny contains "x" if { # {{{\n\tinput.inputs.a\n}',
}


@pytest.mark.parametrize("rules", GOOD.values(), ids=GOOD.keys())
def test_a_correct_policy_has_no_findings(rules: str) -> None:
    assert findings(rules) == []


BAD = {
    "a misspelt input": ('deny contains "x" if inptu.request.name == "a"', "unknown_name", 5),
    "a misspelt path": ('deny contains "x" if {\n\tinput.requst.name == "a"\n}', "input_path", 6),
    "a misspelt member": ('deny contains "x" if input.request.nam == "a"', "input_path", 5),
    "a computed member": ('deny contains "x" if input["request"].name == "a"', "input_path", 5),
    "a misspelt rule": ('big if input.inputs.a\n\ndeny contains "x" if bgi', "unknown_name", 7),
    "a variable of another scope": (
        'deny contains "x" if {\n\ty := {n | some n in input.inputs.l}\n\tn == 1\n\ty\n}',
        "unknown_name",
        7,
    ),
    "an undeclared index": ('deny contains "x" if input.inputs.xs[i] == 1', "unknown_name", 5),
    "a misspelt function": ('deny contains "x" if contans(input.request.name, "a")', "unknown_function", 5),
    "the network": (
        'deny contains "x" if http.send({"url": "http://a", "method": "get"})',
        "function_refused",
        5,
    ),
    "the environment": ('deny contains "x" if opa.runtime().env', "function_refused", 5),
    "the clock": ('deny contains "x" if time.now_ns() > 1', "function_refused", 5),
    "version order": ('deny contains "x" if semver.compare("1.0.0", "2.0.0") > 0', "function_refused", 5),
    "the order of numbers": ('deny contains "x" if max(input.inputs.xs) > 3', "function_refused", 5),
    "a shallow union": ('deny contains object.union(input.inputs, {"a": 1})', "function_refused", 5),
    "with": ('deny contains "x" if {\n\tinput.inputs.a with input as {}\n}', "with_refused", 6),
    "unification": ('deny contains "x" if {\n\tinput.inputs.a = 1\n}', "unification", 6),
    "old syntax": ("deny[msg] {\n\tmsg := input.inputs.a\n}", "v0_syntax", 5),
    "an object called deny": ('deny[msg] if {\n\tmsg := "x"\n}', "not_a_set", 5),
    "a text called deny": ('deny := "x" if input.inputs.a', "not_a_set", 5),
    "a default called deny": ('default deny := false\n\nwarn contains "x"', "not_a_set", 5),
    "neither deny nor warn": ("allow if input.inputs.a", "no_rules", 1),
    "a circle": ('deny contains "x" if a\n\na if b\n\nb if a', "recursion", 7),
    "a function that calls itself": ("f(n) := f(n - 1)\n\ndeny contains f(1)", "recursion", 5),
    "every on one line": ('deny contains "x" if every a in [1] { a == 1 }', "every_inline", 5),
    "two variables after the bar": (
        'deny contains "x" if count([k | some k, v in input.inputs; v]) > 0',
        "some_pair",
        5,
    ),
    "a format that is no literal": ('deny contains sprintf(input.inputs.f, ["a"])', "format", 5),
    "a verb that engines print differently": ('deny contains sprintf("%d", [1])', "format", 5),
    "a pattern that is no literal": ('deny contains "x" if regex.match(input.inputs.p, "a")', "pattern", 5),
    "a pattern that never ends": ('deny contains "x" if regex.match(`^(a+)+$`, "a")', "pattern", 5),
    "a pattern with lookahead": ('deny contains "x" if regex.match(`(?=a)b`, "a")', "pattern", 5),
    "a pattern with a property": ('deny contains "x" if regex.match(`\\pL`, "a")', "pattern", 5),
    "a pattern that refers back": ('deny contains "x" if regex.match(`(a)\\1`, "a")', "pattern", 5),
    "a number that OPA misreads": ('deny contains "x" if input.inputs.n > 100.0', "number", 5),
    "a remainder": ('deny contains "x" if input.inputs.n % 3 == 0', "remainder", 5),
    "an exponent": ('deny contains "x" if input.inputs.n > 1e3', "number", 5),
    "data": ('deny contains "x" if data.avow.settings.a', "data_refused", 5),
    "everybody's data": ('deny contains "x" if data[input.inputs.a]', "data_refused", 5),
    "an open bracket": ('deny contains "x" if {\n\tinput.inputs.a', "brackets", 5),
    "deep brackets": (f"deny contains {'[' * 40}{']' * 40}", "too_deep", 5),
    "a long rule": (f'deny contains "x" if input.inputs.a in [{"1, " * 600}1]', "rule_too_long", 5),
    "what is no Rego": ('deny contains $"{input.inputs.a}"', "unreadable", 5),
}


@pytest.mark.parametrize(("rules", "code", "line"), BAD.values(), ids=BAD.keys())
def test_a_slip_of_the_pen_is_named_with_its_line(rules: str, code: str, line: int) -> None:
    assert (code, f"policy.rego:{line}") in findings(rules)


@pytest.mark.parametrize(("rules", "code", "_line"), BAD.values(), ids=BAD.keys())
def test_every_finding_says_what_to_do(rules: str, code: str, _line: int) -> None:
    found = check_module(contract_module(HEAD + rules))

    assert all(finding.fix and finding.message for finding in found), code


def test_the_closest_name_is_offered() -> None:
    found = check_module(contract_module(HEAD + 'deny contains "x" if inptu.request.name == "a"'))

    assert found[0].fix == "did you mean input?"


@pytest.mark.parametrize(
    ("head", "code"),
    [
        ("package avow.policies.naming\n\nimport rego.v1\n\n", "package"),
        ("package avow.contract\n\n", "import_rego_v1"),
        ("package avow.contract\n\nimport rego.v1\nimport data.secrets\n\n", "import_refused"),
        ("package avow.contract\n\nimport rego.v1\nimport input.request as r\n\n", "import_refused"),
        ("import rego.v1\n\n", "package"),
        ("", "package"),
    ],
    ids=["another policy's package", "no import", "data", "alias", "no package", "nothing"],
)
def test_the_head_is_fixed(head: str, code: str) -> None:
    assert code in codes('deny contains "x" if input.inputs.a\n', head)


def test_a_module_larger_than_the_limit_is_not_read() -> None:
    assert codes("# " + "x" * 70_000) == {"policy_too_large"}


def test_a_module_of_nonsense_yields_a_bounded_number_of_findings() -> None:
    found = check_module(contract_module(HEAD + "\n".join(f"a{n} if b{n} == c{n}" for n in range(400))))

    assert 0 < len(found) <= MAX_FINDINGS


def test_a_module_of_too_many_rules_is_refused_as_a_whole() -> None:
    assert codes("\n".join(f"a{n} := 1" for n in range(600))) == {"policy_too_large"}


def test_the_organisations_policies_may_read_settings_that_exist() -> None:
    module = organisation_module('deny contains "x" if input.inputs.size in data.avow.settings.sizes')

    assert check_module(module, {"sizes"}) == ()


def test_a_setting_that_does_not_exist_is_an_error() -> None:
    module = organisation_module('deny contains "x" if input.inputs.size in data.avow.settings.sises')

    found = check_module(module, {"sizes"})

    assert [(f.code, f.fix) for f in found] == [("unknown_setting", "did you mean sizes?")]


@pytest.mark.parametrize("name", ["Bad", "a/b", "", "a b", "1a"], ids=repr)
def test_a_policy_has_a_plain_name(name: str) -> None:
    assert [f.code for f in check_module(Module(f"org/{name}", "x.rego", ""))] == ["policy_name"]


def test_the_shipped_tables_lie_beside_the_shipped_policies() -> None:
    modules = {path.stem for path in SHIPPED.glob("*.rego")}
    tables = {path.name.removesuffix("_test.yaml") for path in SHIPPED.glob("*_test.yaml")}

    assert modules == tables
