"""`postgres.end_connections`: makes room where a service has left connections open."""

from collections.abc import Mapping
from typing import LiteralString

from catalog.digest import Json, JsonObject
from executors.arguments import Arguments, taking
from executors.boundary import doing, looking
from executors.port import Effect
from executors.step import Permanent, StepCall
from executors.steps import StepSettings
from executors.steps.postgres.server import DESTINATION, NAME, Server, administrator

_MINUTES: JsonObject = {
    "description": "since how long one must have done nothing",
    "type": "integer",
    "minimum": 0,
    "maximum": 10080,
    "default": 0,
}
_BUSY: JsonObject = {
    "description": "those that run a statement too; what their transactions did is undone",
    "type": "boolean",
    "default": False,
}
_THESE: LiteralString = (
    " FROM pg_stat_activity"
    " WHERE datname = %s AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    " AND (%s::boolean OR (state LIKE 'idle%%' AND state_change <= now() - make_interval(mins => %s::int)))"
)
_PATIENCE_MILLISECONDS = 5000


class EndConnections:
    """End connections to a request's database."""

    name = "postgres.end_connections"
    effect = Effect.WRITE
    schema = taking({"destination": DESTINATION, "database": NAME}, {"idle_minutes": _MINUTES, "busy": _BUSY})

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `ended`, how many this call has ended; one that has to be done twice ends the rest.

        Raises:
            Permanent: `not_ours`, the database is missing or belongs to somebody else.
        """
        with doing(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            arguments = Arguments(call.arguments)
            if not server.is_ours(server.database(arguments.text("database"))):
                raise Permanent("not_ours", "The database is missing or belongs to somebody else.")
            return {"ended": _ended(server, arguments)}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return that none had to be ended if there is none of those that were to be."""
        with looking(self._secrets, call) as unsealed, administrator(call, unsealed) as server:
            found = server.ask("SELECT count(*)" + _THESE, *_those(Arguments(call.arguments)))
            return None if found is None or found[0] else {"ended": 0}


def _ended(server: Server, arguments: Arguments) -> int:
    # The server is asked to wait for their end: without that, the next look might still see them.
    query: LiteralString = "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, %s::int))"
    found = server.ask(query + _THESE, str(_PATIENCE_MILLISECONDS), *_those(arguments))
    return 0 if found is None else int(found[0])


def _those(arguments: Arguments) -> tuple[str, str, str]:
    busy = "true" if arguments.flag("busy", default=False) else "false"
    return arguments.text("database"), busy, str(arguments.whole("idle_minutes", 0))
