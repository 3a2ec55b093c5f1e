"""What a signature is worth: whatever is changed of it, it is worth nothing."""

import base64
import copy
import json
import logging
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.bundle import Bundle
from catalog.errors import Invalid
from catalog.provenance import PAYLOAD_TYPE, Statement, statement_about
from platform_api import signing
from platform_api.trust import MAX_AHEAD, SignatureRefused, Trust, check_newer, trust_of
from tests.factories import START, a_bundle, contract_document

ROOT = Path(__file__).parents[3]
KEY, OTHER, STRANGER = (signing.new_private_key() for _ in range(3))
TRUST = Trust({key.public.id: key.public for key in (KEY, OTHER)})
BUNDLE = a_bundle()
NEXT = a_bundle(contract_document(version="1.1.0"))
Envelope = dict[str, Any]


def envelope(bundle: Bundle = BUNDLE, *keys: signing.PrivateKey, **changes: Any) -> Envelope:
    """Return a signed envelope about a bundle, with members of the statement changed before it is signed."""
    statement = statement_about(bundle, START)
    members = {name: getattr(statement, name) for name in ("name", "version", "digest", "signed_at")}
    payload = Statement(**(members | changes)).payload()
    sealed = [key.seal(payload, PAYLOAD_TYPE) for key in keys or (KEY,)]
    return {**sealed[0], "signatures": [each["signatures"][0] for each in sealed]}  # type: ignore[index]  # ours


def refusal(sent: Envelope | None, bundle: Bundle = BUNDLE, trust: Trust = TRUST) -> str:
    """Return the code with which a bundle is refused."""
    with pytest.raises(SignatureRefused) as refused:
        trust.check(sent, bundle, START)
    assert refused.value.fix
    return refused.value.code


def test_a_signature_of_a_trusted_key_stands_for_the_bundle() -> None:
    sent = envelope()
    signature = TRUST.check(sent, BUNDLE, START)
    assert signature is not None
    assert (signature.key_id, signature.signed_at, signature.envelope) == (KEY.public.id, START, sent)


def test_unsigned_is_refused_where_a_signature_is_required_and_nowhere_else() -> None:
    assert TRUST.check(None, BUNDLE, START) is None
    assert Trust().check(None, BUNDLE, START) is None
    assert refusal(None, trust=Trust(TRUST.keys, is_required=True)) == "signature_missing"


def test_a_signature_that_nobody_can_verify_is_not_taken_for_one() -> None:
    assert Trust().check(envelope(), BUNDLE, START) is None


def test_a_signature_is_verified_though_none_is_required() -> None:
    assert refusal(envelope(BUNDLE, STRANGER)) == "signature_untrusted"
    assert refusal(envelope(NEXT)) == "signature_mismatch"


def test_an_envelope_that_nobody_signed_is_unsigned() -> None:
    assert refusal({**envelope(), "signatures": []}) == "signature_missing"


