"""What can go wrong with a repository, told apart by what one can do about it.

    Unavailable (catalog)   nobody answers, or too slowly: try again later
    └── Unsure              it broke off during a push and nobody can say whether it landed
    Absent (NotFound)       there is no such repository
    Rejected (Conflict)     the branch moved: read again and build again
    Refused (Denied)        credentials, permissions or a hook of the remote say no
    Broken (Internal)       our clone is damaged: `reclone`

Git answers in prose, so `judged` reads its prose (always English, see `command`). What the
remote says is quoted only in small, printable pieces.
"""

import re
from dataclasses import dataclass

from catalog.errors import Conflict, Denied, Internal, NotFound, PlatformError, Unavailable


class Unsure(Unavailable):
    """A push may or may not have landed."""


class Absent(NotFound):
    """There is no such repository."""


class Rejected(Conflict):
    """The branch is not where it was expected."""


class Refused(Denied):
    """The remote does not let us."""


class Broken(Internal):
    """Our clone is damaged; making it anew is always safe."""


_Family = type[Absent | Refused | Unavailable | Broken]


@dataclass(frozen=True, slots=True)
class _Prose:
    """Phrases of git that mean one thing."""

    family: _Family
    code: str
    meaning: str
    phrases: tuple[str, ...]

    def found_in(self, output: str) -> bool:
        return re.search("|".join(self.phrases), output, re.IGNORECASE) is not None


_REFUSED = _Prose(
    Refused,
    "git_refused",
    "The git remote does not let us",
    (
        *(r"returned error: 40[13]", r"returned error: 30\d", "unable to update url base"),
        *("authentication failed", "could not read (username|password)", "terminal prompts disabled"),
        *("permission denied", "access denied", "host key verification failed", "dubious ownership"),
        *("hook declined", "protected branch"),
    ),
)
_ABSENT = _Prose(
    Absent,
    "git_not_found",
    "There is no such git repository",
    (
        *("repository '.*' not found", "repository not found", "returned error: 404"),
        "does not appear to be a git repository",
    ),
)
_FULL = _Prose(
    Unavailable,
    "git_disk_full",
    "The disk takes no more",
    ("no space left on device", "disk quota exceeded", "read-only file system"),
)
_SILENT = _Prose(
    Unavailable,
    "git_unreachable",
    "The git remote does not answer",
    (
        *(
            "could not resolve",
            "couldn't connect",
            "failed to connect",
            "no route to host",
            "unable to access",
        ),
        *(
            "connection (refused|reset|timed out|closed)",
            "network is unreachable",
            "timed out",
            "empty reply",
        ),
        *("early eof", "hung up", "rpc failed", "unexpected disconnect", "could not read from remote"),
        r"returned error: [45]\d\d",
    ),
)
_DAMAGED = _Prose(
    Broken,
    "git_broken",
    "The local git clone is damaged",
    (
        *("corrupt", "bad object", "missing (blob|tree|commit|object)", "invalid (object|sha1)", "inflate"),
        *(
            "not a git repository",
            "not a valid object",
            "does not point to a valid object",
            "bad (tree|config)",
        ),
        *("unable to (read|find|map|open)", r"unable to create '.*\.lock'", "object file .* is empty"),
        *("could not parse", "packfile", "did not send all necessary objects", "malformed", "broken"),
    ),
)

# Why a remote did not move a branch although it took the objects: somebody else was faster.
RACE = re.compile(
    r"stale info|fetch first|non-fast-forward|cannot lock ref|failed to (lock|update ref)|incorrect old value"
    r"|reference already exists|is at [0-9a-f]+ but expected",
    re.IGNORECASE,
)


def judged(output: str, otherwise: _Family) -> PlatformError:
    """Return the error that git's error output amounts to.

    Lines that the remote wrote ("remote: …") never condemn our own clone.

    Args:
        output: what git wrote, with secrets already blanked.
        otherwise: what it is when no known phrase is found.
    """
    ours = "\n".join(line for line in output.splitlines() if not line.startswith("remote:"))
    for prose in (_REFUSED, _ABSENT, _FULL, _SILENT, _DAMAGED):  # the first that is found decides
        if prose.found_in(ours if prose is _DAMAGED else output):
            return prose.family(prose.code, f"{prose.meaning}: {excerpt(output)}")
    code = "git_broken" if otherwise is Broken else "git_unreachable"
    return otherwise(code, f"Git failed: {excerpt(output)}")


def excerpt(output: str) -> str:
    """Return one short printable line out of git's output: the first that says what is wrong."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "!"))]
    line = (telling or lines or ["no reason was given"])[0]
    return "".join(character if character.isprintable() else " " for character in line)[:200]
