"""What `build` puts together works together: one request, from asked for to gone, for real.

Nothing is a twin here: the embedded policy engine, the workflow engine, the reconciler, git.
"""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from catalog.errors import Invalid
from platform_api import bootstrap, metering
from platform_api.app import create_app
from platform_api.settings import load
from platform_api.wiring import ALL_ROLES, Role, Runtime, build
from tests.doors import count_rows
from tests.repository_contract import a_bundle, a_place, workflow
from tests.services.polling import eventually

REQUESTS = "/v1/projects/default/requests"


@dataclass
class Up:
    """A running Avow."""

    runtime: Runtime
    http: TestClient
    folder: Path
    token: str

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send one HTTP request as the administrator."""
        sent = {"Authorization": f"Bearer {self.token}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        answer: httpx.Response = self.http.request(method, path, json=body, headers=sent)
        return answer


@pytest.fixture
def up(database_url: str, tmp_path: Path) -> Iterator[Up]:
    folder = tmp_path / "avow"
    runtime = build(load({"data_dir": folder, "database_url": database_url}))
    try:
        token = bootstrap.furnish(runtime.platform).read_text().strip()
        runtime.start(ALL_ROLES)
        with TestClient(create_app(runtime.platform)) as http:
            yield Up(runtime, http, folder, token)
    finally:
        runtime.stop()


def prepared(up: Up) -> None:
    """Publish the contract and register where its repositories lie."""
    assert up("POST", "/v1/contracts", {"files": a_bundle()}).status_code == 201
    assert up("POST", "/v1/destinations", a_place(up.folder / "repositories")).status_code == 201


def phase(up: Up) -> Any:
    """Return the phase of the one request, or the status with which it is not there."""
    answer = up("GET", f"{REQUESTS}/orders")
    return answer.json()["phase"] if answer.status_code == 200 else answer.status_code


def test_a_request_is_delivered_written_to_git_and_taken_down(up: Up) -> None:
    prepared(up)
    wanted = {"name": "orders", "contract": "repository"}
    plan = up("POST", f"{REQUESTS}?dry_run=true", wanted).json()
    assert [step["uses"] for step in plan["steps"]] == ["git.create_repository"]
    assert up("POST", REQUESTS, wanted).status_code == 202
    eventually(lambda: phase(up) == "ready", "the repository")
    shown = up("GET", f"{REQUESTS}/orders").json()
    assert shown["outputs"]["url"].endswith("/repositories/orders.git")
    assert (up.folder / "repositories" / "orders.git" / "HEAD").exists()
    [run] = up("GET", f"{REQUESTS}/orders/runs").json()["items"]
    assert (run["state"], run["operation"]) == ("succeeded", "provision")
    log = subprocess.run(
        ["git", "-C", up.folder / "state.git", "log", "--all", "--format=%B"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"Avow-Request: {shown['uid']}" in log.stdout
    assert up("DELETE", f"{REQUESTS}/orders", If_Match="*").status_code == 202
    eventually(lambda: phase(up) == 410, "the end")
    assert not (up.folder / "repositories" / "orders.git").exists()
    assert up("GET", "/v1/audit/verify?project=default").json()["is_intact"] is True


def test_what_policy_denies_is_denied_by_the_engine_that_is_wired(up: Up) -> None:
    prepared(up)
    answer = up("POST", REQUESTS, {"name": "admin-repo", "contract": "repository", "environment": "prod"})
    assert (answer.status_code, answer.json()["code"]) == (403, "policy_denied")
    assert answer.json()["errors"]


def test_a_policy_that_cannot_be_is_refused_at_publishing(up: Up) -> None:
    files = a_bundle() | {"policy.rego": "package avow.contract\n\ndeny contains msg if {"}
    document = json.loads(files["contract.yaml"])
    document["spec"]["policies"] = ["policy.rego"]
    answer = up("POST", "/v1/contracts", {"files": files | {"contract.yaml": json.dumps(document)}})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_definition")
    assert answer.json()["errors"][0]["pointer"].startswith("policy.rego:")


def test_a_step_kind_that_is_not_installed_is_refused_at_publishing(up: Up) -> None:
    files = a_bundle() | {"provision.yaml": workflow("provision", {"id": "x", "uses": "no.such", "with": {}})}
    answer = up("POST", "/v1/contracts", {"files": files})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_definition")
    assert answer.json()["errors"][0]["pointer"].startswith("provision.yaml#/steps/0")


def test_it_is_ready_and_counts_what_there_is(up: Up) -> None:
    assert up("GET", "/readyz").json()["checks"] == {"database": "ok", "policy": "ok"}
    prepared(up)
    up("POST", REQUESTS, {"name": "orders", "contract": "repository"})
    values = metering.gauges(up.runtime.platform)
    assert sum(count for (name, _, _), count in values.items() if name == "avow_requests") == 1


def test_a_second_start_finds_everything_as_it_was(sqlite_url: str, tmp_path: Path) -> None:
    settings = load({"data_dir": tmp_path / "avow", "database_url": sqlite_url})
    seen = []
    for _ in range(2):
        runtime = build(settings)
        token = bootstrap.furnish(runtime.platform).read_text()
        with runtime.platform.db.read() as tx:
            counts = [count_rows(tx, name) for name in ("platform_api_tokens", "catalog_projects")]
        seen.append((token, runtime.platform.signing_key, counts))
        runtime.stop()
    assert seen[0] == seen[1]
    assert seen[0][2] == [1, 1]


def test_a_token_file_that_others_may_read_stops_the_start(sqlite_url: str, tmp_path: Path) -> None:
    runtime = build(load({"data_dir": tmp_path / "avow", "database_url": sqlite_url}))
    try:
        path = bootstrap.furnish(runtime.platform)
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o640)
        with pytest.raises(Invalid):
            bootstrap.furnish(runtime.platform)
    finally:
        runtime.stop()


def test_a_process_plays_only_its_roles(sqlite_url: str, tmp_path: Path) -> None:
    runtime = build(load({"data_dir": tmp_path / "avow", "database_url": sqlite_url}))
    runtime.start([Role.WORKER])
    assert len(runtime._started) == 1
    runtime.stop()
    assert runtime._started == []


def test_what_an_extra_would_bring_is_looked_for_only_when_it_is_asked_for(
    sqlite_url: str, tmp_path: Path, redis_url: str
) -> None:
    runtime = build(
        load({"data_dir": tmp_path / "avow", "database_url": sqlite_url, "broker_url": redis_url})
    )
    kinds = [type(part).__name__ for part in runtime.background[Role.RECONCILER]]
    assert kinds[:5] == ["_StateRepository", "Writer", "Writer", "Loop", "Sweeper"]
    assert kinds[5:] == ["RunKeeping", "Heartbeat"]
    runtime.stop()
