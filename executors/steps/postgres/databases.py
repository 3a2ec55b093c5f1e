"""`postgres.create_database`, `postgres.drop_database` and `postgres.inspect`.

CREATE DATABASE cannot be part of a transaction, so a crash could leave a database that bears
no mark and that nobody would dare to touch. It is therefore made under a draft name that only
its request has, marked, closed to the public, and then renamed, the last three in one
transaction: under its own name it appears finished or not at all.
"""

from collections.abc import Mapping
from hashlib import sha256

from catalog.digest import Json, JsonObject
from executors.arguments import Arguments, taking
from executors.boundary import doing, looking
from executors.port import Effect
from executors.step import OutcomeUnknown, Permanent, StepCall, Transient
from executors.steps import StepSettings
from executors.steps.postgres.roles import privileges
from executors.steps.postgres.server import DESTINATION, NAME, Server, administrator, already_exists


class CreateDatabase:
    """Make a database that belongs to one of the request's roles."""

    name = "postgres.create_database"
    effect = Effect.WRITE
    schema = taking({"destination": DESTINATION, "name": NAME, "owner": NAME})

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `name`; only its owner may connect to it. One that is there becomes what it should be.

        Raises:
            Permanent: `already_exists`, it is not this request's; `not_ours`, the owner is not.
        """
        arguments = Arguments(call.arguments)
        with doing(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            name, owner = arguments.text("name"), arguments.text("owner")
            if not server.is_ours(server.role(owner)):
                raise Permanent("not_ours", "The owner is missing or is not a role of this request.")
            server.lock(name)
            found = server.database(name)
            if found is None:
                _make(server, name, owner)
            elif not server.is_ours(found):
                raise already_exists("database")
            else:
                _restore(server, name, owner, found.facts)
            return {"name": name}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return `name` if the database is there and is the request's."""
        with looking(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            name = Arguments(call.arguments).text("name")
            return {"name": name} if server.is_ours(server.database(name)) else None


class DropDatabase:
    """Drop a request's database with everything in it."""

    name = "postgres.drop_database"
    effect = Effect.WRITE
    schema = taking({"destination": DESTINATION, "name": NAME})

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `name`; connections to it are ended, what is not the request's is left alone."""
        with doing(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            name = Arguments(call.arguments).text("name")
            server.lock(name)
            for ours in _ours(server, name):
                server.execute("DROP DATABASE {} WITH (FORCE)", ours)
            return {"name": name}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return `name` if the request has no database of this name (any more)."""
        with looking(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            name = Arguments(call.arguments).text("name")
            return None if _ours(server, name) else {"name": name}


class Inspect:
    """Look at a request's role and database."""

    name = "postgres.inspect"
    effect = Effect.READ
    schema = taking({"destination": DESTINATION}, {"role": NAME, "database": NAME})

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `exists`, `role`, `database` and `grants`; what is not the request's is not there.

        `exists` says whether any of what was asked for is there.
        """
        arguments = Arguments(call.arguments)
        with doing(self._secrets, call) as unsealed:
            try:
                with administrator(call, unsealed) as server:
                    return _facts(server, arguments)
            except OutcomeUnknown as error:  # nothing changes by looking
                raise Transient(error.code, error.message) from error

    def observe(self, call: StepCall) -> Mapping[str, Json]:
        """Look again."""
        return self.run(call)


def _make(server: Server, name: str, owner: str) -> None:
    draft = _draft(server, name)
    if server.database(draft) is None:
        server.execute("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'", draft, owner)
    with server.connection.transaction():
        server.execute("COMMENT ON DATABASE {} IS {mark}", draft, mark=server.mark)
        server.execute("REVOKE ALL ON DATABASE {} FROM PUBLIC", draft)
        server.execute("ALTER DATABASE {} RENAME TO {}", draft, name)


def _restore(server: Server, name: str, owner: str, facts: JsonObject) -> None:
    if facts["owner"] != owner:
        server.execute("ALTER DATABASE {} OWNER TO {}", name, owner)
    if not facts["connections_allowed"]:
        server.execute("ALTER DATABASE {} ALLOW_CONNECTIONS true", name)


def _draft(server: Server, name: str) -> str:
    return f"avow_new_{sha256(f'{server.mark}/{name}'.encode()).hexdigest()[:32]}"


def _ours(server: Server, name: str) -> list[str]:
    whole = [name] if server.is_ours(server.database(name)) else []
    draft = _draft(server, name)
    return [*whole, draft] if server.database(draft) is not None else whole


def _facts(server: Server, arguments: Arguments) -> dict[str, Json]:
    role = server.role(arguments.text("role")) if arguments.has("role") else None
    database = server.database(arguments.text("database")) if arguments.has("database") else None
    ours = [
        found.facts if found is not None and server.is_ours(found) else None for found in (role, database)
    ]
    both = None not in ours
    grants = privileges(server, arguments.text("role"), arguments.text("database")) if both else ()
    return {
        "exists": any(facts is not None for facts in ours),
        "role": ours[0],
        "database": ours[1],
        "grants": list(grants),
    }
