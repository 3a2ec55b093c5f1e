"""The only door to git.

`Repository` is one branch of one remote; `Shelf` is a folder of bare repositories of our own.
Inside: `rules` judges what comes from outside, `stream` writes commits as bytes (both pure),
`command` runs git and is the only importer of GitPython, `errors` reads git's prose.
"""

from executors.repository.access import Access, Credentials
from executors.repository.bare import Owner, Shelf
from executors.repository.clone import Repository
from executors.repository.errors import Absent, Broken, Refused, Rejected, Unsure
from executors.repository.rules import RemoteRules, check_branch, check_url
from executors.repository.stream import Commit, Logged, blob_id, trailer, with_trailers

__all__ = [
    "Absent",
    "Access",
    "Broken",
    "Commit",
    "Credentials",
    "Logged",
    "Owner",
    "Refused",
    "Rejected",
    "RemoteRules",
    "Repository",
    "Shelf",
    "Unsure",
    "blob_id",
    "check_branch",
    "check_url",
    "trailer",
    "with_trailers",
]
