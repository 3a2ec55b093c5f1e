"""Small secrets in files: made once, private, and the same for everybody who comes."""

import threading
from pathlib import Path

import pytest

from catalog.errors import Invalid
from platform_api.keys import kept, kept_key
from platform_api.settings import load


def test_a_file_is_made_private_and_then_kept(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert kept(path, lambda: "first") == "first"
    assert kept(path, lambda: "second") == "first"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["key"]


def test_of_many_that_come_at_once_all_get_the_same(tmp_path: Path) -> None:
    start, found = threading.Barrier(8), set()

    def come(number: int) -> None:
        start.wait()
        found.add(kept(tmp_path / "key", lambda: f"by {number}"))

    threads = [threading.Thread(target=come, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1


def test_a_file_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("x")
    path.chmod(0o644)
    with pytest.raises(Invalid, match="Others may read"):
        kept(path, lambda: "y")


def test_an_empty_file_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    with pytest.raises(Invalid, match="empty"):
        kept(path, lambda: "y")


def test_a_configured_key_needs_no_file(tmp_path: Path) -> None:
    assert kept_key(load({"data_dir": tmp_path, "signing_key": "shared"})) == b"shared"
    assert list(tmp_path.iterdir()) == []
