"""What the catalogue's tests share: a database with every table, once on each kind."""

from collections.abc import Iterator

import pytest

from catalog.bell import Bell
from catalog.db import Database
from tests.factories import created_database


@pytest.fixture
def bell() -> Bell:
    """Return the bell behind the database."""
    return Bell()


@pytest.fixture
def database(database_url: str, bell: Bell) -> Iterator[Database]:
    """Open an empty database."""
    with created_database(database_url, bell) as opened:
        yield opened
