"""A request lands where the rule says, stays there, and is told why."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.contract import Placement, Prefer
from catalog.fleet import Destination
from catalog.request import Request
from reconciler.placement import Placed, place
from tests.factories import a_destination, a_request


def a_rule(**fields: Any) -> Placement:
    return Placement(**({"kind": "postgres-server"} | fields))


def placed(
    *destinations: Destination, rule: Placement | None = None, request: Request | None = None, **held: int
) -> Placed:
    counts = {name.replace("_", "-"): count for name, count in held.items()}
    return place(rule or a_rule(), request or a_request(), destinations, counts)


def chosen(outcome: Placed) -> str | None:
    return None if outcome.destination is None else outcome.destination.name


def test_a_contract_that_places_nothing_is_settled_at_once() -> None:
    outcome = place(None, a_request(), [a_destination()], {})
    assert outcome.is_settled
    assert not outcome.is_needed
    assert outcome.destination is None


def test_the_least_loaded_is_chosen_and_of_equals_the_first_by_name() -> None:
    one, two, three = a_destination("pg-1"), a_destination("pg-2"), a_destination("pg-3")
    assert chosen(placed(three, two, one, pg_1=2, pg_2=1, pg_3=1)) == "pg-2"
    assert chosen(placed(one, two, three, pg_1=1)) == "pg-2"


def test_the_first_by_name_is_chosen_when_the_rule_says_so() -> None:
    rule = a_rule(prefer=Prefer.BY_NAME)
    assert chosen(placed(a_destination("pg-2"), a_destination("pg-1"), rule=rule, pg_1=9)) == "pg-1"


@pytest.mark.parametrize(
    ("destination", "rule", "objection"),
    [
        ({"cordoned": True}, {}, "cordoned: takes no new requests"),
        ({"projects": ("bank",)}, {}, "not open to project shop"),
        ({"capacity": 2}, {}, "full: carries 2"),
        ({"capacity": 0}, {}, "full: carries 0"),
        ({"labels": {"env": "prod"}}, {"same_environment": True}, "label env is not dev"),
        ({"labels": {}}, {"same_environment": True}, "label env is not dev"),
        ({"labels": {"tier": "b"}}, {"labels": {"tier": "a"}}, "label tier is not a"),
    ],
)
def test_a_destination_that_does_not_fit_is_told_off(
    destination: dict[str, Any], rule: dict[str, Any], objection: str
) -> None:
    outcome = placed(a_destination(**destination), rule=a_rule(**rule), pg_1=2)
    assert not outcome.is_settled
    assert [(each.destination, each.objection) for each in outcome.considered] == [("pg-1", objection)]
    assert objection in outcome.message


def test_a_placed_request_stays_whatever_became_of_the_place() -> None:
    changed = a_destination(cordoned=True, projects=("bank",), capacity=0, labels={})
    request = a_request(destination="pg-1")
    outcome = placed(a_destination("pg-0"), changed, request=request, rule=a_rule(labels={"x": "y"}), pg_1=9)
    assert chosen(outcome) == "pg-1"
    assert outcome.message == "stays on pg-1"


def test_without_candidates_the_message_names_the_kind() -> None:
    assert placed().message == "there is no destination of kind postgres-server"


def test_a_destination_open_to_the_project_and_not_full_fits() -> None:
    assert chosen(placed(a_destination(projects=("shop",), capacity=3), pg_1=2)) == "pg-1"


destinations = st.lists(
    st.builds(
        a_destination,
        st.sampled_from(["pg-1", "pg-2", "pg-3"]),
        cordoned=st.booleans(),
        capacity=st.none() | st.integers(0, 2),
        projects=st.sampled_from([(), ("shop",), ("bank",)]),
    ),
    unique_by=lambda each: each.name,
    max_size=3,
)
loads = st.dictionaries(st.sampled_from(["pg-1", "pg-2", "pg-3"]), st.integers(0, 3))


@given(destinations, loads, st.sampled_from(Prefer))
def test_the_choice_has_no_objection_and_does_not_depend_on_order(
    candidates: list[Destination], held: dict[str, int], prefer: Prefer
) -> None:
    rule = a_rule(prefer=prefer)
    outcome = place(rule, a_request(), candidates, held)
    assert chosen(outcome) == chosen(place(rule, a_request(), candidates[::-1], held))
    objections = {each.destination: each.objection for each in outcome.considered}
    assert objections.keys() == {each.name for each in candidates}
    assert outcome.is_settled == ("" in objections.values())
    assert outcome.message
    if outcome.destination is not None:
        assert objections[outcome.destination.name] == ""
