"""A version that goes while somebody comes to it: of the two exactly one has his way, on both databases."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catalog import requests
from catalog.actor import SYSTEM
from catalog.errors import PlatformError
from catalog.lifecycle import State, Terms
from catalog.request import Request
from platform_api.commands import lifecycles, versions
from platform_api.commands import requests as commands
from platform_api.commands.lifecycles import Move
from platform_api.commands.requests import Wanted
from platform_api.receipts import Answer, Receipt
from tests.property.orphans import look
from tests.together import in_threads
from tests.village import Village, open_village

OLD = ("database", "1.0.0")
TRIES = 6


@pytest.fixture
def village(database_url: str, tmp_path: Path) -> Iterator[Village]:
    with open_village(database_url, tmp_path) as opened:
        opened.offer("database")
        opened.offer("database", "2.0.0")
        yield opened


def receipt(village: Village) -> Receipt[Any]:
    """Return a receipt that keeps nothing."""
    return Receipt(village.doors.clock(), lambda _result: Answer(200, {}))


def held(village: Village, name: str = "orders") -> Request:
    with village.doors.platform.db.read() as tx:
        return requests.by_name(tx, "shop", name)


def end(village: Village) -> None:
    """Retire the old version and delete it."""
    platform = village.doors.platform
    lifecycles.move(platform, SYSTEM, OLD, Move(State.RETIRED, Terms(), "*"), receipt(village))
    lifecycles.remove(platform, SYSTEM, OLD, "*", receipt(village))


def ask_for_it(village: Village) -> None:
    wish = Wanted("late", "database", "1.0.0", "dev", "", {}, {})
    commands.submit(village.doors.platform, SYSTEM, "shop", wish, receipt(village))


def upgrade_to_it(village: Village) -> None:
    platform, request = village.doors.platform, held(village)
    steer = versions.upgrade(platform, request, "1.0.0")
    commands.change(platform, SYSTEM, request, steer.wanted, receipt(village))


def roll_back_to_it(village: Village) -> None:
    platform, request = village.doors.platform, held(village)
    steer = versions.rollback(platform, request)
    commands.change(platform, SYSTEM, request, steer.wanted, receipt(village))


@pytest.mark.parametrize("come", [ask_for_it, upgrade_to_it, roll_back_to_it])
def test_a_version_never_goes_from_under_somebody_who_comes_to_it(
    village: Village, come: Callable[[Village], None]
) -> None:
    for number in range(TRIES):
        if number:
            village.offer("database")  # the same content may be published again
        village.ask("orders", "database", version="1.0.0")
        village.change("orders", version="2.0.0")
        assert village.shown("orders")["previous_version"] == "1.0.0"
        deprecate(village)
        came: list[bool] = []

        def one(turn: int, swap: int = number % 2, came: list[bool] = came) -> None:
            if turn == swap:
                end(village)
            else:
                come(village)
                came.append(True)

        failures = in_threads(2, one)
        assert list(look(village).faults()) == []
        codes = [each.code for each in failures if isinstance(each, PlatformError)]
        assert len(codes) == len(failures) == 1, failures
        expected = {"version_in_use"} if came else {"version_retired", "contract_not_found"}
        assert set(codes) <= expected
        clear(village)


def deprecate(village: Village) -> None:
    answer = village.doors(
        "pia",
        "PUT",
        "/v1/contracts/database/versions/1.0.0/lifecycle",
        {"state": "deprecated"},
        headers={"If-Match": "*"},
    )
    assert answer.is_success, answer.text


def clear(village: Village) -> None:
    """Give everything back, and the version as well where it is still there."""
    for name in village.phases():
        village.delete(name)
    assert village.phases() == {}
    if OLD in look(village).shelf:
        end(village)
