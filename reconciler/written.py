"""What git holds as far as we know: the files we wrote last, and where each branch was.

Only the writer of a branch (`reconciler.mirror`) reads and changes these rows, under its
lease. The content is kept, so that a file, or a whole repository, that somebody else removed
can be written again.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from catalog.db import Tx
from reconciler.change import Change
from reconciler.tables import git_branches, git_files

ERROR_LENGTH = 500
MISSING = ""
"""Stands for the blob id of a file that is not there."""


@dataclass(frozen=True, slots=True)
class File:
    """A file as we wrote it.

    Attributes:
        foreign_blob_id: what we have reported to stand there instead; None when ours does.
    """

    path: str
    project: str
    request_uid: str
    blob_id: str
    foreign_blob_id: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A file as it was just written."""

    change: Change
    content: str
    blob_id: str
    commit_sha: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a branch was when we wrote to it last.

    Attributes:
        tip: None when there was no such branch, or when it belongs to another remote.
        error: why the remote cannot be written to; empty when it can.
    """

    tip: str | None
    error: str


def files(tx: Tx, branch: str, paths: Collection[str] | None = None) -> dict[str, File]:
    """Return the files of a branch by path; all of them, or those asked for."""
    query = sa.select(*(git_files.c[name] for name in File.__dataclass_fields__))
    query = query.where(git_files.c.branch == branch)
    if paths is not None:
        query = query.where(git_files.c.path.in_(paths))
    return {row["path"]: File(**row) for row in tx.execute(query).mappings()}


def contents(tx: Tx, branch: str, paths: Collection[str]) -> dict[str, str]:
    """Return the contents of some files of a branch, without those that we do not have."""
    query = sa.select(git_files.c.path, git_files.c.content)
    rows = tx.execute(query.where(git_files.c.branch == branch, git_files.c.path.in_(paths)))
    return {row.path: row.content for row in rows}


def save(tx: Tx, branch: str, placed: Sequence[Placed], now: datetime) -> None:
    """Store what now stands in git, each file once."""
    if not placed:
        return
    forget(tx, branch, [one.change.path for one in placed])
    rows = [_values(branch, one) | {"written_at": now} for one in placed]
    tx.execute(git_files.insert(), rows)


def forget(tx: Tx, branch: str, paths: Collection[str]) -> None:
    """Forget files that are not in git any more."""
    tx.execute(git_files.delete().where(git_files.c.branch == branch, git_files.c.path.in_(paths)))


def mark_foreign(tx: Tx, branch: str, path: str, blob_id: str) -> None:
    """Note what somebody else left in a file's place, so that it is reported once."""
    mine = (git_files.c.branch == branch) & (git_files.c.path == path)
    tx.execute(git_files.update().where(mine).values(foreign_blob_id=blob_id))


def standing(tx: Tx, branch: str, remote: str) -> Standing:
    """Return where a branch of a remote was; one of another remote counts as never seen."""
    row = tx.execute(sa.select(git_branches).where(git_branches.c.branch == branch)).one_or_none()
    if row is None:
        return Standing(None, "")
    return Standing(row.tip if row.remote == remote else None, row.error)


def save_tip(tx: Tx, branch: str, remote: str, tip: str | None, now: datetime) -> None:
    """Store where a branch is."""
    error = standing(tx, branch, remote).error
    _save(tx, branch, now, {"remote": remote, "tip": tip, "error": error})


def save_error(tx: Tx, branch: str, remote: str, error: str, now: datetime) -> None:
    """Store why a branch cannot be written to, or with an empty text that it can."""
    tip = standing(tx, branch, remote).tip
    _save(tx, branch, now, {"remote": remote, "tip": tip, "error": error[:ERROR_LENGTH]})


def _save(tx: Tx, branch: str, now: datetime, values: dict[str, str | None]) -> None:
    if not tx.insert_missing(git_branches, {"branch": branch, **values, "changed_at": now}):
        update = git_branches.update().where(git_branches.c.branch == branch)
        tx.execute(update.values(**values, changed_at=now))


def _values(branch: str, placed: Placed) -> dict[str, str]:
    return {
        "branch": branch,
        "path": placed.change.path,
        "project": placed.change.project,
        "request_uid": placed.change.request_uid,
        "content": placed.content,
        "blob_id": placed.blob_id,
        "commit_sha": placed.commit_sha,
    }
