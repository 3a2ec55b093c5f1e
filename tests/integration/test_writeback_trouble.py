"""The git writer when things go wrong: crashes, freezes, refusals, damage; nothing is lost or doubled."""

import shutil
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from executors.repository import trailer
from reconciler.remote import Pace
from tests.services.children import Child
from tests.services.git_http import GitHost
from tests.services.polling import eventually
from tests.writeback_ground import SWIFT, Ground, expected, path_of, uid_of, written


@pytest.mark.parametrize("point", ["built", "pushed"])
def test_a_writer_killed_around_its_push_leaves_no_change_out_and_none_twice(
    ground: Ground, program: Callable[[str, str, str], Child], point: str
) -> None:
    for number in range(12):
        ground.put(number % 5, f"number: {number}\n", number + 1)
    child = program("victim", point, "SIGKILL")
    assert child.wait(60) == -signal.SIGKILL
    assert ground.waiting() == 12, "it died too late"
    before = ground.changes() if point == "pushed" else []
    assert len(before) == (12 if point == "pushed" else 0)
    heir = ground.writer("heir")
    heir.start()
    ground.until_written()
    changes = ground.changes()
    assert len(changes) == len(set(changes)) == 12
    assert changes[: len(before)] == before
    assert heir.counts["commits"] == 12 - len(before)
    assert [trailer(text, "Avow-Generation") for text in ground.messages()] == [str(n) for n in range(1, 13)]
    assert ground.events("GitDrift") == []


class Crash(BaseException):
    """The end of a process, without the process."""


def test_after_a_crash_an_older_content_is_never_written_over_the_newer_one(ground: Ground) -> None:
    ground.branch = "state"
    for turn in range(3):
        ground.put(0, f"turn: {turn}\n")

    def crash(point: str) -> None:
        if point == "pushed":
            raise Crash

    with pytest.raises(Crash):
        ground.writer("victim", at=crash, late=-SWIFT.keep).turn()
    assert ground.files() == {path_of(0): "turn: 2\n"}
    assert ground.waiting() == 3
    ground.writer("heir").start()
    ground.until_written()
    assert ground.files() == {path_of(0): "turn: 2\n"}
    assert len(ground.messages()) == 1


@pytest.mark.parametrize("point", ["built", "pushed"])
def test_a_writer_whose_lease_ran_out_during_its_push_records_nothing(ground: Ground, point: str) -> None:
    for number in range(5):
        ground.put(number, f"number: {number}\n", number + 1)
    heir = ground.writer("heir", late=timedelta(seconds=60))

    def be_replaced(reached: str) -> None:
        if reached == point:
            while ground.waiting():
                heir.turn()

    late = ground.writer("late", at=be_replaced)
    late.turn()
    assert late.counts["rows"] == 0
    assert heir.counts["rows"] + heir.counts["adopted"] == 5
    changes = ground.changes()
    assert len(changes) == len(set(changes)) == 5
    assert ground.files() == expected()


@pytest.mark.parametrize("ground", ["postgresql over http"], indirect=True)
@pytest.mark.parametrize("point", ["built", "pushed"])
def test_a_writer_that_froze_and_goes_on_after_it_was_replaced_does_no_harm(
    ground: Ground, program: Callable[[str, str, str], Child], point: str
) -> None:
    # Not on SQLite, which is for one process: a frozen one may hold the lock of the whole file.
    for number in range(4):
        ground.put(number, f"number: {number}\n", number + 1)
    child = program("frozen", point, "SIGSTOP")
    eventually(lambda: is_stopped(child), "the writer to freeze")

    def thaw(reached: str) -> None:
        # The heir holds the lease and has not pushed yet; now both are after the same branch.
        if reached == "built":
            child.signal(signal.SIGCONT)

    ground.writer("heir", at=thaw).start()
    ground.until_written()
    child.signal(signal.SIGCONT)
    ground.put(4, "number: 4\n", 5)
    ground.until_written()
    assert child.stop() == 0
    changes = ground.changes()
    assert len(changes) == len(set(changes)) == 5
    assert ground.files() == expected()
    assert ground.events("GitDrift") == []


def is_stopped(child: Child) -> bool:
    """Say whether a process stands still."""
    status = Path(f"/proc/{child.pid}/stat").read_text()
    return status.rpartition(")")[2].split()[0] == "T"


