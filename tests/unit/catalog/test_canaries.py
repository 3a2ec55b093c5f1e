"""Which version a request follows while one of them is a canary."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog import canaries, contracts
from catalog.db import Database
from catalog.errors import Conflict, NotFound
from catalog.selection import Canary, Trial, followed, place_of, stable
from tests.factories import a_bundle, contract_document, created_database
from tests.workflows import EPOCH

UIDS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)
SHARES = st.integers(0, 100)


def of(*standings: tuple[str, int | None]) -> list[Canary]:
    """Return versions with their shares."""
    return [Canary("db", version, share) for version, share in standings]


@given(UIDS, SHARES, SHARES)
def test_a_larger_share_takes_a_version_from_nobody(uid: str, share: int, more: int) -> None:
    small, large = sorted((share, more))
    before = followed(of(("1.0.0", None), ("2.0.0", small)), uid)
    after = followed(of(("1.0.0", None), ("2.0.0", large)), uid)
    assert after == "2.0.0" or before == "1.0.0"


@given(UIDS)
def test_none_follow_at_nought_and_all_at_a_hundred(uid: str) -> None:
    assert followed(of(("1.0.0", None), ("2.0.0", 0)), uid) == "1.0.0"
    assert followed(of(("1.0.0", None), ("2.0.0", 100)), uid) == "2.0.0"


def test_a_share_is_about_that_share_of_many() -> None:
    published = of(("1.0.0", None), ("2.0.0", 25))
    on_it = sum(followed(published, f"req_{number}") == "2.0.0" for number in range(10_000))
    assert 2_300 < on_it < 2_700


def test_a_request_keeps_its_place() -> None:
    assert place_of("req_1") == place_of("req_1") == pytest.approx(0.0, abs=1)


def test_a_promoted_pre_release_is_for_everybody() -> None:
    assert stable(of(("1.0.0", None), ("2.0.0-rc.1", None))) == "1.0.0"
    assert stable(of(("1.0.0", None), ("2.0.0-rc.1", 100))) == "2.0.0-rc.1"


def test_a_canary_that_was_overtaken_is_followed_by_nobody() -> None:
    uid = next(f"req_{n}" for n in range(100) if place_of(f"req_{n}") < 0.5)
    assert followed(of(("1.0.0", None), ("2.0.0", 50)), uid) == "2.0.0"
    assert followed(of(("1.0.0", None), ("2.0.0", 50), ("3.0.0", None)), uid) == "3.0.0"


@pytest.mark.parametrize(
    ("share", "trial"),
    [(None, Trial.NONE), (0, Trial.ABORTED), (1, Trial.CANARY), (99, Trial.CANARY), (100, Trial.PROMOTED)],
)
def test_a_share_says_how_far_a_version_has_come(share: int | None, trial: Trial) -> None:
    assert Canary("db", "1.0.0", share).trial is trial


@pytest.mark.parametrize(
    ("published", "after", "code"),
    [
        (of(("1.0.0", None)), ("1.0.0", 10), "canary_alone"),
        (of(("1.0.0", None)), ("1.0.0", 0), "canary_alone"),
        (of(("1.0.0", None), ("2.0.0", 5)), ("1.0.0", 10), "canary_alone"),
        (of(("1.0.0", None), ("2.0.0", None)), ("1.0.0", 10), "canary_not_newest"),
        (of(("1.0.0", None), ("2.0.0", None)), ("1.0.0", 100), "canary_not_newest"),
    ],
)
def test_a_share_that_leaves_requests_without_a_version_or_has_no_effect_is_refused(
    published: list[Canary], after: tuple[str, int], code: str
) -> None:
    with pytest.raises(Conflict) as refused:
        canaries.check_share(published, Canary("db", *after))
    assert refused.value.code == code


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with created_database(f"sqlite:///{tmp_path}/avow.db") as opened:
        yield opened


def test_a_share_is_stored_once_per_revision(database: Database) -> None:
    with database.write() as tx:
        for version in ("1.0.0", "2.0.0"):
            contracts.publish(tx, a_bundle(contract_document(version=version)), EPOCH, "pia")
    with database.write() as tx:
        name = contracts.page(tx, ("", ""), 1)[0].name
        held = canaries.load(tx, name, "2.0.0")
        after = canaries.set_share(tx, held, 10, EPOCH, "pia")
        assert (after.revision, after.trial) == (1, Trial.CANARY)
        assert canaries.load(tx, name, "2.0.0") == after
        with pytest.raises(Conflict, match="changed meanwhile"):
            canaries.set_share(tx, held, 20, EPOCH, "pia")
        assert canaries.set_share(tx, after, 100, EPOCH, "pia").trial is Trial.PROMOTED
        assert [each.share for each in contracts.page(tx, ("", ""), 9)] == [None, 100]
        assert contracts.newest_version(tx, name) == "2.0.0"


def test_an_unknown_version_has_no_share(database: Database) -> None:
    with database.read() as tx, pytest.raises(NotFound):
        canaries.load(tx, "db", "1.0.0")
