"""Keeping secrets out: what must be a reference, and what looks like a secret but is none.

Asked before anything is stored. A destination's configuration is free-form, so a field is
judged by its name; one that speaks of secrets takes a reference and nothing else, and no
URL may carry a password.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from catalog.digest import Json, JsonObject
from catalog.errors import Finding
from catalog.schema import escape
from catalog.sensitive import refusal, sensitive_texts
from executors.secrets import REFERENCE_PATTERN

_REFERENCE = re.compile(REFERENCE_PATTERN)
_SECRET_NAME = re.compile(
    r"(?:^|[_.-])(?:pass(?:word|wd|phrase)?|pwd|secret|token|credential|(?:api|access|private|secret)[_-]?key)s?\Z",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s@:]*:[^/?#\s@]+@")
_PRIVATE_KEY = "-----BEGIN"


def is_reference(text: str) -> bool:
    """Say whether a text is a reference to a secret."""
    return _REFERENCE.fullmatch(text) is not None


def secrets_in(value: Json, pointer: str, *, is_secret: bool = False) -> Iterator[Finding]:
    """Yield every place in a configuration where a secret stands, or seems to stand.

    Args:
        is_secret: the value stands under a name that speaks of secrets.
    """
    if isinstance(value, Mapping):
        for name, child in value.items():
            below = f"{pointer}/{escape(name)}"
            yield from secrets_in(child, below, is_secret=is_secret or _speaks_of_secrets(name))
    elif isinstance(value, str):
        if is_secret and value and not is_reference(value):
            yield refusal(pointer)
        elif _USERINFO.search(value) or _PRIVATE_KEY in value:
            yield refusal(pointer, "a password or private key stands in this value")
    elif isinstance(value, Sequence):
        for index, child in enumerate(value):
            yield from secrets_in(child, f"{pointer}/{index}", is_secret=is_secret)


def secrets_among(schema: JsonObject, inputs: JsonObject, pointer: str) -> tuple[Finding, ...]:
    """Return every place of inputs that their contract calls sensitive and that holds no reference."""
    marked = sensitive_texts(schema, inputs, pointer)
    return tuple(refusal(place) for place, text in marked.items() if not is_reference(text))


def _speaks_of_secrets(name: str) -> bool:
    return _SECRET_NAME.search(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)) is not None
