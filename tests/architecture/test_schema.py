"""The tables follow the import law and know their tenant; what does not is caught."""

from importlib import import_module

import pytest
import sqlalchemy as sa

from catalog.db import metadata
from tests.architecture import schema_law
from tests.architecture.tree import PACKAGES


@pytest.fixture(scope="module")
def tables() -> dict[str, list[sa.Table]]:
    """Return the tables by the package that defines them."""
    modules = {package: import_module(f"{package}.tables") for package in PACKAGES}
    return {
        package: [value for value in vars(module).values() if isinstance(value, sa.Table)]
        for package, module in modules.items()
    }


def table(name: str, *columns: sa.Column[object], project: bool = True) -> sa.Table:
    """Return a planted table."""
    own = [sa.Column("project", sa.Text, nullable=False)] if project else []
    return sa.Table(name, sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True), *own, *columns)


def pointing_at(target: str) -> sa.Column[object]:
    """Return a column with a foreign key to another table."""
    return sa.Column("other", sa.Integer, sa.ForeignKey(f"{target}.id"))


def test_every_table_belongs_to_a_package(tables: dict[str, list[sa.Table]]) -> None:
    owned = {table.name for package in tables.values() for table in package}
    assert owned == set(metadata.tables)


@pytest.mark.parametrize(
    "law",
    [
        schema_law.prefix_complaints,
        schema_law.foreign_key_complaints,
        schema_law.project_complaints,
        schema_law.stale_exception_complaints,
    ],
    ids=lambda law: law.__name__,
)
def test_the_tables_keep_the_law(tables: dict[str, list[sa.Table]], law: object) -> None:
    assert callable(law)
    assert law(tables) == []


def test_a_table_under_a_foreign_name_is_caught() -> None:
    assert schema_law.prefix_complaints({"policy": [table("catalog_decisions")]})


@pytest.mark.parametrize(
    ("package", "target"),
    [
        ("catalog", "policy"),
        ("policy", "executors"),
        ("executors", "policy"),
        ("executors", "reconciler"),
        ("reconciler", "platform_api"),
        ("catalog", "unknown"),
    ],
)
def test_a_foreign_key_against_the_law_is_caught(package: str, target: str) -> None:
    planted = {package: [table(f"{package}_a", pointing_at(f"{target}_b"))]}
    if target != "unknown":
        planted[target] = [table(f"{target}_b")]
    assert schema_law.foreign_key_complaints(planted)


def test_a_foreign_key_downward_is_left_alone() -> None:
    planted = {
        "reconciler": [table("reconciler_a", pointing_at("catalog_b"))],
        "catalog": [table("catalog_b", pointing_at("catalog_b"))],
    }
    assert schema_law.foreign_key_complaints(planted) == []


@pytest.mark.parametrize(
    "planted",
    [
        table("catalog_secretless", project=False),
        table("catalog_sometimes", sa.Column("project", sa.Text, nullable=True), project=False),
    ],
    ids=["no project", "a project that may be null"],
)
def test_a_table_without_a_project_is_caught(planted: sa.Table) -> None:
    assert schema_law.project_complaints({"catalog": [planted]})


def test_an_exception_for_a_table_that_is_not_there_is_caught() -> None:
    planted = {"catalog": [table("catalog_contracts")]}
    complaints = schema_law.stale_exception_complaints(planted)
    assert len(complaints) == len(schema_law.PLATFORM_WIDE)
