"""What a whole Avow tells about its work: one trace from the door to the step, figures, lines."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from catalog.db import Database
from executors.backlog import ORPHANED_AFTER, backlog
from executors.tables import runs
from platform_api import bootstrap, metering
from platform_api.app import create_app
from platform_api.settings import load
from platform_api.telemetry import Metrics
from platform_api.wiring import ALL_ROLES, Role, build
from tests.doors import Doors, open_doors, wanted
from tests.factories import created_database
from tests.repository_contract import a_bundle, a_place
from tests.services.collector import a_collector
from tests.services.polling import eventually

TRACE_ID, CALLER = "ab" * 16, "cd" * 8
REQUESTS = "/v1/projects/default/requests"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CANARY = "S3CR3T-canary"
SUCCEEDED = 'avow_runs_ended_total{contract="repository",outcome="succeeded"}'


class Client:
    """Speaks to an Avow as its administrator."""

    def __init__(self, http: TestClient, token: str, metrics: Metrics) -> None:
        self._http, self._token = http, token
        self.metrics = metrics

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        sent = {"Authorization": f"Bearer {self._token}"} | headers
        answer: httpx.Response = self._http.request(method, path, json=body, headers=sent)
        return answer

    def scraped(self) -> dict[str, float]:
        """Return every sample by its name with labels."""
        lines = self._http.get("/metrics").text.splitlines()
        samples = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}


@contextmanager
def running(folder: Path, url: str, roles: frozenset[Role], **settings: Any) -> Iterator[Client]:
    """Run some roles on a database until the block ends, as one process would."""
    runtime = build(load({"data_dir": folder, "database_url": url, **settings}))
    try:
        token = bootstrap.furnish(runtime.platform).read_text().strip()
        runtime.start(roles)
        app = create_app(runtime.platform, record=runtime.record)
        metering.install(app.state.metrics, runtime.platform)
        with TestClient(app) as http:
            yield Client(http, token, app.state.metrics)
    finally:
        runtime.stop()


def test_a_run_that_another_process_drives_later_continues_the_trace_of_its_request(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "avow"
    with a_collector() as collector:
        sent = {"otlp_endpoint": collector.url}
        with running(folder, database_url, frozenset({Role.API}), **sent) as avow:
            assert avow("POST", "/v1/contracts", {"files": a_bundle()}).status_code == 201
            assert avow("POST", "/v1/destinations", a_place(folder / "repositories")).status_code == 201
            labels = {"note": CANARY}
            answer = avow(
                "POST",
                REQUESTS,
                {"name": "orders", "contract": "repository", "labels": labels},
                traceparent=f"00-{TRACE_ID}-{CALLER}-01",
            )
            assert (answer.status_code, answer.headers["X-Trace-Id"]) == (202, TRACE_ID)
        with running(folder, database_url, ALL_ROLES, **sent) as avow:
            eventually(lambda: avow("GET", f"{REQUESTS}/orders").json()["phase"] == "ready", "the repository")
            eventually(
                lambda: avow.scraped().get(
                    'avow_runs_ended_total{contract="repository",outcome="succeeded"}'
                ),
                "the count",
            )
    ours = {span.name: span for span in collector.spans if span.trace_id.hex() == TRACE_ID}
    assert set(ours) == {"POST submitRequest", "run provision", "do make"}
    door, run, step = ours["POST submitRequest"], ours["run provision"], ours["do make"]
    assert door.parent_span_id.hex() == CALLER
    assert (run.parent_span_id, step.parent_span_id) == (door.span_id, run.span_id)
    said = {part.key: part.value.string_value or part.value.int_value for part in step.attributes}
    assert (said["avow.step"], said["avow.attempt"], said["avow.outcome"]) == ("make", 1, "succeeded")
    assert (said["avow.kind"], said["avow.project"]) == ("git.create_repository", "default")
    everything = b"".join(collector.raw) + avow.metrics.text() + caplog.text.encode()
    assert CANARY.encode() not in everything


def test_what_a_run_did_is_scraped(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "avow"
    with running(folder, database_url, ALL_ROLES) as avow:
        assert avow("POST", "/v1/contracts", {"files": a_bundle()}).status_code == 201
        assert avow("POST", "/v1/destinations", a_place(folder / "repositories")).status_code == 201
        assert avow("POST", REQUESTS, {"name": "orders", "contract": "repository"}).status_code == 202
        eventually(lambda: avow.scraped().get(SUCCEEDED) == 1, "the count")
        found = avow.scraped()
    assert found['avow_steps_over_total{kind="git.create_repository",outcome="done"}'] == 1
    assert found["avow_run_first_step_seconds_count"] == 1
    assert found['avow_run_seconds_bucket{le="+Inf",outcome="succeeded"}'] == 1
    assert found["avow_runs_orphaned"] == 0
    assert "default" not in str(list(found))
    assert "orders" not in str(list(found))


@pytest.fixture
def doors(database_url: str, tmp_path: Path) -> Iterator[Doors]:
    with open_doors(database_url, tmp_path) as opened:
        metering.install(opened.app.state.metrics, opened.platform)
        yield opened


def scraped(doors: Doors) -> str:
    return str(doors("", "GET", "/metrics").text)


def test_refusals_because_of_who_asks_are_counted_by_reason(doors: Doors) -> None:
    doors("", "GET", "/v1/projects")
    doors("paul", "POST", "/v1/projects/shop/requests", wanted())
    doors.engine.deny = ["no"]
    doors("dora", "POST", "/v1/projects/shop/requests", wanted())
    text = scraped(doors)
    for reason in ("unauthenticated", "forbidden", "policy"):
        assert f'avow_authorization_failures_total{{reason="{reason}"}} 1.0' in text


def test_the_trace_of_what_was_asked_last_is_kept_with_the_request(doors: Doors) -> None:
    def asked(method: str, trace_id: str, **more: Any) -> str:
        parent = {"traceparent": f"00-{trace_id}-{CALLER}-01"} | more.pop("headers", {})
        path = "/v1/projects/shop/requests" + ("" if method == "POST" else "/orders-db")
        assert doors("dora", method, path, more.get("body"), headers=parent).status_code in (200, 202)
        with doors.platform.db.read() as tx:
            stored: str = tx.execute(sa.text("SELECT trace FROM catalog_requests")).scalar_one()
        return stored

    first = asked("POST", "1" * 32, body=wanted())
    assert re.fullmatch(rf"00-{'1' * 32}-[0-9a-f]{{16}}-01", first)
    assert CALLER not in first  # what follows continues our own span, and not the caller's
    changed = {key: value for key, value in wanted(inputs={"size": "m"}).items() if key != "name"}
    assert asked("PUT", "2" * 32, body=changed, headers={"If-Match": "*"}).split("-")[1] == "2" * 32
    assert asked("DELETE", "3" * 32, headers={"If-Match": "*"}).split("-")[1] == "3" * 32


@pytest.mark.parametrize(
    "parent",
    [
        "",
        "nonsense",
        f"00-{'0' * 32}-{CALLER}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"00-{TRACE_ID.upper()}-{CALLER}-01",
        f"00-{TRACE_ID}-{CALLER}-01\u00e9",
    ],
)
def test_a_trace_parent_that_is_none_begins_a_new_trace(doors: Doors, parent: str) -> None:
    headers = {"traceparent": parent.encode("latin-1")}
    trace_id = doors("", "GET", "/livez", headers=headers).headers["X-Trace-Id"]
    assert re.fullmatch("[0-9a-f]{32}", trace_id)
    assert trace_id != TRACE_ID


def fill(db: Database, count: int) -> None:
    """Store runs that ended long ago, and a few that wait."""

    def row(number: int, **more: Any) -> dict[str, Any]:
        values = {
            "id": f"run_{number}",
            "project": "shop",
            "request_uid": f"req_{number % 50}",
            "idempotency_key": f"key_{number}",
            "operation": "provision",
            "contract_digest": "sha256:1",
            "definition": {},
            "context": {},
            "created_at": NOW,
            "fence": 3,
            "seq": 9,
            "state": "succeeded",
            "due_at": None,
            "owner": "",
        }
        return values | more

    late, soon = NOW - ORPHANED_AFTER - timedelta(seconds=30), NOW - timedelta(seconds=5)
    waiting = [
        {"fence": 0, "due_at": late},
        {"fence": 0, "due_at": NOW + timedelta(hours=1)},
        {"fence": 1, "due_at": late - timedelta(seconds=10)},
        {"fence": 1, "due_at": soon},
        {"fence": 2, "due_at": NOW + timedelta(seconds=3), "owner": "wkr_1"},
    ]
    rows = [row(number) for number in range(count)]
    rows += [row(count + number, state="running", **more) for number, more in enumerate(waiting)]
    with db.write() as tx:
        tx.execute(sa.insert(runs), rows)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def test_what_waits_is_counted_and_how_long(database_url: str) -> None:
    with created_database(database_url) as db:
        fill(db, 10)
        with db.read() as tx:
            found = backlog(tx, NOW)
    assert (found.pending, found.driven, found.orphaned) == (2, 1, 2)
    assert found.lag == ORPHANED_AFTER + timedelta(seconds=40)
    assert (found.parked, found.dead) == (0, 0)


def test_a_scrape_reads_no_table_from_end_to_end(doors: Doors) -> None:
    fill(doors.platform.db, 5000)
    engine, seen = doors.platform.db.engine, []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            seen.append((statement, values))

    sa.event.listen(engine, "before_cursor_execute", note)
    scraped(doors)
    sa.event.remove(engine, "before_cursor_execute", note)
    assert 0 < len(seen) <= 14
    explain = "EXPLAIN QUERY PLAN " if doors.platform.db.is_sqlite else "EXPLAIN "
    with engine.connect() as connection:
        for statement, values in seen:
            plan = [str(row) for row in connection.exec_driver_sql(explain + statement, values)]
            assert not [line for line in plan if _reads_all(line)], (statement, plan)


def _reads_all(line: str) -> bool:
    """Say whether a plan's line reads a whole table that grows with what was ever done."""
    if re.search("Seq Scan on executors_runs", line):
        return True
    return "SCAN " in line and "USING" not in line and "platform_api_tallies" not in line
