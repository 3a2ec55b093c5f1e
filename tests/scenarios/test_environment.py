"""The library's `environment` over REST: one request that is made of three, from asking to giving back."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from deploy.demo.catalogue_server import Catalogue
from deploy.demo.catalogue_server import serving as cataloguing
from tests.scenarios import gitwork
from tests.scenarios.rig import Rig, condition
from tests.scenarios.scenes import LIBRARY, files_of
from tests.scenarios.search import places_of
from tests.services.git_http import GitHost
from tests.services.postgres import Postgres, connect

CONNECTION, CI = ".platform/connection.yaml", ".github/workflows/ci.yml"
WHOLE = "environment"
PARTS = ("service", "postgres-database", "scheduled-job")
CHILDREN = ("service", "database", "job")
NUMBERS = count(1)
pytestmark = pytest.mark.timeout(300)


@dataclass
class Ground:
    """An installation, and where the parts of an environment come to be.

    Attributes:
        name: of the environment; a test's own, for all of them share one PostgreSQL server.
    """

    rig: Rig
    git: GitHost
    catalogue: Catalogue
    postgres: Postgres
    name: str

    @property
    def repository(self) -> Path:
        """Return the service's repository."""
        return self.git.root / f"{self.name}-service.git"

    @property
    def job(self) -> str:
        """Return the job's file."""
        return f".github/workflows/job-{self.name}-job.yml"

    def file(self, path: str) -> str:
        """Return a file of the service's repository; empty when it is not there."""
        return gitwork.show(self.repository, path) or ""

    def publish(self, *names: str) -> None:
        """Publish contracts of the library, in this order; what one takes from another has to fit."""
        for name in names or (*PARTS, WHOLE):
            self.rig.publish(files_of(LIBRARY / name))

    def phases(self) -> dict[str, str]:
        """Return the phase of every request."""
        listed = self.rig.ask("GET", "/v1/projects/shop/requests")["items"]
        return {each["name"]: each["phase"] for each in listed}

    def asked(self, query: str, *values: object) -> list[Any]:
        """Return the first column of what the PostgreSQL server answers."""
        with connect(self.postgres.port) as connection:
            return [row[0] for row in connection.execute(query.encode(), values).fetchall()]

    def has_database(self) -> bool:
        """Say whether the environment's database is there."""
        return bool(self.asked("SELECT 1 FROM pg_database WHERE datname = %s", f"{self.name}-database"))

    def connected(self, told: dict[str, Any]) -> "psycopg.Connection[tuple[Any, ...]]":
        """Log in with nothing but what the file in the repository says, and the secret store."""
        path = told["password"].removeprefix("secret://file/")
        return psycopg.connect(
            host=told["host"],
            port=told["port"],
            dbname=told["database"],
            user=told["username"],
            password=(self.rig.folder / "secrets" / path).read_text(),
            autocommit=True,
        )


@pytest.fixture
def rig_options(git_http: GitHost) -> dict[str, str]:
    return {"AVOW_REPOSITORIES_DIR": str(git_http.root)}


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with cataloguing(tmp_path / "entities") as started:
        yield started


@pytest.fixture
def ground(rig: Rig, git_http: GitHost, catalogue: Catalogue, postgres: Postgres) -> Ground:
    """Give an installation with the destinations, and without the contracts."""
    config: dict[str, Any] = {"root": str(git_http.root), "url": git_http.url, "catalogue_url": catalogue.url}
    rig.ask("POST", "/v1/destinations", {"name": "git", "kind": "git-server", "config": config})
    config = {"host": "127.0.0.1", "port": postgres.port, "admin_user": "postgres"}
    for env in ("dev", "prod"):
        body = {"name": f"postgres-{env}", "kind": "postgres-server", "labels": {"env": env}}
        rig.ask("POST", "/v1/destinations", {**body, "config": config})
    return Ground(rig, git_http, catalogue, postgres, f"orders-{next(NUMBERS)}")


def test_one_request_makes_all_of_it_and_gives_all_of_it_back(ground: Ground) -> None:
    rig, name = ground.rig, ground.name
    ground.publish(WHOLE)
    assert rig.ask("GET", "/v1/contracts/environment")["available"] is False
    rig.request(name, WHOLE, owner="team-orders", inputs={"description": "Takes orders."})
    rig.until(name, lambda seen: condition(seen, "Available")["reason"] == "RequirementMissing")
    ground.publish(*PARTS)
    ready = rig.until_ready(name)
    assert ground.phases() == dict.fromkeys([name, *(f"{name}-{child}" for child in CHILDREN)], "ready")
    assert ready["outputs"] == {
        "url": f"{ground.git.url}/{name}-service.git",
        "host": "127.0.0.1",
        "database": f"{name}-database",
    }
    assert ground.catalogue.entity(f"{name}-service")["owner"] == "team-orders"
    assert '"30 4 * * *"' in ground.file(ground.job)

    rig.delete(name)
    rig.until_gone(name)
    assert ground.phases() == {}
    assert ground.catalogue.names() == []
    assert not ground.has_database()
    [archived] = (ground.git.root / ".archive").iterdir()
    assert gitwork.show(archived, CI) is not None
    assert gitwork.show(archived, CONNECTION) is None, "the file goes before the repository does"
    assert gitwork.show(archived, ground.job) is None, "the job goes before what it needs"
    assert not [each for each in (rig.folder / "secrets").rglob("*") if each.is_file()]


