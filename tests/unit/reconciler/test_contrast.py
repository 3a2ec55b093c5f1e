"""What would be different is told against what stands now."""

from dataclasses import replace
from typing import Any

from catalog.request import Request
from reconciler.contrast import changes
from reconciler.placement import Placed
from reconciler.plan import Situation, plan
from tests.factories import (
    START,
    a_delivered_request,
    a_request,
    a_situation,
    an_observation,
)

NOWHERE = Placed(None, is_needed=True, message="nothing fits")


def told(held: Request | None, situation: Situation) -> dict[str, tuple[Any, Any]]:
    found = changes(held, situation, plan(situation, START))
    return {each.path: (each.applied, each.observed) for each in found}


def test_of_something_new_everything_is_different() -> None:
    assert told(None, a_situation()) == {
        "/contract/version": (None, "1.0.0"),
        "/destination": (None, "pg-1"),
        "/environment": (None, "dev"),
        "/owner": (None, "team-orders"),
        "/labels/tier": (None, "backend"),
        "/inputs/size": (None, "s"),
        "/inputs/backups": (None, True),
    }


def test_of_what_is_delivered_only_what_changes_is() -> None:
    held = a_delivered_request()
    wish = replace(held, inputs={"size": "m"}, labels={"tier": "web"}, owner="")
    assert told(held, a_situation(wish, observation=an_observation())) == {
        "/owner": ("team-orders", None),
        "/labels/tier": ("backend", "web"),
        "/inputs/size": ("s", "m"),
    }


def test_what_is_wanted_and_not_delivered_yet_counts_as_what_stands() -> None:
    held = a_request()
    assert told(held, a_situation(replace(held, inputs={"size": "m"}))) == {
        "/destination": (None, "pg-1"),
        "/inputs/size": ("s", "m"),
    }


def test_of_what_is_given_back_everything_goes() -> None:
    held = a_delivered_request()
    deleting = replace(held, deletion_requested_at=START)
    found = told(held, a_situation(deleting, observation=an_observation()))
    assert found["/inputs/size"] == ("s", None)
    assert {after for _, after in found.values()} == {None}


def test_what_was_changed_outside_is_told_as_well() -> None:
    held = a_delivered_request()
    seen = an_observation(facts={"exists": True, "size": "xl"})
    assert told(held, a_situation(held, observation=seen)) == {"/size": ("s", "xl")}


def test_nothing_is_different_where_nothing_changes() -> None:
    held = a_delivered_request()
    assert told(held, a_situation(held, observation=an_observation())) == {}
    assert "/destination" not in told(a_request(), a_situation(a_request(), placed=NOWHERE))