@pytest.mark.parametrize(
    "changes",
    [{"name": "other"}, {"version": "9.9.9"}, {"digest": "sha256:" + "0" * 64}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_statement_about_something_else_is_refused(changes: dict[str, str]) -> None:
    assert refusal(envelope(BUNDLE, KEY, **changes)) == "signature_mismatch"


def test_envelopes_cannot_be_swapped_between_bundles() -> None:
    assert refusal(envelope(BUNDLE), NEXT) == "signature_mismatch"
    assert refusal(envelope(NEXT), BUNDLE) == "signature_mismatch"


def test_the_seal_of_one_statement_does_not_hold_for_another() -> None:
    mixed = {**envelope(NEXT), "payload": envelope(BUNDLE)["payload"]}
    assert refusal(mixed) == "signature_mismatch"


def test_a_key_cannot_lend_its_id_to_another() -> None:
    forged = envelope(BUNDLE, STRANGER)
    forged["signatures"][0]["keyid"] = KEY.public.id
    assert refusal(forged) == "signature_mismatch"


def test_a_key_vouches_for_bundles_and_not_for_whatever_it_signed() -> None:
    payload = statement_about(BUNDLE, START).payload()
    assert refusal(dict(KEY.seal(payload, "application/vnd.in-toto+json"))) == "signature_mismatch"
    retyped = {**KEY.seal(payload, "application/vnd.in-toto+json"), "payloadType": PAYLOAD_TYPE}
    assert refusal(retyped) == "signature_mismatch"
    assert refusal(dict(KEY.seal(b"{}", PAYLOAD_TYPE))) == "signature_mismatch"


def test_a_signature_from_the_future_is_refused_and_a_clock_may_be_a_little_ahead() -> None:
    ahead = envelope(BUNDLE, KEY, signed_at=START + MAX_AHEAD)
    assert TRUST.check(ahead, BUNDLE, START) is not None
    beyond = envelope(BUNDLE, KEY, signed_at=START + MAX_AHEAD + timedelta(seconds=1))
    assert refusal(beyond) == "signature_mismatch"


# --- two signatures -----------------------------------------------------------------------


def test_one_of_two_signatures_is_enough_when_the_other_is_a_strangers() -> None:
    for keys in ((KEY, STRANGER), (STRANGER, KEY)):
        signature = TRUST.check(envelope(BUNDLE, *keys), BUNDLE, START)
        assert signature is not None
        assert signature.key_id == KEY.public.id


def test_of_two_trusted_keys_both_must_hold() -> None:
    assert TRUST.check(envelope(BUNDLE, KEY, OTHER), BUNDLE, START) is not None
    for spoilt, other in ((0, 1), (1, 0)):
        sent = envelope(BUNDLE, KEY, OTHER)
        sent["signatures"][spoilt]["sig"] = sent["signatures"][other]["sig"]
        assert refusal(sent) == "signature_mismatch"


def test_one_key_does_not_sign_twice() -> None:
    assert refusal(envelope(BUNDLE, KEY, KEY)) == "signature_mismatch"


def test_two_strangers_are_no_more_than_one() -> None:
    assert refusal(envelope(BUNDLE, STRANGER, signing.new_private_key())) == "signature_untrusted"


# --- every byte counts --------------------------------------------------------------------


PLACES: dict[str, tuple[Any, ...]] = {
    "payload": ("payload",),
    "payloadType": ("payloadType",),
    "keyid": ("signatures", 0, "keyid"),
    "sig": ("signatures", 0, "sig"),
}


def changed(name: str, text: str) -> Envelope:
    """Return an envelope that says something else at one place."""
    sent = part = envelope()
    *way, last = PLACES[name]
    for step in way:
        part = part[step]
    part[last] = text
    return sent


@pytest.mark.parametrize("name", PLACES)
def test_no_letter_of_an_envelope_can_be_another(name: str) -> None:
    whole = envelope()
    text = str(whole[name] if name in whole else whole["signatures"][0][name])
    for index, letter in enumerate(text):
        for other in ("A" if letter != "A" else "B", chr(ord(letter) ^ 1), "-", "=", "\u00e9", ""):
            sent = changed(name, text[:index] + other + text[index + 1 :])
            if sent != whole:
                assert refusal(sent) in ("signature_mismatch", "signature_untrusted"), f"{index} {other!a}"


@pytest.mark.parametrize("part", ["payload", "sig"])
def test_no_bit_of_what_is_signed_or_of_the_signature_can_be_another(part: str) -> None:
    whole = envelope()
    held = whole if part == "payload" else whole["signatures"][0]
    content = base64.b64decode(held[part])
    for index in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[index] ^= 1 << bit
            held[part] = base64.b64encode(bytes(flipped)).decode()
            assert refusal(copy.deepcopy(whole)) == "signature_mismatch"


@settings(max_examples=200)
@given(st.sampled_from(sorted(PLACES)), st.text(max_size=300))
def test_no_text_can_stand_for_another(name: str, text: str) -> None:
    sent = changed(name, text)
    if sent != envelope():
        refusal(sent)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=10), part, max_size=3),
    max_leaves=10,
)


@settings(max_examples=200)
@given(
    st.dictionaries(st.sampled_from(["payload", "payloadType", "signatures", "x"]), JSON)
    | st.fixed_dictionaries({"payload": JSON, "payloadType": JSON, "signatures": st.lists(JSON, max_size=3)})
    | st.fixed_dictionaries(
        {
            "payload": st.just("e30="),
            "payloadType": st.just(PAYLOAD_TYPE),
            "signatures": st.lists(st.fixed_dictionaries({"keyid": JSON, "sig": JSON}), max_size=3),
        }
    )
)
def test_what_is_no_envelope_is_refused_and_nothing_breaks(sent: Envelope) -> None:
    assert refusal(sent) in ("signature_mismatch", "signature_missing", "signature_untrusted")


def test_what_was_sent_is_not_changed_by_looking_at_it() -> None:
    sent = envelope()
    before = copy.deepcopy(sent)
    TRUST.check(sent, BUNDLE, START)
    assert sent == before


# --- replay -------------------------------------------------------------------------------


