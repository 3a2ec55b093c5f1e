"""Compares one schema of a contract with what became of it.

Inputs are contravariant: whatever the old schema accepts, the new one has to accept.
Outputs are covariant: whatever the new schema allows, the old one has to have allowed. One
thing is left to consumers: outputs are read by name, so a new name on top of `outputs`
breaks nobody, even where the old schema closed the object with `additionalProperties:
false`, which binds who delivers. Deeper down a closed object stays closed, since it is
handed on whole. And an output that is no longer named is lost, whether or not the old
schema promised that it would be there.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from catalog.compat.change import Bump, Change, Edit, ordered
from catalog.compat.defaults import default_changes, sensitive_changes
from catalog.compat.gap import UNDECIDED, Gap
from catalog.compat.lost import lost
from catalog.compat.notes import note_changes
from catalog.compat.part import Part, Root, Side, TooHard
from catalog.compat.premise import Premise
from catalog.compat.prover import Prover
from catalog.compat.rules_objects import PROPERTY
from catalog.compat.section import Section
from catalog.compat.wording import breaking, harmless, undecided
from catalog.digest import JsonObject, canonical_json
from catalog.schema import check_schema

_PROPERTY = re.compile(r"/properties/[^/]+")


def schema_changes(section: Section, old: JsonObject, new: JsonObject) -> tuple[Change, ...]:
    """Return what is different between two schemas of a section."""
    if canonical_json(old) == canonical_json(new):
        return ()
    unfit = next(iter((*check_schema(old, section.pointer), *check_schema(new, section.pointer))), None)
    if unfit is not None:
        return (undecided(section, unfit.pointer, unfit.message),)
    before = Root(old, section.pointer, Side.OLD).part()
    after = Root(new, section.pointer, Side.NEW).part()
    try:
        found = ordered((*_meaning(section, before, after), *_rest(section, before, after)))
    except TooHard as hard:
        return (undecided(section, hard.pointer or section.pointer, "this is too much to be compared"),)
    restated = Edit(section.pointer).restates("schema_restated", "the schema says the same in other words")
    return tuple(_without_what_follows(found)) or (restated,)


def _without_what_follows(found: tuple[Change, ...]) -> Iterator[Change]:
    """Yield the changes but those that say no more than that their property is gone, or that it is new."""
    gone = {f"{change.pointer}/": change.bump for change in found if change.code == f"{PROPERTY}_removed"}
    new = {f"{change.pointer}/": change.bump for change in found if change.code == f"{PROPERTY}_added"}
    for change in found:
        is_fresh = change.code == "default_added" and change.bump is Bump.MINOR
        whole = gone | new if is_fresh else gone
        said = (bump for place, bump in whole.items() if change.pointer.startswith(place))
        if change.bump > max(said, default=Bump.NONE):
            yield change


def _meaning(section: Section, old: Part, new: Part) -> Iterator[Change]:
    given, wanted = (old, new) if section.takes else (new, old)
    for gap in _gaps(given, wanted):
        yield harmless(gap, section) if _is_new_output(section, gap) else breaking(gap, section)
    for gap in _gaps(wanted, given):
        yield breaking(gap, section) if gap.subject == UNDECIDED else harmless(gap, section)
    if not section.takes:
        for part in lost(old, new):
            yield breaking(Gap(PROPERTY, part.spot()), section)


def _gaps(given: Part, wanted: Part) -> tuple[Gap, ...]:
    try:
        gaps = Prover().gaps(Premise((given,)), wanted)
    except RecursionError as error:  # parts that lead to one another beyond what was counted
        raise TooHard from error
    return tuple(_told(gap, given.root, wanted.root) for gap in gaps)


def _told(gap: Gap, given: Root, wanted: Root) -> Gap:
    """Return the gap as it is to be told, when the given schema says nothing on the matter.

    A property that it does not name is what is missing. And what it says at the same place
    may hold in some cases only and so have been no help, but it tells what was changed.
    """
    if gap.wanted is None or gap.given is not None:
        return gap
    for found in _PROPERTY.finditer(gap.wanted.pointer):
        named, holder = gap.wanted.pointer[: found.end()], gap.wanted.pointer[: found.start()]
        if given.at(named) is None and given.at(holder) is not None:
            return Gap(PROPERTY, wanted.at(named))
    there = given.at(gap.wanted.pointer)
    is_keyword = gap.wanted.pointer.rpartition("/")[2] == gap.subject
    if there is None or not is_keyword or canonical_json(there.value) == canonical_json(gap.wanted.value):
        return gap
    return replace(gap, given=there)


def _is_new_output(section: Section, gap: Gap) -> bool:
    if section.takes or gap.subject != PROPERTY or gap.given is None:
        return False
    return gap.given.pointer.rpartition("/")[0] == f"{section.pointer}/properties"


def _rest(section: Section, old: Part, new: Part) -> Iterator[Change]:
    if section.takes:
        yield from default_changes(section, old, new)
    yield from sensitive_changes(section, old, new)
    yield from note_changes(section, old, new)
