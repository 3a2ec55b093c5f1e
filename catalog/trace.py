"""What a piece of work belongs to: the trace that caused it, and what its log lines carry.

A trace parent (W3C) names the trace and the span that caused something. It comes in with an
HTTP request, is stored with what was asked for, and travels in the work order, so that a run
that another process drives hours later still says whom it serves. Both are kept per thread of
control, as the log lines of a library have nobody to hand them down to.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

MAX_LENGTH = 55
"""Of a trace parent in writing."""

_FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})\Z")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_SAMPLED = 1

Names = Callable[[], Mapping[str, str]]
"""Returns what log lines carry; asked only when there is a line."""

_names: ContextVar[Names] = ContextVar("avow_names", default=dict)
_cause: ContextVar[str] = ContextVar("avow_cause", default="")


@dataclass(frozen=True, slots=True)
class Parent:
    """The span that caused something, in its trace."""

    trace_id: str
    span_id: str
    is_sampled: bool = True

    def __str__(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{int(self.is_sampled):02x}"


def parent_of(text: object) -> Parent | None:
    """Return the parent that a text stands for, None when it is none."""
    match = _FORM.match(text) if isinstance(text, str) else None
    if match is None or match[1] == _NO_TRACE or match[2] == _NO_SPAN:
        return None
    return Parent(match[1], match[2], bool(int(match[3], 16) & _SAMPLED))


def derived_trace_id(*parts: object) -> str:
    """Return the trace id that always stands for the same thing, in every process."""
    return _hashed(parts)[:32]


def derived_span_id(*parts: object) -> str:
    """Return the span id that always stands for the same thing, in every process."""
    return _hashed(parts)[:16]


def cause() -> str:
    """Return the trace parent of what is being answered, empty when nothing is."""
    return _cause.get()


@contextmanager
def caused_by(parent: str) -> Iterator[None]:
    """Let what is asked for meanwhile be caused by a span."""
    token = _cause.set(parent)
    try:
        yield
    finally:
        _cause.reset(token)


def named() -> Names:
    """Return what tells what the log lines of this moment carry, to hand it to another thread."""
    return _names.get()


def names() -> Mapping[str, str]:
    """Return what a log line of this moment carries."""
    return _names.get()()


@contextmanager
def about(named: Names) -> Iterator[None]:
    """Let the log lines of a while carry what they are about."""
    token = _names.set(named)
    try:
        yield
    finally:
        _names.reset(token)


def _hashed(parts: tuple[object, ...]) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
