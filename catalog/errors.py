"""Every way in which Avow says no.

    PlatformError
    ├── Invalid        the input is wrong; the same input will always be wrong
    ├── Denied         understood, but this actor or a policy does not allow it
    ├── NotFound       no such thing, or none that this actor may know of
    ├── Conflict       true as such, but not in the present state
    ├── Gone           it existed and will not come back
    ├── Unavailable    a part that is needed does not answer; try again later
    └── Internal       a broken promise of our own code

`code` is a stable slug that clients may switch on, and each has a page under
`/v1/errors/{code}`. Nothing below `platform_api.problems` knows an HTTP status.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong at one place.

    Attributes:
        pointer: JSON Pointer (RFC 6901) into the document at hand, or `file:line` for a bundle's file.
        code: stable slug.
        message: what is wrong, without echoing the value.
        fix: what to do about it, in the imperative.
    """

    pointer: str
    code: str
    message: str
    fix: str = ""


class PlatformError(Exception):
    """Root of the tree.

    Args:
        code: stable slug.
        message: one sentence for people.
        findings: the single places, when there are several.
        fix: the next move.
        retry_after_seconds: when trying again makes sense.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        findings: Sequence[Finding] = (),
        fix: str = "",
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.findings = tuple(findings)
        self.fix = fix
        self.retry_after_seconds = retry_after_seconds


class Invalid(PlatformError):
    """The input is wrong."""


class Denied(PlatformError):
    """The actor or a policy does not allow it."""


class NotFound(PlatformError):
    """There is no such thing for this actor."""


class Conflict(PlatformError):
    """It does not fit the present state."""


@dataclass(frozen=True, slots=True)
class UsedBy:
    """Something that keeps another thing from being removed.

    Attributes:
        kind: what it is: `request`, for instance.
        ref: its name, as people would ask for it.
        reason: why it needs the other; may be empty.
    """

    kind: str
    ref: str
    reason: str = ""


class InUse(Conflict):
    """It cannot go, because others need it.

    Args:
        used_by: who; not necessarily all of them.
    """

    def __init__(self, message: str, used_by: Sequence[UsedBy], *, fix: str, code: str = "in_use") -> None:
        super().__init__(code, message, fix=fix)
        self.used_by = tuple(used_by)


class Gone(PlatformError):
    """It was here and will not come back."""


class Unavailable(PlatformError):
    """A needed part does not answer now."""


class Internal(PlatformError):
    """Our own code broke a promise."""
