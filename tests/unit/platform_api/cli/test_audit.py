"""Checking the trail says whether it holds, also against a head that git kept."""

from typing import Any

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import page
from tests.unit.platform_api.cli.stub import Stub

VERIFY = "/v1/audit/verify"
INTACT: dict[str, Any] = {"project": "default", "is_intact": True, "head": {"seq": 2, "hash": "sha256:b"}}


def test_an_intact_trail_is_said_to_be_so(avow: Avow, stub: Stub) -> None:
    stub.says("GET", VERIFY, INTACT)
    ended = avow("audit", "--project", "shop")
    assert (ended.code, ended.out) == (0, "audit trail of shop is intact: 2 entries, head sha256:b\n")
    assert stub.last("GET").query == {"project": "shop"}


def test_a_trail_that_was_changed_fails_and_names_the_entry(avow: Avow, stub: Stub) -> None:
    found = INTACT | {"is_intact": False, "first_bad_seq": 2, "reason": "its hash is another"}
    stub.says("GET", VERIFY, found)
    ended = avow("audit")
    assert ended.code == 7
    assert ended.out == ""
    assert "entry 2: its hash is another" in ended.err


@pytest.mark.parametrize(
    ("head", "code", "said"),
    [
        ("1 sha256:a", 0, "the head that was kept elsewhere is in it"),
        ("1 sha256:x", 7, "entry 1 is another than the one that git has seen"),
        ("9 sha256:z", 7, "entry 9 is missing, and git has seen it"),
        ("sha256:a", 2, "a number and a hash"),
    ],
    ids=["held", "rewritten", "cut", "no head"],
)
def test_a_head_that_git_kept_must_be_in_the_trail(
    avow: Avow, stub: Stub, head: str, code: int, said: str
) -> None:
    stub.says("GET", VERIFY, INTACT)
    stub.says("GET", "/v1/audit", page({"seq": 1, "hash": "sha256:a"}, {"seq": 2, "hash": "sha256:b"}))
    ended = avow("audit", "--head", head)
    assert ended.code == code
    assert said in ended.out + ended.err
