"""Pydantic's complaints, said in our words.

Bodies, query parameters and headers are checked by pydantic; what it finds becomes the
`errors` of a problem document: a pointer, a stable code, what is expected and what to do.
The offending value is never repeated, because it may be a secret.
"""

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel

from catalog.errors import Finding
from catalog.schema import escape

_CODES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "string_pattern_mismatch": "pattern",
    "string_too_long": "max_length",
    "string_too_short": "min_length",
    "too_long": "max_items",
    "too_short": "min_items",
    "literal_error": "enum",
    "enum": "enum",
    "less_than_equal": "maximum",
    "greater_than_equal": "minimum",
    "null_refused": "null_refused",
}
_FIXES = {
    "required": "add it",
    "null_refused": "leave the field out",
    "invalid_range": "write 1.2.0, ^1.2.0, stable or canary",
}


def body_findings(errors: Iterable[Any], model: type[BaseModel]) -> tuple[Finding, ...]:
    """Return what is wrong with a body, with JSON Pointers into it."""
    return tuple(_finding(error, pointer(error["loc"]), model) for error in errors)


def parameter_findings(errors: Iterable[Any]) -> tuple[Finding, ...]:
    """Return what is wrong with query parameters (`?name`) and headers (`Name:`)."""
    return tuple(_finding(error, _parameter(error["loc"]), None) for error in errors)


def pointer(location: Sequence[str | int]) -> str:
    """Return the JSON Pointer of a place in a body."""
    return "".join(f"/{escape(str(part))}" for part in location if part != "[key]")


def _parameter(location: Sequence[str | int]) -> str:
    place, name = location[0], location[-1] if len(location) > 1 else ""
    return f"{str(name).title()}:" if place == "header" else f"?{name}"


def _finding(error: Any, place: str, model: type[BaseModel] | None) -> Finding:
    kind = str(error["type"])
    code = _CODES.get(kind, "wrong_type" if kind.endswith(("_type", "_parsing")) else kind)
    if code == "unknown_field":
        return Finding(place, code, "this field is not known here", _nearest(error["loc"], model))
    if code == "required":
        return Finding(place, code, "this field is required", _FIXES[code])
    message = str(error["msg"])
    return Finding(place, code, message[:1].lower() + message[1:], _FIXES.get(code, ""))


def _nearest(location: Sequence[str | int], model: type[BaseModel] | None) -> str:
    known = list(model.model_fields) if model is not None and len(location) == 1 else []
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else "remove it"
