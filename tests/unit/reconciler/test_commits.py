"""From queued rows to commits: one each, in order, and none that changes nothing."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from executors.repository import trailer
from reconciler.change import Change, Kind
from reconciler.commits import Batch, batch_of, id_of, newest_of_each
from reconciler.outbox import Row
from tests.factories import PROJECT, START, UID

AUTHOR = "Avow <avow@localhost>"


def row(
    sequence: int, path: str = "a", content: str | None = "1", kind: Kind | None = None, message: str = "m"
) -> Row:
    change = Change(PROJECT, UID, "main", path, content, message, {"Avow-Request": UID})
    kind = kind or (Kind.DELETE if content is None else Kind.WRITE)
    return Row(sequence, f"git_{sequence}", kind, change, START + timedelta(seconds=sequence), 0)


def planned(
    rows: Sequence[Row],
    tree: Mapping[str, str] | None = None,
    known: Mapping[str, str] | None = None,
    most: int = 100,
) -> Batch:
    return batch_of(rows, tree or {}, known or {}, most=most, author=AUTHOR, covered={})


def contents(batch: Batch) -> list[dict[str, bytes | None]]:
    return [dict(commit.changes) for commit in batch.commits]


def test_every_row_is_a_commit_of_its_own_in_order() -> None:
    batch = planned([row(1, "a", "1"), row(2, "b", "1"), row(3, "a", "2"), row(4, "b", None)])
    assert contents(batch) == [{"a": b"1"}, {"b": b"1"}, {"a": b"2"}, {"b": None}]


def test_a_row_that_changes_nothing_makes_no_commit_and_is_settled_by_the_commit_before() -> None:
    batch = planned([row(1, "a", "1"), row(2, "b", "1"), row(3, "b", "1")], {"a": id_of("1")})
    assert contents(batch) == [{"b": b"1"}]
    assert batch.shas(["s1"], "tip") == {1: "tip", 2: "s1", 3: "s1"}


def test_going_back_to_an_earlier_content_is_a_change() -> None:
    batch = planned([row(1, "a", "2"), row(2, "a", "1")], {"a": id_of("1")})
    assert contents(batch) == [{"a": b"2"}, {"a": b"1"}]


def test_a_link_that_took_the_files_place_is_replaced() -> None:
    assert contents(planned([row(1, "a", "1")], {"a": f"120000:{id_of('1')}"})) == [{"a": b"1"}]


def test_a_batch_ends_at_its_last_commit_and_leaves_the_rest_in_the_queue() -> None:
    rows = [row(1, "a", "1"), row(2, "a", "1"), row(3, "a", "2"), row(4, "a", "3")]
    batch = planned(rows, most=2)
    assert [step.row.sequence for step in batch.steps] == [1, 2, 3]


def test_a_restoration_writes_what_was_written_last() -> None:
    batch = planned([row(1, "a", None, Kind.RESTORE)], {"a": id_of("by hand")}, {"a": "1"})
    assert contents(batch) == [{"a": b"1"}]


def test_a_restoration_of_what_is_there_again_makes_no_commit() -> None:
    assert contents(planned([row(1, "a", None, Kind.RESTORE)], {"a": id_of("1")}, {"a": "1"})) == []


def test_a_restoration_never_undoes_a_newer_content_before_it() -> None:
    rows = [row(1, "a", "2"), row(2, "a", None, Kind.RESTORE)]
    assert contents(planned(rows, {"a": id_of("by hand")}, {"a": "1"})) == [{"a": b"2"}]


def test_a_restoration_after_a_deletion_brings_nothing_back() -> None:
    rows = [row(1, "a", None), row(2, "a", None, Kind.RESTORE)]
    assert contents(planned(rows, {"a": id_of("1")}, {"a": "1"})) == [{"a": None}]


def test_only_files_that_we_wrote_are_deleted() -> None:
    assert contents(planned([row(1, "a", None)], {"a": id_of("theirs")})) == []
    assert contents(planned([row(1, "a", None)], {"a": id_of("by hand")}, {"a": "1"})) == [{"a": None}]
    assert contents(planned([row(1, "a", "1"), row(2, "a", None)])) == [{"a": b"1"}, {"a": None}]


def test_a_commit_says_where_it_comes_from() -> None:
    (commit,) = planned([row(7, message="shop/orders-db: generation 3")]).commits
    assert commit.message.splitlines()[0] == "shop/orders-db: generation 3"
    assert trailer(commit.message, "Avow-Request") == UID
    assert trailer(commit.message, "Avow-Change") == "git_7"
    assert commit.author == AUTHOR


def test_the_same_rows_make_the_same_commits() -> None:
    assert planned([row(1), row(2, "b")]).commits == planned([row(1), row(2, "b")]).commits


def test_no_text_can_pass_itself_off_as_a_trailer() -> None:
    hostile = "delivered\n\nAvow-Change: git_999\r\u2028Avow-Change: git_998"
    one = row(1, message=hostile)
    sly = Change(PROJECT, UID, "main", "b", "1", "m", {"Avow-Actor": "eve\nAvow-Change: git_997"})
    other = Row(2, "git_2", Kind.WRITE, sly, START, 0)
    for commit, expected in zip(planned([one, other]).commits, ["git_1", "git_2"], strict=True):
        assert trailer(commit.message, "Avow-Change") == expected
        assert commit.message.count("\nAvow-Change:") == 1


def test_of_several_rows_of_a_file_the_newest_decides() -> None:
    rows = [row(1, "a", "1"), row(2, "b", "1"), row(3, "a", "2"), row(4, "a", None, Kind.RESTORE)]
    kept, covered = newest_of_each(rows)
    assert [one.sequence for one in kept] == [2, 3]
    assert covered == {1: 3, 4: 3}


def test_covered_rows_are_settled_with_the_row_that_covers_them() -> None:
    kept, covered = newest_of_each([row(1, "a", "1"), row(2, "b", "1"), row(3, "a", "2")])
    batch = batch_of(kept, {}, {}, most=1, author=AUTHOR, covered=covered)
    assert batch.shas(["s1"], None) == {2: "s1"}
