"""`avow approvals`, `approve`, `reject` and `delegate`: what is asked of people, and what they say.

An approval is named by its id, or by its request where only one of them can be meant. A vote
carries the binding of what was read just before it, so that nobody approves what he has not
seen; at a terminal that is shown, and asked about, first.
"""

from collections.abc import Sequence
from typing import Annotated

import typer

from catalog.clock import utc_now
from platform_api.cli.asked import approval_lines, headline, standing_of
from platform_api.cli.client import Answer, Client, connect, path
from platform_api.cli.failure import ExitCode, Failure
from platform_api.cli.kinds import KINDS
from platform_api.cli.local import span
from platform_api.cli.output import Document, show
from platform_api.cli.session import Session, nearest, new_app, session_of
from platform_api.cli.tables import table

app = new_app()

INBOXES = ("mine", "named", "groups", "all")
STATES = ("open", "approved", "rejected", "expired", "voided", "any")
_ID = "apr_"
_DIGEST = "@sha256:"

_Which = Annotated[str, typer.Argument(help="An approval's id, or its request's name.")]
_Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
_Evidence = Annotated[
    list[str] | None,
    typer.Option(help="What you looked at: KIND=ADDRESS, @sha256:... behind it if you like; repeatable."),
]


@app.command()
def approvals(
    context: typer.Context,
    approval: Annotated[str, typer.Argument(help="One of them: its id, or its request's name.")] = "",
    *,
    inbox: Annotated[str, typer.Option(help=f"Whose: {', '.join(INBOXES)}.")] = "mine",
    state: Annotated[str, typer.Option(help=f"Where they stand: {', '.join(STATES)}.")] = "open",
    request: Annotated[str, typer.Option("--request", "-r", help="Only of this request.")] = "",
    here: Annotated[bool, typer.Option("--here", help="Only of this project.")] = False,
    claim: Annotated[str, typer.Option(help="Take it in hand for so long: 30m, 2h.")] = "",
    release: Annotated[bool, typer.Option("--release", help="Let go of it.")] = False,
) -> None:
    """List what is asked of you, or show one, with what is to be approved."""
    session = session_of(context)
    with connect(session) as client:
        if approval:
            minutes = 0 if release else _minutes(claim)
            found = _found(client, session, approval)
            if minutes is not None:
                found = client.send("POST", _path(found, "claim"), {"minutes": minutes}).document
            _show(session, found)
            return
        if claim or release:
            raise Failure(ExitCode.USAGE, "Name the approval.", fix="avow approvals ID --claim 1h")
        query = {"inbox": _one_of(inbox, INBOXES), "state": _one_of(state, STATES)}
        if request or here:
            query["project"] = session.project
        if request:
            query |= {"request": request, "inbox": "all" if inbox == "mine" else inbox}
        _list(session, list(client.pages(path("approvals"), query)))


@app.command()
def approve(
    context: typer.Context,
    approval: _Which,
    *,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    evidence: _Evidence = None,
    yes: _Yes = False,
) -> None:
    """Approve, after you have seen what."""
    _vote(session_of(context), approval, "approve", reason, evidence or [], is_sure=yes)


@app.command()
def reject(
    context: typer.Context,
    approval: _Which,
    *,
    reason: Annotated[str, typer.Option(help="Why; the requester reads it.")],
    evidence: _Evidence = None,
    yes: _Yes = False,
) -> None:
    """Reject, and say why; what was done is undone."""
    _vote(session_of(context), approval, "reject", reason, evidence or [], is_sure=yes)


@app.command()
def delegate(
    context: typer.Context,
    approval: _Which,
    to: Annotated[str, typer.Argument(help="Who is to vote in your place.")],
    *,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
) -> None:
    """Let somebody else vote in your place, this once."""
    session = session_of(context)
    with connect(session) as client:
        found = _found(client, session, approval)
        given = client.send("POST", _path(found, "delegate"), {"to": to, "reason": reason}).document
    if session.is_table:
        session.terminal.answer(f"{to} may vote in your place on {headline(given)}")
    else:
        show(session, given)


def _vote(
    session: Session, which: str, verdict: str, reason: str, evidence: Sequence[str], *, is_sure: bool
) -> None:
    seen = [_evidence(text) for text in evidence]
    with connect(session) as client:
        found = _found(client, session, which)
        if session.may_ask and not is_sure:
            for line in approval_lines(found, utc_now()):
                session.terminal.tell(line)
            typer.confirm(f"{verdict.capitalize()} this?", abort=True, err=True)
        body = {"verdict": verdict, "binding": found.get("binding"), "reason": reason, "evidence": seen}
        answer: Answer = client.send("POST", _path(found, "votes"), body)
    if session.is_table:
        session.terminal.answer(f"{headline(answer.document)}: {standing_of(answer.document)}")
    else:
        show(session, answer.document)


def _found(client: Client, session: Session, which: str) -> Document:
    if which.startswith(_ID):
        return client.get(path("approvals", which)).document
    query = {"project": session.project, "request": which}
    found = list(client.pages(path("approvals"), query))
    able = [each for each in found if _may_vote(each)] or found
    if len(able) == 1:
        return client.get(path("approvals", str(able[0].get("id")))).document
    if not able:
        raise Failure(
            ExitCode.NOT_FOUND,
            f"Nothing is asked for {which} now.",
            fix=f"see how it ended: avow approvals --request {which} --state any",
        )
    raise Failure(
        ExitCode.USAGE,
        f"{len(able)} approvals are open for {which}.",
        details=[f"{each.get('id')}  {headline(each)}" for each in able],
        fix="name one by its id",
    )


def _may_vote(approval: Document) -> bool:
    you = approval.get("you")
    return isinstance(you, dict) and you.get("may_vote") is True


def _path(approval: Document, act: str) -> str:
    return path("approvals", str(approval.get("id")), act)


def _list(session: Session, found: list[Document]) -> None:
    if not session.is_table:
        show(session, found)
        return
    terminal = session.terminal
    if not found:
        terminal.tell("Nothing is asked of you. All that is open: avow approvals --inbox all")
        return
    for line in table(KINDS["approvals"].heads, found, utc_now(), terminal.room(terminal.out)):
        terminal.answer(line)


def _show(session: Session, found: Document) -> None:
    if not session.is_table:
        show(session, found)
        return
    for line in approval_lines(found, utc_now()):
        session.terminal.answer(line)


def _one_of(word: str, known: Sequence[str]) -> str:
    if word not in known:
        raise Failure(ExitCode.USAGE, f"{word} is none of {', '.join(known)}.", fix=nearest(word, known))
    return word


def _minutes(text: str) -> int | None:
    lasts = span(text)
    return None if lasts is None else max(1, round(lasts.total_seconds() / 60))


def _evidence(text: str) -> dict[str, str]:
    kind, is_there, address = text.partition("=")
    if not is_there or not kind or not address:
        raise Failure(
            ExitCode.USAGE,
            f"--evidence {text} does not say what it is and where.",
            fix="write --evidence scan=https://reports.example/17",
        )
    uri, marked, digest = address.rpartition(_DIGEST)
    return (
        {"kind": kind, "uri": uri, "digest": f"sha256:{digest}"} if marked else {"kind": kind, "uri": address}
    )
