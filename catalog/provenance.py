"""Where a published bundle came from, and who stands for it.

A source is the git commit that it was fetched from. A signature says which key stated, and
when, that a bundle is exactly this one. What is signed is a `Statement` in one canonical form;
how it is sealed is known to `platform_api.signing` alone, and whose keys count to
`platform_api.trust`.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from catalog.bundle import Bundle
from catalog.digest import Json, JsonObject, canonical_json

PAYLOAD_TYPE = "application/vnd.avow.bundle+json"
MAX_PAYLOAD = 4096


@dataclass(frozen=True, slots=True)
class Source:
    """A place in a git repository.

    Attributes:
        ref: the branch, tag or commit that was asked for.
        path: the bundle's folder; empty for the whole repository.
        commit: what `ref` was at that time.
    """

    url: str
    ref: str
    path: str
    commit: str

    def document(self) -> dict[str, Json]:
        """Return it as it is stored."""
        return {"git": asdict(self)}


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that was accepted.

    Attributes:
        envelope: as it came, so that anybody with the public key can look again.
    """

    key_id: str
    signed_at: datetime
    envelope: JsonObject

    def document(self) -> dict[str, Json]:
        """Return it as it is stored."""
        return {
            "key_id": self.key_id,
            "signed_at": self.signed_at.isoformat(),
            "envelope": self.envelope,
        }


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is known of where a revision came from; nothing of one that was sent unsigned."""

    source: Source | None = None
    signature: Signature | None = None

    def documents(self) -> dict[str, Json]:
        """Return both as they are stored."""
        return {
            "source": None if self.source is None else self.source.document(),
            "signature": None if self.signature is None else self.signature.document(),
        }

    def told(self) -> dict[str, Json]:
        """Return what is known as the audit trail has it, without the envelope."""
        told: dict[str, Json] = {} if self.source is None else {"source": self.source.document()}
        if self.signature is not None:
            signed_at = self.signature.signed_at.isoformat()
            told["signature"] = {"key_id": self.signature.key_id, "signed_at": signed_at}
        return told


UNKNOWN = Provenance()


@dataclass(frozen=True, slots=True)
class Statement:
    """What a signature says: this content has this name and version."""

    name: str
    version: str
    digest: str
    signed_at: datetime

    def payload(self) -> bytes:
        """Return the bytes that are signed."""
        members: dict[str, Json] = {**asdict(self), "signed_at": self.signed_at.isoformat()}
        return canonical_json(members)

    def is_about(self, bundle: Bundle) -> bool:
        """Say whether it is about this very bundle."""
        contract = bundle.contract
        return (self.name, self.version, self.digest) == (contract.name, contract.version, bundle.digest)


def statement_about(bundle: Bundle, signed_at: datetime) -> Statement:
    """Return what somebody says who signs a bundle now."""
    return Statement(bundle.contract.name, bundle.contract.version, bundle.digest, signed_at)


def read_statement(payload: bytes) -> Statement:
    """Return the statement that bytes stand for; no two texts stand for the same.

    Raises:
        ValueError: they are none.
    """
    if len(payload) > MAX_PAYLOAD:
        raise ValueError("the statement is too long")
    try:
        members = json.loads(payload)
        statement = Statement(**{**members, "signed_at": datetime.fromisoformat(members["signed_at"])})
        texts = (statement.name, statement.version, statement.digest)
        is_utc = statement.signed_at.tzinfo is UTC
        is_canonical = (
            is_utc and all(isinstance(text, str) for text in texts) and statement.payload() == payload
        )
    except (TypeError, KeyError, RecursionError, AttributeError) as error:
        raise ValueError("the statement has not the members of one") from error
    if not is_canonical:
        raise ValueError("the statement is not written as it should be")
    return statement


def provenance_of(source: JsonObject | None, signature: JsonObject | None) -> Provenance:
    """Return what was stored as what it was."""
    return Provenance(
        None if source is None else _source(source), None if signature is None else _signature(signature)
    )


def _source(stored: JsonObject) -> Source:
    members = stored["git"]
    assert isinstance(members, dict)  # noqa: S101  # as `Source.document` wrote it; tells mypy
    return Source(**members)


def _signature(stored: JsonObject) -> Signature:
    envelope = stored["envelope"]
    assert isinstance(envelope, dict)  # noqa: S101  # as `Signature.document` wrote it; tells mypy
    return Signature(str(stored["key_id"]), datetime.fromisoformat(str(stored["signed_at"])), envelope)
