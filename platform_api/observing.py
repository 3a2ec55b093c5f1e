"""Puts together what watches a process: who counts its runs, and who takes its spans.

Called by the wiring. OpenTelemetry is found by name, and only when the settings ask for traces:
nobody else waits for it to load, and nobody else needs the extra.
"""

import pkgutil
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Protocol, cast

from catalog import contracts
from catalog.contract import OperationName
from catalog.db import Database
from catalog.duration import duration
from catalog.errors import Invalid, PlatformError
from platform_api.counting import Counting
from platform_api.settings import Settings
from platform_api.spans import Span
from platform_api.watching import RunWatcher

_LEVELS = {OperationName.PROVISION: "provision_p95", OperationName.REPAIR: "drift_repair"}
_CONTRACTS = 1000


class Tracing(Protocol):
    """Takes spans until it is stopped."""

    def record(self, span: Span) -> None:
        """Take a finished span."""
        ...

    def stop(self) -> None:
        """Send what is left."""
        ...


def tracing_of(settings: Settings) -> Tracing | None:
    """Return what takes spans, None when the settings ask for none.

    Raises:
        Invalid: `invalid_settings`, when the extra is not installed.
    """
    if not settings.traces:
        return None
    try:
        opened = pkgutil.resolve_name("platform_api.tracing:open_tracing")
    except ImportError as error:
        raise Invalid(
            "invalid_settings",
            "Traces are asked for, and what sends them is not installed.",
            fix="install avow[otel], or leave AVOW_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_ENDPOINT unset",
        ) from error
    return cast("Tracing", opened(settings.otlp_endpoint))


def watcher_of(
    db: Database, kinds: Collection[str], tracing: Tracing | None, *, owns_tracing: bool = False
) -> RunWatcher:
    """Return who watches the runs of this process.

    Args:
        kinds: the installed step kinds.
        owns_tracing: the watcher's end is the end of the process.
    """
    return RunWatcher(
        Counting(db),
        _levels_in(db),
        kinds,
        None if tracing is None else tracing.record,
        tracing.stop if tracing is not None and owns_tracing else _nothing,
    )


def _nothing() -> None:
    """End nothing."""


def _levels_in(db: Database) -> Callable[[str], dict[str, float]]:
    @lru_cache(maxsize=_CONTRACTS)  # what a digest stands for never changes
    def read(digest: str) -> dict[str, float]:
        with db.read() as tx:
            stated = contracts.by_digest(tx, digest).contract.service_levels
        named = ((operation.value, stated.get(level)) for operation, level in _LEVELS.items())
        return {name: duration(text).total_seconds() for name, text in named if isinstance(text, str)}

    def levels(digest: str) -> dict[str, float]:
        try:
            return read(digest)
        except PlatformError:
            return {}  # asked again with the next run

    return levels
