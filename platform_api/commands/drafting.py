"""Drafts of asking for something, changing it and giving it back, refused for what that is refused for.

Dry runs and plans that are kept are both made here, so that they cannot differ in what they refuse.
Policy's denial is part of a draft instead.
"""

from catalog import requests
from catalog.actor import Actor
from catalog.errors import Conflict, NotFound
from catalog.request import Request
from platform_api.commands import requests as commands
from platform_api.commands.requests import Wanted
from platform_api.commands.uses import check_own, check_unused, check_uses, users_of
from platform_api.drafts import Draft, drafted
from platform_api.parts import Platform


def creation(platform: Platform, actor: Actor, project: str, wanted: Wanted, uid: str) -> Draft:
    """Return the draft of a new request.

    Args:
        uid: that it will get.

    Raises:
        Invalid, NotFound, Conflict, Unavailable: as for `commands.submit`.
    """
    revision = commands.revision_for(platform, project, wanted, uid)
    proposed = commands.new_request(platform, actor, project, wanted, revision, uid=uid)
    _check_name_free(platform, proposed)
    with platform.db.read() as tx:
        check_uses(tx, proposed)
    return drafted(platform, actor, "create", proposed, revision)


def change(platform: Platform, actor: Actor, held: Request, wanted: Wanted, *, anew: bool = False) -> Draft:
    """Return the draft of a change.

    Args:
        anew: try again what is wanted, also when nothing changes.

    Raises:
        Invalid, NotFound, Conflict, Unavailable: as for `commands.change`.
    """
    commands.check_changeable(held, wanted)
    before = commands.unfailed(held) if anew else held
    revision = commands.revision_for(platform, held.project, wanted, held.uid, before)
    after = commands.changed(platform, before, wanted, revision, anew=anew)
    with platform.db.read() as tx:
        check_uses(tx, after, held)
    return drafted(platform, actor, "update", after, revision)


def deletion(platform: Platform, actor: Actor, held: Request, *, when_unused: bool = False) -> Draft:
    """Return the draft of a teardown.

    Args:
        when_unused: while others use it, it waits until they are gone.

    Raises:
        InUse, Unavailable: as for `commands.delete`.
    """
    check_own(held)
    if not (when_unused or held.is_deleting):
        with platform.db.read() as tx:
            check_unused(held, users_of(tx, held))
    revision, deleting = commands.teardown(platform, held)
    return drafted(platform, actor, "delete", deleting, revision)


def _check_name_free(platform: Platform, request: Request) -> None:
    with platform.db.read() as tx:
        try:
            requests.by_name(tx, request.project, request.name)
        except NotFound:
            return
    raise Conflict(
        "request_exists",
        f"The project {request.project} has a request {request.name} already.",
        fix=f"see it: avow status {request.name}; change it, or choose another name",
    )
