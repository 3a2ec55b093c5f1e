"""What published versions need, as it is stored: with the version, and found from either end."""

from collections.abc import Mapping
from typing import Any

from catalog import contracts, requirements
from catalog.db import Database
from catalog.dependencies import Need
from catalog.tables import lifecycles
from tests.factories import START, a_bundle, a_contract, contract_document

NETWORK = {"contract": "network", "version": "^2.0.0"}


def publish(database: Database, name: str, version: str = "1.0.0", **spec: Any) -> None:
    with database.write() as tx:
        contracts.publish(tx, a_bundle(contract_document(name, version, **spec)), START, "pia")


def shelf(database: Database, *names: str) -> Mapping[str, Any]:
    with database.read() as tx:
        return requirements.shelf(tx, names)


def test_the_shelf_holds_what_is_asked_for_and_all_that_this_needs(database: Database) -> None:
    publish(database, "database", requires=[NETWORK])
    publish(database, "network", "2.0.0", requires=[{"contract": "dns", "version": "*"}])
    publish(database, "network", "1.0.0")
    publish(database, "cache")
    assert shelf(database, "database") == {
        "database": {"1.0.0": [Need("network", "^2.0.0", "requires/0")]},
        "network": {"1.0.0": [], "2.0.0": [Need("dns", "*", "requires/0")]},
        "dns": {},
    }


def test_publishing_the_same_again_needs_the_same(database: Database) -> None:
    for _ in range(2):
        publish(database, "database", requires=[NETWORK])
    assert len(shelf(database, "database")["database"]["1.0.0"]) == 1


def test_drafts_and_retired_versions_stand_on_no_shelf(database: Database) -> None:
    for version, state in (("1.0.0", "draft"), ("1.1.0", "retired"), ("1.2.0", "deprecated")):
        publish(database, "network", version)
        row = {"name": "network", "version": version, "state": state, "reason": "", "revision": 1}
        with database.write() as tx:
            tx.execute(lifecycles.insert(), row | {"changed_at": START, "changed_by": "pia"})
    assert shelf(database, "network") == {"network": {"1.2.0": []}}


def test_who_needs_a_contract_is_found_directly_and_through_others(database: Database) -> None:
    publish(database, "network")
    publish(database, "database", requires=[NETWORK])
    publish(database, "site", children=[{"name": "db", "contract": "database", "version": "1.x"}])
    with database.read() as tx:
        [found] = requirements.dependents(tx, "database")
        assert (found.name, found.version, found.need) == (
            "site",
            "1.0.0",
            Need("database", "1.x", "children/0", "db"),
        )
        assert requirements.dependent_names(tx, "network") == {"database", "site"}
        assert requirements.dependent_names(tx, "site") == frozenset()


def test_what_a_version_needs_is_replaced_and_forgotten_with_it(database: Database) -> None:
    publish(database, "database", requires=[NETWORK])
    with database.write() as tx:
        other = [{"contract": "dns", "version": "*"}]
        requirements.record(tx, a_contract(name="database", requires=other))
    assert [need.contract for need in shelf(database, "database")["database"]["1.0.0"]] == ["dns"]
    with database.write() as tx:
        requirements.forget(tx, "database", "1.0.0")
    assert shelf(database, "database") == {"database": {"1.0.0": []}}
