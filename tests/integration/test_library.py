"""The contracts that ship, against real git, a real catalogue and a real PostgreSQL."""

import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from catalog.clock import utc_now
from catalog.contract import OperationName
from catalog.digest import JsonObject
from deploy.demo.catalogue_server import Catalogue, serving
from executors.port import RunState
from executors.secrets import LocalSecrets
from executors.steps import StepSettings
from tests.deliveries import NUMBERS, Delivery, Library, library_on
from tests.factories import PROJECT, UID
from tests.services.git_http import GitHost
from tests.services.polling import eventually
from tests.services.postgres import Postgres, connect
from tests.step_calls import step_settings


@pytest.fixture
def settings(tmp_path: Path, git_http: GitHost) -> StepSettings:
    return step_settings(tmp_path, repository_roots=(git_http.root,), clock=utc_now)


@pytest.fixture
def library(sqlite_url: str, settings: StepSettings) -> Iterator[Library]:
    with library_on(sqlite_url, settings) as shelf:
        yield shelf


# --- service ------------------------------------------------------------------------------

CI = ".github/workflows/ci.yml"


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    with serving(tmp_path / "entities") as started:
        yield started


@pytest.fixture
def service(library: Library, git_http: GitHost, catalogue: Catalogue) -> Delivery:
    config = {"root": str(git_http.root), "url": git_http.url, "catalogue_url": catalogue.url}
    return library.deliver("service", "orders", config, description="Takes orders.")


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=Dev", "-c", "user.email=dev@example.test", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


def test_a_service_is_delivered_though_the_catalogue_was_busy_at_first(
    service: Delivery, catalogue: Catalogue, tmp_path: Path
) -> None:
    report = service.succeeded(OperationName.PROVISION)
    assert service.seen() == report.facts
    assert catalogue.entity("orders")["repository"] == report.outputs["url"]
    git(tmp_path, "clone", "--quiet", str(report.outputs["url"]), "clone")
    assert git(tmp_path / "clone", "rev-parse", "HEAD").strip() == report.outputs["commit"]
    files = set(git(tmp_path / "clone", "ls-files").split())
    assert files == {CI, "catalog-info.yaml", "Makefile", "README.md"}


def test_a_service_whose_ci_file_was_deleted_is_mended_and_no_commit_is_lost(
    service: Delivery, tmp_path: Path
) -> None:
    delivered = service.succeeded(OperationName.PROVISION)
    git(tmp_path, "clone", "--quiet", str(delivered.outputs["url"]), "clone")
    clone = tmp_path / "clone"
    (clone / "main.py").write_text("print('orders')\n")
    (clone / "README.md").write_text("# ours\n")
    git(clone, "rm", "--quiet", CI)
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "--message", "Who needs CI")
    git(clone, "push", "--quiet")
    assert service.seen()["files"][CI] is None
    repaired = service.succeeded(OperationName.REPAIR)
    assert service.seen() == repaired.facts == delivered.facts
    git(clone, "pull", "--quiet")
    assert (clone / CI).exists()
    assert (clone / "README.md").read_text() == "# ours\n"
    assert (clone / "main.py").exists()


def test_a_service_is_taken_down_and_then_seen_gone(
    service: Delivery, catalogue: Catalogue, git_http: GitHost
) -> None:
    service.succeeded(OperationName.PROVISION)
    service.succeeded(OperationName.DELETE)
    assert service.seen()["exists"] is False
    assert catalogue.names() == []
    assert len(list((git_http.root / ".archive").iterdir())) == 1
    service.succeeded(OperationName.DELETE)


def test_a_service_that_never_came_to_be_is_seen_as_absent_and_can_be_taken_down(service: Delivery) -> None:
    assert service.seen() == {"exists": False, "files": {CI: None, "catalog-info.yaml": None}}
    service.succeeded(OperationName.DELETE)


def test_a_service_under_a_name_that_is_taken_leaves_everything_as_it_was(
    service: Delivery, git_http: GitHost, catalogue: Catalogue
) -> None:
    git_http.new_repository("orders.git")
    report = service.run(OperationName.PROVISION)
    assert report.state is RunState.FAILED
    assert service.seen()["exists"] is False
    assert (git_http.root / "orders.git").exists()
    assert catalogue.names() == []


