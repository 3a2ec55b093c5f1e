"""Whatever comes in at a run from outside, it ends as it would have ended without.

Twice, late, in another order, forged, or meant for another run: each piece of the corpus is
thrown at a run at each stage of its life; then the run gets what it really waits for. What it
says, what it did, and what people said are compared with a run that was left in peace.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog.db import Database
from catalog.digest import Json, JsonObject
from executors import runs
from executors.port import RunState
from tests.callbacks import GO, KEY_ONE, Bench
from tests.factories import created_database

KEY, OTHER = KEY_ONE, "key-other"
EARLIER = "2020-01-01T00:00:00+00:00"
NOBODYS = "sha256:" + "0" * 64

Letters = Callable[[Bench, str, str], list[tuple[str, JsonObject]]]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with created_database(database_url) as opened:
        yield opened


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[Bench]:
    """Give a bench on the database that is made sooner."""
    with created_database(f"sqlite:///{tmp_path}/avow.db") as opened:
        yield Bench(opened)


def vote(**changes: Any) -> Letters:
    """Return a vote of anna's with parts exchanged, as a piece of the corpus."""
    return lambda bench, run, _other: [("vote", bench.ballot(run, "anna") | changes)]


def without(field: str) -> Letters:
    """Return a vote that lacks a field."""

    def letters(bench: Bench, run: str, _other: str) -> list[tuple[str, JsonObject]]:
        return [("vote", {name: part for name, part in bench.ballot(run, "zoe").items() if name != field})]

    return letters


def plain(kind: str, body: JsonObject) -> Letters:
    """Return a letter that is the same for every run."""
    return lambda _bench, _run, _other: [(kind, body)]


def voter(person: Json, groups: Json = ("security",), delegations: Json = ()) -> dict[str, Json]:
    """Return whoever a forged letter says it is from."""
    return {"person": person, "groups": groups, "delegations": delegations}


LOOP: Json = [
    {"giver": "zoe", "delegate": "yan", "groups": ["security"], "starts_at": EARLIER, "ends_at": None},
    {"giver": "yan", "delegate": "zoe", "groups": ["security"], "starts_at": EARLIER, "ends_at": None},
]
HANDED_BY_REQUESTER: Json = [
    {"giver": "dora", "delegate": "zoe", "groups": ["security"], "starts_at": EARLIER, "ends_at": None}
]

FORGED: Mapping[str, Letters] = {
    "a vote by the requester": vote(voter=voter("dora")),
    "a vote by somebody who is not asked": vote(voter=voter("zoe", ["qa"])),
    "a vote in the requester's seat": vote(voter=voter("zoe", [], HANDED_BY_REQUESTER)),
    "a vote of nobody in a circle": vote(voter=voter("zoe", [], LOOP[:1])),  # type: ignore[index]  # a list
    "a vote on something else": vote(voter=voter("zoe"), binding=NOBODYS),
    "a vote on an earlier asking": vote(voter=voter("zoe"), opened_at=EARLIER),
    "a vote on another step": vote(voter=voter("zoe"), step="before"),
    "a vote on a step that is none": vote(voter=voter("zoe"), step="sign-off[0]/../../etc"),
    "a rejection without a reason": vote(voter=voter("zoe"), verdict="reject", reason=" "),
    "a verdict that is none": vote(voter=voter("zoe"), verdict="maybe"),
    "a voter who is no person": vote(voter=voter({"name": "zoe"})),
    "a voter who is nothing": vote(voter=None),
    "groups that are a text": vote(voter=voter("zoe", "security")),
    "a time that is none": vote(voter=voter("zoe"), at="whenever"),
    "a time without a zone": vote(voter=voter("zoe"), at="2030-01-01T00:00:00"),
    "a time after the end": vote(voter=voter("zoe"), at="2999-01-01T00:00:00+00:00"),
    "evidence that is none": vote(voter=voter("zoe"), evidence=[1, None, {}]),
    "a vote without a voter": without("voter"),
    "a vote without a binding": without("binding"),
    "a vote without an opening": without("opened_at"),
    "an empty vote": plain("vote", {}),
    "an empty claim": plain("claim_approval", {}),
    "an empty delegation": plain("delegate", {}),
    "a claim by a stranger": lambda bench, run, _other: [
        ("claim_approval", bench.claim(run, "zoe", 1e6) | {"voter": voter("zoe", [])})
    ],
    "letting go of what another has": lambda bench, run, _other: [
        ("claim_approval", bench.claim(run, "zoe", 0))
    ],
    "a delegation to the requester": lambda bench, run, _other: [
        ("delegate", bench.handing_on(run, "zoe", "dora"))
    ],
    "a delegation to oneself": lambda bench, run, _other: [("delegate", bench.handing_on(run, "zoe", "zoe"))],
    "a delegation by the requester": lambda bench, run, _other: [
        ("delegate", bench.handing_on(run, "dora", "zoe"))
    ],
    "a signal that nobody waits for": plain("signal", {"name": "stop", "payload": {}}),
    "a signal without a name": plain("signal", {"payload": {}}),
    "a signal without a payload": plain("signal", {"name": "go"}),
    "a letter of an unknown kind": plain("approve_everything", {"step": "sign-off"}),
    "a letter with a control character": plain("vo\x07te", {}),
    "a resumption of what is not paused": plain("resume", {}),
    "a retry of what has not failed": plain("retry", {}),
    "another run's vote": lambda bench, _run, other: [("vote", bench.ballot(other, "zoe"))],
    "another run's rejection": lambda bench, _run, other: [("vote", bench.ballot(other, "zoe", "reject"))],
    "another run's claim": lambda bench, _run, other: [("claim_approval", bench.claim(other, "zoe", 1e6))],
    "another run's delegation": lambda bench, _run, other: [
        ("delegate", bench.handing_on(other, "zoe", "yan"))
    ],
    "a flood": lambda bench, run, other: [
        letter
        for _ in range(20)
        for letter in (
            ("vote", bench.ballot(other, "zoe", "reject")),
            ("claim_approval", bench.claim(other, "zoe", 1e6)),
            ("vote", bench.ballot(run, "dora", "reject")),
        )
    ],
}


