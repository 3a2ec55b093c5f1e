"""Which texts of a value its schema calls sensitive, wherever the mark stands.

What is marked `x-sensitive` is given as a reference to a secret and never in clear. A mark counts
as far as its part of the schema applies to the value: of alternatives those that take it, of names
those that a pattern fits. An alternative that leads elsewhere by a reference is taken to apply.
"""

from collections.abc import Iterator, Mapping, Sequence

from catalog.digest import Json, JsonObject, canonical_json
from catalog.errors import Finding
from catalog.schema import MAX_REFERENCES, SECRET_PREFIX, accepts, escape, referred
from catalog.storable import unstorable

MARK = "x-sensitive"


def sensitive_texts(schema: JsonObject, value: Json, pointer: str) -> dict[str, str]:
    """Return the texts that are marked, by place, in order; none of a value that cannot be stored."""
    if next(iter(unstorable(value, pointer)), None) is not None:
        return {}
    return dict(sorted(_Walk(schema).marked(schema, value, pointer, 0)))


def secrets_in_clear(schema: JsonObject, value: Json, pointer: str) -> tuple[Finding, ...]:
    """Return where something stands that is marked and looks like no reference to a secret."""
    return tuple(
        refusal(place)
        for place, text in sensitive_texts(schema, value, pointer).items()
        if not text.startswith(SECRET_PREFIX)
    )


def refusal(
    pointer: str, message: str = "this field takes a reference to a secret, never the secret"
) -> Finding:
    """Return the finding for a secret where only a reference may stand."""
    return Finding(pointer, "secret_value_refused", message, "put secret://env/AVOW_SECRET_<NAME> there")


class _Walk:
    """Goes through a value and its schema together."""

    def __init__(self, root: JsonObject) -> None:
        self._root = root

    def marked(self, part: Json, value: Json, pointer: str, hops: int) -> Iterator[tuple[str, str]]:
        """Yield the texts that a part of the schema marks.

        Args:
            hops: the references that were followed since the value was last gone down into.
        """
        if not isinstance(part, Mapping):
            return
        if part.get(MARK):
            yield from _texts(value, pointer)
            return
        reference = part.get("$ref")
        if isinstance(reference, str) and hops < MAX_REFERENCES:
            yield from self.marked(referred(self._root, reference), value, pointer, hops + 1)
        for branch in _branches(part, value):
            yield from self.marked(branch, value, pointer, hops)
        for name, held in _members(value):
            for rule in _rules(part, name, held):
                yield from self.marked(rule, held, f"{pointer}/{escape(str(name))}", 0)


def _texts(value: Json, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    for name, held in _members(value):
        yield from _texts(held, f"{pointer}/{escape(str(name))}")


def _members(value: Json) -> Iterator[tuple[str | int, Json]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, Sequence) and not isinstance(value, str):
        yield from enumerate(value)


def _branches(part: JsonObject, value: Json) -> Iterator[Json]:
    yield from _list(part.get("allOf"))
    for keyword in ("anyOf", "oneOf"):
        yield from (branch for branch in _list(part.get(keyword)) if _may_take(branch, value))
    if "if" in part:
        test = part["if"]
        if _may_take(test, value):
            yield from (test, part.get("then"))
        if not _may_take(test, value) or _leads_elsewhere(test):
            yield part.get("else")
    if isinstance(value, Mapping):
        yield from (rule for name, rule in _named(part, "dependentSchemas").items() if name in value)


def _rules(part: JsonObject, name: str | int, held: Json) -> Iterator[Json]:
    if isinstance(name, int):
        yield from _rules_of_item(part, name, held)
        return
    known = _named(part, "properties")
    fits = [rule for text, rule in _named(part, "patternProperties").items() if _is_fit_by(text, name)]
    if name in known:
        yield known[name]
    yield from fits
    if name not in known and not fits:
        yield from (part.get(keyword) for keyword in ("additionalProperties", "unevaluatedProperties"))


def _rules_of_item(part: JsonObject, index: int, held: Json) -> Iterator[Json]:
    first = _list(part.get("prefixItems"))
    if index < len(first):
        yield first[index]
    else:
        yield part.get("items", part.get("unevaluatedItems"))
    if "contains" in part and _may_take(part["contains"], held):
        yield part["contains"]


def _is_fit_by(pattern: str, name: str) -> bool:
    # Asked of the validator, whose patterns run in linear time and mean what they mean to it.
    return not accepts(canonical_json({"patternProperties": {pattern: False}}), {name: None})


def _may_take(part: Json, value: Json) -> bool:
    return _leads_elsewhere(part) or accepts(canonical_json(part), value)


def _leads_elsewhere(part: Json) -> bool:
    if isinstance(part, Mapping):
        return "$ref" in part or any(map(_leads_elsewhere, part.values()))
    return any(map(_leads_elsewhere, _list(part)))


def _list(value: Json) -> Sequence[Json]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


def _named(part: JsonObject, keyword: str) -> JsonObject:
    found = part.get(keyword)
    return found if isinstance(found, Mapping) else {}
