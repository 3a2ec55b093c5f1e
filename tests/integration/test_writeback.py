"""The git writer against real git and real databases: every change in git, each once, whatever happens."""

import threading
import time
from functools import partial

from executors.repository import Rejected, trailer
from reconciler.remote import Pace
from tests.services.git_http import GitHost
from tests.services.polling import eventually
from tests.writeback_ground import CALM, Ground, expected, path_of, uid_of, written


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
