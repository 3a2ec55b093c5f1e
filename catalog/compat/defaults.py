"""Compares what the platform itself reads from a schema: defaults and what is sensitive.

A default is filled in where `catalog.schema.with_defaults` finds it, which is in plain
properties of plain properties; anywhere else it is a remark. A change of one breaks the
requests that left the field out: on their next update they would get something else. A
field that the old schema required was left out by nobody.
"""

from collections.abc import Iterator

from catalog.compat.change import Change, Edit
from catalog.compat.normal import texts
from catalog.compat.part import Part
from catalog.compat.section import Section
from catalog.compat.wording import shown
from catalog.digest import canonical_json
from catalog.schema import escape, sensitive_names


def default_changes(section: Section, old: Part, new: Part) -> Iterator[Change]:
    """Yield the defaults that are not what they were, of properties that both revisions name."""
    after = new.named("properties")
    for name, before in old.named("properties").items():
        if name in after:
            yield from _default(section, before, after[name], is_required=name in _required(old))
            yield from default_changes(section, before, after[name])
        elif "default" in before.keywords:
            yield from _default(section, before, None, is_required=name in _required(old))


def sensitive_changes(section: Section, old: Part, new: Part) -> Iterator[Change]:
    """Yield the properties that became sensitive or stopped to be."""
    before, after = sensitive_names(old.keywords), sensitive_names(new.keywords)
    for name in sorted((before ^ after) & old.named("properties").keys() & new.named("properties").keys()):
        yield sensitive(section, f"{section.pointer}/properties/{escape(name)}", is_now=name in after)


def sensitive(section: Section, pointer: str, *, is_now: bool) -> Change:
    """Return the change of a value that became sensitive or stopped to be."""
    kind, was = ("a reference to a secret", "plain") if is_now else ("a plain value", "a reference")
    message = f"this is {kind} now and was {was}: {section.breaks}"
    edit = Edit(f"{pointer}/x-sensitive", not is_now, is_now)
    code = "sensitive_added" if is_now else "sensitive_removed"
    return edit.breaks(code, section.hits, message, "give what it became a name of its own")


def _default(section: Section, old: Part, new: Part | None, *, is_required: bool) -> Iterator[Change]:
    before, after = old.keywords.get("default"), None if new is None else new.keywords.get("default")
    was, stays = "default" in old.keywords, new is not None and "default" in new.keywords
    if was == stays and canonical_json(before) == canonical_json(after):
        return
    code = "default_changed" if was and stays else "default_added" if stays else "default_removed"
    edit = Edit(f"{(new or old).pointer}/default", before, after)
    if is_required:
        yield edit.extends(code, "nobody could leave this out, so no request gets anything else")
    else:
        gets, got = shown(after) if stays else "nothing", shown(before) if was else "nothing"
        message = f"requests that leave this out get {gets} and not {got}, as they did"
        yield edit.breaks(code, section.hits, message)


def _required(part: Part) -> frozenset[str]:
    return frozenset(texts(part.keywords.get("required")))
