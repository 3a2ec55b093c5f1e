"""A version that goes while somebody comes to it: of the two exactly one has his way, on both databases.

Whoever comes is a person, or a pass that follows what a request wishes.
"""

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
from reconciler.record import Recorder
from tests.property.orphans import look
from tests.together import in_threads
from tests.village import WHERE, Village, bundle, open_village

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


def end(village: Village, which: tuple[str, str] = OLD) -> None:
    """Retire a version, the old one unless told otherwise, and delete it."""
    platform = village.doors.platform
    lifecycles.move(platform, SYSTEM, which, Move(State.RETIRED, Terms(), "*"), receipt(village))
    lifecycles.remove(platform, SYSTEM, which, "*", receipt(village))


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


def deprecate(village: Village, which: tuple[str, str] = OLD) -> None:
    name, version = which
    answer = village.doors(
        "pia",
        "PUT",
        f"/v1/contracts/{name}/versions/{version}/lifecycle",
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


# --- what passes do -----------------------------------------------------------------------


def ends_before(
    monkeypatch: pytest.MonkeyPatch, turn: str, village: Village, which: tuple[str, str]
) -> list[list[str]]:
    """Have a version end between a pass's look at it and the turn that would bring it.

    What points to nothing after that turn is put into the list that is returned.
    """
    ended: list[list[str]] = []
    record = getattr(Recorder, turn)

    def after_the_end(recorder: Recorder, claim: Any, situation: Any, *more: Any) -> Any:
        wishes = [each.wish for each in situation.composition.errands if each.wish is not None]
        refs = [situation.contract_ref, *(wish.ref for wish in wishes)]
        if ended or which not in [(ref.name, ref.version) for ref in refs]:
            return record(recorder, claim, situation, *more)
        deprecate(village, which)
        end(village, which)
        done = record(recorder, claim, situation, *more)
        ended.append(list(look(village).faults()))
        return done

    monkeypatch.setattr(Recorder, turn, after_the_end)
    return ended


def stands(village: Village, name: str) -> tuple[str, str]:
    shown = village.shown(name)
    return shown["contract_version"], shown["phase"]


def test_a_pass_begins_nothing_towards_a_version_that_ended_meanwhile(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    village.ask("orders", "database")
    ended = ends_before(monkeypatch, "begin", village, ("database", "2.1.0"))
    village.offer("database", "2.1.0", gives="${inputs.size}")
    assert ended == [[]]
    assert stands(village, "orders") == ("2.0.0", "ready")
    give_back(village)


def test_a_pass_that_waits_does_not_come_to_a_version_that_ended_meanwhile(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    village.ask("orders", "database")
    village.doors("dora", "POST", f"{WHERE}/orders/actions/pause")
    ended = ends_before(monkeypatch, "settle", village, ("database", "2.1.0"))
    village.offer("database", "2.1.0")
    assert ended == [[]]
    assert stands(village, "orders") == ("2.0.0", "paused")
    village.doors("dora", "POST", f"{WHERE}/orders/actions/resume")
    give_back(village)


FAMILY: list[dict[str, Any]] = [
    {"name": "db", "contract": "database", "version": "^2.0.0", "inputs": {"size": "${inputs.size}"}}
]


@pytest.mark.parametrize("is_made", [True, False], ids=["made", "changed"])
def test_no_child_is_brought_to_a_version_that_ended_meanwhile(
    village: Village, monkeypatch: pytest.MonkeyPatch, *, is_made: bool
) -> None:
    village.offer("site", children=FAMILY)
    if not is_made:
        village.ask("home", "site")
        village.doors("dora", "POST", f"{WHERE}/home-db/actions/pause")
        village.settle()
    ended = ends_before(monkeypatch, "compose", village, ("database", "2.1.0"))
    if is_made:
        village.doors("dora", "POST", WHERE, {"name": "home", "contract": "site"})
    else:  # said first, so that the parent's pass comes before the child's own
        change = {"inputs": {"size": "l"}}
        village.doors("dora", "PATCH", f"{WHERE}/home", change, headers={"If-Match": "*"})
    offer_unseen(village, "database", "2.1.0")
    village.settle()
    village.doors("dora", "POST", f"{WHERE}/home-db/actions/resume")
    village.settle()
    assert ended == [[]]
    assert (stands(village, "home"), stands(village, "home-db")) == (("1.0.0", "ready"), ("2.0.0", "ready"))
    assert village.things.there["home-db"] == ("s" if is_made else "l")
    give_back(village)


def test_no_parent_makes_children_for_a_version_that_ended_meanwhile(
    village: Village, monkeypatch: pytest.MonkeyPatch
) -> None:
    village.offer("site", children=FAMILY)
    village.ask("home", "site")
    ended = ends_before(monkeypatch, "compose", village, ("site", "2.0.0"))
    village.offer("site", "2.0.0", children=[*FAMILY, FAMILY[0] | {"name": "more"}])
    assert ended == [[]]
    assert village.phases() == {"home": "ready", "home-db": "ready"}
    give_back(village)


def give_back(village: Village) -> None:
    """Give everything back, as anybody could."""
    for name in village.phases():
        village.delete(name)
    assert village.phases() == {}


def offer_unseen(village: Village, name: str, version: str) -> None:
    """Publish a version without having anybody look at it yet."""
    files = bundle((name, version, "team-data"), "${inputs.size}", "${steps.make.outputs.id}")
    assert village.doors("pia", "POST", "/v1/contracts", {"files": files}).status_code == 201


def test_a_pass_and_the_end_of_the_version_that_it_goes_to_do_not_both_have_their_way(
    village: Village,
) -> None:
    village.ask("orders", "database")
    for number in range(TRIES):
        newer = ("database", f"2.{number + 1}.0")
        offer_unseen(village, *newer)

        def one(turn: int, newer: tuple[str, str] = newer, swap: int = number % 2) -> None:
            if turn == swap:
                deprecate(village, newer)
                end(village, newer)
            else:
                village.settle()

        failures = in_threads(2, one)
        assert {each.code for each in failures if isinstance(each, PlatformError)} <= {"version_in_use"}
        assert all(isinstance(each, PlatformError) for each in failures), failures
        village.settle()
        assert list(look(village).faults()) == []
    assert village.shown("orders")["phase"] == "ready"
