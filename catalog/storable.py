"""What can be stored: JSON that both databases keep as it is.

PostgreSQL takes neither NUL nor half a surrogate pair, and a number without an end has no
JSON form. Whatever comes from outside (inputs, an executor's answer) is judged here before
it is hashed or stored, so that no database has to refuse it in the middle of a transaction.
"""

import math
import re
from collections.abc import Iterator, Mapping

from catalog.digest import Json
from catalog.errors import Finding

MAX_DEPTH = 32
MAX_INTEGER = 2**63 - 1
_BAD = re.compile("[\x00\ud800-\udfff]")


def storable_text(text: str) -> str:
    """Return a text for people with what cannot be stored replaced."""
    return _BAD.sub("\ufffd", text)


def unstorable(value: Json, pointer: str = "", depth: int = 0) -> Iterator[Finding]:
    """Yield every place at which a value cannot be stored."""
    if depth > MAX_DEPTH:
        yield Finding(pointer, "too_deep", f"the value nests more than {MAX_DEPTH} levels", "flatten it")
    elif isinstance(value, str):
        yield from _text(value, pointer)
    elif isinstance(value, Mapping):
        for name, child in value.items():
            yield from _text(name, pointer)
            token = storable_text(name).replace("~", "~0").replace("/", "~1")
            yield from unstorable(child, f"{pointer}/{token}", depth + 1)
    elif isinstance(value, int | float):
        yield from _number(value, pointer)
    elif value is not None:
        for index, child in enumerate(value):
            yield from unstorable(child, f"{pointer}/{index}", depth + 1)


def _text(text: str, pointer: str) -> Iterator[Finding]:
    if _BAD.search(text):
        message = "NUL and lone surrogates are not allowed"
        yield Finding(pointer, "bad_character", message, "remove the character")


def _number(number: float, pointer: str) -> Iterator[Finding]:
    fits = abs(number) <= MAX_INTEGER if isinstance(number, int) else math.isfinite(number)
    if not fits:
        yield Finding(pointer, "number_out_of_range", "the number is too large", "use a smaller number")
