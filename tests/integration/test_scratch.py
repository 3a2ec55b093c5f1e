"""Folders of an attempt are private, go with it, and are swept when their owner was killed."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from executors.scratch import scratch
from tests.services.polling import eventually

OWNER = """
import sys, time
from pathlib import Path
from executors.scratch import scratch
with scratch(Path(sys.argv[1]), "git-") as folder:
    (folder / "clone").mkdir()
    (folder / "ready").touch()
    time.sleep(600)
"""
ROOT = Path(__file__).parents[2]


def test_a_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with scratch(tmp_path / "work", "git-") as folder:
        (folder / "deep/er").mkdir(parents=True)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list((tmp_path / "work").iterdir()) == []


def test_a_folder_goes_when_its_attempt_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), scratch(tmp_path, "git-"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_is_in_use_or_not_ours_is_not_swept(tmp_path: Path) -> None:
    (tmp_path / "git-without-lock").mkdir()
    with scratch(tmp_path, "git-") as first, scratch(tmp_path, "jail-") as other, scratch(tmp_path, "git-"):
        assert first.is_dir()
        assert other.is_dir()
    assert [place.name for place in tmp_path.iterdir()] == ["git-without-lock"]


def test_what_a_killed_owner_left_is_swept_by_the_next(tmp_path: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(tmp_path)], cwd=ROOT)
    eventually(lambda: list(tmp_path.glob("*/ready")), "the other program to have its folder")
    with scratch(tmp_path, "git-"):
        assert list(tmp_path.glob("*/ready"))  # it lives, so it keeps its folder
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    with scratch(tmp_path, "git-") as folder:
        assert sorted(place.name for place in tmp_path.iterdir()) == [folder.name, f"{folder.name}.lock"]
