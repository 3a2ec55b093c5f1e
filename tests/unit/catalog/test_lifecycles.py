"""Drafts, deprecated, retired and deleted versions, as they are stored and found."""

from datetime import timedelta
from typing import Any

import pytest

from catalog import canaries, contracts, lifecycles
from catalog.bundle import Bundle
from catalog.contracts import Wish
from catalog.db import Database
from catalog.errors import Conflict, NotFound
from catalog.lifecycle import PUBLISHED, State, Terms, moved
from catalog.reliance import relying
from tests.factories import START, a_bundle, contract_document

NAME = "postgres-database"


def version(number: str, **spec: Any) -> Bundle:
    return a_bundle(contract_document(version=number, **spec))


def publish(database: Database, *bundles: Bundle, is_draft: bool = False) -> None:
    for bundle in bundles:
        with database.write() as tx:
            contracts.publish(tx, bundle, START, "pia", is_draft=is_draft)


def move(
    database: Database, number: str, *states: State, terms: Terms | None = None, name: str = NAME
) -> None:
    with database.write() as tx:
        for state in states:
            held = lifecycles.locked(tx, name, number)
            wanted = (terms or Terms()) if state is State.DEPRECATED else Terms()
            lifecycles.save(tx, name, number, moved(held, state, wanted, START, "pia"))


def test_a_version_of_which_nothing_was_said_is_published(database: Database) -> None:
    publish(database, version("1.0.0"))
    with database.read() as tx:
        assert lifecycles.load(tx, NAME, "1.0.0") == PUBLISHED
        assert contracts.load(tx, NAME, "1.0.0").lifecycle == PUBLISHED
        assert lifecycles.told(tx, NAME, "9.9.9") == PUBLISHED
        with pytest.raises(NotFound):
            lifecycles.load(tx, NAME, "9.9.9")


def test_where_a_version_stands_comes_back_wherever_it_is_read(database: Database) -> None:
    publish(database, version("1.0.0"), version("2.0.0"))
    terms = Terms(START + timedelta(days=9), "2.0.0", "Käse & 😀")
    move(database, "1.0.0", State.DEPRECATED, terms=terms)
    with database.read() as tx:
        held = lifecycles.load(tx, NAME, "1.0.0")
        assert (held.sunset_at, held.replacement, held.reason) == (terms.sunset_at, "2.0.0", "Käse & 😀")
        assert contracts.load(tx, NAME, "1.0.0").lifecycle == held
        assert contracts.by_digest(tx, version("1.0.0").digest).lifecycle == held
        assert [each.lifecycle for each in contracts.page(tx, ("", ""), 9)] == [held, PUBLISHED]
        assert lifecycles.told_of(tx, [(NAME, "1.0.0"), (NAME, "2.0.0")]) == {(NAME, "1.0.0"): held}
        assert lifecycles.told_by(tx, NAME) == {(NAME, "1.0.0"): held}
        assert canaries.load(tx, NAME, "1.0.0").state is State.DEPRECATED


def test_a_draft_is_followed_by_nobody_and_met_by_nothing(database: Database) -> None:
    publish(database, version("1.0.0"))
    publish(database, version("2.0.0"), is_draft=True)
    with database.read() as tx:
        assert contracts.newest_version(tx, NAME) == "1.0.0"
        assert contracts.serving(tx, NAME) == ["1.0.0"]
        found = contracts.resolved(tx, Wish(NAME), "req_1")
    assert found is not None
    assert found.version == "1.0.0"


def test_a_drafts_content_is_replaced_until_it_is_published(database: Database) -> None:
    publish(database, version("1.0.0"), version("1.0.0", description="Better."), is_draft=True)
    with database.read() as tx:
        draft = contracts.load(tx, NAME, "1.0.0")
    assert (draft.contract.description, draft.lifecycle.state) == ("Better.", State.DRAFT)
    publish(database, version("1.0.0", description="Best."))
    with database.read() as tx:
        published = contracts.load(tx, NAME, "1.0.0")
    assert (published.contract.description, published.lifecycle.state) == ("Best.", State.PUBLISHED)
    with pytest.raises(Conflict) as refused:
        publish(database, version("1.0.0", description="Other."))
    assert refused.value.code == "version_published"


def test_publishing_says_whether_anything_changed(database: Database) -> None:
    bundle = version("1.0.0")
    with database.write() as tx:
        said = [
            contracts.publish(tx, bundle, START, "pia", is_draft=is_draft)
            for is_draft in (True, True, False, False)
        ]
    assert said == [True, False, True, False]


def test_a_published_version_does_not_become_a_draft_again(database: Database) -> None:
    publish(database, version("1.0.0"))
    with pytest.raises(Conflict) as refused:
        publish(database, version("1.0.0"), is_draft=True)
    assert refused.value.code == "version_published"


