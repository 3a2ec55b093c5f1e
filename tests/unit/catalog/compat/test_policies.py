"""A policy that is not the same may be stricter; only comments and blank lines are known not to matter."""

import pytest

from catalog.compat.change import Bump, Effect
from catalog.compat.policies import Policy, policy_changes

REGO = """package avow.contract

import rego.v1

# No big ones.
deny contains "too big" if input.request.inputs.size == "l"
"""


def found(old: Policy, new: Policy) -> list[tuple[str, Bump]]:
    changes = list(policy_changes(old, new))
    assert all(change.pointer == "/spec/policies/0" for change in changes)
    assert all((change.effect is Effect.NOBODY) is (change.bump is not Bump.MAJOR) for change in changes)
    return [(change.code, change.bump) for change in changes]


def texts(old: str | None, new: str | None) -> list[tuple[str, Bump]]:
    return found(Policy("policy.rego", old), Policy("policy.rego", new))


@pytest.mark.parametrize(
    "new",
    [
        REGO.replace("# No big ones.\n", ""),
        REGO.replace("# No big ones.", "# None that are too large.\n\n\n# Really."),
        REGO.replace('== "l"\n', '== "l"   # the largest\n\n'),
        REGO.replace("\n", "\r\n"),
        "\n\n" + REGO + "\n",
    ],
    ids=["without comment", "another comment", "a comment behind", "other line ends", "blank lines around"],
)
def test_other_comments_and_blank_lines_are_a_restatement(new: str) -> None:
    assert texts(REGO, new) == [("policy_restated", Bump.PATCH)]
    assert texts(new, REGO) == [("policy_restated", Bump.PATCH)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (REGO, REGO.replace('"l"', '"m"')),
        (REGO, REGO + 'deny contains "never" if true\n'),
        (REGO, ""),
        ('x := "a # b"', 'x := "a # c"'),
        ("x := `a # b`", "x := `a # c`"),
        ("x := `a\n# b\n`", "x := `a\n`"),
        ("x := `a\n\nb`", "x := `a\nb`"),
        ('x := "\\" # a"', 'x := "\\" # b"'),
        ("x := 1 # `", "x := 1 # `\ny := 2 # `"),
        ("a\nb", "a b"),
    ],
)
def test_any_other_difference_is_breaking(old: str, new: str) -> None:
    assert texts(old, new) == [("policy_changed", Bump.MAJOR)]


def test_the_same_policy_is_no_change() -> None:
    assert texts(REGO, REGO) == []
    assert found(Policy(None, None), Policy(None, None)) == []


def test_a_policy_that_is_new_is_breaking_and_one_that_is_gone_is_not() -> None:
    without, having = Policy(None, None), Policy("policy.rego", REGO)
    assert found(without, having) == [("policy_added", Bump.MAJOR)]
    assert found(having, without) == [("policy_removed", Bump.MINOR)]


def test_a_policy_in_another_file_is_a_restatement() -> None:
    assert found(Policy("a.rego", REGO), Policy("b.rego", REGO)) == [("policy_restated", Bump.PATCH)]


@pytest.mark.parametrize(("old", "new"), [(None, REGO), (REGO, None), (None, None)])
def test_a_text_that_is_not_at_hand_is_undecided(old: str | None, new: str | None) -> None:
    assert texts(old, new) == [("undecided", Bump.MAJOR)]