def test_the_repository_tells_how_the_database_is_reached_and_never_the_password(ground: Ground) -> None:
    ground.publish()
    ground.rig.request(ground.name, WHOLE, inputs={"description": "Takes orders."})
    ground.rig.until_ready(ground.name)
    told = yaml.safe_load(ground.file(CONNECTION))
    assert told == ground.rig.show(f"{ground.name}-database")["outputs"]
    assert told["password"].startswith("secret://file/shop/")
    with ground.connected(told) as connection:
        connection.execute("CREATE TABLE orders (id int)")
        password = connection.info.password
    assert places_of(ground.rig, password, ground.git.root) == []
    # The reference is found where it is, so that not finding the value says something.
    assert f"git {ground.repository.name}" in places_of(ground.rig, told["password"], ground.git.root)


def test_every_part_mends_itself_and_changes_with_the_whole(ground: Ground, tmp_path: Path) -> None:
    rig, name = ground.rig, ground.name
    ground.publish()
    rig.request(name, WHOLE, inputs={"description": "Takes orders."})
    rig.until_ready(name)
    delivered = ground.file(CONNECTION)

    changes = {CONNECTION: "password: mine\n", CI: None, ground.job: None, "main.py": "print('orders')\n"}
    gitwork.push(ground.repository, tmp_path / "stranger", changes)
    for each in (name, f"{name}-service", f"{name}-job"):
        rig.act(each, "reconcile")
    rig.until(name, lambda seen: ground.file(CONNECTION) == delivered)
    rig.until(name, lambda seen: bool(ground.file(CI) and ground.file(ground.job)))
    rig.until_ready(name)
    assert ground.file("main.py") == "print('orders')\n"

    rig.change(name, inputs={"connections": 7, "schedule": "0,30 6 * * *"})
    rig.until_ready(name, generation=2)
    assert '"0,30 6 * * *"' in ground.file(ground.job)
    limit = ground.asked("SELECT rolconnlimit FROM pg_roles WHERE rolname = %s", f"{name}-database")
    assert limit == [7]


def test_a_part_that_is_refused_is_told_on_the_whole_and_mended_there(ground: Ground) -> None:
    rig, name = ground.rig, ground.name
    ground.publish()
    inputs = {"description": "Takes orders.", "schedule": "* * * * *"}
    rig.request(name, WHOLE, inputs=inputs)
    held = rig.until(name, lambda seen: condition(seen, "Composed")["reason"] == "ChildHeldUp")
    assert held["phase"] == "blocked"
    why = rig.ask("GET", f"/v1/projects/shop/requests/{name}/why")
    assert why["waiting_on"]["ref"] == f"{name}-job"
    assert "every five minutes" in why["message"]
    rig.change(name, inputs={"schedule": "whenever"})
    misfit = rig.until(name, lambda seen: condition(seen, "Composed")["reason"] == "ChildMisfit")
    assert "/inputs/schedule" in condition(misfit, "Composed")["message"]
    rig.change(name, inputs={"schedule": "*/5 * * * *"})
    rig.until(name, lambda seen: seen["phase"] == "ready")


def test_production_goes_in_two_steps_and_nothing_of_it_in_one(ground: Ground) -> None:
    rig, name = ground.rig, ground.name
    ground.publish()
    wanted: dict[str, Any] = {"environment": "prod", "owner": "team-pay"}
    inputs = {"description": "Charges cards."}
    hasty = {"name": name, "contract": WHOLE, **wanted, "inputs": {**inputs, "disposable": True}}
    refused = rig.call("POST", "/v1/projects/shop/requests", hasty)
    assert refused.status_code == 403
    assert "leave disposable out" in refused.text
    for each in (name, f"{name}-b"):
        rig.request(each, WHOLE, **wanted, inputs=inputs)
        rig.until_ready(each)

    rig.delete(f"{name}-b")
    denied = rig.until(f"{name}-b", lambda seen: condition(seen, "Allowed")["status"] == "False")
    assert "only deleted after it was declared disposable" in condition(denied, "Allowed")["message"]
    assert {phase for each, phase in ground.phases().items() if each != f"{name}-b"} == {"ready"}

    rig.change(name, inputs={"disposable": True})
    rig.until_ready(name, generation=2)
    rig.delete(name)
    rig.until_gone(name)
    assert not ground.has_database()
