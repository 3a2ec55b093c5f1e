"""Where contract versions stand in their life, as it goes over the wire."""

from datetime import datetime

from catalog.lifecycle import Lifecycle
from catalog.request import Request
from platform_api.wire import At, Maybe, View


class DeprecationView(View):
    """That a version is deprecated: since when, until when it may be counted on, where to go."""

    since: Maybe[At] = None
    sunset_at: Maybe[At] = None
    replacement: Maybe[str] = None
    reason: Maybe[str] = None

    @classmethod
    def of(cls, lifecycle: Lifecycle) -> "DeprecationView":
        """Return the view of a deprecated version's lifecycle."""
        return cls(
            since=lifecycle.deprecated_at,
            sunset_at=lifecycle.sunset_at,
            replacement=lifecycle.replacement,
            reason=lifecycle.reason or None,
        )


class LifecycleView(View):
    """Where a version stands; `revision` is its ETag."""

    name: str
    version: str
    state: str
    deprecated_at: Maybe[At] = None
    sunset_at: Maybe[At] = None
    replacement: Maybe[str] = None
    reason: Maybe[str] = None
    revision: int
    changed_at: Maybe[At] = None
    changed_by: Maybe[str] = None

    @classmethod
    def of(cls, name: str, version: str, lifecycle: Lifecycle) -> "LifecycleView":
        """Return the view of a version's lifecycle."""
        return cls(
            name=name,
            version=version,
            state=str(lifecycle.state),
            deprecated_at=lifecycle.deprecated_at,
            sunset_at=lifecycle.sunset_at,
            replacement=lifecycle.replacement,
            reason=lifecycle.reason or None,
            revision=lifecycle.revision,
            changed_at=lifecycle.changed_at,
            changed_by=lifecycle.changed_by or None,
        )


class LaggardView(View):
    """A request that is on a version, or was delivered from it.

    Attributes:
        version: what it wishes; absent when it follows what is stable.
        seconds_left: until the version's sunset; negative when that is over, absent without one.
    """

    uid: str
    project: str
    name: str
    owner: Maybe[str] = None
    environment: str
    phase: str
    version: Maybe[str] = None
    contract_version: str
    applied_version: Maybe[str] = None
    seconds_left: Maybe[int] = None

    @classmethod
    def of(cls, request: Request, lifecycle: Lifecycle, now: datetime) -> "LaggardView":
        """Return the view of a request on a version that stands so."""
        sunset = lifecycle.sunset_at
        return cls(
            uid=request.uid,
            project=request.project,
            name=request.name,
            owner=request.owner or None,
            environment=request.environment,
            phase=str(request.phase),
            version=request.version,
            contract_version=request.contract_version,
            applied_version=None if request.applied is None else request.applied.contract_version,
            seconds_left=None if sunset is None else int((sunset - now).total_seconds()),
        )
