"""The tables hold what the stores rely on: keys, one live name, and texts that fit."""

import pytest
import sqlalchemy as sa

from catalog import tables
from catalog.db import Database, metadata
from tests.factories import a_request, store_project, store_request


def test_the_tables_are_the_catalogues_own() -> None:
    own = {table.name for table in vars(tables).values() if isinstance(table, sa.Table)}
    assert all(name.startswith("catalog_") for name in own)
    assert own <= set(metadata.tables)


def test_a_request_needs_its_project(database: Database) -> None:
    row = {"project": "missing"}
    with database.write() as tx:
        store_request(tx)
    with pytest.raises(sa.exc.IntegrityError), database.write() as tx:
        tx.execute(tables.requests.update().values(row))


def test_the_database_itself_refuses_a_second_live_request_of_one_name(database: Database) -> None:
    with database.write() as tx:
        store_request(tx, a_request("req_1", name="a"))
        store_request(tx, a_request("req_2", name="b"))
    with pytest.raises(sa.exc.IntegrityError), database.write() as tx:
        tx.execute(tables.requests.update().values(name="a"))


def test_the_longest_names_fit(database: Database) -> None:
    longest = "a" * 63
    with database.write() as tx:
        store_project(tx, longest)
        store_request(tx, a_request(project=longest, name=longest, environment=longest, owner=longest))
