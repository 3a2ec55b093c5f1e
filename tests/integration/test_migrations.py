"""From an empty database to what the code expects, on both databases, even when two start at once."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command

from catalog.errors import Unavailable
from catalog.lifecycle import Lifecycle, State
from catalog.provenance import Signature
from catalog.tables import contract_controls, contracts, lifecycles
from platform_api import migrations
from tests.factories import START


def test_an_upgrade_from_nothing_gives_exactly_what_the_code_expects(database_url: str) -> None:
    migrations.upgrade(database_url)
    migrations.check(database_url)  # raises when they differ
    with sa.create_engine(database_url, poolclass=sa.NullPool).connect() as connection:
        assert migrations.version(connection) == migrations.newest()


def test_an_upgrade_of_an_upgraded_database_changes_nothing(database_url: str) -> None:
    migrations.upgrade(database_url)
    migrations.upgrade(database_url)
    migrations.check(database_url)


def test_going_back_leaves_nothing_and_going_forth_again_works(database_url: str) -> None:
    migrations.upgrade(database_url)
    migrations.downgrade(database_url)
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    assert sa.inspect(engine).get_table_names() == ["alembic_version"]
    migrations.upgrade(database_url)
    migrations.check(database_url)


def test_what_is_published_and_signed_goes_on_outdating_older_signatures(database_url: str) -> None:
    migrations.upgrade(database_url)
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    made = {"owner": "team-data", "files": {}, "published_at": START, "published_by": "pia"}
    with engine.begin() as connection:
        for name in ("cache", "database"):
            controls = {"name": name, "owner": "team-data", "paused": False}
            connection.execute(contract_controls.insert().values(**controls))
        for minutes, version in enumerate(("1.0.0", "1.1.0", "2.0.0")):
            at = START + timedelta(minutes=minutes)
            signature = Signature("key", at, {}).document()
            row = {"name": "database", "version": version, "digest": version, "signature": signature}
            connection.execute(contracts.insert().values(**made, **row))
        draft = Lifecycle(State.DRAFT, changed_at=START, changed_by="pia")
        row = {key: getattr(draft, key) for key in Lifecycle.__dataclass_fields__}
        connection.execute(lifecycles.insert().values(name="database", version="2.0.0", **row))
    migrations._run(database_url, lambda config: command.downgrade(config, "0003"))
    migrations.upgrade(database_url)
    with engine.connect() as connection:
        newest = sa.select(contract_controls.c.name, contract_controls.c.newest_signed_at)
        found = {row.name: row.newest_signed_at for row in connection.execute(newest)}
    assert found == {"cache": None, "database": START + timedelta(minutes=1)}


def test_processes_that_start_at_once_queue_and_all_succeed(database_url: str) -> None:
    failures: list[BaseException] = []

    def start() -> None:
        try:
            migrations.upgrade(database_url)
        except BaseException as error:  # noqa: BLE001  # whatever it is fails the test
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    migrations.check(database_url)


def test_a_database_that_does_not_answer_is_said_so() -> None:
    with pytest.raises(Unavailable) as refused:
        migrations.upgrade("postgresql+psycopg://nobody@127.0.0.1:1/none")
    assert refused.value.code == "database_unavailable"


def test_every_version_says_what_going_back_would_lose() -> None:
    versions = sorted(Path(migrations.__file__).parent.joinpath("versions").glob("*.py"))
    assert [path.name[:4] for path in versions] == [f"{number:04}" for number in range(1, len(versions) + 1)]
    for path in versions:
        text = path.read_text("utf-8")
        assert "Going back" in text.split('"""')[1]
        assert "say here" not in text
