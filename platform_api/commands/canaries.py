"""Canaries: how many requests follow a published version, set by the team that owns the contract."""

from catalog import audit, canaries, contracts, events, requests
from catalog.actor import Actor
from catalog.compat.versions import is_early
from catalog.db import Tx
from catalog.digest import Json
from catalog.selection import Canary, Trial
from platform_api import access
from platform_api.commands.compatibility import check_compatible
from platform_api.parts import Platform
from platform_api.preconditions import check_match
from platform_api.receipts import Receipt
from reconciler import workqueue
from reconciler.workqueue import Lane

_AT_ONCE = 1000


def set_share(
    platform: Platform,
    actor: Actor,
    which: tuple[str, str],
    wanted: tuple[int, str],
    receipt: Receipt[Canary],
) -> Canary:
    """Let a share of the requests follow a version; 100 promotes it, 0 takes it back.

    Args:
        which: the contract's name and version.
        wanted: the share, and the ETag that was seen.

    Raises:
        NotFound: `contract_not_found`.
        Denied: `role_missing`.
        Conflict: `revision_changed`, `canary_not_published`, `canary_alone`, `canary_not_newest`;
            `breaking_change`, `version_too_low` of a pre-release, against which nothing was held until now.
    """
    share, if_match = wanted
    with platform.db.write() as tx:
        receipt.claim(tx)
        held = canaries.load(tx, *which)
        access.check_publisher(actor, contracts.owner_of(tx, held.name) or "")
        check_match(if_match, held.revision)
        if held.share == share:
            return receipt.keep(tx, held)
        after = canaries.set_share(tx, held, share, platform.clock(), actor.subject)
        _leave(platform, tx, actor, held, after)
        if after.trial is Trial.PROMOTED and is_early(after.version):
            check_compatible(tx, contracts.load(tx, *which).bundle)
        _wake(platform, tx, held.name)
        return receipt.keep(tx, after)


_SAID = {
    Trial.CANARY: ("contract.canary", "is followed by {share} of 100 requests"),
    Trial.PROMOTED: ("contract.promoted", "is for everybody"),
    Trial.ABORTED: ("contract.aborted", "is followed by nobody any more"),
}


def _leave(platform: Platform, tx: Tx, actor: Actor, held: Canary, after: Canary) -> None:
    action, said = _SAID[after.trial]
    subject, now = f"{after.name}@{after.version}", platform.clock()
    kind = "".join(word.title() for word in action.split("."))
    sentence = f"{subject} {said.format(share=after.share)}, says {actor.subject}"
    events.append(tx, events.Event(audit.PLATFORM, None, kind, sentence, now))
    detail: dict[str, Json] = {"share": after.share, "before": held.share}
    audit.append(
        tx,
        audit.PLATFORM,
        now,
        actor=actor.subject,
        action=action,
        subject=f"contract/{subject}",
        detail=detail,
    )


def _wake(platform: Platform, tx: Tx, name: str) -> None:
    uids = requests.uids(tx, requests.Filter(contract=name))
    for start in range(0, len(uids), _AT_ONCE):
        workqueue.wake_many(tx, uids[start : start + _AT_ONCE], Lane.REPAIR, platform.clock())
