"""Whose signatures count, and whether a bundle needs one.

`publish` asks before it looks any closer at what was sent, and once more, under the contract's
lock, whether the signature is newer than those before it: an old bundle with its old signature is
as genuine as ever, and still nobody wants it back.
"""

import importlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from catalog.bundle import Bundle
from catalog.digest import JsonObject
from catalog.errors import Denied, Finding, Invalid
from catalog.provenance import PAYLOAD_TYPE, Signature, Statement, read_statement

MAX_AHEAD = timedelta(minutes=10)
"""So far may the signer's clock be ahead of ours; one in the future would outrank all that follow."""

_RESIGN = "sign this bundle: avow contract sign"
_INSTALL = "install the extra: pip install 'avow[signing]'"


class SignatureRefused(Denied):
    """A bundle is not taken, for what its signature is or is not."""


@dataclass(frozen=True)
class Trust:
    """The rule of one installation.

    Attributes:
        keys: public keys of `platform_api.signing` by id; without any nothing is verified.
        is_required: no bundle is published unsigned.
    """

    keys: Mapping[str, Any] = field(default_factory=dict)
    is_required: bool = False

    def check(self, envelope: JsonObject | None, bundle: Bundle, now: datetime) -> Signature | None:
        """Return the signature that stands for a bundle; None when there is none and need not be.

        Raises:
            SignatureRefused: `signature_missing`, `signature_untrusted`, `signature_mismatch`.
        """
        if envelope is None:
            if self.is_required:
                raise _missing()
            return None
        if not self.keys:
            return None
        key_id, statement = self._verified(envelope)
        _check_statement(statement, bundle, now)
        return Signature(key_id, statement.signed_at, envelope)

    def _verified(self, envelope: JsonObject) -> tuple[str, Statement]:
        try:
            sealed = _door().opened(envelope)
        except ValueError as error:
            raise _mismatch("The signature is no envelope that can be read") from error
        if not sealed.key_ids:
            raise _missing()
        known = [key for id_, key in sorted(self.keys.items()) if id_ in sealed.key_ids]
        if not known:
            message = "The bundle is signed with a key that this installation does not trust."
            fix = "sign it with a trusted key; or have the operators add this one to AVOW_TRUSTED_KEYS"
            raise SignatureRefused("signature_untrusted", message, fix=fix)
        if sealed.payload_type != PAYLOAD_TYPE or not sealed.holds(known):
            raise _mismatch("The signature does not verify")
        try:
            return str(known[0].id), read_statement(sealed.payload)
        except ValueError as error:
            raise _mismatch("What is signed says nothing about a bundle") from error


def check_newer(signature: Signature, newest: datetime | None, replaced: datetime | None) -> None:
    """Pass when a signature is newer than what its bundle would come after.

    Args:
        newest: when the newest was made under which something of the contract was published.
        replaced: when the draft was signed in whose place it would come, if that is another one.

    Raises:
        SignatureRefused: `signature_replayed`.
    """
    if newest is not None and signature.signed_at <= newest:
        raise _replayed(
            signature, f"one of this contract that was signed at {newest.isoformat()} was published"
        )
    if replaced is not None and signature.signed_at <= replaced:
        raise _replayed(signature, f"the draft in its place was signed at {replaced.isoformat()}")


def trust_of(trusted: Sequence[str], *, is_required: bool) -> Trust:
    """Return the rule that settings ask for.

    Args:
        trusted: files that hold a public key each, or folders of such files named `*.pub`.

    Raises:
        Invalid: `invalid_settings`, with every file that cannot be used.
    """
    keys: dict[str, Any] = {}
    findings: list[Finding] = []
    for path in (file for word in trusted for file in _files(Path(word))):
        try:
            key = _door().public_key(path.read_bytes())
            keys[key.id] = key
        except Invalid as error:
            findings.append(_unfit(f"{path}: {error.message}", error.fix))
        except OSError as error:
            findings.append(_unfit(f"{path} cannot be read: {error.strerror}", "correct the path"))
    if is_required and not keys and not findings:
        message = "signed bundles are required, and no key is trusted"
        findings.append(_unfit(message, "name public keys in AVOW_TRUSTED_KEYS"))
    if findings:
        raise Invalid("invalid_settings", "Avow cannot start with these settings.", findings=findings)
    return Trust(keys, is_required)


def _check_statement(statement: Statement, bundle: Bundle, now: datetime) -> None:
    if not statement.is_about(bundle):
        signed = f"{statement.name} {statement.version} ({statement.digest[:19]}…)"
        contract = bundle.contract
        sent = f"{contract.name} {contract.version} ({bundle.digest[:19]}…)"
        raise _mismatch(f"The signature is of {signed}, and this is {sent}")
    if statement.signed_at > now + MAX_AHEAD:
        raise _mismatch("The bundle says that it was signed in the future; set the signer's clock")


def _files(path: Path) -> Iterator[Path]:
    yield from sorted(path.glob("*.pub")) if path.is_dir() else (path,)


def _door() -> Any:
    try:
        return importlib.import_module("platform_api.signing")
    except ImportError as error:
        message = "What verifies signatures is not installed."
        raise Invalid("signing_missing", message, fix=_INSTALL) from error


def _unfit(message: str, fix: str) -> Finding:
    return Finding("AVOW_TRUSTED_KEYS", "invalid_setting", message, fix)


def _replayed(signature: Signature, reason: str) -> SignatureRefused:
    message = f"The bundle was signed at {signature.signed_at.isoformat()}, and {reason}."
    return SignatureRefused("signature_replayed", message, fix=_RESIGN)


def _missing() -> SignatureRefused:
    message = "This installation publishes signed bundles only, and this one is not signed."
    return SignatureRefused("signature_missing", message, fix=f"{_RESIGN}, then avow publish --signature")


def _mismatch(message: str) -> SignatureRefused:
    return SignatureRefused("signature_mismatch", f"{message}.", fix=_RESIGN)
