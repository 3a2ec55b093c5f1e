"""A contract whose operations name Temporal, in an Avow that has a server: from asked for to gone."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from platform_api import bootstrap
from platform_api.app import create_app
from platform_api.settings import load
from platform_api.wiring import ALL_ROLES, Role, build
from tests.repository_contract import a_bundle, a_place
from tests.services.children import Children
from tests.services.polling import eventually
from tests.services.temporal import Temporal

REQUESTS = "/v1/projects/default/requests"
GATE = {"concurrency": {"key": "one", "limit": 1}}


def on_temporal(files: dict[str, str]) -> dict[str, str]:
    """Return a bundle whose operations are Temporal's."""
    document = json.loads(files["contract.yaml"])
    for operation in document["spec"]["operations"].values():
        operation["executor"] = "temporal"
    return files | {"contract.yaml": json.dumps(document)}


@pytest.fixture
def http(temporal_server: Temporal, sqlite_url: str, tmp_path: Path) -> Iterator[TestClient]:
    """Give the API of an Avow in one process, with a Temporal server."""
    settings = {"data_dir": tmp_path / "avow", "database_url": sqlite_url}
    own = {"temporal_address": temporal_server.address, "temporal_task_queue": f"queue-{tmp_path.name}"}
    runtime = build(load(settings | own))
    try:
        token = bootstrap.furnish(runtime.platform).read_text().strip()
        assert [type(part).__name__ for part in runtime.background[Role.WORKER]] == ["Threads", "Crew"]
        runtime.start(ALL_ROLES)
        with TestClient(create_app(runtime.platform), headers={"Authorization": f"Bearer {token}"}) as http:
            yield http
    finally:
        runtime.stop()


def phase(http: TestClient) -> Any:
    """Return the phase of the one request, or the status with which it is not there."""
    answer = http.get(f"{REQUESTS}/orders")
    return answer.json()["phase"] if answer.status_code == 200 else answer.status_code


def test_a_request_is_delivered_by_temporal_and_taken_down(http: TestClient, tmp_path: Path) -> None:
    repositories = tmp_path / "avow" / "repositories"
    assert http.post("/v1/contracts", json={"files": on_temporal(a_bundle())}).status_code == 201
    assert http.post("/v1/destinations", json=a_place(repositories)).status_code == 201
    assert http.post(REQUESTS, json={"name": "orders", "contract": "repository"}).status_code == 202
    eventually(lambda: phase(http) == "ready", "the repository")
    assert (repositories / "orders.git" / "HEAD").exists()
    [run] = http.get(f"{REQUESTS}/orders/runs").json()["items"]
    assert (run["state"], run["operation"]) == ("succeeded", "provision")
    [step] = http.get(f"/v1/runs/{run['id']}/steps").json()["items"]
    assert (step["id"], step["state"]) == ("make", "done")
    assert http.delete(f"{REQUESTS}/orders", headers={"If-Match": "*"}).status_code == 202
    eventually(lambda: phase(http) == 410, "the end")
    assert not (repositories / "orders.git").exists()


def test_what_temporal_does_not_do_is_refused_at_publishing(http: TestClient) -> None:
    files = a_bundle()
    provision = json.loads(files["provision.yaml"])
    provision["steps"][0] |= GATE
    answer = http.post(
        "/v1/contracts", json={"files": on_temporal(files | {"provision.yaml": json.dumps(provision)})}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_definition")
    assert answer.json()["errors"][0]["pointer"] == "provision.yaml#/steps/0/concurrency"


def test_without_a_server_the_executor_is_named_as_missing(sqlite_url: str, tmp_path: Path) -> None:
    runtime = build(load({"data_dir": tmp_path / "avow", "database_url": sqlite_url}))
    try:
        token = bootstrap.furnish(runtime.platform).read_text().strip()
        http = TestClient(create_app(runtime.platform), headers={"Authorization": f"Bearer {token}"})
        answer = http.post("/v1/contracts", json={"files": on_temporal(a_bundle())})
        assert (answer.status_code, answer.json()["code"]) == (503, "executor_not_configured")
    finally:
        runtime.stop()


WORKER = """
import atexit, sys
from platform_api.cli.main import main
atexit.register(print, "the interpreter was torn down")
sys.argv = ["avow", "worker", "--data-dir", sys.argv[1]]
main()
"""


def test_a_worker_that_is_told_to_stop_does_not_end_around_native_threads(
    temporal_server: Temporal, tmp_path: Path, children: Children
) -> None:
    place = {"AVOW_TEMPORAL_ADDRESS": temporal_server.address, "AVOW_TEMPORAL_TASK_QUEUE": tmp_path.name}
    command = [sys.executable, "-c", WORKER, str(tmp_path / "avow")]
    worker = children.start(command, env={**os.environ, **place})
    eventually(lambda: "ready in" in worker.output() or not worker.is_running, "the worker")
    worker.signal(signal.SIGTERM)
    assert worker.wait(60) == 0, worker.output()
    assert "torn down" not in worker.output()
