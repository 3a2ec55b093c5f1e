"""Tokens: made and revoked by whoever runs the installation."""

from collections.abc import Callable
from dataclasses import dataclass

from catalog import audit
from catalog.actor import Actor
from catalog.db import Tx
from catalog.digest import Json
from platform_api import access, tokens
from platform_api.parts import Platform
from platform_api.receipts import Receipt
from platform_api.tokens import Token


@dataclass(frozen=True, slots=True)
class Made:
    """A new token with its text, which is nowhere else."""

    token: Token
    secret: str


def create(
    platform: Platform, actor: Actor, token: Token, receipt: Receipt[Made], new: Callable[[], str]
) -> Made:
    """Make a token.

    Args:
        new: draws the token's text.

    Raises:
        Conflict: `token_exists`.
    """
    access.check_admin(actor)
    made = Made(token, new())
    with platform.db.write() as tx:
        receipt.claim(tx)
        tokens.create(tx, token, made.secret)
        _audit(platform, tx, actor, "token.created", token)
        return receipt.keep(tx, made)


def revoke(platform: Platform, actor: Actor, token_id: str, receipt: Receipt[Token]) -> Token:
    """End a token at once, and return what it was; its streams close within seconds.

    Raises:
        NotFound: `token_not_found`.
    """
    access.check_admin(actor)
    with platform.db.write() as tx:
        receipt.claim(tx)
        token = tokens.load(tx, token_id)
        if token.revoked_at is None:
            tokens.revoke(tx, token_id, platform.clock())
            _audit(platform, tx, actor, "token.revoked", token)
        return receipt.keep(tx, token)


def _audit(platform: Platform, tx: Tx, actor: Actor, action: str, token: Token) -> None:
    grants: list[Json] = [f"{grant.role}:{grant.scope}" for grant in token.grants]
    detail: dict[str, Json] = {"id": token.id, "subject": token.subject, "grants": grants}
    if token.groups:
        detail["groups"] = list(token.groups)
    audit.append(
        tx,
        audit.PLATFORM,
        platform.clock(),
        actor=actor.subject,
        action=action,
        subject=f"token/{token.name}",
        detail=detail,
    )
