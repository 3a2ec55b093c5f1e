"""The one door to the database, on both kinds: whole or not at all, and never locked out."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from catalog import projects
from catalog.bell import Bell
from catalog.db import Database, Tx, UtcDateTime
from catalog.errors import Conflict, Unavailable
from catalog.projects import Project
from tests.factories import START, created_database, store_project
from tests.together import in_threads


def fail_after(database: Database, work: Callable[[Tx], object]) -> None:
    """Write something and raise before the transaction ends."""
    with database.write() as tx:
        work(tx)
        raise ZeroDivisionError


def names(database: Database) -> list[str]:
    with database.read() as tx:
        return [project.name for project in projects.page(tx, "", 1000)]


def test_what_was_written_is_there_afterwards(database: Database) -> None:
    with database.write() as tx:
        store_project(tx, "shop")
    assert names(database) == ["shop"]


def test_a_write_that_raises_leaves_nothing(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        fail_after(database, store_project)
    assert names(database) == []


def test_the_database_goes_on_after_a_write_that_raised(database: Database) -> None:
    for _ in range(40):
        with pytest.raises(ZeroDivisionError):
            fail_after(database, store_project)
    with database.write() as tx:
        store_project(tx, "bank")
    assert names(database) == ["bank"]


def test_what_a_read_writes_is_not_kept(database: Database) -> None:
    with database.read() as tx:
        store_project(tx, "shop")
    assert names(database) == []


def test_a_read_sees_one_state_while_others_write(database: Database) -> None:
    with database.read() as reading:
        before = len(projects.page(reading, "", 10))
        with database.write() as writing:
            store_project(writing, "shop")
        assert len(projects.page(reading, "", 10)) == before
    assert names(database) == ["shop"]


def test_eight_threads_write_at_once_without_a_single_lock_error(database: Database) -> None:
    def write(number: int) -> None:
        for turn in range(10):
            with database.write() as tx:
                projects.page(tx, "", 3)
                store_project(tx, f"project-{number}-{turn}")
            with database.read() as tx:
                projects.load(tx, f"project-{number}-{turn}")

    assert in_threads(8, write) == []
    assert len(names(database)) == 80


def test_one_of_many_inserts_of_one_key_wins(database: Database) -> None:
    outcomes: list[bool] = []

    def create(_number: int) -> None:
        try:
            with database.write() as tx:
                store_project(tx, "shop")
        except Conflict:
            outcomes.append(False)
        else:
            outcomes.append(True)

    assert in_threads(8, create) == []
    assert sorted(outcomes) == [False] * 7 + [True]


def test_a_topic_rings_after_the_commit_and_not_without_one(database: Database, bell: Bell) -> None:
    with database.write() as tx:
        tx.ring("work")
        tx.ring("work")
        assert bell.count("work") == 0
    assert bell.count("work") == 1
    with pytest.raises(ZeroDivisionError):
        fail_after(database, lambda tx: tx.ring("work"))
    assert bell.count("work") == 1


def test_who_is_woken_sees_what_was_committed(database_url: str) -> None:
    seen: list[list[str]] = []
    with created_database(database_url) as database:
        database.ring = lambda _topic: seen.append(names(database))
        with database.write() as tx:
            store_project(tx, "shop")
            tx.ring("work")
    assert seen == [["shop"]]


def test_inserting_what_is_there_says_so_and_changes_nothing(database: Database) -> None:
    with database.write() as tx:
        projects.create(tx, Project("shop", "Shop", START, "alice"))
    with database.write() as tx, pytest.raises(Conflict):
        projects.create(tx, Project("shop", "Other", START, "mallory"))
    with database.read() as tx:
        assert projects.load(tx, "shop").title == "Shop"


def stored_and_read(tx: Tx, value: datetime) -> datetime:
    return tx.execute(sa.select(sa.literal(value, UtcDateTime))).scalar_one()  # type: ignore[no-any-return]  # the column's type says so


def test_a_time_comes_back_aware_in_utc_and_to_the_microsecond(database: Database) -> None:
    kathmandu = timezone(timedelta(hours=5, minutes=45))
    for value in (
        datetime(2026, 1, 1, 5, 45, 0, 123456, tzinfo=kathmandu),
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
    ):
        with database.write() as tx:
            name = f"p{value.microsecond}"
            projects.create(tx, Project(name, "P", value, "alice"))
        with database.read() as tx:
            read = projects.load(tx, name).created_at
        assert read == value
        assert read.utcoffset() == timedelta(0)


def test_a_naive_time_is_refused(database: Database) -> None:
    naive = datetime(2026, 1, 1)  # noqa: DTZ001  # that it is refused is the claim
    with database.read() as tx, pytest.raises(sa.exc.StatementError, match="naive datetime"):
        stored_and_read(tx, naive)


def test_a_database_that_does_not_answer_is_unavailable(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("not-a-database")
    for url in (f"sqlite:///{folder}", "postgresql+psycopg://nobody@127.0.0.1:1/nothing"):
        database = Database(url)
        with pytest.raises(Unavailable) as refused, database.read() as tx:
            projects.page(tx, "", 1)
        assert refused.value.code == "database_unavailable"
        assert refused.value.retry_after_seconds
        database.close()


def test_a_lost_connection_is_unavailable_once_and_then_works_again(postgresql_url: str) -> None:
    end = sa.text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )

    def lose_the_connection(database: Database, other: Database) -> None:
        with database.write() as tx:
            projects.page(tx, "", 1)
            with other.write() as killer:
                killer.execute(end)
            projects.page(tx, "", 1)

    with created_database(postgresql_url) as database, created_database(postgresql_url) as other:
        with pytest.raises(Unavailable):
            lose_the_connection(database, other)
        assert names(database) == []
