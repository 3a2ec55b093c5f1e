"""One form for schemas that mean the same, as far as that is cheap to see.

The form is a schema of its own: references are written out, what is said to people is left
out, lists whose order means nothing are sorted. Equal forms allow equal values; different
ones may as well. It also serves to judge single values by a part, away from its document.
"""

from collections.abc import Iterator, Mapping, Sequence

from catalog.compat.part import Part, TooHard, kept
from catalog.compat.vocabulary import LISTS, NAMED, NOTES, ONE, PLAIN, STORES
from catalog.digest import Json, canonical_json
from catalog.schema import accepts

_EXACT = 2**53
_UNORDERED = frozenset({"allOf", "anyOf", "oneOf", "required", "enum"})


@kept
def text(part: Part) -> bytes:
    """Return the part's form as text, to be compared."""
    return canonical_json(form(part))


@kept
def only(part: Part, keywords: frozenset[str]) -> bytes:
    """Return the form of what some of a part's keywords say, as text."""
    return canonical_json(_only(part, keywords))


def judge(part: Part, value: Json) -> bool:
    """Say whether a value is valid by a part."""
    return accepts(text(part), value)


def judge_by(part: Part, keywords: frozenset[str], value: Json) -> bool:
    """Say whether a value is valid by some of a part's keywords."""
    return accepts(only(part, keywords), value)


def plain(value: Json) -> Json:
    """Return the value with equal numbers written the same: 1.0 is 1."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    if isinstance(value, Mapping):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(each) for each in value]
    return value


def texts(names: Json) -> tuple[str, ...]:
    """Return what a keyword that lists names says."""
    return tuple(map(str, names)) if isinstance(names, list | tuple) else ()


@kept
def form(part: Part) -> Json:
    """Return the part's form."""
    if not isinstance(part.schema, Mapping):
        return {} if part.schema else False
    own = {
        keyword: _held(part, keyword)
        for keyword in part.schema
        if keyword not in NOTES and keyword not in STORES and keyword not in {"$ref", "allOf"}
    }
    if "const" in own and "enum" not in own:
        own["enum"] = [own.pop("const")]
    also = _sorted([each for inner in _conjuncts(part) for each in _flat(inner) if each != {}])
    if len(also) == 1 and not own:
        return also[0]
    return own | {"allOf": also} if also else own


def _only(part: Part, keywords: frozenset[str]) -> Json:
    whole = form(part)
    if not isinstance(whole, Mapping):
        return whole
    said = keywords | {"enum"} if "const" in keywords and "enum" not in part.keywords else keywords
    return {name: each for name, each in whole.items() if name in said}


def _conjuncts(part: Part) -> Iterator[Json]:
    if "$ref" in part.keywords:
        yield form(part.target())
    for each in part.listed("allOf"):
        yield form(each)


def _flat(inner: Json) -> Sequence[Json]:
    if isinstance(inner, Mapping) and inner.keys() == {"allOf"}:
        held = inner["allOf"]
        return held if isinstance(held, list) else ()
    return (inner,)


def _held(part: Part, keyword: str) -> Json:
    if keyword in ONE:
        return form(part.below(keyword))
    if keyword in NAMED:
        return {name: form(each) for name, each in part.named(keyword).items()}
    if keyword in LISTS:
        return _in_order(keyword, [form(each) for each in part.listed(keyword)])
    held = part.keywords[keyword]
    if keyword not in PLAIN and b'"$ref"' in canonical_json(held):
        raise TooHard(part.spot(keyword).pointer)  # who knows what it leads to, or from where
    if keyword == "type":
        return sorted([held] if isinstance(held, str) else set(texts(held)))
    return _in_order(keyword, plain(held))


def _in_order(keyword: str, held: Json) -> Json:
    if keyword == "oneOf" and isinstance(held, list):
        return sorted(held, key=canonical_json)  # the same twice is never exactly one
    return _sorted(held) if keyword in _UNORDERED and isinstance(held, list) else held


def _sorted(several: list[Json]) -> list[Json]:
    return [each for _, each in sorted({canonical_json(each): each for each in several}.items())]
