"""What is told when a contract version moves: to those who live on it, to the platform, to the trail."""

from dataclasses import dataclass
from enum import Enum

from catalog import audit, events, requests
from catalog.actor import Actor
from catalog.db import Tx
from catalog.digest import Json
from catalog.lifecycle import Lifecycle
from platform_api.commands.dependents import wake_requests
from platform_api.parts import Platform
from reconciler.workqueue import Lane


class Tiding(Enum):
    """What happened: the audit trail's word, the events' kind, and the sentence."""

    DEPRECATED = ("contract.deprecated", "ContractDeprecated", "is deprecated")
    UNDEPRECATED = ("contract.undeprecated", "ContractUndeprecated", "is not deprecated any more")
    RETIRED = ("contract.retired", "ContractRetired", "is retired")
    SUNSET_PASSED = ("contract.sunset_passed", "SunsetPassed", "has passed its sunset")
    DELETED = ("contract.deleted", "ContractDeleted", "is deleted")

    def __init__(self, action: str, kind: str, said: str) -> None:
        self.action = action
        self.kind = kind
        self.said = said


@dataclass(frozen=True, slots=True)
class News:
    """What happened to which version."""

    tiding: Tiding
    name: str
    version: str
    lifecycle: Lifecycle

    @property
    def sentence(self) -> str:
        """Return it for people: what, until when, where to go, why."""
        held = self.lifecycle
        parts = [f"{self.name} {self.version} {self.tiding.said}"]
        if held.sunset_at is not None:
            parts.append(f"sunset {held.sunset_at:%Y-%m-%d}")
        if held.replacement is not None:
            parts.append(f"go to {held.replacement}")
        return "; ".join([*parts, held.reason] if held.reason else parts)

    @property
    def detail(self) -> dict[str, Json]:
        """Return it for programs."""
        held = self.lifecycle
        return {
            "contract": self.name,
            "version": self.version,
            "replacement": held.replacement,
            "sunset_at": None if held.sunset_at is None else held.sunset_at.isoformat(),
            "reason": held.reason,
        }


def tell(platform: Platform, tx: Tx, actor: Actor, news: News) -> None:
    """Leave an event with every live request on the version, one for the platform, and an audit entry."""
    now, kind = platform.clock(), news.tiding.kind
    living = requests.Filter(contract=news.name, standing_on=news.version)
    heads = requests.heads(tx, living)
    told = [
        events.Event(each.project, each.uid, kind, news.sentence, now, detail=news.detail) for each in heads
    ]
    for start in range(0, len(told), _AT_ONCE):
        events.append_all(tx, told[start : start + _AT_ONCE])
    events.append(tx, events.Event(audit.PLATFORM, None, kind, news.sentence, now, detail=news.detail))
    audit.append(
        tx,
        audit.PLATFORM,
        now,
        actor=actor.subject,
        action=news.tiding.action,
        subject=f"contract/{news.name}@{news.version}",
        detail=news.detail | {"requests": len(heads)},
    )


def wake(platform: Platform, tx: Tx, name: str) -> None:
    """Have every request on a contract, or on one that needs it, look again which version it is on."""
    wake_requests(tx, name, Lane.REPAIR, platform.clock(), dependents=True)


_AT_ONCE = 500
