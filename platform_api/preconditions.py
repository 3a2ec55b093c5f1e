"""Nobody overwrites what he has not seen: ETag and If-Match.

The ETag of a thing is its revision, which counts what people changed. Changing or deleting
it needs `If-Match` with the ETag that was read, or `*` to say "whatever it is now".
"""

import re
from typing import Annotated

from fastapi import Header

from catalog.errors import Conflict, Invalid

IfMatch = Annotated[str, Header(max_length=500, description="The ETag that was read, or `*`.")]

_TAGS = re.compile(r'(?:W/)?"[^"]*"(?:\s*,\s*(?:W/)?"[^"]*")*\Z')
_STRONG = re.compile(r'(W/)?"([^"]*)"')

IfNoneMatch = Annotated[str, Header(max_length=500, description="The ETag of the copy that you have.")]


def etag(revision: int) -> str:
    """Return the strong entity tag of a revision."""
    return f'"{revision}"'


def check_match(if_match: str, revision: int) -> None:
    """Pass when the caller has seen this revision.

    Raises:
        Invalid: `precondition_required` without a header, `invalid_precondition` for one that is none.
        Conflict: `revision_changed`, when he has seen another.
    """
    text = if_match.strip()
    if not text:
        raise Invalid(
            "precondition_required",
            "Changing this needs If-Match with the ETag that you have read.",
            fix="read it, and send its ETag as If-Match",
        )
    if text == "*":
        return
    if not _TAGS.match(text):
        raise Invalid("invalid_precondition", "If-Match is not an entity tag.", fix='write If-Match: "3"')
    if str(revision) not in {tag for weak, tag in _STRONG.findall(text) if not weak}:
        raise Conflict("revision_changed", "It was changed meanwhile.", fix="read it again and repeat")


def is_held(if_none_match: str, tag: str) -> bool:
    """Say whether a reader has this already, by the ETag of his copy; a weak one will do."""
    return if_none_match.strip() == "*" or f'"{tag}"' in re.findall('"[^"]*"', if_none_match)
