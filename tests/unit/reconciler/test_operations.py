"""Operations in the database: the newest by fence, counted failures and repairs, bounded history."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from catalog.contract import OperationName
from catalog.db import Database
from reconciler import operations
from reconciler.operation import Operation, OperationState
from tests.factories import START, UID, a_request, an_operation, store_request

DONE = OperationState.SUCCEEDED
FAILED = OperationState.FAILED


@pytest.fixture(autouse=True)
def _request_row(database: Database) -> None:
    with database.write() as tx:
        store_request(tx)


def numbered(number: int, **fields: Any) -> Operation:
    """Return the operation begun under the claim of this number."""
    values: dict[str, Any] = {"attempt": number, "fence": number, "state": DONE}
    return an_operation(**(values | fields))


def begun(database: Database, *them: Operation) -> None:
    with database.write() as tx:
        for operation in them:
            operations.begin(tx, operation)


def test_an_operation_comes_back_as_it_was_recorded(database: Database) -> None:
    operation = numbered(
        1,
        plan={"inputs": {"é": ["😀", 1, None]}},
        outputs={"host": "h"},
        facts={"exists": True, "deep": {"n": 1.5}},
        next_attempt_at=START,
        finished_at=START,
        superseded=True,
        decision_id="dec_1",
        destination=None,
    )
    begun(database, operation)
    with database.read() as tx:
        assert operations.newest(tx, UID) == operation


def test_the_open_one_is_awaited_and_the_finished_one_is_the_last(database: Database) -> None:
    begun(database, numbered(1), numbered(2, state=OperationState.PENDING))
    with database.write() as tx:
        open_one = operations.open_one(tx, UID)
        assert open_one == numbered(2, state=OperationState.PENDING)
        assert operations.last_finished(tx, UID) == numbered(1)
        operations.save(tx, replace(numbered(2), state=FAILED))
    with database.read() as tx:
        assert operations.open_one(tx, UID) is None
        assert operations.last_finished(tx, UID) == numbered(2, state=FAILED)
        assert operations.newest(tx, "req_other") is None


def test_a_clock_that_is_behind_does_not_change_which_operation_is_the_newest(database: Database) -> None:
    first = numbered(1, id="op_9", state=FAILED)
    second = numbered(2, id="op_1")
    begun(database, first, second)
    with database.read() as tx:
        assert operations.newest(tx, UID) == second
        assert operations.last_finished(tx, UID) == second
        assert operations.failures_in_a_row(tx, UID) == 0


def test_failures_are_counted_since_the_last_success(database: Database) -> None:
    stuck = numbered(5, state=OperationState.STUCK)
    begun(
        database,
        numbered(1, state=FAILED),
        numbered(2),
        numbered(3, state=FAILED),
        numbered(4, state=FAILED),
        stuck,
    )
    with database.read() as tx:
        assert operations.failures_in_a_row(tx, UID) == 3


def test_repairs_are_counted_within_the_window(database: Database) -> None:
    begun(
        database,
        numbered(1, reason="Drifted", created_at=START - timedelta(hours=2)),
        numbered(2, reason="Drifted"),
        numbered(3, reason="Missing"),
        numbered(4, reason="DesiredChanged"),
        numbered(5, reason="Drifted", superseded=True),
    )
    with database.read() as tx:
        assert operations.repairs_since(tx, UID, START - timedelta(hours=1)) == 2


def test_trying_again_forgets_failures_and_repairs_and_nothing_else(database: Database) -> None:
    running = numbered(4, state=OperationState.RUNNING)
    begun(database, numbered(1), numbered(2, reason="Drifted"), numbered(3, state=FAILED), running)
    with database.write() as tx:
        assert operations.supersede(tx, UID) == 2
    with database.read() as tx:
        assert operations.last_finished(tx, UID) == numbered(1)
        assert operations.open_one(tx, UID) == running
        assert operations.repairs_since(tx, UID, START - timedelta(hours=1)) == 0


def test_history_is_bounded_but_never_below_what_is_still_counted(database: Database) -> None:
    begun(database, *(numbered(number, state=FAILED) for number in range(1, 31)))
    for keep, left in ((20, 20), (1, 12)):
        with database.write() as tx:
            operations.prune(tx, UID, keep)
        with database.read() as tx:
            found = operations.page(tx, UID, None, 50)
            assert [each.attempt for each in found] == list(range(30, 30 - left, -1))
            assert operations.failures_in_a_row(tx, UID) == left


def test_an_action_is_no_delivery_and_its_failure_none_of_a_delivery(database: Database) -> None:
    failed = replace(numbered(3, state=FAILED), name="save")
    begun(database, numbered(1), numbered(2, state=FAILED), failed)
    with database.read() as tx:
        assert operations.newest(tx, UID) == failed
        assert operations.last_finished(tx, UID) == numbered(2, state=FAILED)
        assert operations.last_finished_of(tx, [UID]) == {UID: numbered(2, state=FAILED)}
        assert operations.failures_in_a_row(tx, UID) == 1


def test_many_actions_do_not_push_out_what_is_counted(database: Database) -> None:
    saved = (replace(numbered(number), name="save") for number in range(2, 40))
    begun(database, numbered(1, state=FAILED), *saved)
    with database.write() as tx:
        operations.prune(tx, UID, 1)
    with database.read() as tx:
        assert operations.failures_in_a_row(tx, UID) == 1
        assert len(operations.page(tx, UID, None, 50)) == 13


def test_pruning_leaves_other_requests_and_the_open_operation_alone(database: Database) -> None:
    with database.write() as tx:
        store_request(tx, a_request("req_2", name="other"))
    other = numbered(1, id="op_other", request_uid="req_2", idempotency_key="key_other")
    begun(database, other, numbered(1, state=OperationState.RUNNING), *(numbered(n) for n in range(2, 20)))
    with database.write() as tx:
        operations.prune(tx, UID, 1)
    with database.read() as tx:
        assert operations.newest(tx, "req_2") == other
        open_one = operations.open_one(tx, UID)
        assert open_one is not None
        assert open_one.attempt == 1


def test_history_is_read_page_by_page_newest_first(database: Database) -> None:
    begun(database, *(numbered(number) for number in range(1, 6)))
    with database.read() as tx:
        first = operations.page(tx, UID, None, 2)
        second = operations.page(tx, UID, first[-1].id, 9)
    assert [each.attempt for each in (*first, *second)] == [5, 4, 3, 2, 1]


def test_one_key_is_recorded_once(database: Database) -> None:
    begun(database, numbered(1))
    with pytest.raises(sa.exc.IntegrityError):
        begun(database, numbered(1, id="op_again", name=OperationName.PROVISION))
