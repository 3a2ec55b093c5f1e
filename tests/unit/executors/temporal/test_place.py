"""Where the server is comes from the options, and links lead to it."""

import pytest

from catalog.errors import Unavailable
from executors.temporal.place import TASK_QUEUE, Place, place_of


def test_an_address_is_enough() -> None:
    assert place_of({"temporal.address": "here:7233", "other.address": "there"}) == Place("here:7233")
    assert place_of({"temporal.address": "here:7233"}).task_queue == TASK_QUEUE


def test_everything_can_be_said() -> None:
    options = {"address": "a:1", "namespace": "n", "task_queue": "q", "api_key": "k", "tls": "true"}
    found = place_of({f"temporal.{name}": value for name, value in options.items()})
    assert found == Place("a:1", "n", "q", "k", is_tls=True)
    assert "k'" not in repr(found), "the key is not shown"


def test_without_an_address_it_says_what_to_set() -> None:
    with pytest.raises(Unavailable) as missing:
        place_of({"temporal.namespace": "n"})
    assert "AVOW_TEMPORAL_ADDRESS" in missing.value.fix


def test_a_link_leads_to_the_run_where_a_console_is_known() -> None:
    place = place_of({"temporal.address": "a:1", "temporal.console": "https://console.example/"})
    assert place.link("key_1") == "https://console.example/namespaces/default/workflows/key_1"
    assert Place("a:1").link("key_1") == ""
