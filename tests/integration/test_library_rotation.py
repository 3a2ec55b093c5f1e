"""`secret-rotation` against a consumer that accepts secrets by label, and a real secret store."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from catalog.clock import utc_now
from catalog.contract import OperationName
from executors.port import RunState
from executors.secrets import LocalSecrets
from executors.steps import StepSettings
from tests.deliveries import Delivery, Library, library_on
from tests.factories import PROJECT, UID
from tests.keyholder import WORD, Keyholder, keyholding
from tests.step_calls import step_settings

CONSUMER = f"{PROJECT}/payments"
OLD, NEW = "q4-2026", "q1-2027"
SECRETS = f"/secrets/{CONSUMER}"


@dataclass(frozen=True, slots=True)
class Sticky:
    """A store of files in which some secrets cannot be deleted."""

    store: LocalSecrets
    stuck: set[str]

    def create_once(self, project: str, request_uid: str, name: str, make: Callable[[], str]) -> str:
        return self.store.create_once(project, request_uid, name, make)

    def find(self, project: str, request_uid: str, name: str) -> str | None:
        return self.store.find(project, request_uid, name)

    def resolve(self, reference: str, project: str) -> str:
        return self.store.resolve(reference, project)

    def delete(self, project: str, request_uid: str, name: str) -> None:
        if name in self.stuck:
            raise OSError(30, "Read-only file system")
        self.store.delete(project, request_uid, name)


@pytest.fixture
def store(tmp_path: Path) -> Sticky:
    return Sticky(LocalSecrets(tmp_path / "secrets", {"AVOW_SECRET_DOOR": WORD}), set())


@pytest.fixture
def settings(tmp_path: Path, store: Sticky) -> StepSettings:
    return step_settings(tmp_path, secrets=store, clock=utc_now)


@pytest.fixture
def library(sqlite_url: str, settings: StepSettings) -> Iterator[Library]:
    with library_on(sqlite_url, settings) as shelf:
        yield shelf


@pytest.fixture
def holder() -> Iterator[Keyholder]:
    with keyholding() as serving:
        yield serving


@pytest.fixture
def rotation(library: Library, holder: Keyholder) -> Delivery:
    config = {"url": holder.url, "authorization": "secret://env/AVOW_SECRET_DOOR"}
    return library.deliver("secret-rotation", "payments-key", config, consumer="payments", rotation=OLD)


def stored(store: Sticky, label: str) -> str | None:
    reference = store.find(PROJECT, UID, label)
    return None if reference is None else store.resolve(reference, PROJECT)


def agree(store: Sticky, holder: Keyholder, label: str) -> bool:
    """Say whether the consumer has the secret of one label, and no other."""
    value = stored(store, label)
    return value is not None and holder.held[CONSUMER] == {label: value}


def breaks(holder: Keyholder, calls: str, status: int) -> None:
    holder.before = lambda call: status if call.startswith(calls) else None


def test_a_consumer_has_the_secret_that_the_reference_stands_for(
    rotation: Delivery, holder: Keyholder, store: Sticky
) -> None:
    report = rotation.succeeded(OperationName.PROVISION)
    assert report.outputs == {"reference": f"secret://file/{PROJECT}/{UID}/{OLD}", "rotation": OLD}
    assert agree(store, holder, OLD)
    assert rotation.seen() == report.facts
    value = stored(store, OLD)
    assert value is not None
    assert value not in repr(report)


def test_a_rotation_breaks_nothing_before_the_new_secret_was_tried(
    rotation: Delivery, holder: Keyholder, store: Sticky
) -> None:
    first = rotation.succeeded(OperationName.PROVISION)
    value, accepted = stored(store, OLD), []
    holder.before = lambda call: accepted.append(holder.labels(CONSUMER))
    report = rotation.succeeded(OperationName.UPDATE, rotation=NEW)
    assert all(accepted), "there was a moment in which the consumer had nothing"
    assert holder.came.index(f"GET {SECRETS}/{NEW}") < holder.came.index(f"DELETE {SECRETS}/{OLD}")
    assert report.outputs["reference"] != first.outputs["reference"]
    assert stored(store, OLD) is None
    assert agree(store, holder, NEW)
    assert stored(store, NEW) != value
    assert rotation.seen() == report.facts


@pytest.mark.parametrize(
    ("calls", "status"),
    [
        (f"PUT {SECRETS}/{NEW}", HTTPStatus.UNPROCESSABLE_ENTITY),
        (f"GET {SECRETS}/{NEW}", HTTPStatus.FORBIDDEN),
        (f"DELETE {SECRETS}/{OLD}", HTTPStatus.CONFLICT),
    ],
    ids=["not taken", "not accepted", "not taken away"],
)
def test_a_rotation_that_fails_leaves_the_consumer_with_what_it_had(
    rotation: Delivery, holder: Keyholder, store: Sticky, calls: str, status: int
) -> None:
    rotation.succeeded(OperationName.PROVISION)
    value = stored(store, OLD)
    breaks(holder, calls, status)
    report = rotation.run(OperationName.UPDATE, rotation=NEW)
    assert report.state is RunState.FAILED
    assert agree(store, holder, OLD)
    assert stored(store, OLD) == value
    assert stored(store, NEW) is None
    holder.before = lambda call: None
    rotation.succeeded(OperationName.UPDATE)
    assert agree(store, holder, NEW)


def test_a_consumer_that_says_yes_and_takes_nothing_keeps_the_old_secret(
    rotation: Delivery, holder: Keyholder, store: Sticky
) -> None:
    rotation.succeeded(OperationName.PROVISION)
    holder.is_deaf = True
    assert rotation.run(OperationName.UPDATE, rotation=NEW).state is RunState.FAILED
    assert agree(store, holder, OLD)
    assert stored(store, NEW) is None


def test_the_old_secret_is_put_back_before_the_new_one_goes(
    rotation: Delivery, holder: Keyholder, store: Sticky
) -> None:
    rotation.succeeded(OperationName.PROVISION)
    value, accepted = stored(store, OLD), []
    store.stuck.add(OLD)  # the very last step cannot be done
    holder.before = lambda call: accepted.append(holder.labels(CONSUMER))
    report = rotation.run(OperationName.UPDATE, rotation=NEW)
    assert (report.state, report.step) == (RunState.FAILED, "forget")
    undone = holder.came[-2:]
    assert undone == [f"PUT {SECRETS}/{OLD}", f"DELETE {SECRETS}/{NEW}"]
    assert all(accepted)
    assert holder.held[CONSUMER] == {OLD: value}
    assert stored(store, NEW) is None


def test_under_the_same_label_nothing_is_replaced(
    rotation: Delivery, holder: Keyholder, store: Sticky
) -> None:
    rotation.succeeded(OperationName.PROVISION)
    value = stored(store, OLD)
    rotation.succeeded(OperationName.UPDATE)
    assert agree(store, holder, OLD)
    assert stored(store, OLD) == value


BREAKAGES: dict[str, dict[str, Any]] = {
    "lost": {},
    "somebody else's beside it": {OLD: "", "by-hand": "mine"},
    "somebody else's instead": {"by-hand": "mine"},
}


@pytest.mark.parametrize("broken", BREAKAGES)
def test_what_a_consumer_has_otherwise_is_seen_and_put_right(
    rotation: Delivery, holder: Keyholder, store: Sticky, broken: str
) -> None:
    delivered = rotation.succeeded(OperationName.PROVISION)
    value = stored(store, OLD)
    holder.held[CONSUMER] = {label: told or str(value) for label, told in BREAKAGES[broken].items()}
    seen = rotation.seen()
    assert seen["exists"] is True
    assert seen != delivered.facts
    repaired = rotation.succeeded(OperationName.REPAIR)
    assert rotation.seen() == repaired.facts == delivered.facts
    assert agree(store, holder, OLD)
    assert stored(store, OLD) == value


def test_a_value_that_was_changed_under_its_label_is_handed_over_again(
    rotation: Delivery, holder: Keyholder, store: Sticky
) -> None:
    rotation.succeeded(OperationName.PROVISION)
    holder.held[CONSUMER] = {OLD: "mine now"}
    rotation.succeeded(OperationName.REPAIR)
    assert agree(store, holder, OLD)


def test_a_value_that_no_look_can_see_is_handed_over_when_somebody_asks(
    rotation: Delivery, holder: Keyholder, store: Sticky
) -> None:
    delivered = rotation.succeeded(OperationName.PROVISION)
    holder.held[CONSUMER] = {OLD: "mine now"}
    assert rotation.seen() == delivered.facts
    report = rotation.act("hand-over")
    assert (report.outputs, report.facts) == (delivered.outputs, delivered.facts)
    assert agree(store, holder, OLD)


def test_a_secret_that_was_removed_from_the_store_is_made_anew(
    rotation: Delivery, holder: Keyholder, store: Sticky
) -> None:
    rotation.succeeded(OperationName.PROVISION)
    store.delete(PROJECT, UID, OLD)
    assert rotation.seen()["exists"] is False
    rotation.succeeded(OperationName.PROVISION)
    assert agree(store, holder, OLD)


def test_nothing_is_left_of_a_secret_that_was_deleted_nor_of_a_broken_rotation(
    rotation: Delivery, holder: Keyholder, store: Sticky
) -> None:
    rotation.succeeded(OperationName.PROVISION)
    holder.held[CONSUMER][NEW] = "left behind"
    store.create_once(PROJECT, UID, NEW, lambda: "left behind")
    rotation.succeeded(OperationName.DELETE)
    assert rotation.seen() == {"exists": False, "rotations": []}
    assert holder.labels(CONSUMER) == []
    assert (stored(store, OLD), stored(store, NEW)) == (None, None)
    rotation.succeeded(OperationName.DELETE)


def test_a_secret_that_its_consumer_lost_is_forgotten_all_the_same(
    rotation: Delivery, holder: Keyholder, store: Sticky
) -> None:
    rotation.succeeded(OperationName.PROVISION)
    holder.held.clear()
    assert rotation.seen()["exists"] is True  # or nobody would take it down
    rotation.succeeded(OperationName.DELETE)
    assert stored(store, OLD) is None


def test_a_secret_is_not_handed_to_another_project_s_consumer_of_the_same_name(
    rotation: Delivery, holder: Keyholder
) -> None:
    holder.held["bank/payments"] = {OLD: "theirs"}
    rotation.succeeded(OperationName.PROVISION)
    rotation.succeeded(OperationName.DELETE)
    assert holder.held["bank/payments"] == {OLD: "theirs"}
