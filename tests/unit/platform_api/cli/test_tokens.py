"""A token's text is shown once and alone, and grants always say where they hold."""

import json

import pytest

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import page
from tests.unit.platform_api.cli.stub import Said, Stub

MADE = {
    "id": "tok_1",
    "name": "ci",
    "subject": "ci",
    "grants": [{"role": "developer", "scope": "shop"}],
    "groups": ["security"],
    "token": "avow_secret",
}


def test_only_the_token_goes_to_stdout(avow: Avow, stub: Stub) -> None:
    stub.says("POST", "/v1/tokens", Said(MADE, 201))
    words = ("--grant", "developer:shop", "--grant", "auditor:*", "--grant", "admin", "--days", "90")
    ended = avow("token", "create", "ci", *words)
    assert (ended.code, ended.out) == (0, "avow_secret\n")
    assert ended.err == "Token ci for ci (tok_1); it is not shown again:\n"
    assert stub.last("POST").body == {
        "name": "ci",
        "subject": "ci",
        "grants": [
            {"role": "developer", "scope": "shop"},
            {"role": "auditor", "scope": "*"},
            {"role": "admin", "scope": "*"},
        ],
        "expires_in_days": 90,
    }
    assert json.loads(avow("token", "create", "ci", "--grant", "admin", "-o", "json").out) == MADE


def test_a_token_names_the_groups_of_whoever_comes_with_it(avow: Avow, stub: Stub) -> None:
    stub.says("POST", "/v1/tokens", Said(MADE, 201))
    avow("token", "create", "ann", "--grant", "approver:shop", "--group", "security", "--group", "qa")
    assert stub.last("POST").body["groups"] == ["security", "qa"]


@pytest.mark.parametrize("grant", ["developer", "developer:"])
def test_a_grant_without_a_scope_is_refused(avow: Avow, stub: Stub, grant: str) -> None:
    ended = avow("token", "create", "ci", "--grant", grant)
    assert ended.code == 2
    assert "developer:PROJECT" in ended.err
    assert stub.asked == []


def test_tokens_are_listed_without_their_text(avow: Avow, stub: Stub) -> None:
    listed = {key: value for key, value in MADE.items() if key != "token"}
    stub.says("GET", "/v1/tokens", page(listed))
    assert avow("token", "list").out.splitlines()[1].split() == [
        "tok_1",
        "ci",
        "ci",
        "developer:shop",
        "security",
        "-",
        "-",
        "-",
    ]
    assert avow("token", "list", "-o", "name").out == "ci\n"


def test_a_token_is_revoked_by_its_id_or_name(avow: Avow, stub: Stub) -> None:
    stub.says("GET", "/v1/tokens", page(MADE))
    stub.says("DELETE", "/v1/tokens/tok_1", Said(None, 204))
    assert avow("token", "revoke", "ci").out == "token ci revoked\n"
    assert avow("token", "revoke", "tok_1").out == "token tok_1 revoked\n"
    assert avow("token", "revoke", "nobody").code == 3
    # The token to revoke is not the token that revokes.
    assert {asked.headers["Authorization"] for asked in stub.asked} == {"Bearer avow_test"}
