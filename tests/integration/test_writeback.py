"""The git writer against real git and real databases: every change in git, each once, whatever happens."""

import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from catalog.bell import Bell
from executors.repository import Rejected, trailer
from reconciler.remote import Pace
from tests.factories import created_database
from tests.services.children import Child, Children
from tests.services.git_http import GitHost
from tests.services.polling import eventually
from tests.writeback_ground import CALM, SWIFT, Ground, path_of, uid_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite over files", "postgresql over http"])
def ground(request: pytest.FixtureRequest, tmp_path: Path, git_http: GitHost) -> Iterator[Ground]:
    """Give five requests, an empty remote, and no writer yet."""
    database, _, way = request.param.partition(" over ")
    served = git_http.new_repository("fleet.git")
    bare = git_http.root / "fleet.git"
    url = served if way == "http" else f"file://{bare}"
    bell = Bell()
    with created_database(request.getfixturevalue(f"{database}_url"), bell) as db:
        made = Ground(db, bell, url, bare, tmp_path / "clones")
        made.store_requests(5)
        with closing(made):
            yield made


@pytest.fixture
def program(ground: Ground, children: Children) -> Callable[[str, str, str], Child]:
    """Start a writer in a process of its own that gets a signal at a point."""

    def start(name: str, point: str, number: str) -> Child:
        told = {
            "database": ground.db.url.render_as_string(hide_password=False),
            "url": ground.url,
            "bare": str(ground.bare),
            "folder": str(ground.folder),
            "name": name,
            "point": point,
            "signal": number,
        }
        options = [f"--{key}={value}" for key, value in told.items()]
        return children.start([sys.executable, "-m", "tests.writer_program", *options], cwd=ROOT)

    return start


def written(ground: Ground, count: int = 5) -> None:
    """Write a first content for some requests and leave a calm writer behind."""
    for number in range(count):
        ground.put(number, f"number: {number}\n")
    ground.writer("first", CALM).start()
    ground.until_written()
    ground.close()


def expected(count: int = 5) -> dict[str, str]:
    return {path_of(number): f"number: {number}\n" for number in range(count)}


def test_a_thousand_changes_are_in_git_once_each_within_twenty_pushes(ground: Ground) -> None:
    for turn in range(200):
        for number in range(5):
            ground.put(number, f"number: {number}\nturn: {turn}\n", generation=turn + 1)
    writer = ground.writer(pace=Pace())
    began = time.perf_counter()
    writer.start()
    ground.until_written()
    seconds = time.perf_counter() - began
    print(f"{ground.db.url.get_backend_name()}: {writer.counts['pushes']} pushes in {seconds:.2f} s")  # noqa: T201 - shown by -s
    changes = ground.changes()
    assert len(changes) == len(set(changes)) == 1000
    assert writer.counts["pushes"] <= 20
    assert ground.files() == {path_of(number): f"number: {number}\nturn: 199\n" for number in range(5)}


def test_every_generation_is_a_commit_of_its_own_and_in_order(ground: Ground) -> None:
    for generation in range(1, 8):
        ground.put(generation % 2, f"generation: {generation}\n", generation)
    ground.writer().start()
    ground.until_written()
    assert [trailer(message, "Avow-Generation") for message in ground.messages()] == list("1234567")


def test_on_the_state_branch_only_the_newest_content_becomes_a_commit(ground: Ground) -> None:
    ground.branch = "state"
    for turn in range(20):
        ground.put(turn % 2, f"turn: {turn}\n")
    ground.writer().start()
    ground.until_written()
    assert ground.files() == {path_of(0): "turn: 18\n", path_of(1): "turn: 19\n"}
    assert len(ground.messages()) == 2


def test_whoever_waited_for_a_change_is_woken_when_it_is_in_git(ground: Ground) -> None:
    ground.woken()
    ground.put(1, "a: 1\n")
    ground.put(3, "a: 1\n")
    ground.writer().start()
    ground.until_written()
    assert ground.woken() == {uid_of(1), uid_of(3)}


def test_a_deletion_removes_the_file_and_nothing_else(ground: Ground) -> None:
    written(ground)
    ground.push({"README.md": "by hand\n"})
    ground.put(2, None)
    ground.writer().start()
    ground.until_written()
    kept = {path: text for path, text in expected().items() if path != path_of(2)}
    assert ground.files() == {"README.md": "by hand\n"} | kept


