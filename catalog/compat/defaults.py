"""Compares what the platform itself reads from a schema: defaults and what is sensitive.

A default is filled in where `catalog.schema.with_defaults` finds it, which is in plain
properties of plain properties; anywhere else it is a remark. A change of one breaks the
requests that left the field out: on their next update they would get something else. Two
things are left to publishers. A field that the old schema required was left out by nobody,
unless a default made the object that it belongs to. And a field that the old schema could
not take is new, with whatever default, also where that schema came to the object by a
reference, `allOf` or a pattern; where this is not plain to see, the field was there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from catalog.compat.change import Change, Edit
from catalog.compat.emptiness import lacks
from catalog.compat.part import Part, closure
from catalog.compat.premise import Premise
from catalog.compat.prover import Prover
from catalog.compat.section import Section
from catalog.compat.wording import shown
from catalog.digest import canonical_json
from catalog.schema import escape, sensitive_names


@dataclass(frozen=True, slots=True)
class _Place:
    """An object in which one of the revisions fills something in, or both.

    Attributes:
        known: what is known of it by the old schema, when a requester wrote it.
        is_made: a default may have made it or what it lies in, and nothing judges defaults.
        is_new: the old schema could not take it.
    """

    prover: Prover
    known: Premise
    is_made: bool = False
    is_new: bool = False

    def requires(self, name: str) -> bool:
        """Say whether nobody could leave a field out."""
        return not self.is_made and name in self.known.required

    def could_take(self, name: str) -> bool:
        """Say whether a field may have been there, as far as can be told."""
        return not self.is_new and not lacks(self.prover, self.known, name)

    def below(self, name: str, *, has_default: bool) -> "_Place":
        """Return what a field of it holds."""
        return replace(
            self,
            known=self.known.child(name),
            is_made=self.is_made or (has_default and not self.requires(name)),
            is_new=not self.could_take(name),
        )


def default_changes(section: Section, old: Part, new: Part) -> Iterator[Change]:
    """Yield the defaults that are not what they were."""
    return _within(section, _Place(Prover(), Premise((old,))), old, new)


def _within(section: Section, place: _Place, old: Part | None, new: Part | None) -> Iterator[Change]:
    before, after = _filled(old), _filled(new)
    for name in {**before, **after}:
        was, stays = before.get(name), after.get(name)
        yield from _default(section, place, name, (was, stays))
        if _filled(was) or _filled(stays):
            below = place.below(name, has_default=_has_default(was) or _has_default(stays))
            yield from _within(section, below, was, stays)


def _filled(part: Part | None) -> dict[str, Part]:
    """Return the properties in which defaults are looked for."""
    named = {} if part is None else part.named("properties")
    return {name: each for name, each in named.items() if isinstance(each.schema, dict)}


def _has_default(part: Part | None) -> bool:
    return part is not None and "default" in part.keywords


def _default(
    section: Section, place: _Place, name: str, parts: tuple[Part | None, Part | None]
) -> Iterator[Change]:
    old, new = parts
    was, stays = _has_default(old), _has_default(new)
    before = None if old is None else old.keywords.get("default")
    after = None if new is None else new.keywords.get("default")
    spoken = new or old
    if spoken is None or (was == stays and canonical_json(before) == canonical_json(after)):
        return
    code = "default_changed" if was and stays else "default_added" if stays else "default_removed"
    edit = Edit(f"{spoken.pointer}/default", before, after)
    if not was and not place.could_take(name):
        yield edit.extends(code, "the field is new, and what requests got so far stays as it is")
    elif place.requires(name):
        yield edit.extends(code, "nobody could leave this out, so no request gets anything else")
    else:
        gets, got = shown(after) if stays else "nothing", shown(before) if was else "nothing"
        message = f"requests that leave this out get {gets} and not {got}, as they did"
        yield edit.breaks(code, section.hits, message)


def sensitive_changes(section: Section, old: Part, new: Part) -> Iterator[Change]:
    """Yield the properties that became sensitive or stopped to be, wherever they are named now."""
    before, after = sensitive_names(old.keywords), sensitive_names(new.keywords)
    for name in sorted((before ^ after) & _named(old) & _named(new)):
        yield sensitive(section, f"{section.pointer}/properties/{escape(name)}", is_now=name in after)


def _named(part: Part) -> frozenset[str]:
    return frozenset(name for each in closure((part,)) for name in each.named("properties"))


def sensitive(section: Section, pointer: str, *, is_now: bool) -> Change:
    """Return the change of a value that became sensitive or stopped to be."""
    kind, was = ("a reference to a secret", "plain") if is_now else ("a plain value", "a reference")
    message = f"this is {kind} now and was {was}: {section.breaks}"
    edit = Edit(f"{pointer}/x-sensitive", not is_now, is_now)
    code = "sensitive_added" if is_now else "sensitive_removed"
    return edit.breaks(code, section.hits, message, "give what it became a name of its own")
