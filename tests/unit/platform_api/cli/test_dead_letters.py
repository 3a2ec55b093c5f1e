"""Runs that wait for a person are listed with why, and one of them is tried again."""

import json

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import RUN, page, run
from tests.unit.platform_api.cli.stub import Said, Stub

LETTERS = "/v1/dead-letters"
LETTER = {
    "run_id": RUN,
    "project": "shop",
    "request_uid": "req_1",
    "operation": "provision",
    "reason": "poison",
    "step": "network[2]/reserve",
    "message": "the worker was lost 3 times",
    "at": "2026-03-01T12:00:00Z",
}


def test_they_are_listed_with_what_is_the_matter(avow: Avow, stub: Stub) -> None:
    stub.says("GET", LETTERS, page(LETTER))
    ended = avow("dead-letters")
    assert ended.code == 0
    heading, line = ended.out.splitlines()
    assert heading.split()[:5] == ["RUN", "PROJECT", "OPERATION", "REASON", "STEP"]
    assert line.split()[:5] == [RUN, "shop", "provision", "poison", "network[2]/reserve"]
    assert "avow dead-letters retry RUN" in ended.err


def test_only_some_of_them_can_be_asked_for(avow: Avow, stub: Stub) -> None:
    stub.says("GET", LETTERS, page())
    assert avow("dead-letters", "--reason", "stuck", "--here").code == 0
    assert stub.last("GET").query["reason"] == "stuck"
    assert stub.last("GET").query["project"] == "default"


def test_programs_get_them_as_they_are(avow: Avow, stub: Stub) -> None:
    stub.says("GET", LETTERS, page(LETTER))
    assert json.loads(avow("-o", "json", "dead-letters").out) == [LETTER]
    assert json.loads(avow("get", "dead-letters", "-o", "json").out) == [LETTER]


def test_one_of_them_is_tried_again(avow: Avow, stub: Stub) -> None:
    stub.says("POST", f"/v1/runs/{RUN}/retry", Said(run(), 202))
    ended = avow("dead-letters", "retry", RUN)
    assert (ended.code, ended.out) == (0, f"run {RUN} is tried again\n")


def test_what_was_overtaken_is_said_so(avow: Avow, stub: Stub) -> None:
    stub.refuses("POST", f"/v1/runs/{RUN}/retry", 409, "run_superseded", detail="Another one came after it.")
    ended = avow("dead-letters", "retry", RUN)
    assert ended.code == 6
    assert "Another one came after it." in ended.err