# --- postgres-database --------------------------------------------------------------------


@pytest.fixture
def database(library: Library, postgres: Postgres) -> Iterator[Delivery]:
    config: JsonObject = {"host": "127.0.0.1", "port": postgres.port, "admin_user": "postgres"}
    delivery = library.deliver("postgres-database", f"orders-{next(NUMBERS)}", config)
    yield delivery
    delivery.succeeded(OperationName.DELETE)


def logged_in(settings: StepSettings, outputs: Mapping[str, Any]) -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(
        host=outputs["host"],
        port=outputs["port"],
        dbname=outputs["database"],
        user=outputs["username"],
        password=settings.secrets.resolve(outputs["password"], PROJECT),
        autocommit=True,
    )


def order(postgres: Postgres, statement: LiteralString, *names: object) -> None:
    postgres.execute(sql.SQL(statement).format(*(sql.Identifier(str(name)) for name in names)))


def test_a_database_is_delivered_and_its_role_can_work_in_it(
    database: Delivery, settings: StepSettings
) -> None:
    report = database.succeeded(OperationName.PROVISION)
    assert database.seen() == report.facts
    with logged_in(settings, report.outputs) as connection:
        connection.execute("CREATE SCHEMA app")
        connection.execute("CREATE TABLE app.orders (id int)")
        connection.execute("CREATE TEMPORARY TABLE scratch (id int)")


def test_the_password_is_a_reference_wherever_it_appears(database: Delivery, settings: StepSettings) -> None:
    report = database.succeeded(OperationName.PROVISION)
    reference = report.outputs["password"]
    assert isinstance(settings.secrets, LocalSecrets)
    assert reference == f"secret://file/{PROJECT}/{UID}/password"
    value = settings.secrets.resolve(reference, PROJECT)
    assert value not in repr(report)


def test_the_role_holds_no_more_connections_than_asked_for(
    database: Delivery, settings: StepSettings
) -> None:
    outputs = database.succeeded(OperationName.PROVISION, connections=1).outputs
    with logged_in(settings, outputs), pytest.raises(psycopg.OperationalError, match="too many connections"):
        logged_in(settings, outputs)
    report = database.succeeded(OperationName.UPDATE, connections=2)
    assert database.seen() == report.facts
    with logged_in(settings, outputs), logged_in(settings, outputs):
        pass


BREAKAGES: dict[str, LiteralString] = {
    "superuser": "ALTER ROLE {0} SUPERUSER",
    "create_database": "ALTER ROLE {0} CREATEDB",
    "create_role": "ALTER ROLE {0} CREATEROLE",
    "login": "ALTER ROLE {0} NOLOGIN",
    "connection_limit": "ALTER ROLE {0} CONNECTION LIMIT 3",
    "owner": "ALTER DATABASE {0} OWNER TO postgres",
    "connections": "ALTER DATABASE {0} ALLOW_CONNECTIONS false",
    "grants": "REVOKE CONNECT ON DATABASE {0} FROM {0}",
    "dropped": "DROP DATABASE {0}",
}


@pytest.mark.parametrize("broken", BREAKAGES)
def test_what_somebody_changed_by_hand_is_seen_and_put_right(
    database: Delivery, postgres: Postgres, settings: StepSettings, broken: str
) -> None:
    delivered = database.succeeded(OperationName.PROVISION)
    order(postgres, BREAKAGES[broken], database.request["name"])
    assert database.seen() != delivered.facts
    assert database.seen()["exists"] is True
    repaired = database.succeeded(OperationName.REPAIR)
    assert database.seen() == repaired.facts == delivered.facts
    logged_in(settings, repaired.outputs).close()


