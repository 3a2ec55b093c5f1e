"""A running Avow on each database, and the witness."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.ledger import Ledger, ledger
from tests.scenarios.rig import Rig
from tests.services.children import Children


@pytest.fixture
def rig_options() -> dict[str, str]:
    """Give further settings of the installation; a scenario that needs some has a fixture of this name."""
    return {}


@pytest.fixture
def rig(children: Children, tmp_path: Path, database_url: str, rig_options: dict[str, str]) -> Rig:
    """Give an installation with the project `shop`, running."""
    made = Rig(children, tmp_path / "avow", database_url, rig_options)
    made.start()
    made.project("shop")
    return made


@pytest.fixture
def witness() -> Iterator[Ledger]:
    """Give the independent witness, running."""
    with ledger() as seen:
        yield seen
