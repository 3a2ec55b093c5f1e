"""What the engine tells becomes figures, spans and lines, of bounded sorts and without secrets."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from catalog import trace
from catalog.db import Database
from executors.claims import ClaimedRun
from executors.port import TRACE, RunState
from executors.workflow.events import FailureKind, Side
from executors.workflow.facts import (
    AttemptBegan,
    AttemptOver,
    CameTooLate,
    Ending,
    Fact,
    FirstStep,
    PeopleAnswered,
    PeopleAsked,
    RunOver,
    StepOver,
    TimerFired,
    UndoingBegan,
    Verdict,
)
from platform_api import figures, tallies
from platform_api.counting import Counting
from platform_api.figures import OTHER
from platform_api.spans import Span
from platform_api.tallies import Tally
from platform_api.watching import RunWatcher
from tests.factories import created_database
from tests.workflows import EPOCH

PARENT = trace.Parent("a" * 32, "b" * 16)
CANARY = "S3CR3T"


def at(seconds: float) -> datetime:
    return EPOCH + timedelta(seconds=seconds)


def a_run(**more: Any) -> ClaimedRun:
    run = ClaimedRun(
        id="run_1",
        project="shop",
        request_uid="req_1",
        idempotency_key="key",
        operation="provision",
        contract_digest="sha256:1",
        definition={"secret": CANARY},
        context={
            "inputs": {"password": CANARY},
            "contract": {"name": "database", "version": "1.0.0"},
            TRACE: {"parent": str(PARENT)},
        },
        created_at=EPOCH,
        fence=1,
        seq=1,
        mail=0,
    )
    return replace(run, **more)


def an_attempt(**more: Any) -> AttemptOver:
    attempt = AttemptOver(
        step="network[2]/reserve[17]",
        side=Side.DO,
        kind="http.call",
        attempt=3,
        number=5,
        round=0,
        is_look=False,
        ending=Ending.SUCCEEDED,
        began_at=at(1),
        ended_at=at(2),
    )
    return replace(attempt, **more)


def an_end(state: RunState = RunState.SUCCEEDED, seconds: float = 10, **more: Any) -> RunOver:
    return replace(RunOver(state, EPOCH, at(seconds), 0, 0.0, is_refused=False), **more)


@dataclass
class Watching:
    """A watcher with what it left behind."""

    db: Database
    levels: Mapping[str, float] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counting = Counting(self.db)
        self.watcher = RunWatcher(
            self.counting, lambda digest: self.levels, ["http.call", "git.commit"], self.spans.append
        )

    def tell(self, *facts: Fact, run: ClaimedRun | None = None) -> dict[Tally, float]:
        self.watcher.tell(run or a_run(), facts)
        self.counting.flush()
        with self.db.read() as tx:
            return tallies.every(tx)

    def count(self, figure: figures.Figure, *labels: str, contract: str = "") -> float:
        with self.db.read() as tx:
            return tallies.every(tx).get(Tally(figure.name, contract, labels), 0.0)


@pytest.fixture
def watching(sqlite_url: str) -> Iterator[Watching]:
    with created_database(sqlite_url) as db:
        yield Watching(db)


EVERYTHING: tuple[Fact, ...] = (
    FirstStep(0.1),
    AttemptBegan("a", Side.DO, "http.call", 2),
    an_attempt(ending=Ending.FAILED, failure=FailureKind.PERMANENT, code=f"code {CANARY}"),
    StepOver("a", "http.call", Verdict.FAILED, f"code {CANARY}"),
    TimerFired(0.01),
    PeopleAsked("b"),
    PeopleAnswered("b", "approved", 60.0),
    UndoingBegan(),
    an_end(RunState.FAILED, code=f"code {CANARY}", people_seconds=5.0),
    CameTooLate(1),
)


def test_every_figure_is_fed_by_what_the_engine_tells(watching: Watching) -> None:
    watching.levels = {"provision": 1.0}
    fed = {tally.figure for tally in watching.tell(*EVERYTHING)}
    assert fed == {figure.name for figure in figures.FIGURES}


def test_ten_thousand_kinds_and_names_do_not_grow_the_label_set(watching: Watching) -> None:
    for number in range(10_000):
        run = a_run(
            project=f"p{number}", request_uid=f"r{number}", operation=f"op{number}", id=f"run_{number}"
        )
        kind = f"kind.{number}"
        facts: list[Fact] = [
            an_attempt(kind=kind, step=f"step{number}"),
            StepOver(f"step{number}", kind, Verdict.DONE),
        ]
        watching.watcher.tell(run, facts)
    found = watching.tell()
    assert {tally.labels for tally in found if tally.figure == figures.STEPS_OVER.name} == {(OTHER, "done")}
    assert len(found) < 20


def test_people_are_counted_apart_from_work(watching: Watching) -> None:
    found = watching.tell(an_end(seconds=100, people_seconds=99.9))
    bucket = Tally(figures.RUN_SECONDS.name, "", ("succeeded",), "0.1")
    assert found[bucket] == 1
    assert found[Tally(figures.PEOPLE_SECONDS.name, "", (), "300.0")] == 1


@pytest.mark.parametrize(
    ("end", "measured", "breached"),
    [
        (an_end(seconds=29), 1, 0),
        (an_end(seconds=31), 1, 1),
        (an_end(seconds=90, people_seconds=70.0), 1, 0),
        (an_end(RunState.FAILED, seconds=1), 1, 1),
        (an_end(RunState.STUCK, seconds=1), 1, 1),
        (an_end(RunState.FAILED, seconds=1, is_refused=True), 0, 0),
        (an_end(RunState.CANCELLED, seconds=99), 0, 0),
    ],
    ids=["in time", "late", "late for people", "failed", "stuck", "refused by people", "cancelled"],
)
def test_a_run_is_held_against_its_contracts_service_level(
    watching: Watching, end: RunOver, measured: int, breached: int
) -> None:
    watching.levels = {"provision": 30.0}
    watching.tell(end)
    counted = [
        watching.count(figure, "provision", contract="database")
        for figure in (figures.LEVELS_MEASURED, figures.LEVELS_BREACHED)
    ]
    assert counted == [measured, breached]


def test_what_nothing_was_promised_for_is_not_measured(watching: Watching) -> None:
    watching.levels = {"provision": 30.0}
    watching.tell(an_end(seconds=99), run=a_run(operation="update"))
    assert watching.count(figures.LEVELS_MEASURED, "update", contract="database") == 0


def test_a_run_continues_the_span_that_caused_it_and_attempts_continue_the_run(watching: Watching) -> None:
    watching.tell(an_attempt(), an_end())
    attempt, run = watching.spans
    assert (run.trace_id, run.parent) == (PARENT.trace_id, PARENT)
    assert (attempt.trace_id, attempt.parent) == (PARENT.trace_id, trace.Parent(PARENT.trace_id, run.span_id))
    assert (run.name, attempt.name) == ("run provision", "do reserve")
    assert (attempt.began_at, attempt.ended_at) == (at(1), at(2))
    assert attempt.attributes == {
        "avow.run": "run_1",
        "avow.request": "req_1",
        "avow.project": "shop",
        "avow.operation": "provision",
        "avow.contract": "database",
        "avow.step": "network[2]/reserve[17]",
        "avow.attempt": 3,
        "avow.kind": "http.call",
        "avow.outcome": "succeeded",
    }


def test_two_processes_that_drive_a_run_agree_on_its_spans(watching: Watching) -> None:
    other = Watching(watching.db)
    watching.tell(an_attempt(), an_end())
    other.tell(an_attempt(), an_end())
    assert watching.spans == other.spans


def test_calls_and_rounds_have_spans_of_their_own(watching: Watching) -> None:
    watching.tell(
        an_attempt(),
        an_attempt(number=6, is_look=True),
        an_attempt(side=Side.UNDO),
        an_attempt(step="other"),
        an_end(),
        an_end(round=1),
    )
    assert len({span.span_id for span in watching.spans}) == 6
    assert [span.name for span in watching.spans[:3]] == ["do reserve", "look at reserve", "undo reserve"]


def test_a_repair_has_a_trace_of_its_own_that_points_to_what_it_mends(watching: Watching) -> None:
    context = {**a_run().context, TRACE: {"link": str(PARENT)}}
    watching.tell(an_end(), run=a_run(operation="repair", context=context))
    [span] = watching.spans
    assert (span.parent, span.link) == (None, PARENT)
    assert span.trace_id != PARENT.trace_id


def test_no_secret_reaches_a_figure_a_span_or_a_line(
    watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        found = watching.tell(*EVERYTHING)
    lines = "".join(str(record.__dict__) for record in caplog.records)
    assert CANARY not in lines + repr(watching.spans) + repr(found)


def test_every_line_about_a_run_carries_its_names(
    watching: Watching, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="avow.runs"):
        watching.tell(an_attempt(), PeopleAsked("b"), an_end(RunState.STUCK))
    for record in caplog.records:
        carried = [getattr(record, name) for name in ("run", "request", "project", "trace_id")]
        assert carried == ["run_1", "req_1", "shop", PARENT.trace_id]
    assert [getattr(record, "step", "") for record in caplog.records] == ["network[2]/reserve[17]", "b", ""]
    assert caplog.records[-1].levelno == logging.WARNING
