"""The PostgreSQL kinds against a real server."""

import hashlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from executors.step import OutcomeUnknown, Permanent, StepCall, StepError, StepKind, Transient
from executors.steps import StepSettings
from executors.steps.postgres.databases import CreateDatabase, DropDatabase, Inspect
from executors.steps.postgres.roles import CreateRole, DropRole, Grant
from tests.rough_network import silent
from tests.services.children import Children
from tests.services.polling import eventually
from tests.services.ports import free_port
from tests.services.postgres import Postgres, connect, start_postgres
from tests.step_calls import step_call, step_settings

PASSWORD = "S3CR3T-canary-p@ss'word"
NUMBERS = count()
Does = Callable[..., Any]


@pytest.fixture
def settings(tmp_path: Path) -> StepSettings:
    return step_settings(tmp_path)


@pytest.fixture
def reference(settings: StepSettings) -> str:
    return settings.secrets.create_once(
        "shop", "req_00000000000000000000000001", "password", lambda: PASSWORD
    )


@pytest.fixture
def name() -> str:
    """Give a name that no other test uses; the server is shared."""
    return f"orders-{next(NUMBERS)}"


def destination(port: int, **changes: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "admin_user": "postgres", "region": "eu"} | changes


@pytest.fixture
def does(postgres: Postgres, settings: StepSettings) -> Does:
    """Run a kind: `does(CreateRole, name=…)`; `key` and `request_uid` may be given."""

    def run(kind: Callable[[StepSettings], StepKind], verb: str = "run", **arguments: Any) -> Any:
        call_changes = {key: arguments.pop(key) for key in ("request_uid", "project") if key in arguments}
        where = arguments.pop("destination", destination(postgres.port))
        call = step_call({"destination": where, **arguments}, **call_changes)
        return getattr(kind(settings), verb)(call)

    return run


@pytest.fixture
def role(does: Does, reference: str, name: str) -> Iterator[str]:
    does(CreateRole, name=name, password=reference)
    yield name
    does(DropDatabase, name=name)
    does(DropRole, name=name)


def ask(postgres: Postgres, query: LiteralString, *parameters: object) -> Any:
    with closing(connect(postgres.port)) as connection:
        row = connection.execute(query, parameters).fetchone()
        return None if row is None else row[0]


