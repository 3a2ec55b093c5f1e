"""kill -9 while requests are made of requests, and while they are given back.

Every child must be made once and be gone with its parent, which the books and an independent
witness say. That the kills bit is asserted too: work was unfinished when they came.
"""

import random
from collections import Counter
from collections.abc import Callable

import pytest

from tests.chaos import amount
from tests.scenarios import bundles
from tests.scenarios.ledger import Ledger
from tests.scenarios.rig import Rig
from tests.services.polling import eventually

KILLS = amount(short=5, long=40)
SEED = 20261207
PARENTS = ("north", "south", "west")
CHILDREN = ("net", "db", "app")
PARTS = 4  # of each entry


@pytest.mark.slow
@pytest.mark.timeout(amount(short=900, long=5400))
def test_kills_while_composing_and_tearing_down_double_nothing_and_leave_nothing(
    rig: Rig, witness: Ledger
) -> None:
    for files in bundles.estate(witness.url):
        rig.publish(files)
    for name in PARENTS:
        insist(rig, name)
    whole = len(PARENTS) * (len(CHILDREN) + 1) * PARTS

    unfinished = killed_at(rig, lambda: whole - len(witness.entries))
    for name in PARENTS:
        rig.until_ready(name)
    assert sum(1 for count in unfinished if count) >= 2, unfinished
    check_made_once(rig, witness, whole)

    for name in PARENTS:
        rig.delete(name)
    unfinished = killed_at(rig, lambda: len(witness.entries))
    for name in PARENTS:
        rig.until_gone(name)
    assert sum(1 for count in unfinished if count) >= 2, unfinished
    assert witness.entries == {}
    assert rig.ask("GET", "/v1/projects/shop/requests")["items"] == [], "a child outlived its parent"
    assert witness.twice() == {}
    assert rig.ask("GET", "/v1/audit/verify?project=shop")["is_intact"] is True


def insist(rig: Rig, name: str) -> None:
    """Submit a parent until it is accepted; a busy machine may answer that policy did not."""
    body = {"name": name, "contract": "estate", "inputs": {"note": "one"}}
    key = {"Idempotency-Key": f"submit-{name}"}
    path = "/v1/projects/shop/requests"
    eventually(lambda: rig.call("POST", path, body, **key).is_success, f"{name} to be accepted", 120)


def killed_at(rig: Rig, left: Callable[[], int]) -> list[int]:
    """Kill and start Avow again at moments when something got done; return how much was left each time."""
    dice = random.Random(SEED)
    unfinished = []
    for _ in range(KILLS):
        before = left()
        if not before:
            break
        step = dice.randrange(1, 6)
        eventually(lambda: left() <= max(0, before - step), "some work to be done", 120)  # noqa: B023  # at once
        unfinished.append(left())
        rig.kill()
        rig.start()
    return unfinished


def check_made_once(rig: Rig, witness: Ledger, whole: int) -> None:
    """Check that each child is there once, and was delivered once."""
    names = [name for parent in PARENTS for name in (parent, *(f"{parent}-{each}" for each in CHILDREN))]
    listed = rig.ask("GET", "/v1/projects/shop/requests?page_size=200")["items"]
    assert sorted(each["name"] for each in listed) == sorted(names)
    assert witness.twice() == {}
    assert len(witness.entries) == whole
    accepted = Counter(
        each["subject"]
        for each in rig.ask("GET", "/v1/audit?project=shop&page_size=1000")["items"]
        if each["action"] == "request.accepted"
    )
    assert accepted == dict.fromkeys((f"request/{name}" for name in names), 1)
    for name in names:
        assert [run["state"] for run in rig.runs(name)] == ["succeeded"], name
