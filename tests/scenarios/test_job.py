"""The library's `scheduled-job` over REST: in a service's repository, kept there, moved and taken away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.demo.catalogue_server import Catalogue
from deploy.demo.catalogue_server import serving as cataloguing
from tests.scenarios import gitwork
from tests.scenarios.rig import PATIENCE_SECONDS, Rig
from tests.scenarios.scenes import LIBRARY, files_of
from tests.services.git_http import GitHost
from tests.services.polling import eventually

PATH = ".github/workflows/job-report.yml"


@pytest.fixture
def rig_options(git_http: GitHost) -> dict[str, str]:
    return {"AVOW_REPOSITORIES_DIR": str(git_http.root)}


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with cataloguing(tmp_path / "entities") as started:
        yield started


@pytest.fixture
def shop(rig: Rig, git_http: GitHost, catalogue: Catalogue) -> Rig:
    """Give an installation with a service `orders`, whose repository is served over HTTP."""
    for name in ("service", "scheduled-job"):
        rig.publish(files_of(LIBRARY / name))
    config = {"root": str(git_http.root), "url": git_http.url, "catalogue_url": catalogue.url}
    rig.ask("POST", "/v1/destinations", {"name": "git", "kind": "git-server", "config": config})
    rig.request("orders", "service", inputs={"description": "Takes orders."})
    rig.until_ready("orders")
    return rig


def inputs(git_http: GitHost, **changes: Any) -> dict[str, Any]:
    wanted = {"repository": f"{git_http.url}/orders.git", "schedule": "30 4 * * *", "command": "make report"}
    return {**wanted, **changes}


def test_a_job_is_delivered_mended_changed_and_given_back(
    shop: Rig, git_http: GitHost, tmp_path: Path
) -> None:
    repository = git_http.root / "orders.git"
    shop.request("report", "scheduled-job", inputs=inputs(git_http))
    ready = shop.until_ready("report")
    assert ready["outputs"]["path"] == PATH
    delivered = gitwork.show(repository, PATH)
    assert '"30 4 * * *"' in (delivered or "")

    gitwork.push(repository, tmp_path / "stranger", {PATH: "on: push\n", "notes.txt": "mine\n"})
    shop.act("report", "reconcile")
    shop.until("report", lambda seen: any(run["operation"] == "repair" for run in shop.runs("report")))
    shop.until_ready("report")
    assert gitwork.show(repository, PATH) == delivered
    assert gitwork.show(repository, "notes.txt") == "mine\n"

    shop.change("report", inputs={"schedule": "0,30 6 * * *"})
    shop.until_ready("report", generation=2)
    assert '"0,30 6 * * *"' in (gitwork.show(repository, PATH) or "")

    shop.delete("report")
    shop.until_gone("report")
    assert gitwork.show(repository, PATH) is None
    assert gitwork.show(repository, "notes.txt") == "mine\n"
    assert shop.show("orders")["phase"] == "ready"


def test_a_job_that_runs_every_minute_or_takes_secrets_of_the_forge_is_denied(
    shop: Rig, git_http: GitHost
) -> None:
    for change, fix in (
        ({"schedule": "* * * * *"}, "begin the schedule with */5"),
        ({"command": "echo ${{ secrets.TOKEN }}"}, "put what it needs into a script"),
    ):
        body = {"name": "report", "contract": "scheduled-job", "inputs": inputs(git_http, **change)}
        answer = shop.call("POST", "/v1/projects/shop/requests", body)
        assert answer.status_code == 403
        assert fix in answer.text
    refused = shop.call(
        "POST",
        "/v1/projects/shop/requests",
        {"name": "report", "contract": "scheduled-job", "inputs": inputs(git_http, schedule="@daily")},
    )
    assert refused.status_code == 422
    assert gitwork.show(git_http.root / "orders.git", PATH) is None


def test_another_project_gets_no_job_into_the_repository(shop: Rig, git_http: GitHost) -> None:
    shop.project("bank")
    path = "/v1/projects/bank/requests"
    body = {"name": "report", "contract": "scheduled-job", "inputs": inputs(git_http)}
    shop.ask("POST", path, body)
    before = gitwork.log(git_http.root / "orders.git")

    def has_failed() -> bool:
        return bool(shop.ask("GET", f"{path}/report")["phase"] == "failed")

    eventually(has_failed, "the bank's job to fail", PATIENCE_SECONDS)
    assert "This project has no repository there." in str(shop.ask("GET", f"{path}/report")["conditions"])
    assert gitwork.log(git_http.root / "orders.git") == before
