"""`scheduled-job` in the repository of a real `service`, on a real git host."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from catalog.clock import utc_now
from catalog.contract import OperationName
from deploy.demo.catalogue_server import Catalogue, serving
from executors.port import RunState
from executors.steps import StepSettings
from tests.deliveries import Delivery, Library, library_on
from tests.scenarios import gitwork
from tests.services.git_http import GitHost
from tests.step_calls import step_settings

PATH = ".github/workflows/job-report.yml"
COMMAND = """./report.sh --title "Orders: all" # 'every' night & $HOME"""
GONE = {"exists": False, "files": {PATH: None}}


@pytest.fixture
def settings(tmp_path: Path, git_http: GitHost) -> StepSettings:
    return step_settings(tmp_path, repository_roots=(git_http.root,), clock=utc_now)


@pytest.fixture
def library(sqlite_url: str, settings: StepSettings) -> Iterator[Library]:
    with library_on(sqlite_url, settings) as shelf:
        yield shelf


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with serving(tmp_path / "entities") as started:
        yield started


@pytest.fixture
def service(library: Library, git_http: GitHost, catalogue: Catalogue) -> Delivery:
    """Give a service that is delivered."""
    return delivered(library, git_http, catalogue, "orders")


@pytest.fixture
def job(library: Library, service: Delivery) -> Delivery:
    return library.deliver("scheduled-job", "report", {}, **asked(service))


def delivered(library: Library, git_http: GitHost, catalogue: Catalogue, name: str) -> Delivery:
    config = {"root": str(git_http.root), "url": git_http.url, "catalogue_url": catalogue.url}
    made = library.deliver("service", name, config, description="Takes orders.")
    made.succeeded(OperationName.PROVISION)
    return made


def asked(service: Delivery, **changes: Any) -> dict[str, Any]:
    return {"repository": service.outputs["url"], "schedule": "30 4 * * 1-5", "command": COMMAND, **changes}


def bare(git_http: GitHost, name: str = "orders") -> Path:
    return git_http.root / f"{name}.git"


def test_a_job_is_a_workflow_file_in_the_service_s_repository(
    job: Delivery, service: Delivery, git_http: GitHost
) -> None:
    report = job.succeeded(OperationName.PROVISION)
    assert job.seen() == report.facts
    assert report.outputs["path"] == PATH
    content = yaml.safe_load(gitwork.show(bare(git_http), PATH) or "")
    triggers = content[True]  # what `on:` is to YAML 1.1
    assert triggers == {"schedule": [{"cron": "30 4 * * 1-5"}], "workflow_dispatch": {}}
    assert content["jobs"]["run"]["steps"][-1] == {"run": COMMAND}
    assert gitwork.git("rev-parse", "main", cwd=bare(git_http)).strip() == report.outputs["commit"]
    assert service.seen()["files"][".github/workflows/ci.yml"] is not None


@pytest.mark.parametrize("content", ["on: push\n", None], ids=["changed", "deleted"])
def test_a_file_that_was_changed_by_hand_is_put_back_and_no_commit_is_lost(
    job: Delivery, git_http: GitHost, tmp_path: Path, content: str | None
) -> None:
    first = job.succeeded(OperationName.PROVISION)
    gitwork.push(bare(git_http), tmp_path / "clone", {PATH: content, "main.py": "print('orders')\n"})
    seen = job.seen()
    assert seen != first.facts
    assert seen["exists"] is (content is not None)
    # What is gone is delivered anew, what differs is repaired.
    mended = job.succeeded(OperationName.REPAIR if content else OperationName.PROVISION)
    assert job.seen() == mended.facts == first.facts
    assert gitwork.show(bare(git_http), "main.py") == "print('orders')\n"


def test_another_schedule_is_another_file_content(job: Delivery, git_http: GitHost) -> None:
    first = job.succeeded(OperationName.PROVISION)
    second = job.succeeded(OperationName.UPDATE, schedule="*/15 8-17 * * *")
    assert job.seen() == second.facts != first.facts
    assert '"*/15 8-17 * * *"' in (gitwork.show(bare(git_http), PATH) or "")


def test_a_job_moves_to_another_service_s_repository(
    job: Delivery, library: Library, git_http: GitHost, catalogue: Catalogue
) -> None:
    job.succeeded(OperationName.PROVISION)
    billing = delivered(library, git_http, catalogue, "billing")
    report = job.succeeded(OperationName.UPDATE, repository=billing.outputs["url"])
    assert gitwork.show(bare(git_http, "billing"), PATH) is not None
    assert gitwork.show(bare(git_http), PATH) is None
    assert job.seen() == report.facts
    shutil.rmtree(bare(git_http, "billing"))
    job.succeeded(OperationName.UPDATE, repository=f"{git_http.url}/orders.git")
    assert gitwork.show(bare(git_http), PATH) is not None


def test_a_deleted_job_is_gone_and_the_repository_stays(
    job: Delivery, service: Delivery, git_http: GitHost
) -> None:
    job.succeeded(OperationName.PROVISION)
    job.succeeded(OperationName.DELETE)
    assert job.seen() == GONE
    assert service.seen()["exists"] is True
    tip = gitwork.git("rev-parse", "main", cwd=bare(git_http))
    job.succeeded(OperationName.DELETE)
    assert gitwork.git("rev-parse", "main", cwd=bare(git_http)) == tip


def test_a_job_whose_repository_has_gone_is_seen_gone_and_can_be_deleted(
    job: Delivery, service: Delivery
) -> None:
    job.succeeded(OperationName.PROVISION)
    service.succeeded(OperationName.DELETE)
    assert job.seen() == GONE
    job.succeeded(OperationName.DELETE)


def test_a_job_does_not_get_into_another_project_s_repository_nor_see_it(
    library: Library, service: Delivery, job: Delivery, git_http: GitHost
) -> None:
    job.succeeded(OperationName.PROVISION)
    theirs = library.deliver("scheduled-job", "report", {}, project="bank", **asked(service))
    commits = gitwork.log(bare(git_http))
    assert theirs.seen() == GONE
    report = theirs.run(OperationName.PROVISION)
    assert report.state is RunState.FAILED
    assert "This project has no repository there." in report.message
    assert theirs.run(OperationName.DELETE).state is RunState.SUCCEEDED
    assert gitwork.log(bare(git_http)) == commits
    assert job.seen()["exists"] is True
