"""Bare repositories of our own: made whole or not at all, marked, put away and never lost."""

import hashlib
import threading
from pathlib import Path

import pytest

from catalog.errors import Invalid
from executors.repository import (
    Owner,
    Shelf,
)
from tests.git_work import git, opened, put
from tests.services.git_http import GitHost

OWNER = Owner("key-1", "shop", "req_1")


def test_a_repository_made_on_a_shelf_can_be_pushed_to_over_http(tmp_path: Path, git_http: GitHost) -> None:
    shelf = Shelf(git_http.root)
    assert shelf.create("orders", OWNER)
    assert shelf.owner("orders") == OWNER
    sha = put(opened(tmp_path, f"{git_http.url}/orders.git"), {"a": b"1"})
    assert git(git_http.root / "orders.git", "rev-parse", "HEAD") == sha


def test_of_many_that_make_it_at_once_one_does_and_nothing_is_left_over(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    made: list[bool] = []
    threads = [
        threading.Thread(
            target=lambda n=n: made.append(shelf.create("orders", Owner(f"key-{n}", "shop", f"req_{n}")))
        )
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False, False, False, True]
    assert [place.name for place in tmp_path.iterdir()] == ["orders.git"]


def test_what_a_killed_attempt_left_is_swept_by_the_next(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    shelf.create("first", OWNER)
    (digest,) = {place.name for place in tmp_path.iterdir()} - {"first.git"} or {""}
    assert digest == ""
    leftover = tmp_path / f".new-{hashlib.sha256(b'key-2').hexdigest()[:16]}-killed"
    (leftover / "objects").mkdir(parents=True)
    shelf.create("second", Owner("key-2", "shop", "req_1"))
    assert sorted(place.name for place in tmp_path.iterdir()) == ["first.git", "second.git"]


def test_what_is_put_away_is_kept(tmp_path: Path, git_http: GitHost) -> None:
    shelf = Shelf(git_http.root)
    shelf.create("orders", OWNER)
    sha = put(opened(tmp_path, f"{git_http.url}/orders.git"), {"a": b"1"})
    shelf.put_away("orders", "undo-1")
    shelf.put_away("orders", "undo-1")
    assert not shelf.exists("orders")
    assert git(shelf.archived("orders", "undo-1"), "rev-parse", "main") == sha


@pytest.mark.parametrize("name", ["..", "a/b", ".archive", "", "A", "x.git", "a\n"], ids=ascii)
def test_a_name_that_could_leave_the_shelf_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Invalid):
        Shelf(tmp_path).create(name, OWNER)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("marker", ["", "{", "[]", "{}", '{"key": 1, "project": "a", "request_uid": "b"}'])
def test_a_marker_that_cannot_be_read_is_nobody_s(tmp_path: Path, marker: str) -> None:
    shelf = Shelf(tmp_path)
    shelf.create("orders", OWNER)
    (shelf.place("orders") / "avow.json").write_text(marker)
    assert shelf.owner("orders") is None
