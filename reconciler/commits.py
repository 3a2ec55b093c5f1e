"""Which commits a batch of queued changes becomes, on top of what a branch holds.

Called by `reconciler.mirror`. It works on values alone: rows, the tree of the branch's tip,
and contents written before. A change that alters nothing makes no commit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from executors.repository import Commit, blob_id, with_trailers
from reconciler.change import Kind
from reconciler.outbox import Row
from reconciler.written import MISSING

CHANGE_TRAILER = "Avow-Change"


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of one row.

    Attributes:
        content: what its file holds afterwards; None when it is gone.
        commit: None when the file is so already.
    """

    row: Row
    content: str | None
    commit: Commit | None


@dataclass(frozen=True, slots=True)
class Batch:
    """What is written with one push.

    Attributes:
        covered: rows that a newer one of the same file makes superfluous, with its sequence.
    """

    steps: tuple[Step, ...]
    covered: Mapping[int, int]

    @property
    def commits(self) -> list[Commit]:
        """Return the commits to build, in order."""
        return [step.commit for step in self.steps if step.commit is not None]

    def last_by_path(self) -> dict[str, Step]:
        """Return the step that decides what each file holds in the end."""
        return {step.row.change.path: step for step in self.steps}

    def shas(self, built: Sequence[str], tip: str | None) -> dict[int, str | None]:
        """Return for each row the commit that holds it, the tip's for those that changed nothing."""
        found: dict[int, str | None] = {}
        ids = iter(built)
        for step in self.steps:
            tip = tip if step.commit is None else next(ids)
            found[step.row.sequence] = tip
        return found | {row: found[newer] for row, newer in self.covered.items() if newer in found}


def newest_of_each(rows: Sequence[Row]) -> tuple[list[Row], dict[int, int]]:
    """Return the row that decides each file, and the others with the sequence of that one."""
    newest: dict[str, Row] = {}
    for row in rows:
        # A restoration brings back what was written last, never what stands in the queue before it.
        if row.kind is not Kind.RESTORE or row.change.path not in newest:
            newest[row.change.path] = row
    kept = [row for row in rows if newest[row.change.path] is row]
    return kept, {
        row.sequence: newest[row.change.path].sequence for row in rows if newest[row.change.path] is not row
    }


def batch_of(
    rows: Sequence[Row],
    tree: Mapping[str, str],
    known: Mapping[str, str],
    *,
    most: int,
    author: str,
    covered: Mapping[int, int],
) -> Batch:
    """Return the next commits, at most `most`; rows beyond the last of them wait for the next push.

    Args:
        rows: in the order in which they are to be written.
        tree: the blob id of every file at the branch's tip.
        known: the contents that were written last, for files to be restored.
        covered: passed through, see `Batch`.
    """
    steps: list[Step] = []
    changed: dict[str, str | None] = {}
    made = 0
    for row in rows:
        path = row.change.path
        content = row.change.content
        if row.kind is Kind.RESTORE:
            content = changed.get(path, known.get(path))
        there = id_of(changed[path]) if path in changed else tree.get(path, MISSING)
        # Only what we wrote is deleted; a stranger's file of that name is not ours to take.
        is_strange = content is None and path not in changed and path not in known
        commit = None if there == id_of(content) or is_strange else _commit(row, content, author)
        if commit is not None and made == most:
            break
        made += commit is not None
        changed[path] = content
        steps.append(Step(row, content, commit))
    return Batch(tuple(steps), covered)


def id_of(content: str | None) -> str:
    """Return the blob id of a content; `MISSING` stands for no file."""
    return MISSING if content is None else blob_id(content.encode("utf-8"))


def _commit(row: Row, content: str | None, author: str) -> Commit:
    trailers = dict(row.change.trailers) | {CHANGE_TRAILER: row.change_id}
    lines = {_one_line(name): _one_line(value) for name, value in trailers.items()}
    return Commit(
        changes={row.change.path: None if content is None else content.encode("utf-8")},
        message=with_trailers(_one_line(row.change.message), lines),
        author=author,
        committed_at=_moment(row.created_at),
    )


def _one_line(text: str) -> str:
    # A line break in a name must not become a trailer of its own.
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _moment(at: datetime) -> datetime:
    # Whole seconds are all that git keeps; the same row gives the same commit on the same parent.
    return at.replace(microsecond=0)
