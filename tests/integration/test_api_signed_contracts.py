"""Signed contracts at the door: what is refused, what is kept of it, and what is shown."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from catalog import audit
from catalog.bundle import bundle_from_files
from catalog.provenance import PAYLOAD_TYPE, Statement
from platform_api import signing
from platform_api.signing import PrivateKey
from tests.doors import Doors, open_doors
from tests.factories import START, contract_document, contract_files

PLACE = "/v1/contracts/postgres-database/versions"
KEY, OTHER, STRANGER = (signing.new_private_key() for _ in range(3))


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    for name, key in (("a", KEY), ("b", OTHER)):
        (folder / f"{name}.pub").write_text(key.public.pem)
    return folder


@pytest.fixture
def strict(database_url: str, tmp_path: Path, keys: Path) -> Iterator[Doors]:
    """Give a door that publishes signed bundles only; what it was furnished with is one."""
    with open_doors(database_url, tmp_path, trusted_keys=(str(keys),)) as opened:
        object.__setattr__(opened.platform.trust, "is_required", True)
        yield opened


@pytest.fixture
def lax(sqlite_url: str, tmp_path: Path, keys: Path) -> Iterator[Doors]:
    with open_doors(sqlite_url, tmp_path, trusted_keys=(str(keys),)) as opened:
        yield opened


def files(version: str, **spec: Any) -> dict[str, str]:
    return contract_files(contract_document(version=version, **spec))


def signed(sent: dict[str, str], key: PrivateKey = KEY, minutes: int = 0) -> dict[str, Any]:
    """Return the body that publishes these files, signed so many minutes after the start."""
    bundle = bundle_from_files(sent)
    contract = bundle.contract
    at = START + timedelta(minutes=minutes)
    statement = Statement(contract.name, contract.version, bundle.digest, at)
    return {"files": sent, "signature": dict(key.seal(statement.payload(), PAYLOAD_TYPE))}


def publish(doors: Doors, body: dict[str, Any], **sent: Any) -> httpx.Response:
    return doors("pia", "POST", "/v1/contracts", body, **sent)


def refused(doors: Doors, body: dict[str, Any], code: str) -> None:
    """Publish what must be refused, and see nothing of it but its entry in the trail."""
    before = doors.rows()
    answer = publish(doors, body)
    assert (answer.status_code, answer.json()["code"]) == (403, code), answer.text
    assert answer.json()["fix"]
    changed = {name: count - before[name] for name, count in doors.rows().items() if count != before[name]}
    assert changed == {"catalog_audit": 1}
    entry = trail(doors)[-1]
    bundle = bundle_from_files(body["files"])
    assert (entry.action, entry.actor, entry.detail) == (
        "contract.refused",
        "pia",
        {"code": code, "digest": bundle.digest, "owner": "team-data"},
    )
    assert entry.subject == f"contract/{bundle.contract.name}@{bundle.contract.version}"


def trail(doors: Doors) -> list[audit.Entry]:
    with doors.platform.db.read() as tx:
        assert audit.verify(tx, audit.PLATFORM).is_intact
        return audit.page(tx, audit.PLATFORM, 0, 1000)


def test_who_signed_and_when_is_kept_and_shown_and_in_the_trail(strict: Doors) -> None:
    body = signed(files("1.1.0"), minutes=3)
    answer = publish(strict, body)
    assert answer.status_code == 201, answer.text
    stated = {
        "key_id": KEY.public.id,
        "signed_at": "2026-03-01T12:03:00Z",
        "envelope": body["signature"],
    }
    shown = strict("dora", "GET", answer.headers["Location"]).json()
    contract = strict("dora", "GET", "/v1/contracts/postgres-database").json()
    assert shown["signature"] == contract["newest"]["signature"] == answer.json()["signature"] == stated
    assert "source" not in shown
    assert trail(strict)[-1].detail["signature"] == {
        "key_id": KEY.public.id,
        "signed_at": "2026-03-01T12:03:00+00:00",
    }


def test_what_was_published_unsigned_says_so(strict: Doors) -> None:
    shown = strict("dora", "GET", "/v1/contracts/postgres-database/versions/1.0.0").json()
    assert not {"signature", "source"} & shown.keys()


def test_unsigned_is_refused(strict: Doors) -> None:
    refused(strict, {"files": files("1.1.0")}, "signature_missing")
    envelope = signed(files("1.1.0"))["signature"] | {"signatures": []}
    refused(strict, {"files": files("1.1.0"), "signature": envelope}, "signature_missing")


def test_altered_is_refused(strict: Doors) -> None:
    body = signed(files("1.1.0"))
    body["files"] = body["files"] | {"docs/README.md": "Send your passwords here."}
    refused(strict, body, "signature_mismatch")


def test_the_signature_of_another_version_or_contract_is_refused(strict: Doors) -> None:
    other = contract_files(contract_document(name="cache", version="1.1.0"))
    for signature in (signed(files("1.2.0"))["signature"], signed(other)["signature"]):
        refused(strict, {"files": files("1.1.0"), "signature": signature}, "signature_mismatch")


def test_a_stranger_s_signature_is_refused(strict: Doors) -> None:
    refused(strict, signed(files("1.1.0"), STRANGER), "signature_untrusted")


def test_an_older_signature_is_refused_whatever_its_version(strict: Doors) -> None:
    assert publish(strict, signed(files("1.1.0"), minutes=5)).status_code == 201
    refused(strict, signed(files("1.2.0"), minutes=4), "signature_replayed")
    refused(strict, signed(files("9.0.0"), OTHER, minutes=5), "signature_replayed")
    assert publish(strict, signed(files("1.0.5"), OTHER, minutes=6)).status_code == 201


def test_exactly_what_is_published_may_come_again_with_its_old_signature(strict: Doors) -> None:
    body = signed(files("1.1.0"), minutes=1)
    assert publish(strict, body).status_code == 201
    assert publish(strict, signed(files("1.2.0"), minutes=2)).status_code == 201
    again = publish(strict, body)
    assert (again.status_code, again.json()["is_new"]) == (200, False)
    refused(strict, {"files": body["files"]}, "signature_missing")


def end(doors: Doors, version: str, *, times: tuple[str, ...] = ("deprecated", "retired")) -> None:
    """Bring a version to the end of its life, and delete it."""
    place, headers = f"{PLACE}/{version}", {"If-Match": "*"}
    for state in times:
        moved = doors("pia", "PUT", f"{place}/lifecycle", {"state": state}, headers=headers)
        assert moved.status_code == 200, moved.text
    assert doors("pia", "DELETE", place, headers=headers).status_code == 204


def test_a_deleted_version_goes_on_outdating_what_was_signed_before_it(strict: Doors) -> None:
    older, newer = signed(files("1.1.0"), minutes=1), signed(files("1.2.0"), minutes=5)
    assert publish(strict, newer).status_code == 201
    end(strict, "1.2.0")
    refused(strict, older, "signature_replayed")
    refused(strict, newer, "signature_replayed")
    refused(strict, signed(files("1.3.0"), minutes=5), "signature_replayed")
    assert publish(strict, signed(files("1.2.0"), minutes=6)).status_code == 201


def test_a_draft_is_not_replaced_nor_published_by_what_was_signed_before_it(strict: Doors) -> None:
    older = signed(files("2.0.0", description="Vulnerable."), minutes=1)
    newer = signed(files("2.0.0", description="Mended."), minutes=5)
    assert publish(strict, older | {"draft": True}).status_code == 201
    assert publish(strict, newer | {"draft": True}).status_code == 201
    refused(strict, older, "signature_replayed")
    refused(strict, older | {"draft": True}, "signature_replayed")
    assert publish(strict, newer).status_code == 201
    assert strict("dora", "GET", f"{PLACE}/2.0.0").json()["description"] == "Mended."
    assert strict("dora", "GET", f"{PLACE}/2.0.0/lifecycle").json()["state"] == "published"


def test_a_draft_outdates_nothing_but_its_own_content_before(strict: Doors) -> None:
    draft = signed(files("2.0.0"), minutes=8)
    assert publish(strict, draft | {"draft": True}).status_code == 201
    assert publish(strict, signed(files("1.1.0"), minutes=5)).status_code == 201
    assert publish(strict, draft).status_code == 201
    refused(strict, signed(files("1.2.0"), minutes=8), "signature_replayed")


def test_a_draft_that_was_overtaken_is_signed_anew_before_it_is_published(strict: Doors) -> None:
    draft = signed(files("2.0.0"), minutes=1)
    assert publish(strict, draft | {"draft": True}).status_code == 201
    assert publish(strict, signed(files("1.1.0"), minutes=5)).status_code == 201
    refused(strict, draft, "signature_replayed")
    assert publish(strict, signed(files("2.0.0"), minutes=6)).status_code == 201


def test_a_deleted_draft_outdates_nothing(strict: Doors) -> None:
    assert publish(strict, signed(files("2.0.0"), minutes=5) | {"draft": True}).status_code == 201
    end(strict, "2.0.0", times=())
    assert publish(strict, signed(files("1.1.0"), minutes=1)).status_code == 201


def test_a_dry_run_outdates_nothing(strict: Doors) -> None:
    newer = signed(files("1.2.0"), minutes=5)
    assert publish(strict, newer, params={"dry_run": True}).is_success
    assert publish(strict, signed(files("1.1.0"), minutes=1)).status_code == 201


def test_contracts_do_not_outdate_one_another(strict: Doors) -> None:
    assert publish(strict, signed(files("1.1.0"), minutes=5)).status_code == 201
    other = contract_files(contract_document(name="cache"))
    assert publish(strict, signed(other, minutes=1)).status_code == 201


def test_a_refused_replay_can_be_signed_anew(strict: Doors) -> None:
    assert publish(strict, signed(files("1.1.0"), minutes=5)).status_code == 201
    refused(strict, signed(files("1.2.0"), minutes=1), "signature_replayed")
    assert publish(strict, signed(files("1.2.0"), minutes=6)).status_code == 201


def test_nobody_learns_more_by_signing_than_what_he_may(strict: Doors) -> None:
    answer = strict("dora", "POST", "/v1/contracts", {"files": files("1.1.0")})
    assert answer.json()["code"] == "role_missing"


def test_a_signature_comes_before_what_is_wrong_with_a_workflow(strict: Doors) -> None:
    strict.engine.is_down = True  # not even asked
    refused(strict, {"files": files("1.1.0")}, "signature_missing")


def test_a_dry_run_is_refused_alike_and_leaves_nothing(strict: Doors) -> None:
    before = strict.rows()
    dry = {"params": {"dry_run": True}}
    assert publish(strict, {"files": files("1.1.0")}, **dry).json()["code"] == "signature_missing"
    assert publish(strict, signed(files("1.1.0")), **dry).json()["signature"]["key_id"] == KEY.public.id
    assert strict.rows() == before


def test_a_repeated_publish_gets_its_answer_again(strict: Doors) -> None:
    body, headers = signed(files("1.1.0"), minutes=1), {"Idempotency-Key": "k-1"}
    first, second = (publish(strict, body, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json() == second.json()


@pytest.mark.parametrize(
    "change",
    [
        {"payload": 1},
        {"payload": None},
        {"signatures": {}},
        {"signatures": [{}]},
        {"signatures": [{"keyid": "a", "sig": "b", "more": 1}]},
        {"signatures": [{"keyid": "a", "sig": "b"}] * 9},
        {"more": 1},
        {"payload": "x" * 9000},
    ],
    ids=["number", "null", "object", "empty", "more-inside", "nine", "more", "long"],
)
def test_what_has_not_the_shape_of_an_envelope_is_no_body(strict: Doors, change: dict[str, Any]) -> None:
    body = signed(files("1.1.0"))
    body["signature"] |= change
    answer = publish(strict, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_body")
    assert answer.json()["errors"][0]["pointer"].startswith("/signature")


def test_where_none_is_required_unsigned_is_fine_and_a_wrong_signature_is_not(lax: Doors) -> None:
    assert publish(lax, {"files": files("1.1.0")}).status_code == 201
    refused(lax, signed(files("1.2.0"), STRANGER), "signature_untrusted")
    assert publish(lax, signed(files("1.2.0"), minutes=1)).json()["signature"]["key_id"] == KEY.public.id
    refused(lax, signed(files("1.3.0")), "signature_replayed")


def test_where_no_key_is_trusted_a_signature_says_nothing(sqlite_url: str, tmp_path: Path) -> None:
    with open_doors(sqlite_url, tmp_path) as doors:
        answer = publish(doors, signed(files("1.1.0"), STRANGER))
        assert answer.status_code == 201
        assert "signature" not in answer.json()
