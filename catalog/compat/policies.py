"""Compares the Rego that two revisions bring along.

A contract's policy only ever tightens, so taking it away is harmless. Whether one text is
stricter than another cannot be told in general; a changed one is taken to be.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from catalog.compat.change import Change, Edit, Effect

POINTER = "/spec/policies/0"

_TOKEN = re.compile(r'("(?:\\.|[^"\\\n])*"|`[^`]*`)|[ \t]*#[^\n]*')
_BLANK = re.compile(r'("(?:\\.|[^"\\\n])*"|`[^`]*`)|[ \t]*\n(?:[ \t]*\n)*')


@dataclass(frozen=True, slots=True)
class Policy:
    """A revision's policy: the file that the contract names, and its text if that is at hand."""

    path: str | None
    text: str | None


def policy_changes(old: Policy, new: Policy) -> Iterator[Change]:
    """Yield what became of the policy; a text that is not at hand may say anything."""
    edit = Edit(POINTER, old.path, new.path)
    if old.path is None and new.path is not None:
        yield _tightened(edit, "policy_added", "a policy is new", "leave it out")
    elif old.path is not None and new.path is None:
        yield edit.extends("policy_removed", "the policy is gone: nothing is denied that was allowed")
    elif old.path is not None:
        yield from _text_changes(edit, old, new)


def _text_changes(edit: Edit, old: Policy, new: Policy) -> Iterator[Change]:
    if old.text is None or new.text is None:
        yield _tightened(edit, "undecided", "the policy's text is not at hand", "hand both texts over")
    elif _meaning(old.text) != _meaning(new.text):
        yield _tightened(edit, "policy_changed", "the policy is not what it was", "put back what was there")
    elif old != new:
        yield edit.restates("policy_restated", "the policy says the same in another file or other comments")


def _tightened(edit: Edit, code: str, what: str, move: str) -> Change:
    return edit.breaks(code, Effect.REQUESTER, f"{what}: requests that were allowed may be denied", move)


def _meaning(text: str) -> str:
    """Return the text without comments and blank lines; what stands in quotes is left alone."""
    bare = _TOKEN.sub(lambda found: found[1] or "", text.replace("\r\n", "\n"))
    return _BLANK.sub(lambda found: found[1] or "\n", bare).strip("\n")
