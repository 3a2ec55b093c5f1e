"""Large values are packed and come back; small ones stay readable."""

import asyncio
import zlib

import pytest
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload

from executors.temporal.squeeze import FROM_BYTES, MAX_BYTES, SQUEEZED, Squeeze


def through(data: bytes) -> tuple[Payload, Payload]:
    """Return a payload as it crosses, and as it arrives."""
    payload = Payload(metadata={"encoding": b"json/plain"}, data=data)
    [packed] = asyncio.run(Squeeze().encode([payload]))
    [unpacked] = asyncio.run(Squeeze().decode([packed]))
    assert unpacked == payload
    return packed, unpacked


def test_a_small_value_crosses_as_it_is() -> None:
    packed, unpacked = through(b'"small"')
    assert packed == unpacked


def test_a_large_value_is_packed() -> None:
    packed, _ = through(b'"' + b"large" * FROM_BYTES + b'"')
    assert packed.metadata["encoding"] == SQUEEZED
    assert packed.ByteSize() < FROM_BYTES


def test_what_unpacks_to_more_than_allowed_is_refused() -> None:
    bomb = Payload(data=b"x" * (MAX_BYTES * 2)).SerializeToString()
    payload = Payload(metadata={"encoding": SQUEEZED}, data=zlib.compress(bomb))
    with pytest.raises(DecodeError):
        asyncio.run(Squeeze().decode([payload]))
