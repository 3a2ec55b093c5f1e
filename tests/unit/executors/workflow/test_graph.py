"""What lies before what, and whether it goes in circles."""

from hypothesis import given
from hypothesis import strategies as st

from executors.workflow.graph import before, cycle

NAMES = "abcdef"
graphs = st.dictionaries(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=4), max_size=6)


def test_a_circle_is_found_behind_steps_that_are_none_of_it() -> None:
    assert cycle({"a": ["b"], "b": ["c"], "c": ["d"], "d": ["b"]}) == ("b", "c", "d")


def test_two_ways_to_the_same_step_are_no_circle() -> None:
    assert cycle({"d": ["b", "c"], "b": ["a"], "c": ["a"], "a": []}) == ()


def test_all_that_lies_before_a_step_is_found() -> None:
    found = before({"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": []})
    assert found == {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"a", "b", "c"}, "e": set()}


def test_ten_thousand_steps_in_a_row_are_no_trouble() -> None:
    chain = {str(number): [str(number - 1)] if number else [] for number in range(10_000)}
    assert cycle(chain) == ()
    assert len(before(dict(list(chain.items())[:2_000]))["1999"]) == 1_999


@given(graphs)
def test_a_circle_that_is_named_is_one_and_without_one_there_is_an_order(graph: dict[str, list[str]]) -> None:
    circle = cycle(graph)
    if circle:
        assert all(after in graph[step] for step, after in zip(circle, (*circle[1:], circle[0]), strict=True))
        return
    earlier = before(graph)
    assert all(step not in earlier[step] for step in graph)
    assert all(
        earlier[need] < earlier[step] | {need} for step in graph for need in graph[step] if need in graph
    )
