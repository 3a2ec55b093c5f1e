"""What is judged to break nobody fills in what it filled in before: tried on many pairs of schemas.

A step that is a patch fills in just the same. One that is minor may fill in fields besides that
the old schema could not take. The last test breaks the engine and sees that the trial notices.
"""

from collections import Counter
from itertools import islice
from typing import Any

import pytest

from catalog.compat import defaults
from catalog.compat.change import Bump
from catalog.compat.part import Part
from catalog.compat.premise import Premise
from catalog.schema import with_defaults
from tests.property.compat_defaults import Filled, differences, pairs

PAIRS = 1_500


def test_what_is_judged_to_break_nobody_fills_in_what_it_did() -> None:
    seen: Counter[str] = Counter()
    for pair in islice(pairs(first_seed=2_200), PAIRS):
        bump = pair.bump
        seen[bump.name] += 1
        if bump is Bump.MAJOR:
            seen["rightly so"] += fills_otherwise(pair)
            continue
        assert not list(pair.broken(bump)), (bump, pair.old, pair.new)
        seen["with inputs"] += len(pair.inputs) > 3
        seen["with additions"] += fills_otherwise(pair)
    assert seen["PATCH"] >= PAIRS * 0.1, seen
    assert seen["MINOR"] >= PAIRS * 0.1, seen
    assert seen["with inputs"] >= PAIRS * 0.2, seen
    assert seen["with additions"] >= PAIRS * 0.02, seen
    assert seen["rightly so"] >= PAIRS * 0.1, seen


def fills_otherwise(pair: Filled) -> bool:
    """Say whether some inputs get something else than before."""
    return any(
        list(differences(with_defaults(pair.old, each), with_defaults(pair.new, each), ()))
        for each in pair.inputs
    )


def is_not_plain(_: object, known: Premise, name: str) -> bool:
    return not any(name in part.named("properties") for part in known.given)


def only_the_old(part: Part | None) -> dict[str, Part]:
    named = {} if part is None else part.named("properties")
    return {name: each for name, each in named.items() if part.root.side == "old"} if part else {}


FAULTS: dict[str, tuple[Any, str, Any]] = {
    "every field with a new default is a new one": (
        defaults._Place,
        "could_take",
        lambda place, name: False,
    ),
    "only plain fields were there": (defaults, "lacks", is_not_plain),
    "what is required is there in what a default makes": (
        defaults._Place,
        "requires",
        lambda place, name: name in place.known.required,
    ),
    "everything was required": (defaults._Place, "requires", lambda place, name: True),
    "only what the old schema fills in is looked at": (defaults, "_filled", only_the_old),
    "defaults are remarks": (defaults, "_default", lambda *_: ()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_engine_that_overlooks_a_default_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, name, replacement = FAULTS[fault]
    monkeypatch.setattr(place, name, replacement)
    some = ((pair, pair.bump) for pair in islice(pairs(first_seed=2_200), PAIRS))
    assert any(list(pair.broken(bump)) for pair, bump in some if bump is not Bump.MAJOR)
