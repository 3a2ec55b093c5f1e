"""What holds a request back from a version, and what is on record after trying."""

from dataclasses import replace
from typing import Any

import pytest

from catalog.contract import OperationName
from catalog.conversion import Fit
from catalog.errors import Finding
from catalog.request import Request
from reconciler.operation import Operation, OperationState
from reconciler.upgrade import (
    MOST_DEAD_ENDS,
    Candidate,
    Place,
    after_failure,
    after_success,
    dead_ends,
    dead_ends_after,
    is_upgrade,
    place,
    told_as_upgrade,
)
from tests.factories import a_delivered_request, a_request, an_operation

NEW = "sha256:" + "2" * 64
GOOD = Candidate("2.0.0", NEW, Fit({"size": "s"}))
FAILED: dict[str, Any] = {"failed_version": "2.0.0", "failed_digest": NEW}


def operation(name: OperationName = OperationName.UPDATE, **fields: Any) -> Operation:
    """Return an operation towards 2.0.0 that failed."""
    values = {"contract_version": "2.0.0", "contract_digest": NEW, "state": OperationState.FAILED}
    return an_operation(name, **(values | fields))


def test_a_request_goes_where_it_wishes() -> None:
    assert place(a_delivered_request(), GOOD, None) == (Place.WANTED, None)


@pytest.mark.parametrize("wanted", [None, replace(GOOD, is_serving=False)])
def test_what_is_gone_leaves_a_request_where_it_is(wanted: Candidate | None) -> None:
    where, trouble = place(a_request(version="^2.0.0"), wanted, None)
    assert trouble is not None
    assert (where, trouble.type, trouble.reason) == (Place.HELD, "Available", "VersionGone")
    assert "^2.0.0" in trouble.message


@pytest.mark.parametrize("reason", ["InputsDoNotFit", "ConversionFailed"])
def test_inputs_that_do_not_do_keep_it_where_it_is_and_say_what_is_wrong(reason: str) -> None:
    finding = Finding("/inputs/size", "enum", "must be one of 1, 2")
    where, trouble = place(a_request(), replace(GOOD, fit=Fit({}, reason, (finding,))), None)
    assert trouble is not None
    assert (where, trouble.type, trouble.reason) == (Place.HELD, "Available", reason)
    assert "/inputs/size must be one of 1, 2" in trouble.message
    assert "2.0.0" in trouble.message


def test_a_failed_upgrade_keeps_it_on_what_was_delivered_and_another_revision_is_tried() -> None:
    request = a_delivered_request(**FAILED)
    last = operation(reason="UpgradeFailed", message="it did not work")
    where, trouble = place(request, GOOD, last)
    assert trouble is not None
    assert (where, trouble.type, trouble.reason, trouble.message) == (
        Place.APPLIED,
        "Applied",
        "UpgradeFailed",
        "it did not work",
    )
    assert place(request, replace(GOOD, digest="sha256:3"), last) == (Place.WANTED, None)


def test_a_failure_is_remembered_when_its_operation_is_forgotten() -> None:
    for last in (None, operation(OperationName.REPAIR, contract_digest="sha256:1", message="mended")):
        _, trouble = place(a_delivered_request(**FAILED), GOOD, last)
        assert trouble is not None
        assert trouble.message == "the upgrade from 1.0.0 to 2.0.0 failed"


def test_a_stuck_upgrade_is_not_passed_over() -> None:
    stuck = operation(state=OperationState.STUCK)
    assert place(a_delivered_request(**FAILED), GOOD, stuck) == (Place.WANTED, None)


@pytest.mark.parametrize(
    ("request_", "done", "counts"),
    [
        (a_delivered_request(), operation(), True),
        (a_delivered_request(), operation(OperationName.PROVISION), True),
        (a_delivered_request(), operation(OperationName.REPAIR), False),
        (a_delivered_request(), operation(OperationName.DELETE), False),
        (a_delivered_request(), an_operation(OperationName.UPDATE), False),
        (a_request(), operation(OperationName.PROVISION), False),
    ],
    ids=["update", "anew", "repair", "delete", "same version", "first delivery"],
)
def test_only_what_brings_another_version_than_the_delivered_one_is_an_upgrade(
    request_: Request, done: Operation, *, counts: bool
) -> None:
    assert is_upgrade(request_, done) is counts
    assert bool(after_failure(request_, done)) is counts
    said = told_as_upgrade(request_, done, "OperationFailed", "no route")
    assert said == (
        ("UpgradeFailed", "the upgrade from 1.0.0 to 2.0.0 failed: no route")
        if counts
        else ("OperationFailed", "no route")
    )


