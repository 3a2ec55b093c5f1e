"""The inventory's words are values: equal when their content is, and never changed in place."""

from dataclasses import FrozenInstanceError

import pytest

from catalog.fleet import Presence
from tests.factories import a_destination


def test_a_destination_is_open_to_all_and_takes_any_number_by_default() -> None:
    destination = a_destination()
    assert (destination.projects, destination.capacity, destination.cordoned) == ((), None, False)
    assert destination.revision == 1


def test_a_failed_look_is_a_presence_of_its_own() -> None:
    assert set(Presence) == {"present", "absent", "unknown"}


def test_a_destination_cannot_be_changed_in_place() -> None:
    destination = a_destination()
    with pytest.raises(FrozenInstanceError):
        destination.cordoned = True  # type: ignore[misc]  # that it is refused is the claim
