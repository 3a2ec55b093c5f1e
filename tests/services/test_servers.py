"""Every service fixture hands out a server that really answers."""

import asyncio
import subprocess
from contextlib import closing
from pathlib import Path

import httpx
import psycopg
import pytest
import redis
import sqlalchemy as sa
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from tests.services import brokers
from tests.services.git_http import GitHost
from tests.services.ports import LOOPBACK
from tests.services.postgres import SUPERUSER, Postgres
from tests.services.rabbitmq import Rabbitmq
from tests.services.redis import Redis
from tests.services.temporal import NAMESPACE, Temporal

LARGE = 3_000_000  # beyond what git sends in one piece


def git(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run git without anybody's own settings."""
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def pushed_clone(url: str, folder: Path, content: bytes) -> subprocess.CompletedProcess[str]:
    """Clone a repository, commit one file and push it."""
    git("clone", "--quiet", url, folder)
    (folder / "file").write_bytes(content)
    git("add", "file", cwd=folder)
    git("commit", "--quiet", "-m", "one file", cwd=folder)
    return git("push", "--quiet", "origin", "HEAD:main", cwd=folder)


def test_a_database_of_each_kind_takes_a_table_and_starts_empty(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        assert sa.inspect(connection).get_table_names() == []
        connection.execute(sa.text("CREATE TABLE kept (n INTEGER)"))
        connection.execute(sa.text("INSERT INTO kept VALUES (7)"))
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT n FROM kept")).scalar_one() == 7
    engine.dispose()


def test_a_dropped_database_is_gone_though_somebody_was_connected(postgres: Postgres) -> None:
    url = postgres.new_database()
    address = f"host={LOOPBACK} port={postgres.port} user={SUPERUSER} dbname={url.rpartition('/')[2]}"
    with closing(psycopg.connect(address)):
        postgres.drop_database(url)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(address)


def test_a_role_must_prove_its_password(postgres: Postgres) -> None:
    with psycopg.connect(host=LOOPBACK, port=postgres.port, user=SUPERUSER, autocommit=True) as connection:
        connection.execute("CREATE ROLE guarded LOGIN PASSWORD 'right'")
        address = f"host={LOOPBACK} port={postgres.port} user=guarded dbname={SUPERUSER}"
        psycopg.connect(f"{address} password=right").close()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(f"{address} password=wrong")
        connection.execute("DROP ROLE guarded")


def test_redis_hands_out_databases_that_do_not_meet(redis_server: Redis) -> None:
    with (
        redis.Redis.from_url(redis_server.new_url()) as one,
        redis.Redis.from_url(redis_server.new_url()) as other,
    ):
        one.set("key", "value")
        assert one.get("key") == b"value"
        assert other.get("key") is None


def test_the_shared_redis_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_rabbitmq_hands_out_virtual_hosts_that_do_not_meet(rabbitmq_server: Rabbitmq) -> None:
    one, other = rabbitmq_server.new_url(), rabbitmq_server.new_url()
    brokers.put(one, "queue", "value")
    assert (brokers.waiting(one, "queue"), brokers.waiting(other, "queue")) == (1, 0)
    assert brokers.taken(one, "queue").payload == "value"
    assert brokers.waiting(one, "queue") == 0


def test_rabbitmq_comes_back_where_it_was(rabbitmq_server: Rabbitmq) -> None:
    url = rabbitmq_server.new_url()
    rabbitmq_server.kill()
    rabbitmq_server.start()
    brokers.put(url, "queue", "value")
    assert brokers.waiting(url, "queue") == 1


def test_temporal_knows_its_namespace_and_no_workflow(temporal_server: Temporal) -> None:
    async def ask() -> RPCStatusCode:
        client = await Client.connect(temporal_server.address, namespace=NAMESPACE)
        with pytest.raises(RPCError) as unknown:
            await client.get_workflow_handle("never seen").describe()
        return unknown.value.status

    assert asyncio.run(ask()) is RPCStatusCode.NOT_FOUND


def test_opa_decides_by_a_policy_put_into_it(opa_url: str) -> None:
    policy = "package fixture_test\n\nallow if input.size < 3\n"
    put = httpx.put(f"{opa_url}/v1/policies/fixture_test", content=policy)
    assert put.is_success, put.text
    answers = [
        httpx.post(f"{opa_url}/v1/data/fixture_test/allow", json={"input": {"size": size}})
        .json()
        .get("result")
        for size in (2, 4)
    ]
    assert answers == [True, None]


@pytest.mark.parametrize("content", [b"small", bytes(range(256)) * (LARGE // 256)], ids=["small", "large"])
def test_what_is_pushed_over_http_comes_back_in_a_clone(
    git_http: GitHost, tmp_path: Path, content: bytes
) -> None:
    url = git_http.new_repository("team/one.git")
    pushed = pushed_clone(url, tmp_path / "first", content)
    assert pushed.returncode == 0, pushed.stderr
    git("clone", "--quiet", url, tmp_path / "second")
    assert (tmp_path / "second" / "file").read_bytes() == content
    assert (git_http.root / "team" / "one.git" / "HEAD").exists()


def test_a_push_that_would_lose_commits_is_refused(git_http: GitHost, tmp_path: Path) -> None:
    url = git_http.new_repository("one.git")
    pushed_clone(url, tmp_path / "base", b"base")
    for name in ("early", "late"):
        git("clone", "--quiet", url, tmp_path / name)
    assert pushed_clone(url, tmp_path / "early", b"early").returncode == 0
    refused = pushed_clone(url, tmp_path / "late", b"late")
    assert refused.returncode != 0
    assert "rejected" in refused.stderr


def test_a_git_host_can_be_told_to_be_unavailable(git_http: GitHost) -> None:
    url = git_http.new_repository("one.git")
    git_http.answer_next_with(503)
    assert "503" in git("ls-remote", url).stderr
    assert git("ls-remote", url).returncode == 0


def test_an_unknown_repository_is_not_found(git_http: GitHost) -> None:
    assert "not found" in git("ls-remote", f"{git_http.url}/none.git").stderr
