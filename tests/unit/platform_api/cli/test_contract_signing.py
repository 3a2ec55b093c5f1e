"""Keys, signatures and what is sent of them."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.bundle import read_bundle
from catalog.provenance import PAYLOAD_TYPE, read_statement
from catalog.starter import CapabilityKind, starter
from platform_api import signing
from platform_api.cli import contract_signing
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import NOW
from tests.unit.platform_api.cli.stub import Said, Stub

ROOT = Path(__file__).parents[4]
PUBLISHED = {"name": "queue", "version": "0.1.0", "digest": "sha256:abc", "is_new": True}


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(contract_signing, "utc_now", lambda: NOW)
    for name, text in starter(CapabilityKind.EXTERNAL_API, "queue", "team-data").items():
        (tmp_path / "queue" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "queue" / name).write_text(text)
    return Path("queue")


def secrets_of(pem: Path) -> list[str]:
    """Return the ways in which a private key could show up in a text."""
    body = "".join(pem.read_text().splitlines()[1:-1])
    seed = base64.b64decode(body)[-32:]
    return [body[20:60], seed.hex(), base64.b64encode(seed).decode()[:30], repr(seed)[2:30]]


def test_a_pair_of_keys_is_made_and_the_private_one_is_nobody_elses(avow: Avow, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        ended = avow("contract", "keygen", "--out", "team.key")
    finally:
        os.umask(before)
    assert ended.code == 0
    assert (tmp_path / "team.key").stat().st_mode & 0o777 == 0o600
    private = signing.private_key((tmp_path / "team.key").read_bytes())
    assert private.public == signing.public_key((tmp_path / "team.key.pub").read_bytes())
    assert ended.out.startswith(f"key {private.public.id}\n")
    assert not [word for word in secrets_of(tmp_path / "team.key") if word in ended.out + ended.err]


@pytest.mark.parametrize("there", ["team.key", "team.key.pub"])
@pytest.mark.parametrize("dangling", [False, True], ids=["file", "link"])
def test_a_key_that_is_there_is_never_replaced(
    avow: Avow, tmp_path: Path, there: str, *, dangling: bool
) -> None:
    if dangling:
        (tmp_path / there).symlink_to("elsewhere")
    else:
        (tmp_path / there).write_text("mine")
    ended = avow("contract", "keygen", "--out", "team.key")
    assert (ended.code, ended.out) == (6, "")
    assert [file.name for file in tmp_path.iterdir()] == [there]
    assert dangling or (tmp_path / there).read_text() == "mine"


def test_a_signature_is_of_the_bundle_as_it_is(avow: Avow, tmp_path: Path, queue: Path) -> None:
    avow("contract", "keygen", "--out", "team.key")
    ended = avow("contract", "sign", str(queue), "--key", "team.key")
    assert (ended.code, ended.err) == (0, "")
    sealed = signing.opened(json.loads((tmp_path / "queue-0.1.0.sig.json").read_text()))
    key = signing.public_key((tmp_path / "team.key.pub").read_bytes())
    assert sealed.payload_type == PAYLOAD_TYPE
    assert sealed.holds([key])
    statement = read_statement(sealed.payload)
    assert statement.is_about(read_bundle(queue))
    assert statement.signed_at == NOW
    written = (tmp_path / "queue-0.1.0.sig.json").read_text() + ended.out
    assert not [word for word in secrets_of(tmp_path / "team.key") if word in written]


def test_a_signature_lies_outside_of_what_it_signs(avow: Avow, tmp_path: Path, queue: Path) -> None:
    avow("contract", "keygen", "--out", "team.key")
    ended = avow("contract", "sign", str(queue), "--key", "team.key", "--out", "queue/bundle.sig.json")
    assert ended.code == 2
    assert not (tmp_path / "queue/bundle.sig.json").exists()
    assert avow("contract", "sign", str(queue), "--key", "team.key", "--out", "bundle.sig.json").code == 0
    assert (tmp_path / "bundle.sig.json").exists()


def test_what_is_no_key_or_no_bundle_signs_nothing(avow: Avow, tmp_path: Path, queue: Path) -> None:
    avow("contract", "keygen", "--out", "team.key")
    broken = (tmp_path / "team.key").read_text()[:-60]
    (tmp_path / "broken.key").write_text(broken)
    for key in ("broken.key", "team.key.pub", "nothing", "queue"):
        ended = avow("contract", "sign", str(queue), "--key", key)
        assert (ended.code, ended.out) == (2, ""), key
        assert not [word for word in secrets_of(tmp_path / "team.key") if word in ended.err]
        assert broken[30:60] not in ended.err
    (tmp_path / "queue/observe.yaml").unlink()
    assert avow("contract", "sign", str(queue), "--key", "team.key").code == 2
    assert not list(tmp_path.glob("*.sig.json"))


def test_a_signature_is_sent_with_its_bundle(avow: Avow, stub: Stub, tmp_path: Path, queue: Path) -> None:
    avow("contract", "keygen", "--out", "team.key")
    avow("contract", "sign", str(queue), "--key", "team.key")
    answer = PUBLISHED | {"signature": {"key_id": "0123456789abcdef", "signed_at": "x", "envelope": {}}}
    stub.says("POST", "/v1/contracts", Said(answer, 201))
    ended = avow("publish", str(queue), "--signature", "queue-0.1.0.sig.json")
    assert ended.out == "contract queue 0.1.0 published  sha256:abc  signed by 0123456789ab\n"
    assert stub.last("POST").body["signature"] == json.loads((tmp_path / "queue-0.1.0.sig.json").read_text())
    assert not [
        word for word in secrets_of(tmp_path / "team.key") if word in json.dumps(stub.last("POST").body)
    ]


def test_a_server_that_verifies_nothing_is_pointed_out(avow: Avow, stub: Stub, queue: Path) -> None:
    avow("contract", "keygen", "--out", "team.key")
    avow("contract", "sign", str(queue), "--key", "team.key")
    stub.says("POST", "/v1/contracts", Said(PUBLISHED, 201))
    ended = avow("publish", str(queue), "--signature", "queue-0.1.0.sig.json")
    assert ended.code == 0
    assert "the server trusts no keys" in ended.err


def test_one_signature_is_not_for_two_bundles(avow: Avow, stub: Stub, tmp_path: Path, queue: Path) -> None:
    (tmp_path / "sig.json").write_text("{}")
    ended = avow("publish", str(queue), str(queue), "--signature", "sig.json")
    assert (ended.code, ended.out) == (2, "")
    (tmp_path / "sig.json").write_text("{")
    assert avow("publish", str(queue), "--signature", "sig.json").code == 2
    assert avow("publish", str(queue), "--signature", "nothing.json").code == 2
    assert stub.asked == []


WITHOUT = """
import sys
sys.modules["securesystemslib"] = sys.modules["cryptography"] = None
from platform_api.cli.main import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("words", "code"), [(("lint", "queue"), 0), (("contract", "keygen", "--out", "k"), 1)]
)
def test_who_has_not_installed_the_extra_can_do_all_but_sign(
    tmp_path: Path, queue: Path, words: tuple[str, ...], code: int
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, *words],
        env={"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code, ended.stderr
    assert ("pip install 'avow[signing]'" in ended.stderr) == bool(code)
