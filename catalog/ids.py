"""Identifiers: what they look like and how they are minted.

An id is `<prefix>_<26 characters>`: 48 bits of milliseconds, then 80 random bits, in
Crockford's base 32. Ids therefore sort by the time they were minted, which keeps indexes
append-mostly and lists stable. Names are a separate thing: people choose them, and they
may end up in paths, URLs and role names, so their alphabet is small.
"""

import os
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NewType

from catalog.errors import Finding, Invalid

ProjectName = NewType("ProjectName", str)
ContractName = NewType("ContractName", str)
RequestUid = NewType("RequestUid", str)
OperationId = NewType("OperationId", str)
RunId = NewType("RunId", str)
DecisionId = NewType("DecisionId", str)

Mint = Callable[[str], str]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_NAME = re.compile(r"[a-z](?:[a-z0-9]|-(?=[a-z0-9])){0,62}\Z")


def mint(prefix: str, now: datetime, entropy: Callable[[int], bytes] = os.urandom) -> str:
    """Return a fresh id that sorts after every id minted at an earlier millisecond.

    Args:
        prefix: what kind of thing it names, `req` or `run` for instance.
        entropy: yields that many random bytes; tests pass a seeded source.
    """
    milliseconds = (now - _EPOCH) // _MILLISECOND  # a float timestamp falls a millisecond short at times
    number = (milliseconds << 80) | int.from_bytes(entropy(10), "big")
    characters = [_ALPHABET[(number >> shift) & 31] for shift in range(125, -5, -5)]
    return f"{prefix}_{''.join(characters)}"


def is_name(text: str) -> bool:
    """Say whether a text can name a project, contract, request or destination."""
    return _NAME.match(text) is not None


def check_name(text: str, pointer: str) -> str:
    """Return the name unchanged, or refuse it.

    Raises:
        Invalid: `invalid_name`, with the pointer of the offending field.
    """
    if is_name(text):
        return text
    finding = Finding(
        pointer=pointer,
        code="invalid_name",
        message="a name is 1 to 63 lower-case letters, digits and single hyphens, and starts with a letter",
        fix="choose a name such as orders-db",
    )
    raise Invalid("invalid_name", "The name is not usable.", findings=(finding,))