def test_a_remote_that_takes_nothing_is_named_and_recovers_without_a_restart(ground: Ground) -> None:
    ground.hook("echo closed for today >&2; exit 1")
    for number in range(5):
        ground.put(number, f"number: {number}\n")
    ground.writer().start()
    eventually(lambda: all(ground.pending(number).error for number in range(5)), "the error to be shown")
    assert ground.woken() == {uid_of(number) for number in range(5)}
    ground.hook("exit 0")
    ground.until_written()
    assert ground.files() == expected()
    assert ground.pending(0).error == ""


def test_a_lock_left_behind_in_the_remote_is_named_and_waited_for(ground: Ground) -> None:
    written(ground, 1)
    lock = ground.bare / "refs" / "heads" / "main.lock"
    lock.touch()
    ground.put(1, "number: 1\n")
    ground.writer().start()
    eventually(lambda: ground.pending(1).error, "the error to be shown")
    lock.unlink()
    ground.until_written()
    assert ground.files() == expected(2)


def test_a_lock_left_behind_in_the_clone_is_no_obstacle(ground: Ground) -> None:
    written(ground, 1)
    refs = ground.folder / "first" / "refs" / "avow"
    refs.mkdir(exist_ok=True)
    for name in ("scratch.lock", "remote.lock"):
        (refs / name).touch()
    ground.put(1, "number: 1\n")
    ground.writer("first").start()
    ground.until_written()
    assert ground.files() == expected(2)


def test_one_change_that_the_remote_refuses_holds_nobody_else_up(ground: Ground) -> None:
    ground.hook(
        "while read old new ref; do git diff --name-only $new | grep -q poison && exit 1; "
        'git log --format=%B $new | grep -q "r2: generation 1" && exit 1; done; exit 0'
    )
    for number in range(5):
        ground.put(number, f"number: {number}\n")
    ground.put(2, "number: 2\n", 2)
    ground.writer().start()
    eventually(lambda: ground.waiting() == 2, "the others to be written")
    assert set(ground.files()) == {path_of(number) for number in (0, 1, 3, 4)}
    assert ground.pending(2).count == 2, "a later change of the same file was written before the earlier one"
    assert "does not take the push" in ground.pending(2).error
    assert ground.pending(1).error == ""
    ground.hook("exit 0")
    ground.until_written()
    assert ground.files() == expected()


def test_a_remote_that_is_away_for_a_while_delays_and_loses_nothing(ground: Ground) -> None:
    written(ground, 2)
    away = ground.bare.rename(ground.bare.with_name("away.git"))
    for number in (2, 3, 4):
        ground.put(number, f"number: {number}\n")
    ground.writer().start()
    eventually(lambda: ground.pending(3).error, "the error to be shown")
    assert ground.pending(3).count == 1
    away.rename(ground.bare)
    ground.until_written()
    assert ground.files() == expected()
    assert len(set(ground.changes())) == len(ground.changes()) == 5


@pytest.mark.parametrize("ground", ["postgresql over http"], indirect=True)
def test_a_git_host_under_maintenance_is_waited_for(ground: Ground, git_http: GitHost) -> None:
    git_http.answer_next_with(*[503] * 6)
    ground.put(0, "number: 0\n")
    writer = ground.writer()
    writer.start()
    ground.until_written()
    assert writer.counts["failures"] > 0
    assert ground.files() == expected(1)


def test_a_damaged_clone_is_made_anew(ground: Ground) -> None:
    written(ground)
    for file in (ground.folder / "first").rglob("*"):
        if file.is_file() and "objects" in file.parts:
            file.chmod(0o644)
            file.write_bytes(b"not an object")
    (ground.folder / "first" / "HEAD").write_text("nonsense")
    ground.put(0, "number: 0, newer\n", 2)
    ground.writer("first").start()
    ground.until_written()
    assert ground.files() == expected() | {path_of(0): "number: 0, newer\n"}


def test_a_clone_that_is_taken_away_while_it_works_is_made_anew(ground: Ground) -> None:
    writer = ground.writer("first", SWIFT)
    writer.start()
    ground.put(0, "number: 0\n")
    ground.until_written()
    shutil.rmtree(ground.folder / "first")
    ground.put(1, "number: 1\n")
    ground.until_written()
    assert ground.files() == expected(2)


def test_old_rows_are_removed_and_what_git_holds_is_still_known(ground: Ground) -> None:
    written(ground)
    ground.push({path_of(1): None})
    ground.writer(pace=Pace(check_seconds=0.2, poll_seconds=0.1, keep=-SWIFT.keep)).start()
    eventually(lambda: ground.files() == expected(), "the file to be restored")
