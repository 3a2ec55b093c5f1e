"""What the command line's tests share: a stub server, and `avow` run in this process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from platform_api.cli import approvals, away, lifecycle, look, tokens, waiting
from platform_api.cli.main import run
from tests.unit.platform_api.cli.documents import NOW
from tests.unit.platform_api.cli.stub import Stub, serving

ENVIRONMENT = ("AVOW_URL", "AVOW_TOKEN", "AVOW_TOKEN_FILE", "AVOW_PROJECT", "NO_COLOR", "TERM")


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


Avow = Callable[..., Ended]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the machine's own settings, token files and clock out."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for module in (approvals, away, lifecycle, look, tokens, waiting):
        monkeypatch.setattr(module, "utc_now", lambda: NOW)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def avow(stub: Stub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Avow:
    """Run one command line against the stub."""
    monkeypatch.setenv("AVOW_URL", stub.url)
    monkeypatch.setenv("AVOW_TOKEN", "avow_test")

    def invoke(*arguments: str) -> Ended:
        capsys.readouterr()
        code = run(arguments)
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return invoke