def test_what_stands_in_git_already_makes_no_commit(ground: Ground) -> None:
    written(ground)
    before = ground.tip()
    ground.put(2, "number: 2\n")
    ground.writer().start()
    ground.until_written()
    assert ground.tip() == before


def test_other_writers_of_the_database_are_not_kept_waiting_by_git(ground: Ground) -> None:
    reached: list[str] = []

    def put_more(point: str) -> None:
        # In the middle of git's work, from another thread: it would hang if a transaction were open.
        if not reached:
            thread = threading.Thread(target=ground.put, args=(1, "while: busy\n"), daemon=True)
            thread.start()
            thread.join(20)
            reached.append(point if not thread.is_alive() else "blocked")

    ground.put(0, "a: 1\n")
    ground.writer(at=put_more).start()
    ground.until_written()
    assert reached == ["built"]


def test_of_two_writers_one_writes_and_the_other_takes_over(ground: Ground) -> None:
    one, two = ground.writer("one"), ground.writer("two")
    one.start()
    two.start()
    for number in range(40):
        ground.put(number % 5, f"number: {number}\n")
    ground.until_written()
    assert sorted([one.counts["commits"], two.counts["commits"]]) == [0, 40]
    leader, other = (one, two) if one.counts["commits"] else (two, one)
    leader.stop()
    ground.put(0, "after: all\n")
    ground.until_written()
    assert other.counts["commits"] == 1
    assert len(set(ground.changes())) == len(ground.changes()) == 41


def test_two_writers_with_differently_spelt_addresses_still_never_write_at_once(ground: Ground) -> None:
    one, two = ground.writer("one"), ground.writer("two", url=ground.url.removesuffix(".git") + ".git/")
    one.start()
    two.start()
    for number in range(20):
        ground.put(number % 5, f"number: {number}\n")
    ground.until_written()
    assert sorted([one.counts["commits"], two.counts["commits"]]) == [0, 20]
    assert one.counts["races"] + two.counts["races"] == 0


def test_commits_of_strangers_in_between_are_kept(ground: Ground) -> None:
    writer = ground.writer(pace=CALM)
    writer.start()
    theirs = []
    for number in range(6):
        ground.put(number % 5, f"turn: {number}\n")
        theirs.append(eventually(partial(pushed, ground, f"notes/{number}.md"), "a push"))
        ground.put(number % 5, f"turn: {number}, again\n")
        ground.until_written()
    history = ground.git("log", "--format=%H %P", "main").splitlines()
    assert set(theirs) <= {line.split()[0] for line in history}
    assert all(len(line.split()) <= 2 for line in history), "somebody merged"
    assert {f"notes/{number}.md" for number in range(6)} <= set(ground.files())
    assert len(ground.changes()) == len(set(ground.changes())) == 12
    assert writer.counts["races"] > 0, "nobody was ever faster than the writer, so this proved nothing"
    assert ground.events("GitDrift") == []


def pushed(ground: Ground, path: str) -> str | None:
    """Push a file as a stranger; None when the writer was faster."""
    try:
        return ground.push({path: "by hand\n"})
    except Rejected:
        return None


def test_a_file_changed_by_hand_is_reported_and_written_again(ground: Ground) -> None:
    written(ground)
    ground.woken()
    by_hand = ground.push({path_of(1): "number: 666\n", path_of(4): None, "README.md": "theirs\n"})
    ground.writer().start()
    eventually(lambda: ground.files() == {"README.md": "theirs\n"} | expected(), "the files to be restored")
    found = {event.request_uid: event.reason for event in ground.events("GitDrift")}
    assert found == {uid_of(1): "Changed", uid_of(4): "Deleted"}
    assert ground.git("merge-base", "--is-ancestor", by_hand, "main") == ""
    ground.until_written()
    assert ground.woken() == {uid_of(1), uid_of(4)}


def test_a_change_by_hand_that_meets_one_of_ours_is_reported_and_ours_wins(ground: Ground) -> None:
    written(ground)
    ground.push({path_of(1): "number: 666\n"})
    ground.put(1, "number: 1, newer\n", generation=2)
    ground.writer().start()
    ground.until_written()
    assert ground.files()[path_of(1)] == "number: 1, newer\n"
    assert [event.request_uid for event in ground.events("GitDrift")] == [uid_of(1)]


