"""Projects are created once, found by name, and listed in order."""

import pytest

from catalog import projects
from catalog.audit import PLATFORM
from catalog.db import Database
from catalog.errors import Conflict, NotFound
from catalog.projects import Project
from tests.factories import START, store_project


def test_a_project_comes_back_as_it_was_stored(database: Database) -> None:
    project = Project("shop", "Käse & 😀", START, "alice")
    with database.write() as tx:
        projects.create(tx, project)
    with database.read() as tx:
        assert projects.load(tx, "shop") == project


@pytest.mark.parametrize("name", ["shop", PLATFORM])
def test_a_taken_or_reserved_name_is_refused(database: Database, name: str) -> None:
    with database.write() as tx:
        store_project(tx, "shop")
    with pytest.raises(Conflict) as refused, database.write() as tx:
        store_project(tx, name)
    assert refused.value.code == "project_exists"


def test_a_project_that_is_not_there_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound) as refused, database.read() as tx:
        projects.load(tx, "missing")
    assert refused.value.code == "project_not_found"


def test_projects_are_listed_by_name_page_by_page_among_those_that_may_be_known(database: Database) -> None:
    with database.write() as tx:
        for name in ("c", "a", "b"):
            store_project(tx, name)
    with database.read() as tx:
        assert [project.name for project in projects.page(tx, "", 2)] == ["a", "b"]
        assert [project.name for project in projects.page(tx, "b", 2)] == ["c"]
        assert [project.name for project in projects.page(tx, "", 9, among=["c", "x"])] == ["c"]
        assert projects.page(tx, "", 9, among=[]) == []
