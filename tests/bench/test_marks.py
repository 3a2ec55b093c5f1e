"""Marks are judged by both sides of one run, or not at all."""

from typing import Any

import pytest

from tests.bench.figures import Line
from tests.bench.marks import REACHED, Judged, judged, table


def line(peer: str, metric: str, mode: str = "in-process", **figures: Any) -> Line:
    return {"peer": peer, "metric": metric, "mode": mode, **figures}


def floor(milliseconds: float, mode: str = "pg synchronous_commit=on") -> Line:
    return line("floor", "commit", mode, six_commits_ms=milliseconds)


def latency(peer: str, milliseconds: float, mode: str = "in-process") -> Line:
    return line(peer, "seq_latency", mode, p50_ms=milliseconds)


def throughput(peer: str, rate: float, workers: int = 1, mode: str = "in-process") -> Line:
    return line(peer, "throughput", mode, wf_s=rate, workers=workers)


def crash(**figures: Any) -> Line:
    sound = {"resume_s": 2.5, "takeover_last_s": 2.9, "lost_steps": 0, "rerun_completed": 0}
    return line("avow-pg", "crash", **{**sound, **figures})


def verdicts(*lines: Line) -> list[str]:
    return [row.verdict for row in judged(lines)]


def only(*lines: Line) -> Judged:
    [row] = judged(lines)
    return row


@pytest.mark.parametrize(("ours", "verdict"), [(8.0, REACHED), (8.4, "MISSED by 5%")], ids=["at", "above"])
def test_a_time_may_be_so_many_times_the_floor_and_no_more(ours: float, verdict: str) -> None:
    assert verdicts(floor(2.0), latency("avow-pg", ours)) == [verdict]


@pytest.mark.parametrize(
    ("rate", "verdict"), [(500.0, REACHED), (450.0, "MISSED by 10%")], ids=["at", "below"]
)
def test_a_rate_must_be_so_many_times_the_peers_and_no_less(rate: float, verdict: str) -> None:
    assert verdicts(throughput("dbos-pg", 100.0), throughput("avow-pg", rate)) == [verdict]


def test_the_floor_that_counts_is_the_last_one_before_ours() -> None:
    row = only(floor(9.0), floor(2.0), latency("avow-pg", 5.0), floor(1.0))

    assert row.reference == ("six commits", 2.0)


def test_the_floor_of_another_mode_or_database_does_not_count() -> None:
    others = floor(2.0, "sqlite wal/full"), floor(2.0, "sqlite wal/normal")

    assert judged([*others, latency("avow-pg", 5.0)]) == []


def test_the_best_of_a_peers_lines_is_what_ours_is_compared_with() -> None:
    queue, direct = throughput("dbos-pg", 100.0, mode="broker"), throughput("dbos-pg", 60.0)

    assert only(queue, direct, throughput("avow-pg", 400.0)).reference == ("dbos-pg", 100.0)


def test_a_peers_two_workers_are_not_compared_with_our_one() -> None:
    assert judged([throughput("spiffworkflow", 300.0, workers=2), throughput("avow-pg", 400.0)]) == []


def test_two_workers_are_compared_with_our_one_in_the_same_mode() -> None:
    ones = throughput("avow-pg", 100.0), throughput("avow-pg", 10.0, mode="broker")

    assert only(*ones, throughput("avow-pg", 140.0, workers=2)).reference == ("our one worker", 100.0)


def test_a_saga_is_compared_with_the_quickest_of_all_peers_and_never_with_ourselves() -> None:
    peers = [line(peer, "saga", p50_ms=value) for peer, value in (("restate", 24.0), ("dbos-pg", 21.0))]

    assert only(*peers, line("avow-sqlite", "saga", p50_ms=3.0)).reference == ("dbos-pg", 21.0)


def test_a_peer_without_avow_is_not_judged() -> None:
    assert judged([floor(2.0), latency("dbos-pg", 12.0), latency("celery-redis", 15.0, "broker")]) == []


def test_avow_without_a_peer_is_not_judged() -> None:
    assert judged([latency("avow-pg", 5.0), throughput("avow-pg", 100.0)]) == []


def test_a_crash_that_loses_nothing_and_goes_on_soon_reaches_all_its_marks() -> None:
    assert verdicts(crash()) == [REACHED] * 4


def test_a_lost_step_misses_by_one_however_quick_the_rest_went_on() -> None:
    assert verdicts(crash(lost_steps=1)) == [REACHED, REACHED, "MISSED by 1", REACHED]


def test_runs_that_never_go_on_miss() -> None:
    assert verdicts(crash(resume_s=None, takeover_last_s=None)) == ["MISSED", "MISSED", REACHED, REACHED]


def test_a_row_names_both_sides_the_ratio_and_the_mark() -> None:
    rows = judged([latency("dbos-pg", 12.0), latency("avow-pg", 3.0)])

    row, count = list(table(rows))[1:]
    said = [cell for cell in row.split("  ") if cell]
    figures = ["3 ms", "dbos-pg 12 ms", "0.25", "at most 0.333", REACHED]
    assert [cell.strip() for cell in said] == ["avow-pg", "seq_latency p50_ms", "in-process", *figures]
    assert count == "1 of 1 rows reached"


def test_a_limit_is_shown_with_its_unit_and_without_a_ratio() -> None:
    row = only(line("avow-pg", "timer_lag", p95_ms=12.0))

    assert row.cells()[3:] == ("12 ms", "-", "-", "at most 10 ms", "MISSED by 20%")


def test_who_took_over_is_part_of_a_crash_row() -> None:
    first, *_ = judged([crash(by="another worker, standing by")])

    assert first.cells()[2] == "in-process, another worker, standing by"


def test_nothing_judged_is_nothing_said() -> None:
    assert list(table([])) == []
