"""The fixtures that start real servers, and the summary of those that could not be.

Loaded by conftest. One server of each kind per test run (per worker when the run is spread),
started when the first test asks for it. What a test gets inside a server is its own: a fresh
database, a fresh git folder.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.services.brokers import Broker
from tests.services.children import Children
from tests.services.git_http import GitHost, git_host
from tests.services.missing import summary_lines
from tests.services.opa import start_opa
from tests.services.postgres import Postgres, start_postgres
from tests.services.rabbitmq import Rabbitmq, start_rabbitmq
from tests.services.redis import Redis, start_redis
from tests.services.temporal import Temporal, start_temporal


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Children]:
    """Own the servers of this run and end them with it."""
    with closing(Children(tmp_path_factory.mktemp("servers"))) as started:
        yield started


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    """Start programs that end with the test: `children.start([...])`."""
    with closing(Children(tmp_path)) as started:
        yield started


@pytest.fixture(scope="session")
def postgres(servers: Children) -> Iterator[Postgres]:
    """Give the PostgreSQL server; `postgres.new_database()` returns a fresh database's URL."""
    with closing(start_postgres(servers)) as server:
        yield server


@pytest.fixture
def postgresql_url(postgres: Postgres) -> Iterator[str]:
    """Give the URL of a PostgreSQL database of this test's own."""
    url = postgres.new_database()
    yield url
    postgres.drop_database(url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Give the URL of an SQLite database of this test's own."""
    return f"sqlite:///{tmp_path / 'avow.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of an empty database; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give the URL of a database that a module's tests share; they run once on each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('database')}/avow.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture(scope="session")
def redis_server(servers: Children, tmp_path_factory: pytest.TempPathFactory) -> Redis:
    """Give the Redis server; `redis_server.new_url()` returns a database nobody else uses."""
    return start_redis(servers, tmp_path_factory.mktemp("redis"))


@pytest.fixture(scope="session")
def redis_url(redis_server: Redis) -> str:
    """Give the URL of a Redis database that the whole run shares."""
    return redis_server.url


@pytest.fixture(scope="session")
def rabbitmq_server(servers: Children, tmp_path_factory: pytest.TempPathFactory) -> Rabbitmq:
    """Give the RabbitMQ node; `rabbitmq_server.new_url()` returns a virtual host nobody else uses."""
    return start_rabbitmq(servers, tmp_path_factory.mktemp("rabbitmq"))


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Give a broker's server; the test runs once on each kind."""
    server: Broker = request.getfixturevalue(f"{request.param}_server")
    return server


@pytest.fixture
def broker_url(broker: Broker) -> str:
    """Give the URL of a broker of this test's own; the test runs once on each kind."""
    return broker.new_url()


@pytest.fixture(scope="session")
def temporal_server(servers: Children, tmp_path_factory: pytest.TempPathFactory) -> Temporal:
    """Give the Temporal server; the ids of its workflows are shared by the whole run."""
    return start_temporal(servers, tmp_path_factory.mktemp("temporal"))


@pytest.fixture(scope="session")
def opa_url(servers: Children) -> str:
    """Give the base URL of an OPA server that the whole run shares."""
    return start_opa(servers).url


@pytest.fixture
def git_http(tmp_path: Path) -> Iterator[GitHost]:
    """Give a git host of this test's own: `root` on disk, `url`, `new_repository(name)`."""
    root = tmp_path / "git-host"
    root.mkdir()
    with git_host(root) as host:
        yield host


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the missing services at the end of the run."""
    reasons = [
        str(report.longrepr[2])
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple)
    ]
    lines = summary_lines(reasons)
    if lines:
        terminalreporter.section("services missing")
        for line in lines:
            terminalreporter.line(line)
