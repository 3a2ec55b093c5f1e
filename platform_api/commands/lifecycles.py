"""The life of contract versions, as far as the team that owns the contract moves them."""

from dataclasses import dataclass

from catalog import canaries, contracts, lifecycles, requests
from catalog.actor import Actor
from catalog.db import Tx
from catalog.errors import Conflict, Finding
from catalog.lifecycle import MOVES, REMOVABLE, Lifecycle, State, Terms, invalid, moved
from catalog.reliance import relying
from platform_api import access
from platform_api.commands.tidings import News, Tiding, tell, wake
from platform_api.parts import Platform
from platform_api.preconditions import check_match
from platform_api.receipts import Receipt
from reconciler import operations
from reconciler.migrants import migrating_to

SHOWN = 20
"""So many of those who use a version are named."""

_TIDINGS = {
    State.PUBLISHED: Tiding.UNDEPRECATED,
    State.DEPRECATED: Tiding.DEPRECATED,
    State.RETIRED: Tiding.RETIRED,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A version, and where it stands."""

    name: str
    version: str
    lifecycle: Lifecycle


@dataclass(frozen=True, slots=True)
class Move:
    """Where a version is to go.

    Attributes:
        if_match: the ETag that was seen.
    """

    state: State
    terms: Terms
    if_match: str


def move(
    platform: Platform, actor: Actor, which: tuple[str, str], wanted: Move, receipt: Receipt[Standing]
) -> Standing:
    """Deprecate a version, take that back, or retire it; whoever lives on it is told.

    Args:
        which: the contract's name and version.

    Raises:
        NotFound: `contract_not_found`.
        Denied: `role_missing`.
        Conflict: `revision_changed`, `lifecycle_move`, `version_in_use`.
        Invalid: `invalid_lifecycle`.
    """
    with platform.db.write() as tx:
        receipt.claim(tx)
        held = _locked(tx, actor, which, wanted.if_match)
        if _is_so(held, wanted):
            return receipt.keep(tx, Standing(*which, held))
        if held.state is State.DRAFT:
            raise _unpublished(*which)
        after = moved(held, wanted.state, wanted.terms, platform.clock(), actor.subject)
        if after.state is State.DEPRECATED:
            _check_replacement(tx, which, after.replacement)
        if after.state is State.RETIRED:
            check_unused(tx, *which)
        lifecycles.save(tx, *which, after)
        tell(platform, tx, actor, News(_TIDINGS[after.state], *which, after))
        wake(platform, tx, which[0])
        return receipt.keep(tx, Standing(*which, after))


def remove(
    platform: Platform, actor: Actor, which: tuple[str, str], if_match: str, receipt: Receipt[Standing]
) -> Standing:
    """Delete a draft, or a retired version that nobody needs, and return what it was.

    Raises:
        NotFound: `contract_not_found`.
        Denied: `role_missing`.
        Conflict: `revision_changed`, `lifecycle_move`, `version_in_use`.
    """
    with platform.db.write() as tx:
        receipt.claim(tx)
        held = _locked(tx, actor, which, if_match)
        if held.state not in REMOVABLE:
            raise _alive(*which, held)
        if held.state is State.RETIRED:
            check_unused(tx, *which)
            _check_unwritten(tx, which)
        tell(platform, tx, actor, News(Tiding.DELETED, *which, held))
        lifecycles.remove(tx, *which, platform.clock(), actor.subject)
        return receipt.keep(tx, Standing(*which, held))


def check_unused(tx: Tx, name: str, version: str) -> None:
    """Pass a version on which no live request stands and on which no other contract relies.

    Raises:
        Conflict: `version_in_use`, naming who uses it.
    """
    # Whoever is on the way is looked for first: those who arrive meanwhile are found standing on it then.
    coming = _coming(tx, contracts.load(tx, name, version).digest)
    living = requests.Filter(contract=name, standing_on=version)
    users = [f"{each.project}/{each.name}" for each in requests.heads(tx, living, SHOWN)]
    count = requests.count(tx, living) if users else 0
    if not users:
        found = [requests.by_uid(tx, uid) for uid in coming[:SHOWN]]
        users, count = [f"{each.project}/{each.name}" for each in found], len(coming)
    needing = relying(tx, name, version)
    if users or needing:
        raise _in_use((name, version), count, users, needing)


def _coming(tx: Tx, digest: str) -> list[str]:
    """Return the requests that are being brought to a revision, whatever they wish by now."""
    return list(dict.fromkeys((*operations.open_on(tx, digest), *migrating_to(tx, digest))))


def _locked(tx: Tx, actor: Actor, which: tuple[str, str], if_match: str) -> Lifecycle:
    held = lifecycles.locked(tx, *which)
    access.check_publisher(actor, contracts.owner_of(tx, which[0]) or "")
    check_match(if_match, held.revision)
    return held


def _check_unwritten(tx: Tx, which: tuple[str, str]) -> None:
    """Pass a version for which no live request's inputs are written: converting them takes its defaults."""
    written = requests.Filter(contract=which[0], written_for=which[1])
    users = [f"{each.project}/{each.name}" for each in requests.heads(tx, written, SHOWN)]
    if users:
        raise _in_use(which, requests.count(tx, written), users, [])


def _is_so(held: Lifecycle, wanted: Move) -> bool:
    terms = Terms(held.sunset_at, held.replacement, held.reason)
    return held.state is wanted.state and (held.state is not State.DEPRECATED or terms == wanted.terms)


def _check_replacement(tx: Tx, which: tuple[str, str], replacement: str | None) -> None:
    if replacement is None:
        return
    name, version = which
    fit = [
        each.version
        for each in canaries.standings(tx, name)
        if each.state is State.PUBLISHED and each.version != version
    ]
    if replacement not in fit:
        message = f"this is no other published version of {name}"
        known = f"choose one of {', '.join(fit)}" if fit else "publish one first"
        raise invalid((Finding("/replacement", "replacement_unfit", message, known),))


def _alive(name: str, version: str, held: Lifecycle) -> Conflict:
    first = "retire it" if State.RETIRED in MOVES[held.state] else "deprecate and retire it"
    command = f"avow {first.partition(' ')[0]} {name}@{version}"
    return Conflict(
        "lifecycle_move",
        f"{name} {version} is {held.state}; only drafts and retired versions are deleted.",
        fix=f"{first} first: {command}",
    )


def _unpublished(name: str, version: str) -> Conflict:
    return Conflict(
        "lifecycle_move",
        f"{name} {version} is a draft.",
        fix="publish it: avow publish FOLDER; or delete it",
    )


def _in_use(which: tuple[str, str], count: int, users: list[str], needing: list[str]) -> Conflict:
    name, version = which
    said = [f"{count} requests use it"] if users else []
    said += [f"{len(needing)} contracts have no other version to rely on"] if needing else []
    findings = [
        *(Finding("", "request", f"{each} uses it", _moving(each)) for each in users),
        *(
            Finding("", "contract", f"{each} relies on it", "publish a version for it to rely on")
            for each in needing[:SHOWN]
        ),
    ]
    return Conflict(
        "version_in_use",
        f"{name} {version} is still needed: {'; '.join(said)}.",
        findings=findings,
        fix=f"see who is left: avow laggards {name}@{version}",
    )


def _moving(user: str) -> str:
    project, _, name = user.partition("/")
    return f"move it: avow upgrade {name} --project {project}"