def test_content_survives_a_repair(database: Delivery, postgres: Postgres, settings: StepSettings) -> None:
    outputs = database.succeeded(OperationName.PROVISION).outputs
    with logged_in(settings, outputs) as connection:
        connection.execute("CREATE TABLE orders (id int)")
        connection.execute("INSERT INTO orders VALUES (1)")
    order(postgres, "ALTER DATABASE {0} OWNER TO postgres", database.request["name"])
    database.succeeded(OperationName.REPAIR)
    with logged_in(settings, outputs) as connection:
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)


def test_a_password_that_was_changed_by_hand_is_set_again(
    database: Delivery, postgres: Postgres, settings: StepSettings
) -> None:
    outputs = database.succeeded(OperationName.PROVISION).outputs
    order(postgres, "ALTER ROLE {0} PASSWORD 'mine now'", database.request["name"])
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        logged_in(settings, outputs)
    database.succeeded(OperationName.REPAIR)
    logged_in(settings, outputs).close()


def sessions(postgres: Postgres, database: Delivery) -> set[int]:
    query = "SELECT pid FROM pg_stat_activity WHERE datname = %s"
    with connect(postgres.port) as connection:
        return {int(str(row[0])) for row in connection.execute(query, (str(database.request["name"]),))}


def test_connections_that_do_nothing_are_ended_and_what_was_delivered_stays(
    database: Delivery, postgres: Postgres, settings: StepSettings
) -> None:
    delivered = database.succeeded(OperationName.PROVISION, connections=3)
    outputs = delivered.outputs
    with closing(logged_in(settings, outputs)) as idle, closing(logged_in(settings, outputs)) as busy:
        idle.autocommit = False
        idle.execute("CREATE TABLE half_done (id int)")  # idle, and in a transaction
        working = threading.Thread(target=suppressed, args=(busy, "SELECT pg_sleep(60)"))
        working.start()
        eventually(lambda: is_working(postgres, busy), "the statement to run")
        assert database.act("end-connections").outputs == {"ended": 0}, "nothing is idle for ten minutes"
        assert database.act("end-connections", idle_minutes=0).outputs == {"ended": 1}
        assert sessions(postgres, database) == {busy.info.backend_pid}
        assert database.act("end-connections", busy=True).outputs == {"ended": 1}
        working.join()
    assert sessions(postgres, database) == set()
    assert database.seen() == delivered.facts
    logged_in(settings, delivered.outputs).close()


def test_connections_to_a_database_of_somebody_else_are_left_alone(
    database: Delivery, postgres: Postgres
) -> None:
    order(postgres, "CREATE DATABASE {0}", database.request["name"])
    theirs = connect(postgres.port, str(database.request["name"]))
    with closing(theirs), pytest.raises(AssertionError, match="belongs"):
        database.act("end-connections", idle_minutes=0)
    order(postgres, "DROP DATABASE {0}", database.request["name"])


def suppressed(connection: "psycopg.Connection[tuple[Any, ...]]", statement: LiteralString) -> None:
    with suppress(psycopg.Error):
        connection.execute(statement)


def is_working(postgres: Postgres, session: "psycopg.Connection[tuple[Any, ...]]") -> bool:
    query = "SELECT state FROM pg_stat_activity WHERE pid = %s"
    with connect(postgres.port) as connection:
        return connection.execute(query, (session.info.backend_pid,)).fetchone() == ("active",)


def test_nothing_is_left_of_a_database_that_was_deleted(
    database: Delivery, postgres: Postgres, settings: StepSettings
) -> None:
    outputs = database.succeeded(OperationName.PROVISION).outputs
    with logged_in(settings, outputs):
        database.succeeded(OperationName.DELETE)
    assert database.seen() == {"exists": False, "role": None, "database": None, "grants": []}
    assert settings.secrets.find(PROJECT, UID, "password") is None


def test_a_database_under_a_name_that_is_taken_is_undone_and_the_other_left_alone(
    database: Delivery, postgres: Postgres, settings: StepSettings
) -> None:
    name = database.request["name"]
    order(postgres, "CREATE DATABASE {0}", name)
    report = database.run(OperationName.PROVISION)
    assert report.state is RunState.FAILED
    assert database.seen()["exists"] is False
    assert settings.secrets.find(PROJECT, UID, "password") is None
    order(postgres, "DROP DATABASE {0}", name)
