"""What an installation has from its first start: an administrator's token and a project.

The token lies in `admin-token` in the data folder, mode 600: whoever may read that file may
read the database too. The file is written before the database learns of the token, so a
crash in between leaves nothing that would need mending. A token that was revoked on purpose
stays revoked.
"""

from pathlib import Path

from catalog import audit, projects
from catalog.actor import SYSTEM, Grant, Role
from catalog.db import Tx
from catalog.errors import Conflict, Invalid
from catalog.projects import Project
from platform_api import tokens
from platform_api.keys import kept
from platform_api.parts import Platform
from platform_api.tokens import Token

TOKEN_FILE = "admin-token"  # noqa: S105  # a file's name
FIRST_PROJECT = "default"


def furnish(platform: Platform) -> Path:
    """Make sure that the token and the project are there; return where the token lies.

    Raises:
        Invalid: `invalid_settings`, when the file holds no token, or others may read it.
    """
    path = platform.settings.folder / TOKEN_FILE
    secret = kept(path, tokens.new_secret)
    if not tokens.is_secret(secret):
        raise Invalid("invalid_settings", f"{path} holds no token.", fix="remove it; another is made")
    with platform.db.write() as tx:
        if tokens.find(tx, secret) is None:
            _admit(platform, tx, secret)
        if not projects.page(tx, "", 1):
            _found(platform, tx)
    return path


def _admit(platform: Platform, tx: Tx, secret: str) -> None:
    now = platform.clock()
    token_id = platform.mint("tok")
    name = f"local-admin-{token_id[-8:]}"
    tokens.create(tx, Token(token_id, name, "local-admin", (Grant(Role.ADMIN),), now, SYSTEM.subject), secret)
    audit.append(
        tx,
        audit.PLATFORM,
        now,
        actor=SYSTEM.subject,
        action="token.created",
        subject=f"token/{name}",
        detail={"id": token_id, "subject": "local-admin", "grants": ["admin:*"]},
    )


def _found(platform: Platform, tx: Tx) -> None:
    now = platform.clock()
    try:
        projects.create(tx, Project(FIRST_PROJECT, "Default", now, SYSTEM.subject))
    except Conflict:
        return  # another process was faster
    audit.append(
        tx,
        FIRST_PROJECT,
        now,
        actor=SYSTEM.subject,
        action="project.created",
        subject=f"project/{FIRST_PROJECT}",
        detail={"title": "Default"},
    )
