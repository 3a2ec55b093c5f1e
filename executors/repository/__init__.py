"""The only door to git.

`Repository` is one branch of one remote, `Visit` one look at a remote; `Shelf` is a folder of bare
repositories of our own.
Inside: `rules` judges what comes from outside, `stream` writes commits as bytes (both pure),
`command` runs git and is the only importer of GitPython, `errors` reads git's prose.
"""

from executors.repository.access import Access, Credentials
from executors.repository.bare import Owner, Shelf, mark_of
from executors.repository.clone import Repository
from executors.repository.errors import Absent, Broken, Refused, Rejected, Unsure
from executors.repository.rules import RemoteRules, check_branch, check_url
from executors.repository.snapshot import Limits, Snapshot, Visit
from executors.repository.stream import Commit, Logged, blob_id, trailer, with_trailers

__all__ = [
    "Absent",
    "Access",
    "Broken",
    "Commit",
    "Credentials",
    "Limits",
    "Logged",
    "Owner",
    "Refused",
    "Rejected",
    "RemoteRules",
    "Repository",
    "Shelf",
    "Snapshot",
    "Unsure",
    "Visit",
    "blob_id",
    "check_branch",
    "check_url",
    "mark_of",
    "trailer",
    "with_trailers",
]
