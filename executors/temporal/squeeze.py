"""Makes large values small enough for the server, and leaves small ones readable in its console.

The server takes 2 MiB at once, and an answer of ours may be as large in plain JSON. Text
always shrinks enough. What comes back is not believed: it is unpacked up to a limit, and what
was not packed by this codec is passed on as it is.
"""

import zlib
from collections.abc import Sequence
from dataclasses import replace

from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter, PayloadCodec

SQUEEZED = b"binary/avow-zlib"
FROM_BYTES = 64 * 1024
MAX_BYTES = 16 * 1024 * 1024


class Squeeze(PayloadCodec):
    """Packs payloads from a certain size on."""

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads, large ones packed."""
        return [_packed(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads as they were given."""
        return [_unpacked(payload) for payload in payloads]


CONVERTER = replace(DataConverter.default, payload_codec=Squeeze())


def _packed(payload: Payload) -> Payload:
    if payload.ByteSize() < FROM_BYTES:
        return payload
    whole = payload.SerializeToString()
    return Payload(metadata={"encoding": SQUEEZED}, data=zlib.compress(whole, level=1))


def _unpacked(payload: Payload) -> Payload:
    if payload.metadata.get("encoding") != SQUEEZED:
        return payload
    whole = zlib.decompressobj().decompress(payload.data, MAX_BYTES)
    return Payload.FromString(whole)
