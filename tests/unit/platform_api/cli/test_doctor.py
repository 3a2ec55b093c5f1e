"""The doctor says what works, what does not, and what is merely off."""

import json
import shutil

import pytest

from platform_api.cli import doctor
from tests.services.ports import free_port
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.documents import page
from tests.unit.platform_api.cli.stub import Stub

ENGINE = {"name": "embedded", "version": "1.5", "is_ready": True}


@pytest.fixture
def healthy(stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Stub:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(doctor, "find_spec", lambda name: object())
    monkeypatch.setattr(doctor, "own_version", lambda: "0.1.0")
    stub.says("GET", "/version", {"version": "0.1.0", "api": "v1"})
    stub.says("GET", "/v1/projects", page({"name": "default"}, {"name": "shop"}))
    stub.says("GET", "/readyz", {"status": "ready", "checks": {"database": "ok", "policy": "ok"}})
    stub.says("GET", "/v1/policies", {"revision": "sha256:1", "modules": ["a", "b"], "engine": ENGINE})
    return stub


def test_everything_well_ends_with_0(avow: Avow, healthy: Stub) -> None:
    ended = avow("doctor")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        f"ok  server    {healthy.url} answers, avow 0.1.0\n"
        "ok  token     is known; projects: default, shop\n"
        "ok  database  ok\n"
        "ok  policy    ok\n"
        "ok  policies  embedded 1.5, 2 modules in force\n"
        "ok  git       /usr/bin/git\n"
    )


def test_what_is_off_is_said_with_how_to_turn_it_on_and_is_not_broken(
    avow: Avow, healthy: Stub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda name: None if name == "celery" else object())
    ended = avow("doctor")
    assert ended.code == 0
    assert "off  Celery workers  not to be had: its library is not installed here\n" in ended.out
    assert "--broker-url redis://" in ended.out


def test_another_version_is_said(avow: Avow, healthy: Stub) -> None:
    healthy.says("GET", "/version", {"version": "0.2.0"})
    assert "off  version   this command is 0.1.0\n" in avow("doctor").out


def test_a_part_that_is_not_ready_is_named_and_ends_with_7(avow: Avow, healthy: Stub) -> None:
    places = [{"pointer": "database", "code": "database_unavailable", "detail": "it does not answer"}]
    healthy.refuses(
        "GET", "/readyz", 503, "not_ready", detail="Not ready: database.", errors=places, fix="wait"
    )
    ended = avow("doctor")
    assert ended.code == 7
    assert "broken  database  it does not answer\n        wait\n" in ended.out
    assert ended.err == "Error: Something is broken: database.\n"


def test_a_refused_token_is_broken(avow: Avow, healthy: Stub) -> None:
    healthy.refuses("GET", "/v1/projects", 401, "unauthenticated", detail="No valid token came with this.")
    healthy.refuses("GET", "/v1/policies", 401, "unauthenticated", detail="No valid token came with this.")
    ended = avow("doctor")
    assert ended.code == 7
    assert "broken  token     No valid token came with this.\n" in ended.out


def test_a_policy_engine_that_is_down_is_broken(avow: Avow, healthy: Stub) -> None:
    engine = {"name": "opa", "is_ready": False, "message": "connection refused"}
    healthy.says("GET", "/v1/policies", {"revision": "", "modules": [], "engine": engine})
    ended = avow("doctor")
    assert ended.code == 7
    assert "broken  policies  opa: connection refused\n" in ended.out


def test_a_server_out_of_reach_ends_with_7_and_says_how_to_start_one(avow: Avow, healthy: Stub) -> None:
    ended = avow("doctor", "--url", f"http://127.0.0.1:{free_port()}")
    assert ended.code == 7
    assert "avow up" in ended.out


def test_git_that_is_missing_is_broken(avow: Avow, healthy: Stub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    ended = avow("doctor")
    assert ended.code == 7
    assert "the git program is not on PATH" in ended.out


def test_a_program_gets_every_finding(avow: Avow, healthy: Stub) -> None:
    findings = json.loads(avow("doctor", "-o", "json").out)
    assert {finding["health"] for finding in findings} == {"ok"}
