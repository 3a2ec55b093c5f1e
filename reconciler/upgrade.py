"""Moving from one contract version to another: what holds a request back, and what comes of trying.

An operation that would bring another version than the one delivered is an upgrade, be it up or
down. One that failed is on record and not tried again until somebody asks or another revision
comes; meanwhile the request is kept on what was delivered, and says so. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from catalog.conditions import Type
from catalog.contract import OperationName
from catalog.conversion import CONVERSION_FAILED, Fit, listed
from catalog.digest import Json
from catalog.errors import Finding
from catalog.request import Request
from reconciler.operation import Operation, OperationState

UPGRADE_FAILED = "UpgradeFailed"
VERSION_GONE = "VersionGone"
WRITTEN = "written"
"""Where an operation's plan keeps for which version its inputs are written, when that is new."""

MOST_DEAD_ENDS = 20
"""So many revisions to which upgrades failed are on record; an older one may be tried again."""

_PLAIN = frozenset({"OperationFailed", "InvalidOutput", UPGRADE_FAILED})
"""Failures for which an upgrade is all there is to say; people and stuck runs say more themselves."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a request is kept on the version that it has.

    Attributes:
        type: the condition that does not hold for it.
        reason: CamelCase, stable.
        findings: what its inputs have against the revision that it wishes.
    """

    type: Type
    reason: str
    message: str
    findings: tuple[Finding, ...] = ()


class Place(Enum):
    """On which revision a request is to be."""

    WANTED = "wanted"  # what its wish comes to
    HELD = "held"  # the one that it was resolved to last
    APPLIED = "applied"  # the one that was delivered, as it was delivered


@dataclass(frozen=True, slots=True)
class Candidate:
    """The revision that a request's wish comes to.

    Attributes:
        is_serving: it is no draft, and not retired.
        fit: whether the request's inputs do for it.
    """

    version: str
    digest: str
    fit: Fit
    is_serving: bool = True


def place(request: Request, wanted: Candidate | None, last: Operation | None) -> tuple[Place, Trouble | None]:
    """Return on which revision a request is to be, and what keeps it from what it wishes.

    Args:
        wanted: None when nothing that is published fits its wish.
        last: the newest finished operation that was not superseded.
    """
    if wanted is None or not wanted.is_serving:
        return Place.HELD, _gone(request)
    if is_held_back(request, wanted.digest, last):
        return Place.APPLIED, _failed(request, wanted, last)
    if not wanted.fit.is_good:
        return Place.HELD, _unfit(request, wanted)
    return Place.WANTED, None


def is_upgrade(request: Request, operation: Operation) -> bool:
    """Say whether an operation would bring another version than the one delivered."""
    applied = request.applied
    brings = operation.name not in (OperationName.DELETE, OperationName.OBSERVE, OperationName.REPAIR)
    return applied is not None and brings and operation.contract_digest != applied.contract_digest


def is_held_back(request: Request, digest: str, last: Operation | None) -> bool:
    """Say whether a revision is the one to which an upgrade failed, so that it is not tried again.

    A stuck upgrade is not given up like this: what it left behind waits for a person.
    """
    if digest not in dead_ends(request):
        return False
    return last is None or last.state is not OperationState.STUCK or last.contract_digest != digest


def told_as_upgrade(request: Request, operation: Operation, reason: str, message: str) -> tuple[str, str]:
    """Return reason and sentence of a failed operation, which say so when it was an upgrade."""
    if reason not in _PLAIN or not is_upgrade(request, operation):
        return reason, message
    return UPGRADE_FAILED, f"{_sentence(request, operation.contract_version)}: {message}"


def dead_ends(request: Request) -> tuple[str, ...]:
    """Return the digests of the revisions to which upgrades failed, the newest last.

    They are forgotten with the newest one: by a delivery, a change, or when somebody asks to try again.
    """
    if request.applied is None or request.failed_digest is None:
        return ()
    others = (each for each in request.applied.dead_ends if each != request.failed_digest)
    return (*others, request.failed_digest)


def dead_ends_after(request: Request, done: Operation) -> tuple[str, ...]:
    """Return the dead ends that stay on record after a delivery: all, unless it brought another version."""
    return () if is_upgrade(request, done) else dead_ends(request)


def after_failure(request: Request, operation: Operation) -> dict[str, object]:
    """Return what a failed operation changes about a request's versions.

    Unless it is stuck, or people wish another version by now, the request stands at once on what
    was delivered.
    """
    applied = request.applied
    if applied is None or operation.superseded or not is_upgrade(request, operation):
        return {}
    known = [each for each in dead_ends(request) if each != operation.contract_digest]
    ends = (*known, operation.contract_digest)[-MOST_DEAD_ENDS:]
    changes: dict[str, object] = {
        "failed_version": operation.contract_version,
        "failed_digest": operation.contract_digest,
        "applied": replace(applied, dead_ends=ends),
    }
    is_over = operation.state is not OperationState.STUCK
    if is_over and request.contract_digest == operation.contract_digest:
        changes |= {
            "contract_version": applied.contract_version,
            "contract_digest": applied.contract_digest,
        }
    return changes


def after_success(request: Request, done: Operation) -> dict[str, Json]:
    """Return what a delivery changes about a request's versions.

    What was only mended or delivered anew is on the version that it was on, and what failed beside
    it stays on record.
    """
    applied = request.applied
    if applied is None or not is_upgrade(request, done):
        return _rewritten(request, done)
    changes: dict[str, Json] = {"previous_version": applied.contract_version}
    return changes | {"failed_version": None, "failed_digest": None} | _rewritten(request, done)


def _rewritten(request: Request, done: Operation) -> dict[str, Json]:
    """Return the inputs in force once a version was delivered, as they are written for that."""
    written = done.plan.get(WRITTEN)
    # A run that was migrated took its inputs along; those of a newer wish are not for this version.
    if not isinstance(written, Mapping) or done.generation != request.generation:
        return {}
    if written.get("version") != done.contract_version:
        return {}
    return {"inputs_version": done.contract_version, "converted": written.get("inputs")}


def _sentence(request: Request, version: str) -> str:
    before = "" if request.applied is None else request.applied.contract_version
    return f"the upgrade from {before} to {version} failed"


def _failed(request: Request, wanted: Candidate, last: Operation | None) -> Trouble:
    if last is not None and last.contract_digest == wanted.digest:
        return Trouble(Type.APPLIED, last.reason, last.message)
    return Trouble(Type.APPLIED, UPGRADE_FAILED, _sentence(request, wanted.version))


def _gone(request: Request) -> Trouble:
    wanted = "what is stable" if request.version is None else request.version
    message = (
        f"no published version of {request.contract} fits {wanted}; it stays on {request.contract_version}"
    )
    return Trouble(Type.AVAILABLE, VERSION_GONE, message)


def _unfit(request: Request, wanted: Candidate) -> Trouble:
    fit = wanted.fit
    how = "cannot be converted for" if fit.reason == CONVERSION_FAILED else "do not fit"
    said = "; ".join(listed(fit.findings))
    message = f"its inputs {how} {wanted.version}: {said}; it stays on {request.contract_version}"
    return Trouble(Type.AVAILABLE, fit.reason, message, fit.findings)
