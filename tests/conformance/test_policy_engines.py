"""One suite that every policy engine must pass, and the proof that they answer alike.

The hostile policies here never pass the linter; the engines get them all the same, because
what one layer lets slip the next must survive.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.digest import Json, JsonObject, canonical_json
from catalog.errors import Unavailable
from policy.bundle import SHIPPED, contract_module, organisation, with_contract
from policy.capabilities import ALLOWED
from policy.combine import outcome, results
from policy.decision import Outcome
from policy.embedded import EmbeddedEngine
from policy.engine import PolicyBundle, PolicyEngine, RawSets
from policy.lint import check_module
from policy.opa import OpaEngine
from policy.spelling import is_speakable
from policy.testing import BASE, merged, run_table
from tests.policy_questions import a_policy, asking

ORGANISATION = organisation()
PATIENT_SECONDS = 30.0


# ------------------------------------------------------------------- what an engine must do


@pytest.mark.parametrize("table", sorted(SHIPPED.glob("*_test.yaml")), ids=lambda path: path.stem)
def test_the_shipped_policies_say_what_their_tables_say(engine: PolicyEngine, table: Path) -> None:
    outcomes = run_table(engine, ORGANISATION, table.read_text("utf-8"), table.name)

    assert [o for o in outcomes if not o.is_passed] == []


def test_the_shipped_policies_pass_the_engines_own_compiler(engine: PolicyEngine) -> None:
    assert engine.check(ORGANISATION.modules, ORGANISATION.data) == ()


def test_it_answers_for_every_policy_of_the_bundle(engine: PolicyEngine) -> None:
    own = with_contract(ORGANISATION, a_policy('deny contains "own"').modules[0].source)

    assert engine.evaluate(own, BASE, PATIENT_SECONDS) == {
        "contract": RawSets(("own",), ()),
        "org/lifecycle": RawSets((), ()),
        "org/naming": RawSets((), ()),
        "org/ownership": RawSets((), ()),
        "org/production": RawSets((), ()),
    }


def test_a_contract_cannot_take_back_what_the_organisation_says(engine: PolicyEngine) -> None:
    forger = (
        'package avow.contract\n\nimport rego.v1\n\nanswer := {"revision": "x", "policies": {}}\n\n'
        'policies := {}\n\nwarn contains "mine"\n\ndeny := set()\n'
    )
    question = merged(BASE, {"request": {"name": "admin-db"}})

    try:
        sets = engine.evaluate(with_contract(ORGANISATION, forger), question, PATIENT_SECONDS)
    except Unavailable:
        return
    assert "reserved_word" in repr(sets["org/naming"].deny)


def test_it_says_who_it_is_and_that_it_is_ready(engine: PolicyEngine) -> None:
    engine.evaluate(ORGANISATION, BASE, PATIENT_SECONDS)
    state = engine.state()

    assert state.is_ready
    assert engine.identity() == f"{state.name} {state.version}"
    assert state.version


@pytest.mark.parametrize(
    "rules",
    ['deny contains "x" if contains("a")', 'f(x) := x\n\ndeny contains "x" if f(1, 2) == 1'],
    ids=["too few arguments", "too many arguments"],
)
def test_what_only_the_servers_compiler_sees_is_found_with_its_line(opa: OpaEngine, rules: str) -> None:
    found = opa.check(a_policy(rules).modules)

    assert [finding.pointer for finding in found] == [f"policy.rego:{5 + rules.count(chr(10))}"]


def test_a_syntax_error_is_found_with_its_line(engine: PolicyEngine) -> None:
    found = engine.check(a_policy('deny contains "x" if {\n\tinput.inputs.a == ==\n}').modules)

    assert "policy.rego:6" in [finding.pointer for finding in found]


def test_many_threads_get_each_their_own_answer(engine: PolicyEngine) -> None:
    bundles = {f"p{n}": a_policy(f'deny contains sprintf("p{n} %v", [input.inputs.n])') for n in range(4)}
    wrong: list[object] = []

    def ask(number: int) -> None:
        for turn in range(25):
            name = f"p{(number + turn) % 4}"
            said = engine.evaluate(bundles[name], asking(n=number), PATIENT_SECONDS)["contract"].deny
            if said != (f"{name} {number}",):
                wrong.append((name, number, said))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


# ----------------------------------------------------------------------------- hostile input


@dataclass(frozen=True, slots=True)
class Hostile:
    """A policy that wants harm, what it is asked, and the only answer besides silence."""

    rules: str
    right: tuple[Json, ...] | None = None
    inputs: JsonObject | None = None


NESTED = "[" * 3000 + "]" * 3000  # deeper than any stack likes
HOSTILE = {
    "ends the process": Hostile(
        'alias := data.t[input.x]\n\nr contains "y" if {\n\talias\n}\n\n'
        'deny contains m if {\n\tsome m in r with input as {"x": "k"}\n}',
        right=(),
    ),
    "recursion": Hostile("f(x) := f(x)\n\ndeny contains f(1)"),
    "two rules in a circle": Hostile(
        "deny contains x if {\n\tsome x in warn\n}\n\nwarn contains x if {\n\tsome x in deny\n}"
    ),
    "a pattern that never ends": Hostile(
        'deny contains "x" if regex.match(`^(a+)+$`, input.inputs.s)', right=(), inputs={"s": "a" * 40 + "!"}
    ),
    "ten million numbers": Hostile(
        'deny contains "x" if count(numbers.range(1, 10000000)) == 10000000', right=("x",)
    ),
    "exponential work": Hostile(
        "n := numbers.range(1, 60)\n\n"
        'deny contains "x" if {\n\tsome a in n\n\tsome b in n\n\tsome c in n\n\tsome d in n\n\tsome e in n\n'
        "\ta + b + c + d + e == 1\n}",
        right=(),
    ),
    "an endless replacement": Hostile('deny contains replace("abc", "", "x")', right=("xaxbxcx",)),
    "conflicting values": Hostile('a := 1\n\na := 2\n\ndeny contains "x" if a == 1'),
    "a failing function": Hostile('deny contains "x" if to_number(input.inputs.s) > 1', inputs={"s": "no"}),
    "a division by zero": Hostile('deny contains "x" if 1 / input.inputs.zero == 1', inputs={"zero": 0}),
    "a function that nobody has": Hostile('deny contains contans("a", "b")'),
    "an object for a set": Hostile('deny[msg] if {\n\tmsg := "x"\n}'),
    "a text for a set": Hostile('deny := "x"'),
    "a set that is true": Hostile("deny := true"),
    "a set that is a function": Hostile("deny(x) := x"),
    "deep nesting": Hostile(f"deny contains {NESTED}"),
    "a huge answer": Hostile(
        'n := numbers.range(1, 2000)\n\ndeny contains sprintf("%v %v %v", [a, n, n]) if some a in n'
    ),
    "an unfinished rule at the end": Hostile('warn contains "w"\n\ndeny contains "x" if'),
    "an unfinished bracket at the end": Hostile('deny contains "x" if {\n\tinput.inputs.a ==', right=()),
    "no such syntax": Hostile("deny contains )("),
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_policy_gets_silence_or_a_right_answer_and_harms_nobody(
    engine: PolicyEngine, hostile: Hostile
) -> None:
    bundle = a_policy(hostile.rules)
    try:
        said = engine.evaluate(bundle, asking(**(hostile.inputs or {})), 1.0)["contract"].deny
    except Unavailable as silence:
        assert silence.code == "policy_unavailable"  # noqa: PT017  # silence is one of two right answers
    else:
        assert said == hostile.right

    assert engine.evaluate(ORGANISATION, BASE, PATIENT_SECONDS)["org/naming"] == RawSets((), ())


def test_no_policy_reads_the_environment_of_this_process(
    engine: PolicyEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVOW_CANARY", "canary-4711")
    bundle = a_policy('deny contains sprintf("%v", [opa.runtime()])')

    try:
        said = repr(engine.evaluate(bundle, BASE, PATIENT_SECONDS))
    except Unavailable as silence:
        said = str(silence)
    assert "canary-4711" not in said


TEXTS = [
    'a"], "deny":[], "y":["',
    'x"}], "warn":[]}}}]}',
    'a"b',
    "a\nb\tc",
    "a\\b",
    "\\",
    "\x00",
    "é\u2028😀",
    "\\u0041",
]
NUMBERS: list[Json] = [2**70, -(2**63), 0, 1.5, 1e300]


@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_no_text_changes_what_is_said_around_it(engine: PolicyEngine, text: str) -> None:
    bundle = a_policy(
        'warn contains input.inputs.s\n\ndeny contains {"msg": sprintf("<%s>", [input.inputs.s])}\n\n'
        'deny contains "kept"'
    )
    sets = engine.evaluate(bundle, asking(s=text), PATIENT_SECONDS)["contract"]

    assert sets.warn == (text,)
    assert sorted(sets.deny, key=str) == sorted(["kept", {"msg": f"<{text}>"}], key=str)


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_no_number_becomes_another(engine: PolicyEngine, number: Json) -> None:
    bundle = a_policy(
        'deny contains input.inputs.n\n\ndeny contains "other" if input.inputs.n != input.inputs.n'
    )

    assert engine.evaluate(bundle, asking(n=number), PATIENT_SECONDS)["contract"].deny == (number,)


@pytest.mark.parametrize(
    "builtin", ["trim(input.inputs.s, `x`)", "trim_left(input.inputs.s, `x`)", "trim_space(input.inputs.s)"]
)
@pytest.mark.parametrize("text", TEXTS, ids=ascii)
def test_what_an_engine_forgets_to_escape_never_undoes_a_denial(
    engine: PolicyEngine, builtin: str, text: str
) -> None:
    bundle = a_policy(f'deny contains {builtin}\n\ndeny contains "kept"\n\nwarn contains {builtin}')
    forged = text + '"], "warn":[]}}, "revision":"r"}], "more":[{"policies":{"contract":{"deny":["'
    for hostile in (text, forged):
        try:
            sets = engine.evaluate(bundle, asking(s=hostile), PATIENT_SECONDS)
        except Unavailable:
            continue
        assert outcome(results(sets)) is Outcome.DENY


# ------------------------------------------------------------------------ answering alike

NAMES = st.lists(
    st.sampled_from(["orders", "admin", "prod", "db", "root", "shop", "x1", "production", "a"]),
    min_size=1,
    max_size=4,
).map("-".join)
ANYTHING = st.text(max_size=12).filter(is_speakable) | st.sampled_from(TEXTS)
QUESTIONS = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(["create", "update", "delete", "provision", "repair"]),
        "project": st.sampled_from(["shop", "pay"]),
        "request": st.fixed_dictionaries(
            {
                "name": NAMES | ANYTHING,
                "environment": st.sampled_from(["dev", "staging", "prod", "production"]),
                "owner": st.sampled_from(["", " ", "ada", "team-orders", "team-"]) | ANYTHING,
                "labels": st.dictionaries(ANYTHING, ANYTHING, max_size=3),
            }
        ),
        "contract": st.fixed_dictionaries(
            {"name": NAMES, "lifecycle": st.sampled_from(["stable", "experimental"])}
        ),
        "inputs": st.dictionaries(
            st.sampled_from(["backups", "encrypted", "public", "size", "deletion_protection"]) | ANYTHING,
            st.booleans() | st.sampled_from(["dev", "s", "xs"]) | ANYTHING | st.integers(-9, 9) | st.none(),
            max_size=6,
        ),
    }
)


@given(question=QUESTIONS)
@settings(max_examples=120)
def test_the_engines_agree_on_the_shipped_policies(
    embedded: EmbeddedEngine, opa: OpaEngine, question: dict[str, Any]
) -> None:
    document = merged(BASE, question)
    answers = [results(e.evaluate(ORGANISATION, document, PATIENT_SECONDS)) for e in (embedded, opa)]

    assert answers[0] == answers[1]


# Every function of the portable subset, on values that the subset is meant for: patterns meet
# plain texts, and numbers keep within 2^53 (policy/capabilities.py says what lies beyond).
EXPRESSIONS = {
    "ceil": "ceil(input.inputs.n)",
    "floor": "floor(input.inputs.n)",
    "round": "round(input.inputs.n)",
    "sum": "sum(input.inputs.ints)",
    "units.parse_bytes": 'units.parse_bytes(sprintf("%vGi", [input.inputs.small]))',
    "count": "[count(input.inputs.xs), count(input.inputs.o), count(input.inputs.s)]",
    "array.concat": "array.concat(input.inputs.xs, input.inputs.ys)",
    "array.reverse": "array.reverse(input.inputs.xs)",
    "array.slice": "array.slice(input.inputs.xs, input.inputs.small, 3)",
    "intersection": "intersection({{x | some x in input.inputs.xs}, {x | some x in input.inputs.ys}})",
    "union": "union({{x | some x in input.inputs.xs}, {x | some x in input.inputs.ys}})",
    "set": "{x | some x in input.inputs.xs} - set()",
    "object.filter": "object.filter(input.inputs.o, input.inputs.words)",
    "object.get": "object.get(input.inputs.o, input.inputs.s, input.inputs.n)",
    "object.keys": "object.keys(input.inputs.o)",
    "object.remove": "object.remove(input.inputs.o, input.inputs.words)",
    "object.subset": "object.subset(input.inputs.o, input.inputs.p)",
    "contains": "contains(input.inputs.s, input.inputs.t)",
    "endswith": "endswith(input.inputs.s, input.inputs.t)",
    "startswith": "startswith(input.inputs.s, input.inputs.t)",
    "replace": 'replace(input.inputs.s, "a", input.inputs.t)',
    "split": 'split(input.inputs.s, "a")',
    "sprintf": 'sprintf("%s, %v, %v%%", [input.inputs.s, input.inputs.n, input.inputs.flag])',
    "strings.any_prefix_match": "strings.any_prefix_match(input.inputs.s, input.inputs.words)",
    "strings.any_suffix_match": "strings.any_suffix_match(input.inputs.s, input.inputs.words)",
    "trim_prefix": "trim_prefix(input.inputs.s, input.inputs.t)",
    "trim_suffix": "trim_suffix(input.inputs.s, input.inputs.t)",
    "regex.match": "regex.match(`^[a-z]+(-[a-z0-9]+)*$`, input.inputs.plain)",
    "is_array": "is_array(input.inputs.any)",
    "is_boolean": "is_boolean(input.inputs.any)",
    "is_null": "is_null(input.inputs.any)",
    "is_number": "is_number(input.inputs.any)",
    "is_object": "is_object(input.inputs.any)",
    "is_set": "is_set({x | some x in input.inputs.xs})",
    "is_string": "is_string(input.inputs.any)",
    "type_name": "type_name(input.inputs.any)",
    "equality": "[input.inputs.any == input.inputs.n, input.inputs.s != input.inputs.t]",
    "order": "[input.inputs.n < input.inputs.small, input.inputs.n >= input.inputs.m]",
    "arithmetic": "[input.inputs.small + 3, input.inputs.small - 10, input.inputs.small * 7]",
    "membership": "[input.inputs.any in input.inputs.xs, input.inputs.s in input.inputs.words]",
    "comprehension": "{k: v | some k, v in input.inputs.o}",
    "the value itself": "input.inputs.any",
}
PROBE = "\n\n".join(
    f'deny contains {{"of": "{name}", "is": {expression}}}' for name, expression in EXPRESSIONS.items()
)
PLAIN = st.text(st.characters(categories=("L", "N"), include_characters="-_. /:"), max_size=10)
NUMBER = st.integers(-(2**53), 2**53) | st.sampled_from([0.5, -2.25, 1.125, 12.75])
SCALAR = st.none() | st.booleans() | NUMBER | ANYTHING
VALUE = st.recursive(
    SCALAR, lambda p: st.lists(p, max_size=3) | st.dictionaries(ANYTHING, p, max_size=3), max_leaves=6
)
PROBE_INPUTS = st.fixed_dictionaries(
    {
        "s": ANYTHING,
        "t": ANYTHING,
        "plain": PLAIN | NAMES,
        "n": NUMBER,
        "m": NUMBER,
        "small": st.integers(0, 100),
        "flag": st.booleans(),
        "any": VALUE,
        "ints": st.lists(st.integers(-(2**40), 2**40), max_size=4),
        "words": st.lists(ANYTHING, max_size=3),
        "xs": st.lists(VALUE, max_size=4),
        "ys": st.lists(VALUE, max_size=4),
        "o": st.dictionaries(ANYTHING, VALUE, max_size=3),
        "p": st.dictionaries(ANYTHING, SCALAR, max_size=2),
    }
)
UNORDERED = ("intersection", "union", "set", "object.keys")


def test_every_function_of_the_portable_subset_is_probed() -> None:
    assert set(EXPRESSIONS) >= ALLOWED
    assert check_module(contract_module(f"package avow.contract\n\nimport rego.v1\n\n{PROBE}\n")) == ()


@given(inputs=PROBE_INPUTS)
@settings(max_examples=120)
def test_the_engines_agree_on_the_portable_subset(
    embedded: EmbeddedEngine, opa: OpaEngine, inputs: dict[str, Any]
) -> None:
    said = [_by_function(e, a_policy(PROBE), asking(**inputs)) for e in (embedded, opa)]

    assert said[0] == said[1]


def _by_function(engine: PolicyEngine, bundle: PolicyBundle, document: JsonObject) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in engine.evaluate(bundle, document, PATIENT_SECONDS)["contract"].deny:
        assert isinstance(entry, dict)
        name, value = str(entry["of"]), entry["is"]
        is_set = name in UNORDERED and isinstance(value, list)
        found[name] = canonical_json(sorted(value, key=canonical_json) if is_set else value)
    return found
