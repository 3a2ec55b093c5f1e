"""What the reconciler's tests share: a database with every table, once on each kind."""

from collections.abc import Iterator

import pytest

from catalog.db import Database
from tests.factories import created_database


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Open an empty database."""
    with created_database(database_url) as opened:
        yield opened
