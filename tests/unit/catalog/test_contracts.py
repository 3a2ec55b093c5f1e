"""Revisions are stored once, never changed, and found by version, digest and precedence."""

from typing import Any

import pytest

from catalog import contracts
from catalog.db import Database
from catalog.errors import Conflict, NotFound
from tests.factories import START, a_bundle, contract_document


def publish(database: Database, *documents: dict[str, Any]) -> None:
    for document in documents:
        with database.write() as tx:
            contracts.publish(tx, a_bundle(document), START, "alice")


def version(number: str, **fields: Any) -> dict[str, Any]:
    return contract_document(version=number, **fields)


def test_a_revision_comes_back_as_it_was_published(database: Database) -> None:
    bundle = a_bundle(contract_document(description="Käse & 😀"))
    with database.write() as tx:
        assert contracts.publish(tx, bundle, START, "alice")
    with database.read() as tx:
        found = contracts.load(tx, "postgres-database", "1.0.0")
        assert contracts.by_digest(tx, bundle.digest) == found
    assert (found.bundle, found.owner, found.published_at) == (bundle, "team-data", START)
    assert found.contract.description == "Käse & 😀"
    assert found.files == bundle.files


def test_publishing_the_same_again_changes_nothing(database: Database) -> None:
    publish(database, contract_document())
    with database.write() as tx:
        assert not contracts.publish(tx, a_bundle(), START, "mallory")
    with database.read() as tx:
        assert contracts.load(tx, "postgres-database", "1.0.0").published_by == "alice"


def test_a_published_version_is_never_replaced(database: Database) -> None:
    publish(database, contract_document())
    with pytest.raises(Conflict) as refused:
        publish(database, contract_document(description="Something else."))
    assert refused.value.code == "version_published"
    with database.read() as tx:
        assert contracts.load(tx, "postgres-database", "1.0.0").bundle == a_bundle()


def test_a_name_stays_with_the_team_that_took_it(database: Database) -> None:
    publish(database, contract_document())
    with pytest.raises(Conflict) as refused:
        publish(database, version("2.0.0", owner="team-web"))
    assert refused.value.code == "owner_mismatch"
    with database.read() as tx:
        assert contracts.versions(tx, "postgres-database") == ["1.0.0"]
        assert contracts.owner_of(tx, "postgres-database") == "team-data"
        assert contracts.owner_of(tx, "other") is None


def test_the_newest_is_the_highest_that_is_no_pre_release(database: Database) -> None:
    for name, published, newest in (
        ("numbers", ["1.9.0", "1.10.0", "1.2.0"], "1.10.0"),
        ("coming", ["1.0.0", "2.0.0-rc.1"], "1.0.0"),
        ("unripe", ["2.0.0-rc.1", "2.0.0-rc.10", "2.0.0-rc.2"], "2.0.0-rc.10"),
        ("builds", ["1.0.0+b", "1.0.0+a"], "1.0.0+b"),
        ("builds-too", ["1.0.0+a", "1.0.0+b"], "1.0.0+b"),
    ):
        publish(database, *(version(number, name=name) for number in published))
        with database.read() as tx:
            assert contracts.newest_version(tx, name) == newest
            assert contracts.newest(tx, name).version == newest


def test_what_was_not_published_is_not_found(database: Database) -> None:
    publish(database, contract_document())
    with database.read() as tx:
        with pytest.raises(NotFound, match=r"There is no contract postgres-database 9\.9\.9\."):
            contracts.load(tx, "postgres-database", "9.9.9")
        with pytest.raises(NotFound, match="There is no contract sha256:missing"):
            contracts.by_digest(tx, "sha256:missing")
        with pytest.raises(NotFound, match="There is no contract missing"):
            contracts.newest(tx, "missing")


def test_revisions_are_listed_page_by_page(database: Database) -> None:
    publish(database, contract_document(name="b"), contract_document(name="a"), version("1.1.0", name="a"))
    with database.read() as tx:
        first = contracts.page(tx, ("", ""), 2)
        assert [(each.name, each.version) for each in first] == [("a", "1.0.0"), ("a", "1.1.0")]
        second = contracts.page(tx, (first[-1].name, first[-1].version), 2)
        assert [(each.name, each.version) for each in second] == [("b", "1.0.0")]
        assert [each.name for each in contracts.page(tx, ("", ""), 9, name="b")] == ["b"]


def test_names_are_listed_once_each_page_by_page(database: Database) -> None:
    publish(
        database, version("1.0.0"), version("2.0.0"), version("1.0.0", name="a"), version("1.0.0", name="z")
    )
    with database.read() as tx:
        assert contracts.names(tx, "", 2) == ["a", "postgres-database"]
        assert contracts.names(tx, "postgres-database", 2) == ["z"]


def test_a_name_that_nobody_took_is_not_known(database: Database) -> None:
    publish(database, contract_document())
    with database.read() as tx:
        contracts.check_known(tx, "postgres-database")
        with pytest.raises(NotFound, match="There is no contract postgres\\."):
            contracts.check_known(tx, "postgres")


def test_a_contract_is_held_and_released(database: Database) -> None:
    publish(database, contract_document())
    with database.write() as tx:
        assert not contracts.is_paused(tx, "postgres-database")
        contracts.set_paused(tx, "postgres-database", paused=True)
    with database.write() as tx:
        assert contracts.is_paused(tx, "postgres-database")
        contracts.set_paused(tx, "postgres-database", paused=False)
    with database.read() as tx:
        assert not contracts.is_paused(tx, "postgres-database")
        assert not contracts.is_paused(tx, "missing")


def test_holding_what_is_not_there_is_refused(database: Database) -> None:
    with pytest.raises(NotFound), database.write() as tx:
        contracts.set_paused(tx, "missing", paused=True)
