"""Places, rates and breakers let in as many as they say, also when many ask at once, and always let go."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from catalog.db import Database
from executors import claims, gates, runs
from executors.claims import ClaimedRun
from executors.gates import Asked, GateKind
from executors.port import RunReport, RunState
from executors.runs import Entry
from executors.tables import rates
from executors.workflow import spec
from tests.engine import EPOCH, document, order, step
from tests.factories import created_database
from tests.together import in_threads

SECOND = timedelta(seconds=1)
LEASE = 10 * SECOND


class Site:
    """Runs that were claimed, in front of gates."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = EPOCH
        self.held: dict[int, ClaimedRun] = {}

    def run(self, number: int, project: str = "shop") -> ClaimedRun:
        """Return a claimed run."""
        if number not in self.held:
            value = order(document(step("a")), key=f"key-{number}", request_uid=f"req_{number}")
            with self.database.write() as tx:
                runs.add(tx, f"run_{number}", value, Entry(1, "Accepted", {"v": 1}), EPOCH)
                claim = claims.claim(tx, f"run_{number}", owner="me", now=EPOCH, until=EPOCH + LEASE)
            assert claim is not None
            self.held[number] = claim
        return self.held[number]

    def ask(self, number: int, asked: Asked) -> datetime | None:
        held = self.run(number)
        with self.database.write() as tx:
            return gates.admit(tx, held, asked, self.now)

    def leave(self, number: int, holder: str = "a", *, well: bool | None = True) -> None:
        with self.database.write() as tx:
            gates.leave(tx, self.run(number), {holder: well}, self.now)

    def save(self, number: int, state: RunState, due_at: datetime | None = None) -> None:
        """Let a run go."""
        page = claims.Page((), RunReport(state, f"run_{number}"), releases=True, due_at=due_at, now=self.now)
        with self.database.write() as tx:
            claims.save(tx, self.run(number), page)

    def due_at(self) -> datetime | None:
        with self.database.read() as tx:
            return claims.next_due(tx)


def place(limit: int = 1, key: str = "db", holder: str = "a") -> Asked:
    return Asked(GateKind.CONCURRENCY, key, limit, None, holder)


def rate(limit: int = 1, seconds: float = 1.0, holder: str = "a") -> Asked:
    return Asked(GateKind.RATE, "api", limit, seconds, holder)


def breaker(limit: int = 2, rest: float = 30.0, holder: str = "a") -> Asked:
    return Asked(GateKind.BREAKER, "target", limit, rest, holder)


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with created_database(database_url) as database:
        yield Site(database)


def test_the_kinds_of_gates_are_those_of_the_document() -> None:
    assert {kind.value for kind in GateKind} == {kind.value for kind in spec.GateKind}


def test_no_more_are_inside_than_there_are_places(site: Site) -> None:
    assert [site.ask(number, place(2)) is None for number in range(4)] == [True, True, False, False]


def test_asking_twice_takes_no_second_place(site: Site) -> None:
    assert [site.ask(1, place()) for _ in range(3)] == [None] * 3
    assert site.ask(2, place()) is not None


def test_several_steps_of_one_run_take_a_place_each(site: Site) -> None:
    assert site.ask(1, place(2, holder="a")) is None
    assert site.ask(1, place(2, holder="b")) is None
    assert site.ask(1, place(2, holder="c")) == EPOCH + timedelta(seconds=gates.AGAIN_SECONDS)


def test_a_place_that_becomes_free_wakes_the_first_who_waits(site: Site) -> None:
    site.ask(1, place())
    for number in (2, 3):
        again = site.ask(number, place())
        assert again is not None
        site.save(number, RunState.RUNNING, due_at=again)
        site.now += SECOND
    site.leave(1)
    with site.database.write() as tx:
        woken = claims.claim_some(tx, 5, owner="me", now=site.now, until=site.now + LEASE)
    assert [claim.id for claim in woken] == ["run_2"]
    assert site.ask(2, place()) is None
    assert site.ask(3, place()) is not None


def test_a_paused_run_at_the_head_of_the_queue_keeps_nobody_waiting(site: Site) -> None:
    site.ask(1, place())
    for number, due_at in ((2, None), (3, EPOCH + 60 * SECOND), (4, EPOCH + 60 * SECOND)):
        site.ask(number, place())
        site.save(number, RunState.WAITING, due_at=due_at)
        site.now += SECOND
    site.leave(1)
    assert site.due_at() == site.now
    with site.database.write() as tx:
        [woken] = claims.claim_some(tx, 5, owner="me", now=site.now, until=site.now + LEASE)
    assert woken.id == "run_3"


def test_a_run_that_takes_everything_back_is_not_woken_for_a_place(site: Site) -> None:
    site.ask(1, place())
    for number, state in ((2, RunState.COMPENSATING), (3, RunState.WAITING)):
        site.ask(number, place())
        site.save(number, state, due_at=EPOCH + 60 * SECOND)
        site.now += SECOND
    site.leave(1)
    with site.database.write() as tx:
        [woken] = claims.claim_some(tx, 5, owner="me", now=site.now, until=site.now + LEASE)
    assert woken.id == "run_3"


