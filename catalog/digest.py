"""One canonical form of JSON, and digests over it.

Two documents that mean the same get the same bytes: sorted keys, no insignificant space,
UTF-8. Not-a-number and infinity have no JSON form and are refused. RFC 8785 differs in
how it writes floats; digests are compared only with digests made here.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
JsonObject = Mapping[str, Json]


def canonical_json(value: Json) -> bytes:
    """Return the one byte string that stands for this value.

    Raises:
        ValueError: if the value holds NaN or an infinity.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def digest(value: Json) -> str:
    """Return `sha256:<hex>` of the canonical form."""
    return digest_bytes(canonical_json(value))


def digest_bytes(content: bytes) -> str:
    """Return `sha256:<hex>` of raw bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()