class Life:
    """A run's life in stages, with nothing but what it waits for; another run lives beside it."""

    stages = ("asking", "half", "signalling", "over")

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.run = bench.start(KEY)
        bench.drive()
        bench.clock.advance(1)
        self.other = bench.start(OTHER, "bank", "req_2")
        bench.drive()
        self.letters: list[tuple[str, JsonObject]] = []

    def live(self, meanwhile: Callable[[str], None] = lambda _stage: None) -> Mapping[str, Any]:
        """Live to the end, and return what it came to."""
        bench = self.bench
        for stage in self.stages:
            bench.clock.advance(60)
            meanwhile(stage)
            bench.drive()
            if stage in ("asking", "half"):
                person = "anna" if stage == "asking" else "bob"
                self.letters.append(("vote", bench.vote(KEY, self.run, person)))
            elif stage == "signalling":
                self.send("signal", GO)
        return bench.told(KEY)

    def sleep(self, span: timedelta) -> None:
        """Let time pass."""
        self.bench.clock.advance(span.total_seconds())
        self.bench.drive()

    def send(self, kind: str, body: JsonObject) -> None:
        """Send a letter and let the run read it."""
        self.letters.append((kind, body))
        self.bench.post(KEY, kind, body)
        self.bench.drive()


@pytest.fixture(scope="module")
def peace(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Return what a run comes to that is left in peace."""
    with created_database(f"sqlite:///{tmp_path_factory.mktemp('peace')}/avow.db") as opened:
        told = Life(Bench(opened)).live()
    assert told["state"] is RunState.SUCCEEDED
    assert told["effects"] == ["before", "before", "after"]
    assert told["approval"][0] == "approved"
    return told


@pytest.mark.parametrize("piece", FORGED)
@pytest.mark.parametrize("when", Life.stages)
def test_a_forged_or_misdirected_letter_changes_no_end(
    quick: Bench, peace: Mapping[str, Any], piece: str, when: str
) -> None:
    life = Life(quick)

    def attack(stage: str) -> None:
        if stage == when:
            for kind, body in FORGED[piece](quick, life.run, life.other):
                quick.post(KEY, kind, body)

    assert life.live(attack) == peace


def test_all_of_it_at_every_stage_changes_no_end(bench: Bench, peace: Mapping[str, Any]) -> None:
    life = Life(bench)

    def attack(_stage: str) -> None:
        for letters in FORGED.values():
            for kind, body in letters(bench, life.run, life.other):
                bench.post(KEY, kind, body)

    assert life.live(attack) == peace


def test_the_corpus_bites(bench: Bench) -> None:
    """Each piece reaches the engine, which says why it drops it."""
    life = Life(bench)
    for piece, letters in FORGED.items():
        before = len(bench.dropped(life.run))
        posted = letters(bench, life.run, life.other)
        for kind, body in posted:
            bench.post(KEY, kind, body)
        bench.drive()
        kept = {"a signal that nobody waits for"}  # it might have been early
        assert len(bench.dropped(life.run)) - before == (0 if piece in kept else len(posted)), piece
    why = set(bench.dropped(life.run))
    assert why >= {"own_request", "not_an_approver", "binding_changed", "approval_closed", "unreadable"}
    assert why >= {"reason_required", "delegation_circle", "not_claimed", "approval_expired"}


def test_every_letter_twice_and_again_at_every_later_stage_changes_no_end(
    bench: Bench, peace: Mapping[str, Any]
) -> None:
    life = Life(bench)

    def again(_stage: str) -> None:
        for kind, body in list(life.letters):
            bench.post(KEY, kind, body)
            bench.post(KEY, kind, body)

    told = life.live(again)
    again("after")
    bench.drive()
    assert told == bench.told(KEY) == peace
    assert bench.dropped(life.run).count("already_voted") >= 2


def test_letters_in_another_order_come_to_the_same_end(bench: Bench, peace: Mapping[str, Any]) -> None:
    life = Life(bench)
    life.send("signal", GO)
    for person in ("bob", "anna"):
        bench.clock.advance(60)
        bench.vote(KEY, life.run, person)
    told = bench.told(KEY)
    assert sorted(told["approval"][2]) == sorted(peace["approval"][2])
    same = ("state", "facts", "effects", "calls")
    assert {name: told[name] for name in same} == {name: peace[name] for name in same}


def test_votes_that_come_together_count_once_each_and_the_rest_is_late(bench: Bench) -> None:
    life = Life(bench)
    for person in ("anna", "anna", "bob", "carl", "dora"):
        bench.post(KEY, "vote", bench.ballot(life.run, person))
    bench.drive()
    assert [vote[0] for vote in bench.told(KEY)["approval"][2]] == ["anna", "bob"]
    assert bench.dropped(life.run) == ["already_voted", "approval_closed", "approval_closed"]


def test_a_vote_that_was_cast_in_time_counts_and_one_that_was_not_does_not(bench: Bench) -> None:
    life = Life(bench)
    early = bench.ballot(life.run, "anna")
    bench.clock.advance(timedelta(days=3).total_seconds())
    late = bench.ballot(life.run, "bob")
    for letter in (early, late):
        bench.post(KEY, "vote", letter)
    bench.drive()
    told = bench.told(KEY)
    assert (told["state"], told["approval"][0]) == (RunState.FAILED, "expired")
    assert [vote[0] for vote in told["approval"][2]] == ["anna"]
    assert bench.dropped(life.run) == ["approval_expired"]


ENDS: Mapping[str, tuple[Callable[[Life], object], RunState]] = {
    "succeeded": (lambda life: life.live(), RunState.SUCCEEDED),
    "rejected": (
        lambda life: life.send("vote", life.bench.ballot(life.run, "anna", "reject")),
        RunState.FAILED,
    ),
    "expired": (
        lambda life: life.sleep(timedelta(days=3)),
        RunState.FAILED,
    ),
    "cancelled": (lambda life: life.send("cancel", {"reason": "enough"}), RunState.CANCELLED),
}


@pytest.mark.parametrize("end", ENDS)
def test_nothing_moves_a_run_that_is_over(bench: Bench, end: str) -> None:
    life = Life(bench)
    good = [("vote", bench.ballot(life.run, person)) for person in ("anna", "bob", "carl")]
    forged = [letter for letters in FORGED.values() for letter in letters(bench, life.run, life.other)]
    bench.executor.cancel(OTHER, "its end is not what this is about")
    finish, state = ENDS[end]
    finish(life)
    told, journal = bench.told(KEY), journal_of(bench, life.run)
    assert told["state"] is state
    late: JsonObject = {"reason": "late"}
    steering = [("cancel", late), ("pause", late), ("resume", {}), ("retry", {}), ("signal", GO)]
    for kind, body in [*good, *life.letters, *steering, *forged]:
        bench.post(KEY, kind, body)
    bench.executor.cancel(KEY, "late")
    bench.executor.signal(KEY, "go", {})
    bench.clock.advance(timedelta(days=9).total_seconds())
    bench.drive()
    assert (bench.told(KEY), journal_of(bench, life.run)) == (told, journal)


def test_a_cancel_and_its_echoes_undo_once(bench: Bench) -> None:
    life = Life(bench)
    for _ in range(5):
        bench.executor.cancel(KEY, "enough")
        bench.post(KEY, "cancel", {"reason": "enough"})
    bench.post(KEY, "vote", bench.ballot(life.run, "anna"))
    bench.drive()
    told = bench.told(KEY)
    assert (told["state"], told["approval"][0]) == (RunState.CANCELLED, "voided")
    assert told["effects"] == ["before", "before", "-before"]


def test_what_comes_in_at_one_run_is_not_heard_by_the_other(bench: Bench) -> None:
    life = Life(bench)
    beside = journal_of(bench, life.other)
    life.live()
    bench.executor.cancel(KEY, "late")
    bench.drive()
    assert journal_of(bench, life.other) == beside
    report = bench.executor.observe(OTHER)
    assert report is not None
    assert report.state is RunState.WAITING


def journal_of(bench: Bench, run_id: str) -> list[runs.Entry]:
    """Return a run's journal."""
    with bench.database.read() as tx:
        return runs.entries(tx, run_id)
