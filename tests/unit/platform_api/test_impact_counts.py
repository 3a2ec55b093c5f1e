"""Counts over impacts add up, however they are grouped."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from platform_api.impact_counts import Counts, Part
from policy.decision import Action, Result
from reconciler.impact import Impact, Outcome
from tests.factories import a_request

RESULTS = st.sets(st.sampled_from(["a", "b"])).map(
    lambda rules: tuple(Result("org/x", rule, Action.DENY, "m") for rule in sorted(rules) * 2)
)
IMPACTS = st.builds(
    lambda project, owner, environment, outcome, results: Impact(
        a_request(project=project, owner=owner, environment=environment),
        outcome,
        "1.0.0",
        "2.0.0",
        "DesiredChanged",
        "m",
        results=results,
    ),
    st.sampled_from(["shop", "bank"]),
    st.sampled_from(["", "team-a"]),
    st.sampled_from(["dev", "prod"]),
    st.sampled_from(Outcome),
    RESULTS,
)
LEFT = st.dictionaries(st.sampled_from(["pinned", "deleting"]), st.integers(1, 3))
PARTS = st.lists(st.builds(Part, st.lists(IMPACTS, max_size=6), LEFT), max_size=4)


@given(parts=PARTS)
def test_every_grouping_adds_up_to_the_whole(parts: list[Part]) -> None:
    counts = Counts()
    for part in parts:
        counts.add(part)

    every = [impact for part in parts for impact in part.impacts]
    assert counts.outcomes == Counter(str(each.outcome) for each in every)
    assert counts.left_alone == sum((Counter(part.left_alone) for part in parts), Counter())
    for name in ("project", "owner", "environment"):
        groups = counts.by(name)
        assert list(groups) == sorted(groups)
        assert sum((Counter(group) for group in groups.values()), Counter()) == counts.outcomes
        for group, told in groups.items():
            own = Counter(str(each.outcome) for each in every if getattr(each.request, name) == group)
            assert told == own


@given(parts=PARTS)
def test_a_request_counts_once_for_each_rule_that_speaks_of_it(parts: list[Part]) -> None:
    counts = Counts()
    for part in parts:
        counts.add(part)

    every = [impact for part in parts for impact in part.impacts]
    for rule in ("a", "b"):
        about = [each for each in every if any(result.rule == rule for result in each.results)]
        told = counts.by("rule").get(f"org/x {rule}", {})
        assert told == Counter(str(each.outcome) for each in about)
