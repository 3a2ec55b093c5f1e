"""The kinds of things that `get` shows: where each lives, and what a table says of it.

A table of data and two functions that make addresses. Columns name fields of the wire
documents by dotted path; a field that is missing shows as a dash.
"""

from dataclasses import dataclass
from enum import StrEnum

from platform_api.cli.client import path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.session import nearest


class Shape(StrEnum):
    """How a column's value is written."""

    TEXT = "text"
    AGE = "age"  # how long ago
    SHORT = "short"  # enough of a digest to know it again
    PATHS = "paths"  # the paths of differences
    GRANTS = "grants"  # roles with their scopes


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    heading: str
    field: str
    shape: Shape = Shape.TEXT


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing.

    Attributes:
        columns: written as `HEADING=field`; `age(field)` and the like shape it.
        of_project: its list lies within a project.
        of_request: its list may lie within a request.
        needs_request: there is no list beyond a request's.
        by_project: its list is narrowed to the project by a query.
        is_whole: its list comes at once, not page by page.
        has_item: one of them can be asked for by name; else it is looked for in the list.
        filters: which query parameters its list knows.
    """

    name: str
    columns: tuple[str, ...]
    of_project: bool = False
    of_request: bool = False
    needs_request: bool = False
    by_project: bool = False
    is_whole: bool = False
    has_item: bool = True
    filters: tuple[str, ...] = ()

    @property
    def heads(self) -> tuple[Column, ...]:
        """Return its columns, read."""
        return tuple(_column(text) for text in self.columns)


_KINDS = (
    Kind("projects", ("NAME=name", "TITLE=title", "AGE=age(created_at)")),
    Kind(
        "contracts",
        (
            "NAME=name",
            "VERSION=version",
            "STATE=state",
            "OWNER=owner",
            "CANARY=share",
            "AGE=age(published_at)",
            "DIGEST=short(digest)",
        ),
        filters=("name",),
    ),
    Kind(
        "capabilities",
        ("NAME=name", "VERSION=version", "OWNER=owner", "LIFECYCLE=lifecycle", "DESCRIPTION=description"),
    ),
    Kind(
        "requests",
        (
            "NAME=name",
            "CONTRACT=contract",
            "VERSION=contract_version",
            "ENV=environment",
            "OWNER=owner",
            "PHASE=phase",
            "AGE=age(created_at)",
        ),
        of_project=True,
        filters=("phase", "contract", "owner", "environment", "destination", "labels", "q"),
    ),
    Kind(
        "plans",
        (
            "ID=id",
            "REQUEST=request",
            "OPERATION=operation",
            "DOES=action",
            "STATE=state",
            "BY=created_by",
            "AGE=age(created_at)",
            "UNTIL=expires_at",
        ),
        of_project=True,
    ),
    Kind(
        "runs",
        (
            "ID=id",
            "OPERATION=operation",
            "STATE=state",
            "STEP=step",
            "AGE=age(created_at)",
            "MESSAGE=message",
        ),
        of_request=True,
        needs_request=True,
    ),
    Kind(
        "approvals",
        (
            "ID=id",
            "PROJECT=project",
            "REQUEST=request",
            "OPERATION=operation",
            "STEP=step",
            "STATE=state",
            "ASKED OF=whom",
            "AGE=age(opened_at)",
        ),
    ),
    Kind(
        "dead-letters",
        (
            "RUN=run_id",
            "PROJECT=project",
            "OPERATION=operation",
            "REASON=reason",
            "STEP=step",
            "AGE=age(at)",
            "MESSAGE=message",
        ),
        has_item=False,
    ),
    Kind(
        "breakers",
        ("PROJECT=project", "KEY=key", "FAILURES=failures", "LIMIT=limit", "OPEN UNTIL=open_until"),
        is_whole=True,
        has_item=False,
    ),
    Kind(
        "delegations",
        (
            "ID=id",
            "PERSON=person",
            "DELEGATE=delegate",
            "FROM=starts_at",
            "UNTIL=ends_at",
            "REASON=reason",
            "REVOKED=age(revoked_at)",
        ),
        has_item=False,
    ),
    Kind(
        "destinations",
        ("NAME=name", "KIND=kind", "LABELS=labels", "CORDONED=cordoned", "AGE=age(created_at)"),
    ),
    Kind(
        "resources",
        ("NAME=name", "KIND=kind", "DESTINATION=destination", "PROJECT=project", "SEEN=age(last_seen_at)"),
        has_item=False,
        filters=("destination",),
    ),
    Kind(
        "drift", ("NAME=name", "PROJECT=project", "PHASE=phase", "DIFFERS=paths(differences)"), has_item=False
    ),
    Kind("policies", ("NAME=name", "ENGINE=engine", "REVISION=short(revision)"), has_item=False),
    Kind(
        "decisions",
        (
            "ID=id",
            "OUTCOME=outcome",
            "AT=enforcement_point",
            "OPERATION=operation",
            "SUBJECT=subject",
            "AGE=age(evaluated_at)",
        ),
        of_request=True,
        by_project=True,
    ),
    Kind(
        "tokens",
        (
            "ID=id",
            "NAME=name",
            "SUBJECT=subject",
            "GRANTS=grants(grants)",
            "GROUPS=groups",
            "EXPIRES=expires_at",
            "USED=age(last_used_at)",
            "REVOKED=age(revoked_at)",
        ),
        has_item=False,
    ),
    Kind(
        "audit",
        ("SEQ=seq", "AT=at", "ACTOR=actor", "ACTION=action", "SUBJECT=subject"),
        by_project=True,
        has_item=False,
    ),
    Kind(
        "events",
        ("AGE=age(at)", "KIND=kind", "REASON=reason", "MESSAGE=message"),
        of_request=True,
        needs_request=True,
        has_item=False,
    ),
)
KINDS = {kind.name: kind for kind in _KINDS}


def kind_named(word: str) -> Kind:
    """Return the kind that a word means, in the singular or the plural.

    Raises:
        Failure: for any other word, with the nearest that there is.
    """
    for name in (word.lower(), f"{word.lower()}s", f"{word.lower()[:-1]}ies"):
        if name in KINDS:
            return KINDS[name]
    raise Failure(ExitCode.USAGE, f"There is no kind of thing called {word}.", fix=nearest(word, list(KINDS)))


def list_path(kind: Kind, project: str, request: str = "") -> str:
    """Return where a kind's things are listed.

    Raises:
        Failure: when the kind is listed per request only, and none was named.
    """
    if request and kind.of_request:
        return path("projects", project, "requests", request, kind.name)
    if kind.needs_request:
        raise Failure(
            ExitCode.USAGE,
            f"{kind.name.capitalize()} are listed per request.",
            fix=f"name one: avow get {kind.name} --request NAME",
        )
    return path("projects", project, kind.name) if kind.of_project else path(kind.name)


def item_path(kind: Kind, project: str, name: str) -> str:
    """Return where one thing stands; a contract's version follows its name after an @."""
    contract, at, version = name.partition("@")
    if kind.name in ("contracts", "capabilities") and at:
        return path(kind.name, contract, "versions", version)
    return path("projects", project, kind.name, name) if kind.of_project else path(kind.name, name)


def version_path(which: str, *parts: str) -> str:
    """Return where something of a contract's version stands, which is named NAME@VERSION.

    Raises:
        Failure: when it names none.
    """
    name, at, version = which.partition("@")
    if not (name and at and version):
        raise Failure(
            ExitCode.USAGE, f"{which} names no version.", fix="write NAME@VERSION, as in database@1.2.0"
        )
    return path("contracts", name, "versions", version, *parts)


def _column(text: str) -> Column:
    heading, _, field = text.partition("=")
    shape, opened, inner = field.rstrip(")").partition("(")
    return Column(heading, inner, Shape(shape)) if opened else Column(heading, field)
