"""A canary's share is set with the ETag that was read just before."""

import json

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.stub import Said, Stub

WHERE = "/v1/contracts/db/versions/2.0.0/canary"
NONE = {"name": "db", "version": "2.0.0", "trial": "none", "revision": 0, "requests": 0}
TEN = NONE | {"trial": "canary", "share": 10, "revision": 1}


def test_a_share_is_set_as_it_was_seen(avow: Avow, stub: Stub) -> None:
    stub.says("GET", WHERE, Said(NONE, headers={"ETag": '"0"'}))
    stub.says("PUT", WHERE, Said(TEN))
    ended = avow("canary", "set", "db@2.0.0", "10")
    assert (ended.code, ended.out) == (0, "db@2.0.0 is followed by 10 of 100 requests\n")
    sent = stub.last("PUT")
    assert (sent.body, sent.headers["If-Match"]) == ({"share": 10}, '"0"')


def test_promote_is_all_and_abort_is_none(avow: Avow, stub: Stub) -> None:
    stub.says("GET", WHERE, Said(TEN))
    stub.says("PUT", WHERE, Said(TEN | {"trial": "promoted", "share": 100}))
    assert avow("canary", "promote", "db@2.0.0").out == "db@2.0.0 is for everybody\n"
    assert stub.last("PUT").body == {"share": 100}
    stub.says("PUT", WHERE, Said(TEN | {"trial": "aborted", "share": 0}))
    assert avow("canary", "abort", "db@2.0.0").out == "db@2.0.0 is followed by nobody\n"
    assert stub.last("PUT").body == {"share": 0}


def test_status_tells_how_many_stand_on_it(avow: Avow, stub: Stub) -> None:
    stub.says("GET", WHERE, Said(TEN | {"requests": 3}))
    said = avow("canary", "status", "db@2.0.0").out
    assert said == "db@2.0.0 is followed by 10 of 100 requests; 3 requests stand on it\n"
    assert json.loads(avow("canary", "status", "db@2.0.0", "-o", "json").out)["requests"] == 3


def test_a_contract_without_a_version_is_refused(avow: Avow, stub: Stub) -> None:
    ended = avow("canary", "status", "db")
    assert (ended.code, stub.asked) == (2, [])
    assert "NAME@VERSION" in ended.err
