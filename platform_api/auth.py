"""Who is at the door: bearer tokens, and the guard that every route names.

A guard is a dependency of the route itself, never a rule about paths. A route without one
fails a test. What each guard asks of an actor stands in `access`.
"""

import difflib
from collections.abc import Callable
from datetime import datetime
from typing import cast

from fastapi.dependencies.models import Dependant
from starlette.requests import Request

from catalog.actor import Actor
from catalog.db import Database
from catalog.errors import Denied, Finding, Invalid
from platform_api import access, tokens
from platform_api.parts import Platform
from platform_api.tokens import Token

Check = Callable[[Actor, str | None], None]
ProjectIn = Callable[[Request], str | None]

_SCHEME = "bearer"


def platform_of(request: Request) -> Platform:
    """Return the parts that the application was made of."""
    return cast("Platform", request.app.state.platform)


class Guard:
    """A dependency that lets an actor pass, or says why not.

    Attributes:
        name: how the rule is called in the API's description.
        is_open: nobody need say who he is.
    """

    def __init__(
        self, name: str, check: Check, project_in: ProjectIn = lambda _: None, *, is_open: bool = False
    ) -> None:
        self.name = name
        self.is_open = is_open
        self._check = check
        self._project_in = project_in

    def __call__(self, request: Request) -> Actor:
        """Return who asks."""
        if self.is_open:
            return NOBODY
        platform = platform_of(request)
        token = authenticate(platform.db, request.headers.get("authorization", ""), platform.clock())
        request.state.token = token
        self._check(token.actor, self._project_in(request))
        _check_parameters(request)
        return token.actor


def authenticate(db: Database, header: str, now: datetime) -> Token:
    """Return the token that a header proves.

    Raises:
        Denied: `unauthenticated`; the same for every reason.
    """
    scheme, _, secret = header.partition(" ")
    secret = secret.strip()
    if scheme.lower() != _SCHEME or not tokens.is_secret(secret):
        raise _unauthenticated()
    with db.read() as tx:
        token = tokens.find(tx, secret)
    if token is None or not token.is_valid(now):
        raise _unauthenticated()
    if tokens.is_use_worth_noting(token, now):
        with db.write() as tx:
            tokens.note_use(tx, token, now)
    return token


def token_of(request: Request) -> Token:
    """Return the token that a guard has let pass."""
    return cast("Token", request.state.token)


def _check_parameters(request: Request) -> None:
    # A misspelt dry_run would be the real thing, and a misspelt filter would list everything.
    known = _query_names(request.scope["route"].dependant)
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        findings = tuple(
            Finding(
                f"?{name[:100]}",
                "unknown_parameter",
                "this parameter is not known here",
                _nearest(name, known),
            )
            for name in unknown[:20]
        )
        raise Invalid("invalid_parameter", "A query parameter is not known here.", findings=findings)


def _nearest(name: str, known: frozenset[str]) -> str:
    close = difflib.get_close_matches(name[:100], known, n=1)
    return f"did you mean {close[0]}?" if close else "remove it"


def _query_names(dependant: Dependant) -> frozenset[str]:
    own = frozenset(field.alias for field in dependant.query_params)
    return own.union(*map(_query_names, dependant.dependencies))


def _known(_actor: Actor, _project: str | None) -> None:
    """Let pass whoever said who he is."""


def _admin(actor: Actor, _project: str | None) -> None:
    access.check_admin(actor)


def _in_project(check: Callable[[Actor, str], None]) -> Check:
    def checked(actor: Actor, project: str | None) -> None:
        # A required parameter that is missing is refused right after the guard.
        if project is not None:
            check(actor, project)

    return checked


def _path(request: Request) -> str:
    return str(request.path_params["project"])


def _query(request: Request) -> str | None:
    return request.query_params.get("project")


NOBODY = Actor("nobody")

ANYONE = Guard("anyone", _known, is_open=True)
SIGNED_IN = Guard("signed-in", _known)
ADMIN = Guard("admin", _admin)
PROJECT_READER = Guard("project-reader", _in_project(access.check_reader), _path)
PROJECT_REQUESTER = Guard("project-requester", _in_project(access.check_requester), _path)
PROJECT_QUERIED = Guard("project-reader", _in_project(access.check_reader), _query)
PROJECT_AUDITOR = Guard("project-auditor", _in_project(access.check_auditor), _query)


def _unauthenticated() -> Denied:
    return Denied(
        "unauthenticated",
        "No valid token came with this.",
        fix="send Authorization: Bearer avow_...; a token may have expired or been revoked",
    )
