"""The inventory's words: destination, resource, observation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from catalog.digest import JsonObject
from catalog.ids import ProjectName, RequestUid


@dataclass(frozen=True, slots=True)
class Destination:
    """A place where things land: a git server, a PostgreSQL server.

    Attributes:
        kind: what a contract's placement matches first, `git-server` for instance.
        config: how executors reach it; secrets stand in it only as references.
        projects: which projects may use it; empty means all.
        capacity: how many requests it takes; None means no limit.
    """

    name: str
    kind: str
    labels: Mapping[str, str]
    config: JsonObject
    created_at: datetime
    revision: int = 1
    projects: tuple[str, ...] = ()
    capacity: int | None = None
    cordoned: bool = False


class Presence(StrEnum):
    """Whether the thing is there."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"  # the look failed; says nothing about the thing


@dataclass(frozen=True, slots=True)
class Observation:
    """A dated look at what a request delivered.

    Attributes:
        facts: what was seen, in the shape that the contract's workflows report.
        message: why it is unknown, for people.
    """

    request_uid: RequestUid
    presence: Presence
    facts: JsonObject
    observed_at: datetime
    message: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """A thing that exists on a destination on behalf of a request.

    One row per request; it is written when an executor reports success and is marked gone
    only when a look says so.
    """

    request_uid: RequestUid
    project: ProjectName
    destination: str
    kind: str
    name: str
    facts: JsonObject = field(default_factory=dict)
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    gone_at: datetime | None = None
