"""A change to one file in git, as it waits in the outbox.

Made by `reconciler.render`, stored by `reconciler.outbox`, turned into a commit by
`reconciler.commits`. It knows neither the database nor git.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Branch(StrEnum):
    """What a branch of the repository holds."""

    MAIN = "main"  # what is wanted; every generation is a commit of its own
    STATE = "state"  # what was delivered; only the newest counts


class Kind(StrEnum):
    """What is done to the file."""

    WRITE = "write"
    DELETE = "delete"
    RESTORE = "restore"  # write again what was written last, because somebody else changed it


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of one file, and why.

    Attributes:
        content: the whole file; None deletes it.
        message: the commit's subject.
        trailers: what the commit says about its origin, such as `Avow-Generation`.
    """

    project: str
    request_uid: str
    branch: str
    path: str
    content: str | None
    message: str
    trailers: Mapping[str, str] = field(default_factory=dict)
