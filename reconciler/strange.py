"""What others did to our files in git: said once as an event, and queued to be undone.

Called by `reconciler.mirror` with what a look found. A stranger's commit stays in history;
only the file gets its content back, as a row of the outbox like any other change, so that the
request counts as not written until it is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from catalog import events
from catalog.db import Tx
from catalog.ids import Mint
from reconciler import outbox, workqueue, written
from reconciler.change import Change
from reconciler.workqueue import Lane
from reconciler.written import MISSING, File

_SAID = {
    "Changed": "was changed by somebody else; it is written again",
    "Deleted": "was deleted by somebody else; it is written again",
    "ForeignFile": "held a file of somebody else; ours has taken its place",
}


def strange_files(files: Mapping[str, File], tree: Mapping[str, str]) -> list[File]:
    """Return the files that are not as we left them, without those that were reported like this."""
    return [
        file
        for path, file in files.items()
        if tree.get(path, MISSING) not in (file.blob_id, file.foreign_blob_id)
    ]


def restore(
    tx: Tx, branch: str, files: Sequence[File], tree: Mapping[str, str], *, now: datetime, mint: Mint
) -> None:
    """Say what happened to some files, queue that they are written again, and wake their requests."""
    changes = [_restoration(branch, file) for file in files]
    outbox.restore(tx, branch, changes, now, mint)
    for change in changes:
        found = tree.get(change.path, MISSING)
        tell(tx, change, found, "Deleted" if found == MISSING else "Changed", now)
        written.mark_foreign(tx, branch, change.path, found)
    workqueue.wake_many(tx, [file.request_uid for file in files], Lane.CALLBACK, now)


def tell(tx: Tx, change: Change, found: str, reason: str, now: datetime) -> None:
    """Append the event that something of somebody else was found in a file's place."""
    event = events.Event(
        project=change.project,
        request_uid=change.request_uid,
        kind="GitDrift",
        reason=reason,
        message=f"{change.path} on branch {change.branch} {_SAID[reason]}",
        at=now,
        detail={"branch": str(change.branch), "path": change.path, "found": found},
    )
    events.append(tx, event)


def _restoration(branch: str, file: File) -> Change:
    trailers = {"Avow-Request": file.request_uid, "Avow-Restores": file.blob_id}
    return Change(file.project, file.request_uid, branch, file.path, None, f"{file.path}: restore", trailers)
