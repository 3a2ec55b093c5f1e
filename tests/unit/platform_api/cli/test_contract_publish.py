"""`avow contract publish` shows what comes of it first, asks where somebody sits, and then publishes."""

from pathlib import Path
from typing import Any

import pytest
import typer

from tests.unit.platform_api.cli.conftest import Avow
from tests.unit.platform_api.cli.stub import Said, Stub

PUBLISHED = {"name": "postgres", "version": "1.1.0", "digest": "sha256:abc", "is_new": True}
LINE = "contract postgres 1.1.0 published  sha256:abc\n"
IMPACT = "/v1/contracts/impact"


def impact(*, compatible: bool = True, **outcomes: int) -> Said:
    """Return an impact with these counts."""
    compared = {"from_version": "1.0.0", "to_version": "1.1.0", "due": "minor", "enough": compatible}
    compatibility = {"compatible": compatible, "due": "minor", "compared": [compared | {"changes": []}]}
    summary = {"requests": sum(outcomes.values()), "outcomes": outcomes, "left_alone": {}}
    return Said({"summary": summary, "items": [], "compatibility": compatibility})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres/contract.yaml").write_text("kind: Contract\n")
    monkeypatch.chdir(tmp_path)
    return "postgres"


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Somebody sits at the terminal and says yes."""
    found: list[str] = []
    monkeypatch.setattr("platform_api.cli.terminal.Terminal.is_attended", True)
    monkeypatch.setattr("typer.confirm", lambda text, **_: found.append(text))
    return found


def sent(stub: Stub) -> list[str]:
    return [asked.path for asked in stub.asked if asked.method == "POST"]


def test_what_is_harmless_is_shown_and_published(avow: Avow, stub: Stub, folder: str) -> None:
    stub.says("POST", IMPACT, impact(changes=4))
    stub.says("POST", "/v1/contracts", Said(PUBLISHED, 201))
    ended = avow("contract", "publish", folder, "--canary", "10")
    assert (ended.code, ended.out) == (0, LINE)
    assert "Impact of postgres on 4 requests" in ended.err
    assert sent(stub) == [IMPACT, "/v1/contracts"]
    assert stub.last("POST").body == {"files": {"contract.yaml": "kind: Contract\n"}, "canary": 10}


def test_what_was_shown_of_a_branch_is_published_though_the_branch_went_on(avow: Avow, stub: Stub) -> None:
    git = {"url": "https://git.example/a.git", "ref": "main", "path": "db"}
    stub.says(
        "POST", IMPACT, Said({**impact(changes=1).document, "source": {"git": git | {"commit": "c" * 40}}})
    )
    stub.says("POST", "/v1/contracts", Said(PUBLISHED, 201))
    assert avow("contract", "publish", "git+https://git.example/a.git@main#db").code == 0
    first, last = (asked.body for asked in stub.asked if asked.method == "POST")
    assert first == {"source": {"git": git}}
    assert last == {"source": {"git": git | {"ref": "c" * 40}}}


@pytest.mark.parametrize("outcomes", [{"breaks": 1}, {"denied": 2}])
def test_in_a_script_what_does_harm_is_published_only_when_told_so(
    avow: Avow, stub: Stub, folder: str, outcomes: dict[str, Any]
) -> None:
    stub.says("POST", IMPACT, impact(**outcomes))
    stub.says("POST", "/v1/contracts", Said(PUBLISHED, 201))
    ended = avow("contract", "publish", folder)
    assert (ended.code, ended.out) == (6, "")
    assert "Nothing was published." in ended.err
    assert sent(stub) == [IMPACT]
    assert avow("contract", "publish", folder, "--yes").out == LINE


def test_at_a_terminal_it_asks_whatever_comes_of_it(
    avow: Avow, stub: Stub, folder: str, questions: list[str]
) -> None:
    stub.says("POST", IMPACT, impact(breaks=1))
    stub.says("POST", "/v1/contracts", Said(PUBLISHED, 201))
    assert avow("contract", "publish", folder).out == LINE
    assert questions == ["Publish it?"]


@pytest.mark.usefixtures("questions")
def test_a_no_publishes_nothing(avow: Avow, stub: Stub, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no(_text: str, **_options: object) -> None:
        raise typer.Abort

    monkeypatch.setattr("typer.confirm", no)
    stub.says("POST", IMPACT, impact(changes=1))
    assert avow("contract", "publish", folder).code != 0
    assert sent(stub) == [IMPACT]


def test_a_version_that_is_too_low_is_not_even_asked_about(
    avow: Avow, stub: Stub, folder: str, questions: list[str]
) -> None:
    stub.says("POST", IMPACT, impact(compatible=False, changes=1))
    ended = avow("contract", "publish", folder, "--yes")
    assert ended.code == 6
    assert "postgres would be refused: the version is too low" in ended.err
    assert (questions, sent(stub)) == ([], [IMPACT])