def test_a_place_of_a_worker_whose_lease_ran_out_is_free(site: Site) -> None:
    site.ask(1, place())
    site.run(2)
    site.now += LEASE
    assert site.ask(2, place()) is None


def test_a_run_keeps_its_own_place_over_a_lease_that_ran_out_and_over_waits(site: Site) -> None:
    site.ask(1, place(holder=""))
    site.save(1, RunState.RUNNING, due_at=EPOCH + LEASE)
    site.now += 10 * LEASE
    assert site.ask(2, place(holder="")) is not None


def test_a_run_that_is_over_holds_nothing(site: Site) -> None:
    site.ask(1, place(holder=""))
    site.save(1, RunState.SUCCEEDED)
    assert site.ask(2, place(holder="")) is None


def test_keys_and_projects_are_apart(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert site.ask(1, place()) is None
    assert site.ask(2, place(key="other")) is None
    value = order(document(step("a")), key="key-9", request_uid="req_9", project="bank")
    with site.database.write() as tx:
        runs.add(tx, "run_9", value, Entry(1, "Accepted", {"v": 1}), EPOCH)
        claim = claims.claim(tx, "run_9", owner="me", now=EPOCH, until=EPOCH + LEASE)
        assert claim is not None
        assert gates.admit(tx, claim, place(), EPOCH) is None


def test_of_many_who_ask_at_once_as_many_are_let_in_as_there_are_places(site: Site) -> None:
    for number in range(8):
        site.run(number)
    outcomes: list[bool] = []
    assert in_threads(8, lambda number: outcomes.append(site.ask(number, place(3)) is None)) == []
    assert sorted(outcomes) == [False] * 5 + [True] * 3


def test_what_is_rolled_back_was_never_let_in(site: Site) -> None:
    held = site.run(1)

    def asks_and_breaks_off() -> None:
        with site.database.write() as tx:
            gates.admit(tx, held, place(), EPOCH)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asks_and_breaks_off()
    assert site.ask(2, place()) is None


def test_a_rate_lets_one_in_after_the_other(site: Site) -> None:
    turns = [site.ask(number, rate(2, 1.0)) for number in range(4)]
    assert turns == [None, *(EPOCH + SECOND / 2 * number for number in (1, 2, 3))]


@pytest.mark.parametrize("limit", [3, 10])
@pytest.mark.parametrize("step_ms", [1, 130, 700])
def test_no_span_of_a_rate_sees_more_than_its_limit_however_late_they_come(
    site: Site, limit: int, step_ms: int
) -> None:
    waiting, began = {f"a[{number}]" for number in range(2 * limit + 1)}, list[datetime]()
    turns = dict.fromkeys(waiting, EPOCH)
    while waiting:
        site.now = max(site.now + timedelta(milliseconds=step_ms), min(turns[holder] for holder in waiting))
        for holder in sorted(waiting):
            if turns[holder] <= site.now:
                turn = site.ask(1, rate(limit, 1.0, holder))
                turns[holder] = turn or site.now
                if turn is None:
                    began.append(site.now)
                    waiting.remove(holder)
    spans = [later - at for at, later in zip(began, began[limit:], strict=False)]
    assert spans
    assert min(spans) >= SECOND


def test_turns_that_went_by_unused_are_not_made_up_for(site: Site) -> None:
    for number in range(4):
        site.ask(number, rate(1, 1.0))
    site.now += 10 * SECOND
    assert [site.ask(number, rate(1, 1.0)) for number in (1, 2, 3)].count(None) == 1


def test_a_paused_run_in_line_keeps_nobody_waiting(site: Site) -> None:
    for number in range(3):
        site.ask(number, rate(1, 1.0))
    assert site.ask(2, rate()) == EPOCH + 2 * SECOND
    site.save(1, RunState.WAITING)
    assert site.ask(2, rate()) == EPOCH + SECOND


def test_a_turn_that_was_taken_and_not_used_is_asked_for_again(site: Site) -> None:
    assert site.ask(1, rate()) is None
    assert site.ask(1, rate()) is None, "for the same decision, made again"
    site.now += SECOND / 2
    assert site.ask(1, rate()) == EPOCH + SECOND


def test_a_turn_that_was_given_is_kept(site: Site) -> None:
    site.ask(1, rate())
    turn = site.ask(2, rate())
    assert turn == EPOCH + SECOND
    assert site.ask(3, rate()) == EPOCH + 2 * SECOND
    assert site.ask(2, rate()) == turn, "asking again moves nobody back"
    site.now = EPOCH + SECOND
    assert site.ask(2, rate()) is None


def test_each_attempt_needs_a_turn_of_its_own(site: Site) -> None:
    assert site.ask(1, rate()) is None
    site.leave(1)
    assert site.ask(1, rate()) == EPOCH + SECOND


def test_after_a_while_a_rate_is_as_if_unused(site: Site) -> None:
    for _ in range(3):
        site.ask(1, rate(2, 1.0))
        site.leave(1)
    site.now += 10 * SECOND
    assert site.ask(4, rate(2, 1.0)) is None


def fail(site: Site, number: int) -> None:
    assert site.ask(number, breaker()) is None
    site.leave(number, well=False)


def test_a_breaker_opens_after_so_many_failures_in_a_row_and_rests(site: Site) -> None:
    fail(site, 1)
    fail(site, 2)
    assert site.ask(3, breaker()) == EPOCH + timedelta(seconds=30)
    [seen] = breakers(site)
    assert (seen.key, seen.failures, seen.open_until) == ("target", 2, EPOCH + timedelta(seconds=30))


def test_a_success_in_between_begins_the_count_anew(site: Site) -> None:
    fail(site, 1)
    site.ask(2, breaker())
    site.leave(2, well=True)
    fail(site, 3)
    assert site.ask(4, breaker()) is None


def test_what_says_nothing_about_the_target_is_not_counted(site: Site) -> None:
    for number in range(3):
        site.ask(number, breaker())
        site.leave(number, well=None)
    assert site.ask(4, breaker()) is None
    assert breakers(site)[0].failures == 0


def test_failures_far_apart_are_not_in_a_row(site: Site) -> None:
    fail(site, 1)
    site.now += timedelta(seconds=gates.WINDOW_SECONDS + 1)
    fail(site, 2)
    assert site.ask(3, breaker()) is None


def test_calls_that_hang_longer_than_the_window_are_in_a_row(site: Site) -> None:
    for number in (1, 2):
        assert site.ask(number, breaker()) is None
        site.now += timedelta(seconds=gates.WINDOW_SECONDS + 30)
        site.leave(number, well=False)
    assert site.ask(3, breaker()) is not None


def test_an_attempt_in_doubt_counts_once_and_keeps_its_place(site: Site) -> None:
    assert [site.ask(1, place()), site.ask(1, breaker())] == [None, None]
    for _ in range(3):
        with site.database.write() as tx:
            gates.doubt(tx, site.run(1), ["a"], site.now)
    assert breakers(site)[0].failures == 1
    assert site.ask(2, place()) is not None, "it may still be under way"
    site.leave(1, well=True)
    assert breakers(site)[0].failures == 1, "it did not answer in time, whatever it did"
    assert site.ask(2, place()) is None


def test_who_asks_last_says_how_patient_a_breaker_is(site: Site) -> None:
    assert site.ask(1, breaker(100, 600.0)) is None
    site.leave(1, well=False)
    assert site.ask(2, breaker(2, 5.0)) is None
    site.leave(2, well=False)
    assert site.ask(3, breaker(2, 5.0)) == EPOCH + timedelta(seconds=5)
    assert breakers(site)[0].limit == 2


def test_what_was_counted_for_keys_that_nobody_uses_is_forgotten(site: Site) -> None:
    fail(site, 1)
    site.ask(1, rate())
    kept = [(1, 1), (1, 1), (0, 0)]
    for age, left in zip((0.0, gates.IDLE_SECONDS - 1, gates.IDLE_SECONDS + 9), kept, strict=True):
        with site.database.write() as tx:
            gates.forget_idle(tx, EPOCH + timedelta(seconds=age))
            assert (len(gates.breakers_of(tx, None)), len(tx.execute(rates.select()).all())) == left


def test_a_breaker_that_is_open_is_not_forgotten(site: Site) -> None:
    for number in (1, 2):
        assert site.ask(number, breaker(2, 3 * gates.IDLE_SECONDS)) is None
        site.leave(number, well=False)
    with site.database.write() as tx:
        gates.forget_idle(tx, EPOCH + timedelta(seconds=2 * gates.IDLE_SECONDS))
    assert len(breakers(site)) == 1


def test_after_its_rest_one_call_tries_and_the_others_wait(site: Site) -> None:
    fail(site, 1)
    fail(site, 2)
    site.now += timedelta(seconds=30)
    site.held.clear()
    assert renewed(site, 3, 4) == [None, site.now + timedelta(seconds=gates.PROBE_SECONDS)]
    site.leave(3, well=True)
    assert site.ask(4, breaker()) is None
    assert site.ask(5, breaker()) is None


def test_a_try_that_fails_opens_it_again(site: Site) -> None:
    fail(site, 1)
    fail(site, 2)
    site.now += timedelta(seconds=30)
    fail(site, 3)
    assert site.ask(4, breaker()) == site.now + timedelta(seconds=30)


def test_breakers_are_seen_by_their_project_alone(site: Site) -> None:
    fail(site, 1)
    with site.database.read() as tx:
        assert gates.breakers_of(tx, ["bank"]) == []
        assert len(gates.breakers_of(tx, ["shop"])) == len(gates.breakers_of(tx, None)) == 1


def renewed(site: Site, *numbers: int) -> list[datetime | None]:
    """Ask for runs whose leases were renewed meanwhile."""
    for number in numbers:
        site.run(number)
        with site.database.write() as tx:
            claims.renew(tx, "me", [f"run_{number}"], site.now + LEASE)
    return [site.ask(number, breaker()) for number in numbers]


def breakers(site: Site) -> list[gates.Breaker]:
    with site.database.read() as tx:
        return gates.breakers_of(tx, None)