def test_only_a_newer_signature_is_taken_after_another() -> None:
    signature = TRUST.check(envelope(), BUNDLE, START)
    assert signature is not None
    before = START - timedelta(microseconds=1)
    check_newer(signature, None, None)
    check_newer(signature, before, before)
    for late in (START, START + timedelta(days=1)):
        for newest, replaced in ((late, None), (before, late), (late, late)):
            with pytest.raises(SignatureRefused) as refused:
                check_newer(signature, newest, replaced)
            assert refused.value.code == "signature_replayed"


# --- keys ---------------------------------------------------------------------------------


def pem_of(key: Any, encryption: Any = None) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())
    return pem


def public_pem_of(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


RSA = rsa.generate_private_key(65537, 2048)
CURVE = ec.generate_private_key(ec.SECP256R1())
LOCKED = pem_of(ed25519.Ed25519PrivateKey.generate(), BestAvailableEncryption(b"word"))


@pytest.mark.parametrize(
    "pem",
    [b"", b"\x00", pem_of(RSA), pem_of(CURVE), LOCKED, public_pem_of(CURVE), KEY.public.pem.encode()],
    ids=["empty", "bytes", "rsa", "curve", "locked", "public-curve", "public"],
)
def test_what_is_no_private_key_of_ours_signs_nothing(pem: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        signing.private_key(pem)
    assert refused.value.code == "key_unusable"


@pytest.mark.parametrize(
    "pem",
    [b"", b"\x00", public_pem_of(RSA), public_pem_of(CURVE), KEY.pem()],
    ids=["empty", "bytes", "rsa", "curve", "private"],
)
def test_what_is_no_public_key_of_ours_verifies_nothing(pem: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        signing.public_key(pem)
    assert refused.value.code == "key_unusable"


def test_a_key_is_the_same_after_it_was_written_and_read() -> None:
    read = signing.private_key(KEY.pem())
    assert read.public == KEY.public == signing.public_key(KEY.public.pem.encode())
    assert TRUST.check(envelope(BUNDLE, read), BUNDLE, START) is not None


def test_a_private_key_shows_itself_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seed = base64.b64decode("".join(KEY.pem().decode().splitlines()[1:-1]))[-32:]
    TRUST.check(envelope(), BUNDLE, START)
    with pytest.raises(Invalid) as refused:
        signing.public_key(KEY.pem())
    said = f"{KEY!r} {KEY} {TRUST!r} {refused.value!r} {refused.value.__cause__!r} {caplog.text}"
    for form in (seed.hex(), base64.b64encode(seed).decode()[:40], repr(seed), KEY.pem().decode()[30:60]):
        assert form not in said


def test_trusted_keys_are_files_or_the_public_ones_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/a.pub").write_text(KEY.public.pem)
    (tmp_path / "keys/a").write_bytes(KEY.pem())
    (tmp_path / "b.pem").write_text(OTHER.public.pem)
    trust = trust_of([str(tmp_path / "keys"), str(tmp_path / "b.pem")], is_required=True)
    assert set(trust.keys) == {KEY.public.id, OTHER.public.id}
    assert trust.is_required
    assert trust_of([], is_required=False) == Trust()


def test_settings_that_could_verify_nothing_are_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "private.pub").write_bytes(KEY.pem())
    for trusted in (
        [],
        [str(tmp_path / "empty")],
        [str(tmp_path / "nothing")],
        [str(tmp_path / "private.pub")],
    ):
        with pytest.raises(Invalid) as refused:
            trust_of(trusted, is_required=True)
        assert refused.value.code == "invalid_settings"
        assert all(
            finding.pointer == "AVOW_TRUSTED_KEYS" and finding.fix for finding in refused.value.findings
        )
        assert KEY.pem().decode()[30:60] not in str(refused.value.findings)


WITHOUT = """
import sys
sys.modules["securesystemslib"] = sys.modules["cryptography"] = None
from platform_api.trust import trust_of
from catalog.errors import PlatformError
trust_of([], is_required=False)
try:
    trust_of(sys.argv[1:], is_required=False)
except PlatformError as error:
    print(error.findings[0].fix)
"""


def test_who_has_not_installed_the_extra_goes_without_and_is_told_when_it_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "a.pub").write_text(KEY.public.pem)
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(tmp_path)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout == "install the extra: pip install 'avow[signing]'\n"


def test_an_envelope_is_what_other_tools_read() -> None:
    sent = json.loads(json.dumps(envelope()))
    assert set(sent) == {"payload", "payloadType", "signatures"}
    payload = base64.b64decode(sent["payload"])
    kind = sent["payloadType"].encode()
    signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
    raw = bytes.fromhex(KEY.public.key.keyval["public"])
    ed25519.Ed25519PublicKey.from_public_bytes(raw).verify(
        base64.b64decode(sent["signatures"][0]["sig"]), signed
    )
