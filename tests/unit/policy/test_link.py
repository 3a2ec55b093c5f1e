"""Linking: names that never meet, lines that stay, one answer that says who gave it."""

import pytest

from catalog.errors import Unavailable
from policy.bundle import bundle_of, contract_module, organisation, with_contract
from policy.engine import Module
from policy.link import Linker, link
from policy.tokens import tokens

ORGANISATION = organisation()
CONTRACT = 'package avow.contract\n\nimport rego.v1\n\ndeny contains "x" if input.inputs.a\n'


def test_two_versions_of_a_contract_share_the_organisations_modules_and_nothing_else() -> None:
    first, second = (link(with_contract(ORGANISATION, CONTRACT + f"# {n}\n")) for n in (1, 2))

    shared = {text.name for text in first.texts} & {text.name for text in second.texts}
    assert shared == {text.name for text in first.texts if text.policy.startswith("org/")}
    assert first.package != second.package


def test_a_contract_adds_exactly_one_module() -> None:
    without, with_one = link(ORGANISATION), link(with_contract(ORGANISATION, CONTRACT))

    assert len(with_one.texts) == len(without.texts) == len(ORGANISATION.modules) + 1


def test_no_two_modules_share_a_package() -> None:
    program = link(with_contract(ORGANISATION, CONTRACT))
    packages = [text.source.split("\n")[line_of_package(text.source)] for text in program.texts]

    assert len(set(packages)) == len(packages)


def line_of_package(source: str) -> int:
    return next(word.line for word in tokens(source)) - 1


def test_every_line_of_an_author_stays_where_it_is() -> None:
    program = link(with_contract(ORGANISATION, CONTRACT))
    written = {module.policy: module.source for module in [*ORGANISATION.modules, contract_module(CONTRACT)]}

    for text in program.texts:
        lines = written[text.policy].splitlines()
        changed = [
            number
            for number, (ours, theirs) in enumerate(zip(text.source.splitlines(), lines, strict=False))
            if ours != theirs and not theirs.startswith("package") and "data.avow.settings" not in theirs
        ]
        assert changed == [], text.policy


def test_a_module_carries_the_settings_that_it_reads() -> None:
    module = Module(
        "org/a", "a.rego", "package avow.policies.a\nimport rego.v1\ndeny contains data.avow.settings.word\n"
    )
    (text, _entry) = link(bundle_of([module], {"word": 'é"\n'})).texts

    assert "data.avow.settings" not in text.source
    assert '{"word": "é\\"\\n"}' in text.source


def test_settings_within_a_string_or_a_comment_are_left_alone() -> None:
    rules = 'package avow.policies.a\n# data.avow.settings.b\ndeny contains "data.avow.settings.c"\n'
    (text, _entry) = link(bundle_of([Module("org/a", "a.rego", rules)], {"b": 1})).texts

    assert text.source.endswith('# data.avow.settings.b\ndeny contains "data.avow.settings.c"\n')


def test_other_settings_make_another_module_and_another_revision() -> None:
    one, two = (bundle_of(ORGANISATION.modules, {**ORGANISATION.data, "reserved_words": [w]}) for w in "ab")

    assert one.revision != two.revision
    assert not {text.name for text in link(one).texts} & {text.name for text in link(two).texts}


def test_a_set_that_nobody_mentions_is_empty_instead_of_undefined() -> None:
    program = link(bundle_of([contract_module(CONTRACT)], {}))

    assert f'"contract": {{"deny": data.{program.package}.deny, "warn": []}}' in program.texts[-1].source


@pytest.mark.parametrize(
    "rule",
    ['deny := "x"', 'deny["x"]', '  deny contains "x"', "deny(x) := x", "default deny := {}"],
    ids=repr,
)
def test_a_set_that_is_mentioned_in_any_form_is_asked_for(rule: str) -> None:
    program = link(bundle_of([contract_module(f"package avow.contract\n\nimport rego.v1\n\n{rule}\n")], {}))

    assert f'"deny": data.{program.package}.deny' in program.texts[-1].source


def test_no_author_can_know_the_name_of_the_entry_point() -> None:
    known = link(bundle_of([contract_module(CONTRACT)], {}))
    forged = link(bundle_of([contract_module(f"{CONTRACT}\n{known.rule} := {{}}\n")], {}))

    assert known.rule != forged.rule
    assert forged.texts[-1].source.count(f"{forged.rule} :=") == 1


@pytest.mark.parametrize("source", ["", "deny contains 1", "package", "package avow.contract\n$"], ids=repr)
def test_what_is_no_rego_lets_nothing_through(source: str) -> None:
    with pytest.raises(Unavailable) as caught:
        link(bundle_of([contract_module(source)], {}))

    assert caught.value.code == "policy_unavailable"


def test_a_bundle_is_linked_once_while_it_is_in_use() -> None:
    linker = Linker(remembered=1)
    first = linker.program(ORGANISATION)

    assert linker.program(ORGANISATION) is first
    linker.program(with_contract(ORGANISATION, CONTRACT))
    assert linker.program(ORGANISATION) is not first
