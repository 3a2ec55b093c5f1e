"""Compares what a schema says to people, place by place.

Places are the same when they are reached the same way; references are followed, so moving
a part into `$defs` moves no remark. Where the two revisions have no such place in common,
there is no remark to compare.
"""

import re
from collections.abc import Iterator

from catalog.compat.change import Change, Edit
from catalog.compat.defaults import sensitive
from catalog.compat.part import Part
from catalog.compat.section import Section
from catalog.compat.vocabulary import DOCS, LISTS, NAMED, ONE
from catalog.digest import Json

_FILLED = re.compile(r"(/properties/[^/]+)+")
_TOP = re.compile(r"/properties/[^/]+")


def note_changes(section: Section, old: Part, new: Part) -> Iterator[Change]:
    """Yield the remarks that are not what they were."""
    seen: set[tuple[str, str]] = set()
    left = [(old, new)]
    while left:
        before, after = left.pop()
        if (before.pointer, after.pointer) not in seen:
            seen.add((before.pointer, after.pointer))
            yield from _at(section, before, after)
            left.extend(_below(before, after))


def _at(section: Section, old: Part, new: Part) -> Iterator[Change]:
    place = new.pointer.removeprefix(section.pointer)
    is_filled = section.takes and _FILLED.fullmatch(place)
    for keyword in sorted(DOCS if is_filled else DOCS | {"default"}):
        before, after = _note(old, keyword), _note(new, keyword)
        if before != after:
            edit = Edit(f"{new.pointer}/{keyword}", before, after)
            yield edit.restates("docs_changed", f"`{keyword}` reads differently")
    yield from _deprecation(old, new)
    was, stays = bool(_note(old, "x-sensitive")), bool(_note(new, "x-sensitive"))
    if was is not stays and not _TOP.fullmatch(place):
        yield sensitive(section, new.pointer, is_now=stays)


def _deprecation(old: Part, new: Part) -> Iterator[Change]:
    was, stays = bool(_note(old, "deprecated")), bool(_note(new, "deprecated"))
    edit = Edit(f"{new.pointer}/deprecated", was, stays)
    if stays and not was:
        yield edit.extends("deprecated_added", "this will go in a later version")
    elif was and not stays:
        yield edit.restates("deprecated_removed", "this stays after all")


def _note(part: Part, keyword: str) -> Json:
    return next((each.keywords[keyword] for each in _spread(part) if keyword in each.keywords), None)


def _below(old: Part, new: Part) -> Iterator[tuple[Part, Part]]:
    before, after = _inner(old), _inner(new)
    for place in before.keys() & after.keys():
        yield before[place], after[place]


def _inner(part: Part) -> dict[tuple[str, str], Part]:
    """Return the parts directly below, by how they are reached."""
    found: dict[tuple[str, str], Part] = {}
    for each in reversed(_spread(part)):
        for keyword in sorted(ONE & each.keywords.keys()):
            found[keyword, ""] = each.below(keyword)
        for keyword in sorted(NAMED & each.keywords.keys()):
            found |= {(keyword, name): inner for name, inner in each.named(keyword).items()}
        for keyword in sorted(LISTS & each.keywords.keys()):
            listed = each.listed(keyword)
            found |= {(f"{keyword} of {len(listed)}", str(at)): inner for at, inner in enumerate(listed)}
    return found


def _spread(part: Part) -> tuple[Part, ...]:
    """Return a part and what it refers to, one after the other."""
    found = [part]
    while "$ref" in found[-1].keywords:
        found.append(found[-1].target())
    return tuple(found)
