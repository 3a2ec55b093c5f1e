"""Combining: one denial denies, in any shape, and nobody's text harms a reader."""

from hypothesis import given
from hypothesis import strategies as st

from catalog.digest import Json
from policy.combine import MAX_RESULTS, MAX_TEXT, NO_REASON, clean, outcome, results
from policy.decision import Action, Outcome, Result
from policy.engine import RawSets

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda part: st.lists(part, max_size=2) | st.dictionaries(st.sampled_from(["id", "msg", "path"]), part),
    max_leaves=4,
)
entries = st.lists(json_values, max_size=2)


def combined(deny: list[Json] | None = None, warn: list[Json] | None = None) -> tuple[Result, ...]:
    return results({"org/a": RawSets(deny=deny or [], warn=warn or [])})


def test_nothing_to_say_means_allow() -> None:
    assert combined() == ()
    assert outcome(()) is Outcome.ALLOW


def test_warnings_do_not_deny() -> None:
    assert outcome(combined(warn=["careful"])) is Outcome.ALLOW


def test_one_denial_among_many_policies_denies() -> None:
    sets = {f"org/{n}": RawSets([], ["w"]) for n in range(5)} | {"contract": RawSets(["no"], [])}

    assert outcome(results(sets)) is Outcome.DENY


@given(st.dictionaries(st.sampled_from("abc"), st.tuples(entries, entries)), entries)
def test_a_contracts_policy_can_only_tighten(
    organisation: dict[str, tuple[list[Json], list[Json]]], own: list[Json]
) -> None:
    sets = {f"org/{name}": RawSets(deny, warn) for name, (deny, warn) in organisation.items()}
    without = outcome(results(sets))
    with_own = outcome(results({**sets, "contract": RawSets(own, [])}))

    assert with_own is Outcome.DENY or with_own is without


@given(json_values)
def test_an_entry_of_any_shape_denies_with_a_reason(entry: Json) -> None:
    found = combined(deny=[entry])

    assert outcome(found) is Outcome.DENY
    assert found[0].message
    assert found[0].rule


@given(st.text())
def test_a_cleaned_text_is_one_short_visible_line_that_can_be_stored(text: str) -> None:
    shown = clean(text)

    assert len(shown) <= MAX_TEXT
    assert shown.isprintable()
    shown.encode("utf-8")


def test_what_could_move_a_cursor_or_turn_the_line_round_is_taken_out() -> None:
    assert clean("a\x1b[2Jb\r\nc\u202ed\x00") == "a [2Jb c d"


def test_half_of_a_surrogate_pair_does_not_survive() -> None:
    assert clean("a\ud800b") == "a b"


def test_the_members_of_an_entry_become_the_results_members() -> None:
    entry: Json = {
        "id": "size",
        "msg": "too large",
        "path": "/size",
        "remediation": "--set size=s",
        "more": 1,
    }

    assert combined(deny=[entry]) == (
        Result("org/a", "size", Action.DENY, "too large", "/size", "--set size=s"),
    )


def test_a_plain_text_is_a_message_of_the_rule_that_its_set_is() -> None:
    assert combined(warn=["careful"]) == (Result("org/a", "warn", Action.WARN, "careful"),)


def test_an_entry_without_a_message_says_so() -> None:
    assert combined(deny=[{}])[0].message == NO_REASON


def test_a_path_that_is_no_pointer_is_left_out() -> None:
    assert combined(deny=[{"msg": "x", "path": "inputs.size"}])[0].path == ""


def test_the_order_does_not_depend_on_the_engine() -> None:
    entries: list[Json] = [{"id": "b", "msg": "2"}, {"id": "a", "msg": "1"}, "c"]

    assert combined(deny=entries) == combined(deny=entries[::-1])


def test_what_is_said_twice_is_shown_once() -> None:
    assert len(combined(deny=["x", "x"])) == 1


def test_denials_are_never_left_out_for_warnings() -> None:
    many: list[Json] = [str(n) for n in range(MAX_RESULTS * 2)]
    found = combined(deny=["the one"], warn=many)

    assert len(found) == MAX_RESULTS
    assert found[0].message == "the one"


def test_secrets_are_masked_before_the_text_is_cut() -> None:
    secret = "s3cret-value"
    message = "x" * (MAX_TEXT - 5) + secret
    sets = {"org/a": RawSets([message], [])}

    found = results(sets, lambda text: text.replace(secret, "[redacted]"))

    assert "s3cr" not in found[0].message
