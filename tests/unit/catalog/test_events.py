"""The stream of happenings: a watcher sees each once, in one order, and misses none."""

from contextlib import ExitStack
from dataclasses import replace

import pytest

from catalog import events
from catalog.bell import Bell
from catalog.db import Database
from catalog.errors import Invalid
from catalog.events import Cursor, Event
from tests.factories import START, UID, created_database
from tests.together import in_threads


def an_event(message: str = "it began", **fields: str) -> Event:
    return replace(Event("shop", UID, "RunStarted", message, START, "Because", {"é": [1, "😀"]}), **fields)  # type: ignore[arg-type]  # field names are the callers'


def append(database: Database, *messages: str) -> None:
    with database.write() as tx:
        for message in messages:
            events.append(tx, an_event(message))


class Watcher:
    """Someone who follows the stream and remembers where it was."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.cursor = Cursor()
        self.seen: list[str] = []

    def look(self, limit: int = 100) -> list[str]:
        with self.database.read() as tx:
            found = events.after(tx, self.cursor, limit)
        if found:
            self.cursor = Cursor.parse(str(found[-1].cursor))
        fresh = [recorded.event.message for recorded in found]
        self.seen += fresh
        return fresh


def test_an_event_comes_back_as_it_was_appended(database: Database, bell: Bell) -> None:
    with database.write() as tx:
        events.append(tx, an_event())
    assert bell.count(events.TOPIC) == 1
    with database.read() as tx:
        (recorded,) = events.after(tx, Cursor(), 10)
        assert recorded.event == an_event()
        assert events.latest(tx) == recorded.cursor


def test_a_long_message_is_cut(database: Database) -> None:
    append(database, "x" * 5000)
    assert Watcher(database).look() == ["x" * events.MESSAGE_LENGTH]


def test_a_watcher_sees_every_event_once_in_order(database: Database) -> None:
    watcher = Watcher(database)
    append(database, "1", "2")
    assert watcher.look(1) == ["1"]
    append(database, "3")
    assert watcher.look() == ["2", "3"]
    assert watcher.look() == []


def test_a_new_watcher_may_start_where_the_stream_ends(database: Database) -> None:
    with database.read() as tx:
        assert events.latest(tx) == Cursor()
    append(database, "old")
    watcher = Watcher(database)
    with database.read() as tx:
        watcher.cursor = events.latest(tx)
    append(database, "new")
    assert watcher.look() == ["new"]


def test_events_are_shown_to_those_who_may_know_of_them(database: Database) -> None:
    with database.write() as tx:
        events.append(tx, an_event("1"))
        events.append(tx, an_event("2", project="bank", request_uid="req_2"))
    with database.read() as tx:
        messages = [
            [each.event.message for each in events.after(tx, Cursor(), 9, projects=projects, request_uid=uid)]
            for projects, uid in ((None, None), (["bank"], None), ([], None), (None, UID), (["bank"], UID))
        ]
    assert messages == [["1", "2"], ["2"], [], ["1"], []]


@pytest.mark.parametrize(
    "text", ["", "1", "1.", ".1", "a.b", "1.2.3", "-1.2", "1.2\n", "1" * 19 + ".1", "\uff11.1"]
)
def test_a_foreign_cursor_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        Cursor.parse(text)
    assert refused.value.code == "invalid_cursor"


def test_the_largest_cursor_that_is_taken_can_be_asked_for(database: Database) -> None:
    append(database, "1")
    with database.read() as tx:
        assert events.after(tx, Cursor.parse(f"{'9' * 18}.{'9' * 18}"), 10) == []


def test_a_later_id_that_commits_first_hides_nothing(postgresql_url: str) -> None:
    with created_database(postgresql_url) as database, ExitStack() as open_transactions:
        watcher = Watcher(database)
        slow = open_transactions.enter_context(database.write())
        events.append(slow, an_event("began first, ends last"))
        append(database, "began last, ends first")
        assert watcher.look() == []  # shown now, it would put the cursor beyond what is still to come
        with database.read() as tx:
            assert events.latest(tx) == Cursor()
        open_transactions.close()
        assert sorted(watcher.look()) == ["began first, ends last", "began last, ends first"]


def test_an_id_from_before_its_transaction_wrote_hides_nothing(postgresql_url: str) -> None:
    with created_database(postgresql_url) as database, ExitStack() as open_transactions:
        watcher = Watcher(database)
        slow, quick = (ExitStack(), ExitStack())
        open_transactions.callback(slow.close)
        tx_slow, tx_quick = slow.enter_context(database.write()), quick.enter_context(database.write())
        events.append(tx_quick, an_event("a"))  # the smaller id, and the smaller transaction
        events.append(tx_slow, an_event("b"))
        events.append(tx_quick, an_event("c"))  # a larger id in the smaller transaction
        slow.close()
        assert watcher.look() == []
        quick.close()
        assert sorted(watcher.look()) == ["a", "b", "c"]


def test_a_transaction_that_is_rolled_back_holds_nobody_up(database: Database) -> None:
    def fail() -> None:
        with database.write() as tx:
            events.append(tx, an_event("never"))
            raise ZeroDivisionError

    watcher = Watcher(database)
    with pytest.raises(ZeroDivisionError):
        fail()
    append(database, "after")
    assert watcher.look() == ["after"]


def test_a_watcher_among_eight_writers_misses_none_and_sees_none_twice(database: Database) -> None:
    watcher = Watcher(database)

    def write(number: int) -> None:
        for turn in range(10):
            append(database, f"{number}-{turn}-a", f"{number}-{turn}-b")
            if number == 0:
                watcher.look(7)

    assert in_threads(8, write) == []
    while watcher.look(50):
        pass
    assert sorted(watcher.seen) == sorted(f"{n}-{t}-{x}" for n in range(8) for t in range(10) for x in "ab")
