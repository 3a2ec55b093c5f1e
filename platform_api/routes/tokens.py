"""Tokens: shown once, listed without their text, revoked at once."""

from datetime import timedelta
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from catalog.actor import ANY, Grant, Role
from catalog.errors import Finding, Invalid
from platform_api import tokens
from platform_api.bodies import JsonBody
from platform_api.commands import tokens as commands
from platform_api.commands.tokens import Made
from platform_api.doors import (
    ADMIN,
    Admin,
    Ends,
    EndsPlainly,
    List,
    Parts,
    PathId,
    answer_of,
    answers,
    respond,
)
from platform_api.paging import Page
from platform_api.receipts import Answer
from platform_api.tokens import Token
from platform_api.wire import NAME_PATTERN, SUBJECT_PATTERN, At, Body, Given, Maybe, Name, View

router = APIRouter(prefix="/v1/tokens", tags=["tokens"])

MAX_DAYS = 3650
Scope = Annotated[str, Field(pattern=rf"^\*$|{NAME_PATTERN}", max_length=63)]


class GrantBody(Body):
    """A role in a scope: a project, a team for publishers, or `*`."""

    role: Role = Field(strict=False)
    scope: Scope = ANY


class CreateToken(Body):
    """A token to be."""

    name: Name
    subject: Annotated[str, Field(pattern=SUBJECT_PATTERN, max_length=200)] = Field(
        description="Who comes with it; two tokens of one subject are the same person."
    )
    grants: list[GrantBody] = Field(min_length=1, max_length=50)
    groups: Annotated[list[Name], Field(max_length=50)] = Field(
        default=[], description="Groups the person belongs to; approvals are asked of them."
    )
    expires_in_days: Given[Annotated[int, Field(ge=1, le=MAX_DAYS)]] = None


class GrantView(View):
    """A role in a scope."""

    role: str
    scope: str


class TokenView(View):
    """All that is known of a token afterwards."""

    id: str
    name: str
    subject: str
    grants: list[GrantView]
    groups: list[str]
    created_at: At
    created_by: str
    expires_at: Maybe[At] = None
    revoked_at: Maybe[At] = None
    last_used_at: Maybe[At] = None

    @classmethod
    def of(cls, token: Token) -> "TokenView":
        """Return the view of a token."""
        return cls(
            id=token.id,
            name=token.name,
            subject=token.subject,
            grants=[GrantView(role=str(grant.role), scope=grant.scope) for grant in token.grants],
            groups=list(token.groups),
            created_at=token.created_at,
            created_by=token.created_by,
            expires_at=token.expires_at,
            revoked_at=token.revoked_at,
            last_used_at=token.last_used_at,
        )


class MadeView(TokenView):
    """A new token with its text; a repeated request gets the answer without it."""

    token: Maybe[str] = None


Created = Annotated[CreateToken, Depends(JsonBody(CreateToken))]


@router.post(
    "",
    operation_id="createToken",
    status_code=201,
    response_model=None,
    responses=answers(MadeView, 200, 201),
)
def create_token(platform: Parts, actor: Admin, body: Created, ends: Ends) -> Response:
    """Make a token; its text is shown here and never again."""
    _check_grants(body)
    token = Token(
        id=platform.mint("tok"),
        name=body.name,
        subject=body.subject,
        grants=tuple(Grant(grant.role, grant.scope) for grant in body.grants),
        created_at=ends.now,
        created_by=actor.subject,
        expires_at=None if body.expires_in_days is None else ends.now + timedelta(days=body.expires_in_days),
        groups=tuple(dict.fromkeys(body.groups)),
    )
    command = partial(commands.create, platform, actor, token, new=tokens.new_secret)
    # What is kept for a repeated key must not hold the secret, so only the first answer shows it.
    made = command(receipt=ends.receipt(_without_secret))
    view = MadeView(**TokenView.of(made.token).model_dump(), token=made.secret)
    return respond(answer_of(view, 201, {"Location": "/v1/tokens"}))


@router.get("", operation_id="listTokens", dependencies=[ADMIN])
def list_tokens(platform: Parts, window: List) -> Page[TokenView]:
    """List tokens in the order in which they were made."""
    after = str(window.after[0]) if window.after else ""
    with platform.db.read() as tx:
        rows = tokens.page(tx, after, window.limit)
    return window.page(rows, TokenView.of, lambda row: [row.id])


@router.delete(
    "/{token_id}",
    operation_id="revokeToken",
    status_code=204,
    response_model=None,
    responses=answers(TokenView, 200),
)
def revoke_token(platform: Parts, actor: Admin, token_id: PathId, ends: EndsPlainly) -> Response:
    """End a token."""
    return ends.settle(
        partial(commands.revoke, platform, actor, token_id),
        lambda token: answer_of(TokenView.of(token), 204),
    )


def _without_secret(made: Made) -> Answer:
    return answer_of(MadeView(**TokenView.of(made.token).model_dump()), 201, {"Location": "/v1/tokens"})


def _check_grants(body: CreateToken) -> None:
    findings = tuple(
        Finding(f"/grants/{index}/scope", "scope_not_any", "an admin is one everywhere", 'write "*"')
        for index, grant in enumerate(body.grants)
        if grant.role is Role.ADMIN and grant.scope != ANY
    )
    if findings:
        raise Invalid("invalid_body", "The grants are not usable.", findings=findings)
