"""Journals that earlier releases wrote are read, and gone on with, by the code as it is now.

Each history is taken up before every one of its acts, as after an upgrade at that moment: it
stands as it stood then, and the rest of the acts brings it to the same end.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.histories.record import Player

FOLDER = Path(__file__).parent
GIVEN_UP = ("waiting", "dropped")
"""What a step is called that was between two attempts when its run was cancelled: in 0.1.0, and now."""

RELEASES = ("0.1.0", "0.2.0")
PATHS = sorted(path for release in RELEASES for path in (FOLDER / release).glob("*.json"))


def named(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


@pytest.fixture(params=PATHS, ids=named)
def history(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return one recorded history."""
    document: dict[str, Any] = json.loads(request.param.read_text("utf-8"))
    return document


def taken_up(history: dict[str, Any], standing: dict[str, Any], seq: int) -> Player:
    """Return a run that is taken up after an entry of its journal."""
    entries = [(entry["type"], entry["body"]) for entry in history["entries"][:seq]]
    return Player(
        history["definitions"][standing["follows"]],
        entries,
        now=datetime.fromisoformat(standing.get("at", "2030-01-01T00:00:00+00:00")),
        fence=standing.get("fence", 1),
    )


def moments(history: dict[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield how the run stood before every act and at its end, with how much journal there was."""
    yield from ((act, act["seq"]) for act in history["acts"])
    yield history["end"], len(history["entries"])


def agrees(now: Any, then: Any) -> bool:
    """Say whether all that was shown then is shown now; more may be."""
    if isinstance(then, dict) and isinstance(now, dict):
        if (then.get("state"), now.get("state")) == GIVEN_UP:
            return bool(then["id"] == now["id"] and now["ended_at"] is not None)
        return all(agrees(now.get(name), part) for name, part in then.items())
    if isinstance(then, list):
        return len(now) == len(then) and all(map(agrees, now, then))
    return bool(now == then)


def test_a_recorded_journal_stands_where_it_stood(history: dict[str, Any]) -> None:
    for standing, seq in moments(history):
        shown = taken_up(history, standing, seq).shows()
        then = {name: standing[name] for name in ("report", "steps")}
        assert agrees(shown, then), (seq, shown, then)


def test_a_recorded_run_goes_on_to_the_same_end(history: dict[str, Any]) -> None:
    acts = history["acts"]
    for at, standing in enumerate(acts):
        player = taken_up(history, standing, standing["seq"])
        for act in acts[at:]:
            player.act(act["act"])
        end = history["end"]
        assert agrees(player.shows(), {name: end[name] for name in ("report", "steps")}), at


def test_every_release_left_its_histories() -> None:
    assert {path.parent.name for path in PATHS} == set(RELEASES)
