"""One canonical form of JSON, and digests over it.

Two documents that mean the same get the same bytes: sorted keys, no insignificant space,
UTF-8. Not-a-number and infinity have no JSON form and are refused. RFC 8785 differs in
how it writes floats; digests are compared only with digests made here.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeGuard

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
JsonObject = Mapping[str, Json]

WRITTEN_OUT = 1e16
"""From here on Python writes real numbers with an exponent."""


def canonical_json(value: Json) -> bytes:
    """Return the one byte string that stands for this value.

    Raises:
        ValueError: if the value holds NaN or an infinity.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def is_same(one: Json, other: Json) -> bool:
    """Say whether two values are the same JSON; Python takes 1, 1.0 and True for equal.

    Unlike the canonical form it takes anything, also what can neither be stored nor sent.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(part, other[name]) for name, part in one.items())
    if _is_list(one) and _is_list(other):
        return len(one) == len(other) and all(map(is_same, one, other))
    return one == other and _sort(one) is _sort(other)


def _is_list(value: Json) -> TypeGuard[Sequence[Json]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _sort(value: Json) -> type:
    # PostgreSQL hands 1e16 back in full, so it comes back as an integer.
    if isinstance(value, float) and abs(value) >= WRITTEN_OUT and value.is_integer():
        return int
    return type(value) if isinstance(value, int | float) else object


def digest(value: Json) -> str:
    """Return `sha256:<hex>` of the canonical form."""
    return digest_bytes(canonical_json(value))


def digest_bytes(content: bytes) -> str:
    """Return `sha256:<hex>` of raw bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
