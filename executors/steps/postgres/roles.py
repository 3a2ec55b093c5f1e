"""`postgres.create_role`, `postgres.drop_role` and `postgres.grant`."""

from collections.abc import Mapping
from typing import LiteralString

from psycopg import sql

from catalog.digest import Json, JsonObject
from executors.arguments import Arguments, taking
from executors.boundary import doing, looking
from executors.port import Effect
from executors.secrets import REFERENCE_PATTERN
from executors.step import Permanent, StepCall
from executors.steps import StepSettings
from executors.steps.postgres.server import DESTINATION, NAME, Server, administrator, already_exists

PRIVILEGES = {"connect": "CONNECT", "create": "CREATE", "temporary": "TEMPORARY"}
_PASSWORD: JsonObject = {"description": "a secret reference", "type": "string", "pattern": REFERENCE_PATTERN}
_LIMIT: JsonObject = {
    "description": "connections at once; -1 for any number",
    "type": "integer",
    "minimum": -1,
    "maximum": 10000,
    "default": -1,
}
# Said only when they are needed: an administrator who is no superuser may not even say NOSUPERUSER.
_TAKING_AWAY: Mapping[str, LiteralString] = {
    "superuser": "ALTER ROLE {} NOSUPERUSER",
    "create_database": "ALTER ROLE {} NOCREATEDB",
    "create_role": "ALTER ROLE {} NOCREATEROLE",
}


class CreateRole:
    """Make a role that can log in and nothing else."""

    name = "postgres.create_role"
    effect = Effect.WRITE
    schema = taking(
        {"destination": DESTINATION, "name": NAME, "password": _PASSWORD}, {"connection_limit": _LIMIT}
    )

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `name`; a role that the request already has becomes what it should be, password included.

        Raises:
            Permanent: `already_exists`, it is not this request's.
        """
        arguments = Arguments(call.arguments)
        with doing(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            name = arguments.text("name")
            verifier = server.verifier(name, unsealed.resolve(arguments.text("password")))
            unsealed.learn(verifier)
            server.lock(name)
            with server.connection.transaction():
                _make(server, name)
                _confine(server, name)
                server.execute(
                    "ALTER ROLE {} LOGIN CONNECTION LIMIT {limit} PASSWORD {verifier}",
                    name,
                    limit=arguments.whole("connection_limit", -1),
                    verifier=verifier,
                )
            return {"name": name}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return `name` if the role is there and is the request's."""
        with looking(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            name = Arguments(call.arguments).text("name")
            return {"name": name} if server.is_ours(server.role(name)) else None


class DropRole:
    """Drop a request's role."""

    name = "postgres.drop_role"
    effect = Effect.WRITE
    schema = taking({"destination": DESTINATION, "name": NAME})

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `name`; what is not the request's is left alone.

        Raises:
            Permanent: `role_in_use`, it still owns something outside the destination's database.
        """
        with doing(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            name = Arguments(call.arguments).text("name")
            server.lock(name)
            if server.is_ours(server.role(name)):
                server.ask(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s", name
                )
                with server.connection.transaction():
                    server.execute("DROP OWNED BY {}", name)
                    server.execute("DROP ROLE {}", name)
            return {"name": name}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return `name` if the request has no role of this name (any more)."""
        with looking(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            name = Arguments(call.arguments).text("name")
            return None if server.is_ours(server.role(name)) else {"name": name}


class Grant:
    """Let a role of the project use a database of the request."""

    name = "postgres.grant"
    effect = Effect.WRITE
    schema = taking(
        {
            "destination": DESTINATION,
            "role": NAME,
            "database": NAME,
            "privileges": {
                "type": "array",
                "minItems": 1,
                "uniqueItems": True,
                "items": {"enum": list(PRIVILEGES)},
            },
        }
    )

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `role`, `database` and `privileges`.

        Raises:
            Permanent: `not_ours`, one of the two is missing or belongs to somebody else.
        """
        arguments = Arguments(call.arguments)
        with doing(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            role, database = arguments.text("role"), arguments.text("database")
            ours = server.is_ours(server.database(database)) and server.is_of_project(server.role(role))
            if not ours:
                raise Permanent(
                    "not_ours", "The role or the database is missing or belongs to somebody else."
                )
            words = sql.SQL(", ").join(sql.SQL(PRIVILEGES[word]) for word in arguments.texts("privileges"))
            names = (sql.Identifier(database), sql.Identifier(role))
            server.connection.execute(sql.SQL("GRANT {} ON DATABASE {} TO {}").format(words, *names))
            return _granted(arguments)

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return the outputs if the role has every privilege."""
        arguments = Arguments(call.arguments)
        with looking(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            held = privileges(server, arguments.text("role"), arguments.text("database"))
            return _granted(arguments) if set(arguments.texts("privileges")) <= set(held) else None


def privileges(server: Server, role: str, database: str) -> tuple[str, ...]:
    """Return what a role may do with a database, sorted; nothing when one of them is missing."""
    if server.role(role) is None or server.database(database) is None:
        return ()
    row = server.ask(
        "SELECT has_database_privilege(r, d, 'CONNECT'), has_database_privilege(r, d, 'CREATE'),"
        " has_database_privilege(r, d, 'TEMPORARY') FROM (SELECT %s::text r, %s::text d) _",
        role,
        database,
    )
    return tuple(word for word, held in zip(PRIVILEGES, row or (), strict=False) if held)


def _make(server: Server, name: str) -> None:
    found = server.role(name)
    if found is None:
        server.execute("CREATE ROLE {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION", name)
        server.execute("COMMENT ON ROLE {} IS {mark}", name, mark=server.mark)
    elif not server.is_ours(found):
        raise already_exists("role")


def _confine(server: Server, name: str) -> None:
    found = server.role(name)
    for word, statement in _TAKING_AWAY.items():
        if found is not None and found.facts[word]:
            server.execute(statement, name)


def _granted(arguments: Arguments) -> dict[str, Json]:
    words = sorted(arguments.texts("privileges"))
    return {"role": arguments.text("role"), "database": arguments.text("database"), "privileges": words}
