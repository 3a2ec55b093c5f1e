"""Says in plain words what a gap between two schemas is, and names it with a stable code.

A code is the subject, mostly a keyword, and what became of it from the old revision to the
new one: `max_length_lowered`, `enum_value_removed`. Whether that breaks anything depends on
the section it stands in, so the same code can be harmless in another one.
"""

from catalog.compat.change import Change, Edit
from catalog.compat.gap import FORBIDDEN, UNDECIDED, Gap
from catalog.compat.part import Side, Spot
from catalog.compat.section import Section
from catalog.compat.vocabulary import COUNTS, LOWER, UPPER, kinds_of_type
from catalog.digest import Json, canonical_json
from catalog.schema import MAX_SHOWN, keyword_code

_ORDERED = LOWER | UPPER | COUNTS
_VERBS = {
    "added": "is new",
    "removed": "is gone",
    "raised": "went up",
    "lowered": "went down",
    "narrowed": "leaves less",
    "widened": "leaves more",
    "changed": "is not what it was",
}
_SAYINGS = {
    (UNDECIDED, UNDECIDED): "it cannot be decided what `{name}` changes",
    (FORBIDDEN, "forbidden"): "nothing is allowed here any more",
    (FORBIDDEN, "allowed"): "something is allowed where nothing was",
    ("required", "added"): "{value} is required now",
    ("required", "removed"): "{value} is no longer required",
    ("enum_value", "added"): "the value {value} is new",
    ("enum_value", "removed"): "the value {value} is gone",
    ("property", "added"): "the property `{name}` is new",
    ("property", "removed"): "the property `{name}` is gone",
    ("alternative", "added"): "this alternative is new",
    ("alternative", "removed"): "this alternative is gone",
}
_MOVES = {
    ("", "added"): "leave it out",
    ("", "removed"): "keep it",
    ("required", "added"): "leave it optional and give it a default",
}


def breaking(gap: Gap, section: Section) -> Change:
    """Return the change that a gap stands for where there must be none."""
    verb = _verb(gap)
    message = f"{_what(gap, verb)}: {section.breaks}"
    return _edit(gap, section).breaks(_code(gap, verb), section.hits, message, _move(gap, verb))


def harmless(gap: Gap, section: Section) -> Change:
    """Return the change that a gap stands for where one breaks nothing."""
    verb = _verb(gap)
    return _edit(gap, section).extends(_code(gap, verb), f"{_what(gap, verb)}: {section.grows}")


def undecided(section: Section, pointer: str, reason: str) -> Change:
    """Return the change of which nobody can say what it means."""
    return Edit(pointer).breaks(UNDECIDED, section.hits, f"{reason}; {section.breaks}")


def shown(value: Json) -> str:
    """Return a value as it may stand in a sentence."""
    text = canonical_json(value).decode("utf-8")
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def _edit(gap: Gap, section: Section) -> Edit:
    old, new = _on(Side.OLD, gap), _on(Side.NEW, gap)
    spot = new or old
    return Edit(
        section.pointer if spot is None else spot.pointer,
        None if old is None else old.value,
        None if new is None else new.value,
    )


def _on(side: Side, gap: Gap) -> Spot | None:
    return next((spot for spot in (gap.wanted, gap.given) if spot is not None and spot.side is side), None)


def _code(gap: Gap, verb: str) -> str:
    return verb if gap.subject in {UNDECIDED, FORBIDDEN} else f"{keyword_code(gap.subject)}_{verb}"


def _verb(gap: Gap) -> str:
    old, new = _on(Side.OLD, gap), _on(Side.NEW, gap)
    if gap.subject == UNDECIDED:
        return UNDECIDED
    if gap.subject == FORBIDDEN:
        return "allowed" if gap.wanted is old else "forbidden"
    if old is None or new is None:
        return "added" if old is None else "removed"
    return _direction(gap.subject, old.value, new.value)


def _direction(subject: str, before: Json, after: Json) -> str:
    if subject == "type":
        old, new = kinds_of_type(before), kinds_of_type(after)
        return "narrowed" if new < old else "widened" if old < new else "changed"
    if not isinstance(before, int | float) or not isinstance(after, int | float) or subject not in _ORDERED:
        return "changed"
    return "raised" if after > before else "lowered" if after < before else "changed"


def _what(gap: Gap, verb: str) -> str:
    old, new = _on(Side.OLD, gap), _on(Side.NEW, gap)
    spot = new or old
    if (gap.subject, verb) in _SAYINGS and spot is not None:
        return _SAYINGS[gap.subject, verb].format(value=shown(spot.value), name=_last(spot.pointer))
    said = f"`{gap.subject}` {_VERBS[verb]}"
    if verb in {"raised", "lowered"} and old is not None and new is not None:
        return f"{said} from {shown(old.value)} to {shown(new.value)}"
    return said


def _last(pointer: str) -> str:
    return pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")


def _move(gap: Gap, verb: str) -> str:
    return _MOVES.get((gap.subject, verb)) or _MOVES.get(("", verb)) or "put back what was there"
