"""The version says what this command is, and what the server is."""

import json

import pytest

from platform_api.cli import version
from tests.services.ports import free_port
from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.stub import Stub


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "own_version", lambda: "0.1.0")


def test_both_versions_are_shown(avow: Avow, stub: Stub) -> None:
    stub.says("GET", "/version", {"version": "0.2.0"})
    assert avow("version").out == f"avow    0.1.0\nserver  0.2.0  ({stub.url})\n"
    assert json.loads(avow("version", "-o", "json").out)["server"] == "0.2.0"


def test_without_a_server_the_command_still_knows_its_own(avow: Avow) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    ended = avow("version", "--url", url)
    assert (ended.code, ended.out) == (0, f"avow    0.1.0\nserver  does not answer  ({url})\n")
