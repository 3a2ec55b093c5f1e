"""Leases are renewed while calls are under way, and not for calls that hang."""

from datetime import datetime, timedelta

import pytest

from executors.workflow.keeper import GRACE_SECONDS, Keeper
from executors.workflow.memory import MemoryJournal
from tests.engine import EPOCH, VirtualClock, accept, document, order, step
from tests.services.polling import eventually

LEASE_SECONDS = 10.0


class Site:
    def __init__(self, lease_seconds: float = LEASE_SECONDS) -> None:
        self.clock = VirtualClock()
        self.journal = MemoryJournal()
        self.hung: list[str] = []
        self.keeper = Keeper(self.journal, self.clock, "me", lease_seconds, self.hung.append)
        for name in ("run_1", "run_2"):
            accept(self.journal, order(document(step("a")), key=name), name)
            self._claim(name, EPOCH + timedelta(seconds=lease_seconds))

    def _claim(self, name: str, until: datetime) -> None:
        self.journal.commit(lambda book: book.claim(name, "me", EPOCH, until))

    def lease_seconds(self, run_id: str = "run_1") -> float:
        due_at = self.journal.runs[run_id].due_at
        assert due_at is not None
        return (due_at - EPOCH).total_seconds()


@pytest.fixture
def site() -> Site:
    return Site()


def test_what_is_held_is_renewed_and_nothing_else(site: Site) -> None:
    site.keeper.hold("run_1")
    site.clock.advance(5)
    site.keeper.beat()
    assert site.lease_seconds("run_1") == 15
    assert site.lease_seconds("run_2") == 10


def test_what_was_let_go_is_not_renewed(site: Site) -> None:
    site.keeper.hold("run_1")
    site.keeper.let_go("run_1")
    site.clock.advance(5)
    site.keeper.beat()
    assert site.lease_seconds() == 10


def test_a_call_within_its_time_is_renewed(site: Site) -> None:
    site.keeper.hold("run_1")
    with site.keeper.expecting("run_1", "call", 30):
        site.clock.advance(30 + GRACE_SECONDS)
        site.keeper.beat()
    assert site.lease_seconds() == 30 + GRACE_SECONDS + LEASE_SECONDS
    assert site.hung == []


def test_a_call_that_hangs_is_left_to_others_and_told_once(site: Site) -> None:
    site.keeper.hold("run_1")
    with site.keeper.expecting("run_1", "call", 1):
        site.clock.advance(1 + GRACE_SECONDS + 0.1)
        site.keeper.beat()
        site.keeper.beat()
    assert site.lease_seconds() == 10
    assert site.hung == ["run_1"]


def test_each_call_has_its_own_time(site: Site) -> None:
    site.keeper.hold("run_1")
    with site.keeper.expecting("run_1", "first", 1):
        site.clock.advance(5)
    with site.keeper.expecting("run_1", "second", 10):
        site.clock.advance(5)
        site.keeper.beat()
    assert site.hung == []


def test_one_of_several_calls_that_hangs_is_enough(site: Site) -> None:
    site.keeper.hold("run_1")
    with site.keeper.expecting("run_1", "quick", 100), site.keeper.expecting("run_1", "hangs", 1):
        site.clock.advance(1 + GRACE_SECONDS + 0.1)
        site.keeper.beat()
    assert site.hung == ["run_1"]


def test_a_renewal_tells_of_the_mail_that_came(site: Site) -> None:
    heard: list[dict[str, int]] = []
    site.keeper.on_mail = lambda mail: heard.append(dict(mail))
    site.keeper.hold("run_1")
    site.keeper.beat()
    site.journal.post("run_1", "signal", {"name": "go", "payload": {}}, site.clock())
    site.keeper.beat()
    assert heard == [{"run_1": 0}, {"run_1": 1}]


def test_the_thread_renews_by_itself_until_it_is_stopped() -> None:
    site = Site(lease_seconds=0.03)
    site.keeper.hold("run_1")
    site.keeper.start()
    site.clock.advance(5)
    eventually(lambda: site.lease_seconds() > 5, "a renewal")
    site.keeper.stop()
