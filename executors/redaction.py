"""Blanks known secrets in text and JSON, in every dress they usually wear.

The second line of defence: secrets are not put into messages in the first place, but a
server's answer, a tool's error output or a stack of encodings may carry one. A `Redactor`
is made per call, learns what the call resolved, and everything that leaves the call passes
through it. Very short values are left alone: blanking "a" everywhere would hide the message
and reveal the value.
"""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote, quote_plus

from catalog.digest import Json

BLANK = "[redacted]"
SHORTEST = 4
SHORTEST_EMBEDDED = 8  # shorter ones leave too few characters of base64 to tell from chance


class Redactor:
    """What must not be read by anybody, and the blanking of it."""

    def __init__(self) -> None:
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def learn(self, secret: str) -> None:
        """Blank this value from now on; one shorter than four characters is not worth hiding."""
        if len(secret) < SHORTEST:
            return
        self._forms |= {form for form in _forms(secret) if len(form) >= SHORTEST}
        longest_first = sorted(self._forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)

    def text(self, message: str) -> str:
        """Return the message with every known secret blanked."""
        return message if self._pattern is None else self._pattern.sub(BLANK, message)

    def value(self, value: Json) -> Json:
        """Return the JSON value with every known secret blanked, in keys as well."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(name): self.value(part) for name, part in value.items()}
        if isinstance(value, Sequence):
            return [self.value(part) for part in value]
        return value


def _forms(secret: str) -> Iterator[str]:
    for line in (secret, *(line for line in secret.splitlines() if len(line) >= SHORTEST_EMBEDDED)):
        yield from _written(line)
        yield from _base64(line.encode("utf-8", "surrogatepass"))


def _written(secret: str) -> Iterator[str]:
    yield secret
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
    for safe in ("", "/", "/~"):
        yield quote(secret, safe=safe, errors="replace")
        yield quote_plus(secret, safe=safe, errors="replace")
    yield html.escape(secret)
    yield repr(secret)[1:-1]
    yield secret.encode("utf-8", "surrogatepass").hex()


def _base64(secret: bytes) -> Iterator[str]:
    yield base64.b64encode(secret).decode("ascii")
    yield base64.urlsafe_b64encode(secret).decode("ascii")
    if len(secret) < SHORTEST_EMBEDDED:
        return
    # Inside a longer text ("user:secret") the secret starts at any of three places of a
    # group of three bytes; the characters that also depend on its neighbours are cut off.
    for offset, cut in ((0, 0), (1, 2), (2, 3)):
        padded = b"\0" * offset + secret
        end = {0: None, 1: -3, 2: -2}[len(padded) % 3]
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(padded).decode("ascii")[cut:end]
