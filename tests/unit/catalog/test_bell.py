"""The bell wakes whoever waits, and misses no ring between two looks."""

import threading

from catalog.bell import Bell

PATIENCE_SECONDS = 30.0


def test_a_ring_after_the_count_was_taken_is_not_missed() -> None:
    bell = Bell()
    seen = bell.count("work")
    bell.ring("work")
    assert bell.wait("work", seen, PATIENCE_SECONDS)


def test_waiting_ends_without_a_ring() -> None:
    bell = Bell()
    assert not bell.wait("work", bell.count("work"), 0.0)


def test_another_topic_wakes_nobody() -> None:
    bell = Bell()
    seen = bell.count("work")
    bell.ring("events")
    assert not bell.wait("work", seen, 0.0)


def test_a_ring_wakes_everybody_who_waits() -> None:
    bell = Bell()
    woken: list[bool] = []
    threads = [
        threading.Thread(target=lambda: woken.append(bell.wait("work", 0, PATIENCE_SECONDS)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    bell.ring("work")
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    assert woken == [True] * 4