def test_drift_that_cannot_be_undone_is_reported_once_and_holds_the_request_back(ground: Ground) -> None:
    written(ground)
    ground.push({path_of(1): "number: 666\n"})
    ground.hook("echo closed >&2; exit 1")
    writer = ground.writer()
    writer.start()
    eventually(lambda: writer.counts["refusals"] >= 3, "the remote to refuse some times")
    assert len(ground.events("GitDrift")) == 1
    assert ground.pending(1).count == 1
    assert "does not take the push" in ground.pending(1).error
    ground.hook("exit 0")
    ground.until_written()
    assert ground.files() == expected()
    assert len(ground.events("GitDrift")) == 1
    ground.push({path_of(1): "number: 666\n"})
    eventually(lambda: len(ground.events("GitDrift")) == 2, "the second drift to be noticed")
    ground.until_written()
    assert ground.files() == expected()


def test_an_emptied_remote_is_filled_again(ground: Ground) -> None:
    written(ground)
    ground.git("update-ref", "-d", "refs/heads/main")
    ground.writer().start()
    eventually(lambda: ground.files() == expected(), "the files to be back")
    assert {event.reason for event in ground.events("GitDrift")} == {"Deleted"}


def test_a_rewound_branch_is_written_forward_again_and_never_forced(ground: Ground) -> None:
    written(ground, 2)
    rewound = ground.tip()
    for number in (2, 3, 4):
        ground.put(number, f"number: {number}\n")
    ground.writer("second", CALM).start()
    ground.until_written()
    ground.close()
    ground.git("update-ref", "refs/heads/main", rewound)
    ground.writer("third").start()
    eventually(lambda: ground.files() == expected(), "the files to be back")
    assert ground.git("merge-base", "--is-ancestor", rewound, "main") == ""
    assert len(ground.events("GitRewritten")) == 1


def test_a_history_replaced_by_another_one_is_built_on_and_not_fought(ground: Ground) -> None:
    written(ground)
    empty = ground.git("hash-object", "-t", "tree", "-w", "/dev/null")
    identity = ("-c", "user.name=Dora", "-c", "user.email=dora@example.test")
    other = ground.git(*identity, "commit-tree", empty, "-m", "a new beginning")
    ground.git("update-ref", "refs/heads/main", other)
    ground.writer().start()
    eventually(lambda: ground.files() == expected(), "the files to be back")
    assert ground.git("rev-list", "--max-parents=0", "main") == other


def test_another_remote_gets_everything(ground: Ground, git_http: GitHost) -> None:
    written(ground)
    git_http.new_repository("moved.git")
    ground.url, ground.bare = ground.url.replace("fleet", "moved"), git_http.root / "moved.git"
    ground.writer("second").start()
    eventually(lambda: ground.files() == expected(), "the files to be in the other remote")


def test_a_file_of_a_stranger_in_our_place_is_kept_in_history_and_reported(ground: Ground) -> None:
    theirs = ground.push({path_of(0): "who: was here first\n"})
    ground.put(0, "number: 0\n")
    ground.writer().start()
    ground.until_written()
    assert ground.files() == {path_of(0): "number: 0\n"}
    assert ground.git("show", f"{theirs}:{path_of(0)}") == "who: was here first"
    assert [event.reason for event in ground.events("GitDrift")] == ["ForeignFile"]


def test_a_file_that_we_never_wrote_is_not_deleted(ground: Ground) -> None:
    ground.push({path_of(0): "who: was here first\n"})
    ground.put(0, None)
    ground.writer().start()
    ground.until_written()
    assert ground.files() == {path_of(0): "who: was here first\n"}


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


@pytest.mark.parametrize("point", ["built", "pushed"])
def test_a_writer_that_froze_and_goes_on_after_it_was_replaced_does_no_harm(
    ground: Ground, program: Callable[[str, str, str], Child], point: str
) -> None:
    if ground.db.is_sqlite:
        pytest.skip("SQLite is for one process; a frozen one may hold the lock of the whole file")
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


def test_a_git_host_under_maintenance_is_waited_for(ground: Ground, git_http: GitHost) -> None:
    if not ground.url.startswith("http"):
        pytest.skip("only a host can answer 503")
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
