"""The stored form of plain values: frozen dataclasses to JSON objects and back.

Letters, journal entries and projections hold values in this form. It follows the annotations
of a dataclass (texts, numbers, times, enums, tuples, other dataclasses and None), so that a
value and its form cannot drift apart; a field that an older form lacks gets its default, and
one that a later form has besides is left out. Pure.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from catalog.digest import Json

T = TypeVar("T")

Stored = dict[str, Json]


class Misfit(ValueError):
    """A form that stands for no value of the type; the message names the field."""


def stored(value: Any) -> Stored:
    """Return a dataclass's stored form."""
    return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}


def restored(cls: type[T], form: Mapping[str, Any]) -> T:
    """Return the value that a stored form stands for.

    Raises:
        Misfit: a field is missing, or holds what it cannot.
    """
    shape: Any = cls  # for the type checker a class is not hashable
    hints, values = _hints(shape), dict[str, Any]()
    for part in _fields(shape):
        if part.name in form:
            values[part.name] = _value(hints[part.name], form[part.name], part.name)
        elif part.default is MISSING and part.default_factory is MISSING:
            raise Misfit(f"{cls.__name__} lacks {part.name}")
    return cls(**values)


def _value(hint: Any, form: Any, name: str) -> Any:
    if get_origin(hint) is tuple and isinstance(form, list | tuple):
        return tuple(_value(get_args(hint)[0], part, name) for part in form)
    options = [option for option in get_args(hint) or (hint,) if option is not NoneType]
    if form is None and len(options) < len(get_args(hint)):
        return None
    return _plain_value(options[0], form, name)


def _plain_value(cls: Any, form: Any, name: str) -> Any:
    if isinstance(form, Mapping):
        known: type[Any] = cls
        if not is_dataclass(known):
            raise Misfit(f"{name} is no {known.__name__}")
        return restored(known, form)
    try:
        if cls is datetime:
            return _moment(form, name)
        if issubclass(cls, StrEnum):
            return cls(form)
    except (TypeError, ValueError) as error:
        raise Misfit(f"{name} is no {cls.__name__}") from error
    if cls is float and isinstance(form, int) and not isinstance(form, bool):
        return float(form)
    if type(form) is not cls:
        raise Misfit(f"{name} is no {cls.__name__}")
    return form


def _moment(form: Any, name: str) -> datetime:
    at = datetime.fromisoformat(form)
    if at.tzinfo is None:
        raise Misfit(f"{name} has no time zone")  # it could not even be compared
    return at


def _plain(value: Any) -> Json:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if is_dataclass(value):
        return stored(value)
    return value.value if isinstance(value, StrEnum) else value


@lru_cache(maxsize=64)
def _hints(cls: type[Any]) -> dict[str, Any]:
    return get_type_hints(cls)


@lru_cache(maxsize=64)
def _fields(cls: type[Any]) -> tuple[Field[Any], ...]:
    return fields(cls)
