"""A plan is stale when, and only when, something that it is bound to is another."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from catalog.ids import ContractName, DecisionId, RequestUid
from catalog.request import Request
from executors.port import ContractRef
from platform_api.plan_binding import Bound, differences
from policy.decision import Decision, EnforcementPoint, Outcome
from tests.factories import START, a_destination, a_request

WORDS = st.sampled_from(["a", "b", "c"])
DIGESTS = st.sampled_from(["sha256:" + letter * 64 for letter in "012"])
WISHES = st.fixed_dictionaries(
    {
        "operation": st.sampled_from(["create", "update"]),
        "name": WORDS,
        "inputs": st.dictionaries(WORDS, st.integers(0, 2) | st.booleans() | WORDS, max_size=3),
        "labels": st.dictionaries(WORDS, WORDS, max_size=2),
        "version": st.none() | WORDS,
    }
)
HELD = st.none() | st.builds(
    lambda uid, revision, generation: a_request(uid, revision=revision, generation=generation),
    st.sampled_from(["req_1", "req_2"]),
    st.integers(1, 3),
    st.integers(1, 3),
)
PLACES = st.none() | st.builds(
    lambda name, revision: a_destination(name, revision=revision), WORDS, st.integers(1, 3)
)
CONTRACTS = st.builds(ContractRef, WORDS, WORDS, DIGESTS)


def a_decision(revision: str, outcome: Outcome) -> Decision:
    return Decision(
        id=DecisionId("dec_1"),
        project="shop",
        subject="req_1",
        operation="create",
        enforcement_point=EnforcementPoint.ADMISSION,
        outcome=outcome,
        results=(),
        revision=revision,
        engine="static 1",
        input_digest="sha256:x",
        input={},
        evaluated_at=START,
        duration_seconds=0.0,
    )


BOUND = st.builds(
    Bound,
    wish=WISHES,
    held=HELD,
    contract=CONTRACTS,
    destination=PLACES,
    decision=st.builds(a_decision, DIGESTS, st.sampled_from(Outcome)),
    action=st.sampled_from(["provision", "update", "none"]),
)


def essence(bound: Bound) -> list[Any]:
    """Return what counts of a binding, written out beside the code under test."""
    held, place = bound.held, bound.destination
    return [
        repr(sorted(map(repr, bound.wish.items()))),
        None if held is None else (held.uid, held.revision, held.generation),
        bound.contract,
        None if place is None else (place.name, place.revision),
        (bound.decision.revision, bound.decision.outcome),
        bound.action,
    ]


@given(bound=BOUND)
def test_what_is_as_it_was_is_never_stale(bound: Bound) -> None:
    status = replace(bound.decision, id=DecisionId("dec_2"), evaluated_at=START, duration_seconds=9.0)
    held = None if bound.held is None else later(bound.held)
    again = replace(bound, decision=status, held=held)
    assert list(differences(bound.document(), again.document())) == []


def later(held: Request) -> Request:
    """Return the request with another status; nobody changed what is wanted."""
    return replace(held, attempt=held.attempt + 1, contract_version="9.9.9", outputs={"host": "h"})


@given(one=BOUND, other=BOUND)
def test_any_difference_is_found_at_its_place(one: Bound, other: Bound) -> None:
    found = list(differences(one.document(), other.document()))
    changed = [before != after for before, after in zip(essence(one), essence(other), strict=True)]
    parts = ("wish", "held", "contract", "destination", "policy", "action")

    named = {each.path.split("/")[1] for each in found}
    assert named == {part for part, differs in zip(parts, changed, strict=True) if differs}
    assert all(each.applied != each.observed for each in found)


@given(bound=BOUND, data=st.data())
def test_a_single_change_makes_it_stale(bound: Bound, data: st.DataObject) -> None:
    singles: dict[str, Any] = {
        "wish": {**bound.wish, "inputs": {"z": 1}},
        "held": a_request(RequestUid("req_9")),
        "contract": ContractRef(ContractName("z"), bound.contract.version, bound.contract.digest),
        "destination": a_destination("z"),
        "action": "repair",
        "decision": a_decision("sha256:z", bound.decision.outcome),
    }
    name = data.draw(st.sampled_from(sorted(singles)))
    changed = replace(bound, **{name: singles[name]})
    assert list(differences(bound.document(), changed.document()))