def order(postgres: Postgres, statement: LiteralString, *names: str) -> None:
    """Execute a statement as the superuser; `{}` takes names."""
    postgres.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def log_in(postgres: Postgres, role: str, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
    return psycopg.connect(
        host="127.0.0.1", port=postgres.port, user=role, password=PASSWORD, dbname=database, connect_timeout=5
    )


def test_a_role_logs_in_with_the_password_of_the_reference(postgres: Postgres, role: str) -> None:
    log_in(postgres, role, "postgres").close()


def test_a_role_can_log_in_and_nothing_else(does: Does, role: str) -> None:
    assert does(Inspect, role=role)["role"] == {
        "login": True,
        "superuser": False,
        "create_database": False,
        "create_role": False,
        "connection_limit": -1,
    }


def test_making_it_again_gives_it_the_password_that_it_should_have(
    postgres: Postgres, does: Does, role: str, reference: str
) -> None:
    order(postgres, "ALTER ROLE {} NOLOGIN PASSWORD 'other'", role)
    does(CreateRole, name=role, password=reference)
    log_in(postgres, role, "postgres").close()


def test_the_password_is_nowhere_but_in_the_secret_store(
    postgres: Postgres, does: Does, reference: str, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    order(postgres, "ALTER SYSTEM SET log_statement = 'all'")
    order(postgres, "SELECT pg_reload_conf()")
    outputs = does(CreateRole, name=name, password=reference)
    order(postgres, "ALTER SYSTEM RESET log_statement")
    order(postgres, "SELECT pg_reload_conf()")
    does(DropRole, name=name)
    said = postgres.child.output()
    assert f'CREATE ROLE "{name}"' in said  # the log was really on
    for text in (said, caplog.text, repr(outputs)):
        assert "S3CR3T" not in text


def test_a_database_belongs_to_its_role_and_is_closed_to_everybody_else(
    postgres: Postgres, does: Does, role: str, reference: str
) -> None:
    does(CreateDatabase, name=role, owner=role)
    with closing(log_in(postgres, role, role)) as connection:
        connection.execute("CREATE TABLE t (a int)")
        connection.commit()
    does(CreateRole, name=f"{role}-stranger", password=reference)
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        log_in(postgres, f"{role}-stranger", role)
    does(DropRole, name=f"{role}-stranger")


def test_a_database_is_seen_as_it_is(does: Does, role: str) -> None:
    assert does(Inspect, role=role, database=role)["exists"]
    does(CreateDatabase, name=role, owner=role)
    looked = does(Inspect, role=role, database=role)
    assert looked["database"] == {"owner": role, "encoding": "UTF8", "connections_allowed": True}
    assert looked["grants"] == ["connect", "create", "temporary"]


def test_drift_in_a_role_is_seen(postgres: Postgres, does: Does, role: str) -> None:
    before = does(Inspect, role=role)
    order(postgres, "ALTER ROLE {} SUPERUSER", role)
    assert does(Inspect, role=role) != before


def test_a_database_that_only_half_came_to_be_is_finished(postgres: Postgres, does: Does, role: str) -> None:
    does(CreateDatabase, name=role, owner=role)
    draft = only_draft(postgres, does, role)
    does(CreateDatabase, name=role, owner=role)
    assert ask(postgres, "SELECT count(*) FROM pg_database WHERE datname IN (%s, %s)", draft, role) == 1
    assert does(CreateDatabase, "observe", name=role, owner=role) == {"name": role}


def test_a_database_that_only_half_came_to_be_is_undone(postgres: Postgres, does: Does, role: str) -> None:
    does(CreateDatabase, name=role, owner=role)
    draft = only_draft(postgres, does, role)
    assert does(DropDatabase, "observe", name=role) is None
    does(DropDatabase, name=role)
    assert ask(postgres, "SELECT count(*) FROM pg_database WHERE datname IN (%s, %s)", draft, role) == 0


def only_draft(postgres: Postgres, does: Does, role: str) -> str:
    """Put the clock back to the moment right after CREATE DATABASE: a draft name and no mark."""
    names = "SELECT string_agg(datname, ',') FROM pg_database WHERE datname LIKE 'avow_new_%%'"
    call = step_call({"destination": destination(postgres.port), "name": role, "owner": role})
    mark = ask(
        postgres, "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", role
    )
    assert mark == f"avow:{call.project}/{call.request_uid}"
    draft = f"avow_new_{hashlib.sha256(f'{mark}/{role}'.encode()).hexdigest()[:32]}"
    order(postgres, "ALTER DATABASE {} RENAME TO {}", role, draft)
    order(postgres, "COMMENT ON DATABASE {} IS NULL", draft)
    assert ask(postgres, names) == draft
    assert not does(Inspect, database=role)["exists"]
    return draft


def test_what_somebody_else_made_is_refused_and_never_touched(
    postgres: Postgres, does: Does, role: str, reference: str
) -> None:
    does(CreateDatabase, name=role, owner=role)
    for stranger in ({"request_uid": "req_other"}, {"project": "bank"}):
        own = reference if "project" not in stranger else "secret://env/AVOW_SECRET_ADMIN"
        with pytest.raises(Permanent) as refused:
            does(CreateRole, name=role, password=own, **stranger)
        assert refused.value.code == "already_exists"
        assert does(CreateRole, "observe", name=role, password=own, **stranger) is None
        does(CreateRole, name=f"{role}-mine", password=own, **stranger)
        with pytest.raises(Permanent) as refused:
            does(CreateDatabase, name=role, owner=f"{role}-mine", **stranger)
        assert refused.value.code == "already_exists"
        does(DropDatabase, name=role, **stranger)
        does(DropRole, name=role, **stranger)
        assert not does(Inspect, role=role, database=role, **stranger)["exists"]
        does(DropRole, name=f"{role}-mine", **stranger)
    log_in(postgres, role, role).close()


def test_a_role_without_a_mark_is_nobody_s_to_take(
    postgres: Postgres, does: Does, name: str, reference: str
) -> None:
    order(postgres, "CREATE ROLE {}", name)
    with pytest.raises(Permanent) as refused:
        does(CreateRole, name=name, password=reference)
    assert refused.value.code == "already_exists"
    does(DropRole, name=name)
    order(postgres, "DROP ROLE {}", name)


def test_a_database_without_a_mark_is_nobody_s_to_take(postgres: Postgres, does: Does, role: str) -> None:
    other = f"{role}-unmarked"
    order(postgres, "CREATE DATABASE {}", other)
    with pytest.raises(Permanent) as refused:
        does(CreateDatabase, name=other, owner=role)
    assert refused.value.code == "already_exists"
    does(DropDatabase, name=other)
    order(postgres, "DROP DATABASE {}", other)


@pytest.mark.parametrize("name", ["postgres", "template0", "template1"])
def test_the_server_s_own_databases_are_left_alone(postgres: Postgres, does: Does, name: str) -> None:
    does(DropDatabase, name=name)
    assert ask(postgres, "SELECT count(*) FROM pg_database WHERE datname = %s", name) == 1


def test_an_owner_of_somebody_else_is_refused(does: Does, role: str, name: str) -> None:
    with pytest.raises(Permanent) as refused:
        does(CreateDatabase, name=f"{name}-x", owner="postgres")
    assert refused.value.code == "not_ours"


def test_dropping_ends_connections_first(postgres: Postgres, does: Does, reference: str, name: str) -> None:
    does(CreateRole, name=name, password=reference)
    does(CreateDatabase, name=name, owner=name)
    with closing(log_in(postgres, name, name)) as connection:
        assert does(DropDatabase, name=name) == {"name": name}
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    with closing(log_in(postgres, name, "postgres")) as connection:
        assert does(DropRole, name=name) == {"name": name}
    assert not does(Inspect, role=name, database=name)["exists"]


def test_a_role_that_still_owns_a_database_is_not_dropped(does: Does, role: str) -> None:
    does(CreateDatabase, name=role, owner=role)
    with pytest.raises(Permanent) as refused:
        does(DropRole, name=role)
    assert refused.value.code == "role_in_use"
    assert does(Inspect, role=role)["exists"]


def test_a_grant_lets_a_second_role_in(postgres: Postgres, does: Does, role: str, reference: str) -> None:
    reader = f"{role}-reader"
    does(CreateDatabase, name=role, owner=role)
    does(CreateRole, name=reader, password=reference)
    wanted = {"role": reader, "database": role, "privileges": ["temporary", "connect"]}
    assert does(Grant, "observe", **wanted) is None
    outputs = does(Grant, **wanted)
    assert outputs == {"role": reader, "database": role, "privileges": ["connect", "temporary"]}
    assert does(Grant, "observe", **wanted) == outputs
    log_in(postgres, reader, role).close()
    does(DropRole, name=reader)  # with what it was granted


def test_nothing_is_granted_on_or_to_what_is_not_ours(does: Does, role: str, reference: str) -> None:
    does(CreateDatabase, name=role, owner=role)
    for wanted in ({"role": "postgres", "database": role}, {"role": role, "database": "postgres"}):
        with pytest.raises(Permanent) as refused:
            does(Grant, **wanted, privileges=["connect"])
        assert refused.value.code == "not_ours"


def test_of_many_that_make_it_at_once_all_succeed_and_one_is_made(
    does: Does, reference: str, name: str
) -> None:
    outcomes: list[Any] = []

    def make() -> None:
        try:
            does(CreateRole, name=name, password=reference)
            outcomes.append(does(CreateDatabase, name=name, owner=name))
        except StepError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [{"name": name}] * 4
    does(DropDatabase, name=name)
    does(DropRole, name=name)


@pytest.mark.parametrize(
    "hostile", ['x"; DROP ROLE postgres; --', "x'; SELECT 1; --", "x\\", "é", "%s", "{}"], ids=ascii
)
def test_a_name_is_quoted_whatever_it_is(
    postgres: Postgres, does: Does, reference: str, hostile: str
) -> None:
    # The schema refuses these; the statements must be safe without it.
    assert does(CreateRole, name=hostile, password=reference) == {"name": hostile}
    assert ask(postgres, "SELECT count(*) FROM pg_roles WHERE rolname = %s", hostile) == 1
    does(DropRole, name=hostile)
    assert ask(postgres, "SELECT count(*) FROM pg_roles WHERE rolname IN (%s, 'postgres')", hostile) == 1


# --- servers that misbehave -----------------------------------------------------------------


def test_a_server_that_is_not_there_may_be_tried_later(does: Does) -> None:
    with pytest.raises(Transient) as refused:
        does(Inspect, destination=destination(free_port()), role="x")
    assert refused.value.code == "postgres_unreachable"


def test_a_server_that_never_answers_is_left_at_the_time_limit(settings: StepSettings) -> None:
    with silent() as port, pytest.raises(Transient):
        Inspect(settings).run(step_call({"destination": destination(port), "role": "x"}, timeout_seconds=1.0))


def test_a_wrong_password_is_final_and_not_said(does: Does, role: str, postgres: Postgres) -> None:
    where = destination(postgres.port, admin_user=role, admin_password="secret://env/AVOW_SECRET_ADMIN")
    with pytest.raises(Permanent) as refused:
        does(Inspect, destination=where, role=role)
    assert refused.value.code == "postgres_access_denied"


def test_an_administrator_without_rights_is_told_so(
    does: Does, role: str, reference: str, postgres: Postgres
) -> None:
    where = destination(postgres.port, admin_user=role, admin_password=reference)
    with pytest.raises(Permanent) as refused:
        does(CreateRole, destination=where, name=f"{role}-x", password=reference)
    assert refused.value.code == "postgres_access_denied"
    assert "permission denied" in refused.value.message


def test_a_lock_that_is_held_too_long_may_be_tried_later(
    postgres: Postgres, settings: StepSettings, role: str
) -> None:
    with closing(connect(postgres.port)) as holder:
        number = int.from_bytes(hashlib.sha256(f"avow {role}".encode()).digest()[:8], "big", signed=True)
        holder.execute("SELECT pg_advisory_lock(%s)", (number,))
        call = step_call({"destination": destination(postgres.port), "name": role}, timeout_seconds=1.0)
        with pytest.raises(Transient) as refused:
            DropRole(settings).run(call)
        assert refused.value.code == "postgres_busy"


def test_a_server_that_freezes_in_the_middle_leaves_the_outcome_unknown(
    children: Children, settings: StepSettings
) -> None:
    with closing(start_postgres(children)) as server, closing(connect(server.port)) as holder:
        number = int.from_bytes(hashlib.sha256(b"avow frozen").digest()[:8], "big", signed=True)
        holder.execute("SELECT pg_advisory_lock(%s)", (number,))
        call = step_call({"destination": destination(server.port), "name": "frozen"}, timeout_seconds=2.0)
        raised: list[StepError] = []
        thread = threading.Thread(target=lambda: raised.append(failure(DropRole(settings), call)))
        thread.start()
        wake = freeze_waiting_backend(server)
        thread.join()
        wake()
    assert isinstance(raised[0], OutcomeUnknown)


def failure(kind: StepKind, call: StepCall) -> StepError:
    with pytest.raises(StepError) as raised:
        kind.run(call)
    return raised.value


def freeze_waiting_backend(server: Postgres) -> Callable[[], None]:
    """Stop the server's process that waits for the lock, and return how to wake it."""
    query = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'advisory'"
    pid = eventually(lambda: ask(server, query), "the step to wait for the lock")
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)
