"""The only door to the library that seals and verifies: DSSE envelopes, Ed25519 keys.

Loaded by name, because it belongs to the extra `signing`: by `trust` when keys are configured, by
`avow contract keygen` and `sign`. Keys are PEM as other tools write them. A key's id is computed
from the key itself, never taken from a file or an envelope. Nothing here says whose keys count.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error, UnverifiedSignatureError
from securesystemslib.signer import CryptoSigner, SSlibKey

from catalog.digest import JsonObject
from catalog.errors import Invalid


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What signatures are verified with."""

    id: str
    pem: str
    key: SSlibKey = field(repr=False)


class PrivateKey:
    """What is signed with; it shows itself to nobody, and is written down by `pem` alone."""

    def __init__(self, signer: CryptoSigner, public: PublicKey) -> None:
        self._signer = signer
        self.public = public

    def __repr__(self) -> str:
        return f"PrivateKey(public={self.public.id})"

    def pem(self) -> bytes:
        """Return the key as a file holds it."""
        return self._signer.private_bytes

    def seal(self, payload: bytes, payload_type: str) -> JsonObject:
        """Return an envelope with these bytes and this key's signature over them."""
        envelope = Envelope(payload, payload_type, {})
        envelope.sign(self._signer)
        sealed: JsonObject = envelope.to_dict()
        return sealed


class Sealed:
    """An envelope that could be read; whether it holds is yet to be asked.

    Attributes:
        key_ids: who claims to have signed.
    """

    def __init__(self, envelope: Envelope) -> None:
        self._envelope = envelope
        self.payload: bytes = envelope.payload
        self.payload_type: str = envelope.payload_type
        self.key_ids: frozenset[str] = frozenset(envelope.signatures)

    def holds(self, keys: Sequence[PublicKey]) -> bool:
        """Say whether every one of these keys, and there must be one, signed exactly this."""
        try:
            self._envelope.verify([key.key for key in keys], len(keys))
        except (UnverifiedSignatureError, ValueError):
            return False
        return True


def new_private_key() -> PrivateKey:
    """Return a key that nobody has had before."""
    return _private(Ed25519PrivateKey.generate())


def private_key(pem: bytes) -> PrivateKey:
    """Return the private key that a file holds.

    Raises:
        Invalid: `key_unusable`.
    """
    try:
        found = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable("This is no private key in PEM without a passphrase.") from error
    if not isinstance(found, Ed25519PrivateKey):
        raise _unusable("This is a private key, and none of Ed25519.")
    return _private(found)


def public_key(pem: bytes) -> PublicKey:
    """Return the public key that a file holds.

    Raises:
        Invalid: `key_unusable`.
    """
    try:
        found = load_pem_public_key(pem)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _unusable("This is no public key in PEM.") from error
    if not isinstance(found, Ed25519PublicKey):
        raise _unusable("This is a public key, and none of Ed25519.")
    return _public(found)


def opened(envelope: JsonObject) -> Sealed:
    """Return an envelope, read; one that could be written in two ways is not taken in the other.

    Raises:
        ValueError: it is none.
    """
    try:
        read = Envelope.from_dict(copy.deepcopy(dict(envelope)))
        is_plain = read.to_dict() == envelope
    except (Error, KeyError, TypeError, AttributeError) as error:
        raise ValueError("it has not the members of an envelope") from error
    if not is_plain:
        raise ValueError("it is not written as envelopes are")
    return Sealed(read)


def _private(key: Ed25519PrivateKey) -> PrivateKey:
    public = _public(key.public_key())
    return PrivateKey(CryptoSigner(key, public.key), public)


def _public(key: Ed25519PublicKey) -> PublicKey:
    known = SSlibKey.from_crypto(key)
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
    return PublicKey(known.keyid, pem, known)


def _unusable(message: str) -> Invalid:
    return Invalid("key_unusable", message, fix="make a pair with avow contract keygen")