@pytest.mark.parametrize("reason", ["Stuck", "ApprovalRejected", "ApprovalExpired"])
def test_what_people_have_to_settle_keeps_its_own_reason(reason: str) -> None:
    assert told_as_upgrade(a_delivered_request(), operation(), reason, "so") == (reason, "so")


def test_what_was_given_up_for_something_else_is_no_failure() -> None:
    assert after_failure(a_delivered_request(), operation(superseded=True)) == {}


def test_a_request_stands_on_what_was_delivered_as_soon_as_the_upgrade_has_failed() -> None:
    upgrading = replace(a_delivered_request(), contract_version="2.0.0", contract_digest=NEW)
    changes = after_failure(upgrading, operation())
    assert (changes["failed_version"], changes["contract_version"]) == ("2.0.0", "1.0.0")
    assert "contract_version" not in after_failure(upgrading, operation(state=OperationState.STUCK))
    elsewhere = replace(upgrading, contract_version="3.0.0", contract_digest="sha256:3")
    assert "contract_version" not in after_failure(elsewhere, operation())


def test_a_delivered_upgrade_forgets_the_failure_and_remembers_what_was_before() -> None:
    changes = after_success(a_delivered_request(**FAILED), operation(state=OperationState.SUCCEEDED))
    assert changes == {"previous_version": "1.0.0", "failed_version": None, "failed_digest": None}


def test_mending_what_is_delivered_does_not_make_a_failed_upgrade_undone() -> None:
    mended = an_operation(OperationName.REPAIR, state=OperationState.SUCCEEDED)
    again = an_operation(OperationName.PROVISION, state=OperationState.SUCCEEDED)
    for done in (mended, again):
        assert after_success(a_delivered_request(**FAILED), done) == {}


def test_inputs_are_written_for_a_version_once_it_is_delivered() -> None:
    plan = {"written": {"version": "2.0.0", "inputs": {"gib": 1}}}
    done = operation(state=OperationState.SUCCEEDED, plan=plan)
    changes = after_success(a_delivered_request(), done)
    assert (changes["inputs_version"], changes["converted"]) == ("2.0.0", {"gib": 1})
    migrated = replace(done, contract_version="3.0.0")
    newer_wish = a_delivered_request(generation=2)
    for request, other in ((a_delivered_request(), migrated), (newer_wish, done)):
        assert "inputs_version" not in after_success(request, other)


# --- several dead ends -------------------------------------------------------------------


def after(request: Request, *digests: str) -> Request:
    """Return a request after upgrades to these revisions failed, one after the other."""
    for number, digest in enumerate(digests):
        failed = operation(contract_version=f"1.{number}.0", contract_digest=digest)
        changes: dict[str, Any] = after_failure(request, failed)
        request = replace(request, **changes)
    return request


def test_every_version_to_which_an_upgrade_failed_is_left_alone() -> None:
    request = after(a_delivered_request(), "sha256:a", "sha256:b")
    assert (request.failed_version, dead_ends(request)) == ("1.1.0", ("sha256:a", "sha256:b"))
    for digest in ("sha256:a", "sha256:b"):
        where, trouble = place(request, replace(GOOD, version="1.7.0", digest=digest), None)
        assert where is Place.APPLIED
        assert trouble is not None
        assert trouble.message == "the upgrade from 1.0.0 to 1.7.0 failed"
    assert place(request, GOOD, None) == (Place.WANTED, None)


def test_so_many_dead_ends_are_kept_and_the_newest_of_each() -> None:
    digests = [f"sha256:{number}" for number in range(MOST_DEAD_ENDS + 2)]
    request = after(a_delivered_request(), *digests, digests[5])
    assert dead_ends(request) == (*digests[2:5], *digests[6:], digests[5])


def test_dead_ends_are_forgotten_with_the_newest_one() -> None:
    request = after(a_delivered_request(), "sha256:a", "sha256:b")
    asked_again = replace(request, failed_version=None, failed_digest=None)
    assert dead_ends(asked_again) == ()
    assert dead_ends(after(asked_again, "sha256:c")) == ("sha256:c",)
    upgraded = operation(state=OperationState.SUCCEEDED)
    mended = an_operation(OperationName.REPAIR, state=OperationState.SUCCEEDED)
    assert (dead_ends_after(request, upgraded), dead_ends_after(request, mended)) == ((), dead_ends(request))


def test_what_an_older_release_stored_has_the_dead_end_that_it_knew() -> None:
    assert dead_ends(a_delivered_request(**FAILED)) == (NEW,)
