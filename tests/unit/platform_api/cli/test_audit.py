"""The audit trail is checked by the server, and against a head that was kept elsewhere."""

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import page
from tests.unit.platform_api.cli.stub import Stub

VERIFY = "/v1/audit/verify"
INTACT = {"project": "default", "is_intact": True, "head": {"seq": 2, "hash": "sha256:b"}}


@pytest.fixture
def trail(stub: Stub) -> Stub:
    stub.says("GET", VERIFY, INTACT)
    stub.says("GET", "/v1/audit", page({"seq": 1, "hash": "sha256:a"}, {"seq": 2, "hash": "sha256:b"}))
    return stub


def test_an_intact_trail_says_where_it_ends(avow: Avow, trail: Stub) -> None:
    ended = avow("audit")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == "audit trail of default is intact: 2 entries, head sha256:b\n"


def test_a_changed_entry_ends_with_7_and_is_named(avow: Avow, trail: Stub) -> None:
    trail.says("GET", VERIFY, INTACT | {"is_intact": False, "first_bad_seq": 2, "reason": "the hash differs"})
    ended = avow("audit")
    assert (ended.code, ended.out) == (7, "")
    assert "The audit trail of default is not intact: entry 2: the hash differs." in ended.err


@pytest.mark.parametrize(
    ("head", "code"), [("1 sha256:a", 0), ("1 sha256:z", 7), ("3 sha256:c", 7), ("sha256:a", 2)]
)
def test_a_head_that_git_kept_must_be_in_it(avow: Avow, trail: Stub, head: str, code: int) -> None:
    assert avow("audit", "--head", head).code == code
