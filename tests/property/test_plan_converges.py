"""Whatever happens, a pass does what it may, and once it is quiet the world becomes what is wanted."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from hypothesis import example, given, settings
from hypothesis import strategies as st

from catalog.conditions import Type
from catalog.contract import OperationName
from catalog.fleet import Presence
from catalog.request import Phase
from reconciler.operation import OperationState
from reconciler.plan import Move, Plan, Situation, plan
from tests.factories import START, a_contract
from tests.model_world import EVENTS, World, quiet, settle

happenings = st.lists(st.sampled_from(sorted(EVENTS)), max_size=15)


def lived(names: Sequence[str]) -> World:
    """Return a world in which these things happened, with a pass after each."""
    world = World()
    world.go_by()
    for name in names:
        if world.is_over:
            break
        EVENTS[name](world)
        world.go_by()
    return world


def plans_of(names: Sequence[str]) -> list[tuple[Situation, Plan]]:
    return lived(names).planned


@settings(max_examples=120)
@given(happenings)
@example(["git is written", "somebody tampers", "the executor fails twice", "tries again"])
@example(["somebody removes it", "deletes"])
@example(["the executor fails twice", "wants a large one", "wants a small one"])
def test_once_it_is_quiet_the_thing_is_as_wanted_and_a_further_plan_is_empty(names: list[str]) -> None:
    world = lived(names)
    if not world.is_over:
        quiet(world)
    found = settle(world) if not world.is_over else None
    if world.request.deletion_requested_at is not None:
        assert world.is_over
        assert world.thing is None
        assert world.unwritten == 0
        return
    assert found is not None
    assert found.move is Move.NOTHING
    assert world.thing is not None
    assert world.thing["size"] == world.request.inputs["size"]
    assert world.request.phase is Phase.READY
    assert world.go_by() == found


@settings(max_examples=80)
@given(happenings)
def test_nothing_is_done_while_it_is_held(names: list[str]) -> None:
    for situation, found in plans_of(names):
        is_held = situation.request.paused or situation.contract_paused
        if is_held and not situation.request.is_deleting:
            assert found.move is Move.WAIT
            assert found.operation is None


@settings(max_examples=80)
@given(happenings.map(lambda names: [*names[:5], "deletes", *names[5:]]))
def test_after_deletion_was_requested_nothing_but_a_delete_is_done(names: list[str]) -> None:
    for situation, found in plans_of(names):
        if situation.request.is_deleting:
            assert found.operation in (None, OperationName.DELETE)
        else:
            assert found.operation is not OperationName.DELETE
            assert found.move not in (Move.RELEASE, Move.FORGET)


@settings(max_examples=80)
@given(happenings.map(lambda names: ["the look fails", *names]))
def test_a_failed_look_is_never_taken_for_absence(names: list[str]) -> None:
    for situation, found in plans_of(names):
        seen = situation.observation
        if seen is not None and seen.presence is Presence.UNKNOWN:
            assert found.reason not in {"Missing", "Gone", "Drifted"}
            assert found.move not in (Move.RELEASE, Move.FORGET)
            if situation.request.applied is not None:
                assert found.operation is not OperationName.PROVISION


@settings(max_examples=80)
@given(happenings.map(lambda names: ["the executor fails twice", *names]))
def test_what_failed_is_not_repeated_before_its_time(names: list[str]) -> None:
    for situation, found in plans_of(names):
        last, seen = situation.last, situation.observation
        if last is None or last.state is OperationState.SUCCEEDED or found.move is not Move.OPERATE:
            continue
        is_wanted_still = last.desired_digest == situation.desired_digest
        if is_wanted_still and situation.request.is_deleting == (last.name is OperationName.DELETE):
            assert last.next_attempt_at is not None
            assert seen is not None  # the model's looks are made at the time of the pass
            assert last.next_attempt_at <= seen.observed_at


UPGRADE_FAILS = ["git is written", "the executor fails twice", "a version is published"]


@settings(max_examples=120)
@given(happenings.map(lambda names: [*UPGRADE_FAILS, *names]))
@example([*UPGRADE_FAILS, "ten minutes go by", "somebody tampers", "ten minutes go by"])
@example([*UPGRADE_FAILS, "somebody removes it", "ten minutes go by", "a second goes by"])
@example([*UPGRADE_FAILS, "tries again", "the executor gets stuck", "ten minutes go by"])
def test_an_upgrade_that_failed_is_not_tried_again_before_somebody_asks(names: list[str]) -> None:
    for situation, found in plans_of(names):
        request = situation.request
        if request.failed_digest is None or request.is_deleting or found.operation is None:
            continue
        assert situation.contract_ref.digest != request.failed_digest
        assert request.applied is not None


def test_after_a_failed_upgrade_what_is_delivered_is_kept_and_the_next_version_is_tried() -> None:
    world = lived(["git is written", "ten minutes go by"])
    world.failing = 1
    for name in ("a version is published", "ten minutes go by", "somebody tampers", "git is written"):
        EVENTS[name](world)
        world.go_by()
    before = world.request.applied
    assert before is not None
    assert (before.contract_version, world.request.failed_version) == ("1.0.0", "1.1.0")
    assert [each.name for each in world.operations][-1] is OperationName.REPAIR
    assert world.go_by().move is Move.NOTHING
    assert world.request.phase is Phase.FAILED
    assert world.request.conditions[Type.APPLIED].reason == "UpgradeFailed"
    EVENTS["a version is published"](world)
    assert settle(world).move is Move.NOTHING
    after = world.request
    assert after.applied is not None
    assert (after.applied.contract_version, after.previous_version, after.failed_version) == (
        "1.2.0",
        "1.0.0",
        None,
    )


@settings(max_examples=60)
@given(happenings)
def test_a_plan_is_a_function_of_the_situation_and_the_time(names: list[str]) -> None:
    world = lived(names)
    situation = world.situation()
    assert plan(situation, world.now) == plan(replace(situation), world.now)
    document = plan(situation, world.now).document(situation)
    assert document["generation"] == world.request.generation


def test_a_deletion_ends_although_its_look_keeps_seeing_it_gone() -> None:
    world = lived([])
    EVENTS["deletes"](world)
    moves = [world.go_by().move for _ in range(4)]
    assert moves == [Move.OPERATE, Move.RELEASE, Move.WAIT, Move.WAIT]
    world.write_git()
    assert world.go_by().move is Move.FORGET
    assert world.request.phase is Phase.DELETED


def test_what_is_still_seen_after_its_teardown_is_taken_down_again_but_not_at_once() -> None:
    world = lived(["deletes"])
    world.thing = {"exists": True, "size": "s"}
    waiting = world.go_by()
    assert (waiting.move, waiting.reason) == (Move.WAIT, "TakenDown")
    assert waiting.again_at is not None
    world.wait(waiting.again_at - world.now)
    assert world.go_by().operation is OperationName.DELETE
    assert settle(world).move is Move.FORGET


def test_a_thing_that_somebody_keeps_changing_is_not_fought_over_for_ever() -> None:
    world = lived(["git is written"])
    moves = []
    for _ in range(12):
        EVENTS["somebody tampers"](world)
        moves.append(world.go_by())
        world.wait(timedelta(seconds=30))
    assert [each.move for each in moves].count(Move.OPERATE) == 5
    assert moves[-1].reason == "RepairsDoNotHold"
    assert not world.request.conditions[Type.IN_SYNC].is_true
    world.wait(timedelta(hours=2))
    assert world.go_by().operation is OperationName.REPAIR


def test_what_comes_right_by_itself_after_a_failed_repair_is_ready_again() -> None:
    world = lived(["git is written", "ten minutes go by", "the executor fails twice", "somebody tampers"])
    world.thing = {"exists": True, "size": "s", "backups": True}
    world.wait(timedelta(hours=1))
    assert world.go_by().move is Move.NOTHING
    assert world.request.phase is Phase.READY


def test_a_contract_that_only_reports_drift_is_not_repaired() -> None:
    world = World(contracts=[a_contract(drift={"mode": "observe"})])
    world.go_by()
    for name in ("git is written", "somebody tampers", "somebody removes it"):
        EVENTS[name](world)
        world.wait(timedelta(hours=1))
        world.go_by()
    assert world.planned[-1][1].reason == "DriftReported"
    assert len(world.operations) == 1
    assert world.now > START