def test_the_newest_version_is_none_that_is_on_its_way_out_while_another_is_left(database: Database) -> None:
    publish(database, version("1.0.0"), version("2.0.0"))
    move(database, "2.0.0", State.DEPRECATED)
    with database.read() as tx:
        assert contracts.newest_version(tx, NAME) == "1.0.0"
    move(database, "1.0.0", State.DEPRECATED)
    with database.read() as tx:
        assert contracts.newest_version(tx, NAME) == "2.0.0"


def test_a_pin_is_found_whatever_state_its_version_is_in(database: Database) -> None:
    publish(database, version("1.0.0"))
    move(database, "1.0.0", State.DEPRECATED, State.RETIRED)
    with database.read() as tx:
        found = contracts.resolved(tx, Wish(NAME, "1.0.0"), "req_1")
        assert found is not None
        assert found.lifecycle.state is State.RETIRED
        assert contracts.resolved(tx, Wish(NAME, "*"), "req_1", "1.0.0") is None
        for wish in (Wish(NAME, "3.0.0"), Wish("missing"), Wish("missing", "^1.0.0")):
            with pytest.raises(NotFound):
                contracts.resolved(tx, wish, "req_1")


def test_what_was_published_and_deleted_is_never_published_with_other_content(database: Database) -> None:
    publish(database, version("1.0.0"), version("2.0.0"))
    move(database, "1.0.0", State.DEPRECATED, State.RETIRED)
    with database.write() as tx:
        lifecycles.remove(tx, NAME, "1.0.0", START, "pia")
    with database.read() as tx:
        assert contracts.versions(tx, NAME) == ["2.0.0"]
    for is_draft in (True, False):
        with pytest.raises(Conflict) as refused:
            publish(database, version("1.0.0", description="Other."), is_draft=is_draft)
        assert refused.value.code == "version_published"
    publish(database, version("1.0.0"))
    with database.read() as tx:
        assert lifecycles.load(tx, NAME, "1.0.0") == PUBLISHED


def test_a_deleted_draft_leaves_nothing(database: Database) -> None:
    publish(database, version("1.0.0"), is_draft=True)
    with database.write() as tx:
        lifecycles.remove(tx, NAME, "1.0.0", START, "pia")
    publish(database, version("1.0.0", description="Other."))


def test_a_share_is_set_of_published_versions_only(database: Database) -> None:
    publish(database, version("1.0.0"))
    publish(database, version("2.0.0"), is_draft=True)
    with pytest.raises(Conflict) as refused, database.write() as tx:
        canaries.set_share(tx, canaries.load(tx, NAME, "2.0.0"), 10, START, "pia")
    assert refused.value.code == "canary_not_published"


def test_versions_past_their_sunset_are_found_the_earliest_first(database: Database) -> None:
    publish(database, *(version(f"{number}.0.0") for number in range(1, 5)))
    for number, days in (("1.0.0", 3), ("2.0.0", 2), ("3.0.0", 9)):
        move(database, number, State.DEPRECATED, terms=Terms(START + timedelta(days=days)))
    move(database, "4.0.0", State.DEPRECATED)
    with database.read() as tx:
        over = lifecycles.past_sunset(tx, START + timedelta(days=3))
        assert over == [(NAME, "2.0.0"), (NAME, "1.0.0")]


def requiring(versions: str, name: str = "service") -> Bundle:
    needed = [{"contract": NAME, "version": versions}]
    return a_bundle(contract_document(name=name, requires=needed))


@pytest.mark.parametrize(
    ("versions", "left"),
    [("^1.0.0", ["service@1.0.0"]), ("1.0.0", ["service@1.0.0"]), ("*", []), ("^2.0.0", [])],
)
def test_a_contract_relies_on_a_version_when_no_other_would_do(
    database: Database, versions: str, left: list[str]
) -> None:
    publish(database, version("1.0.0"), version("2.0.0"), requiring(versions))
    with database.read() as tx:
        assert relying(tx, NAME, "1.0.0") == left


def test_children_rely_as_requirements_do_and_drafts_and_retired_contracts_on_nothing(
    database: Database,
) -> None:
    child = [{"name": "db", "contract": NAME, "version": "^1.0.0"}]
    publish(database, version("1.0.0"), a_bundle(contract_document(name="app", children=child)))
    publish(database, requiring("^1.0.0"), is_draft=True)
    publish(database, requiring("^1.0.0", "old"))
    move(database, "1.0.0", State.DEPRECATED, State.RETIRED, name="old")
    with database.read() as tx:
        assert relying(tx, NAME, "1.0.0") == ["app@1.0.0"]


def test_a_deprecated_version_does_for_those_who_rely_and_a_draft_does_not(database: Database) -> None:
    publish(database, version("1.0.0"), version("1.1.0"), requiring("^1.0.0"))
    move(database, "1.1.0", State.DEPRECATED)
    with database.read() as tx:
        assert relying(tx, NAME, "1.0.0") == []
    move(database, "1.1.0", State.RETIRED)
    publish(database, version("1.2.0"), is_draft=True)
    with database.read() as tx:
        assert relying(tx, NAME, "1.0.0") == ["service@1.0.0"]
