"""Answers: only a whole one of the right revision is one."""

from collections.abc import Mapping
from typing import Any

import pytest

from catalog.errors import Unavailable
from policy.answer import read_answer, strict_json
from policy.bundle import organisation
from policy.engine import RawSets
from policy.link import link

PROGRAM = link(organisation())
EMPTY: dict[str, Any] = {"deny": [], "warn": []}


def an_answer(**changes: Any) -> dict[str, Any]:
    policies: Mapping[str, Any] = dict.fromkeys(PROGRAM.policies, EMPTY)
    return {"revision": PROGRAM.revision, "policies": policies} | changes


def test_a_whole_answer_yields_the_sets_of_every_policy() -> None:
    sets = read_answer(an_answer(), PROGRAM)

    names = ("org/lifecycle", "org/naming", "org/ownership", "org/production")
    assert sets == {name: RawSets((), ()) for name in names}


def with_naming(sets: Any) -> dict[str, Any]:
    return an_answer(policies={**an_answer()["policies"], "org/naming": sets})


NO_ANSWERS: dict[str, Any] = {
    "null": None,
    "true": True,
    "a text": "true",
    "nothing": {},
    "a list": [],
    "another shape": {"allow": True},
    "another revision": an_answer(revision="sha256:" + "0" * 64),
    "no revision": {"policies": an_answer()["policies"]},
    "a revision that is null": an_answer(revision=None),
    "no policies": {"revision": PROGRAM.revision},
    "none of the policies": an_answer(policies={}),
    "policies as a list": an_answer(policies=[]),
    "one policy too few": an_answer(policies=dict.fromkeys(PROGRAM.policies[:-1], EMPTY)),
    "one policy too many": an_answer(policies={**an_answer()["policies"], "org/more": EMPTY}),
    "a policy with half its sets": with_naming({"deny": []}),
    "a policy with an object for a set": with_naming({"deny": {"x": True}, "warn": []}),
    "a policy with a text for a set": with_naming({"deny": "", "warn": []}),
    "a policy with null for a set": with_naming({"deny": None, "warn": []}),
    "a policy that is null": with_naming(None),
    "something beside it": an_answer(more=1),
}


@pytest.mark.parametrize("answer", NO_ANSWERS.values(), ids=NO_ANSWERS.keys())
def test_anything_else_is_silence(answer: Any) -> None:
    with pytest.raises(Unavailable) as caught:
        read_answer(answer, PROGRAM)

    assert caught.value.code == "policy_unavailable"
    assert caught.value.retry_after_seconds


@pytest.mark.parametrize(
    "text",
    ['{"deny":["x"], "deny":[]}', '[{"a":{"b":1,"b":2}}]', "NaN", "[1,", "[" * 100_000],
    ids=lambda t: t[:30],
)
def test_a_text_that_can_be_read_in_two_ways_is_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        strict_json(text)
