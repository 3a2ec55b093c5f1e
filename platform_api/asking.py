"""Asking for things, changing and giving them back, at whatever address a request is found.

The routes of all requests and those of one capability differ in what they are called and in
their bodies; what they do about it is here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import JSONResponse, Response

from catalog import projects, requests
from catalog.actor import Actor
from catalog.errors import Gone, NotFound
from catalog.request import Phase, Request
from platform_api import notices
from platform_api.commands import drafting
from platform_api.commands import requests as commands
from platform_api.commands.requests import Wanted
from platform_api.doors import Ending, QueryName, answer_of, answers, refusals
from platform_api.drafts import Draft
from platform_api.paging import Page, Window
from platform_api.parts import Platform
from platform_api.preconditions import check_match, etag
from platform_api.previews import PlanView
from platform_api.receipts import Answer
from platform_api.request_views import RequestView, path_of

LABELS_PATTERN = (
    r"^[A-Za-z0-9._/-]{1,63}=[A-Za-z0-9._/-]{1,63}(,[A-Za-z0-9._/-]{1,63}=[A-Za-z0-9._/-]{1,63})*$"
)

# How the routes that show and change a request answer.
SHOWN = answers(RequestView, 200, headers=["ETag"]) | refusals(404, 410)
_ACCEPTED = answers(RequestView, 202, headers=["ETag", "Location"])
SUBMITTED = _ACCEPTED | answers(PlanView, 200) | refusals(404, 409)
CHANGED = (
    _ACCEPTED
    | answers(RequestView | PlanView, 200, headers=["ETag", "Location"])
    | refusals(404, 409, 410, 412, 428)
)
DELETED = _ACCEPTED | answers(PlanView, 200) | refusals(404, 409, 410, 412, 428)

WhenUnused = Annotated[bool, Query(description="While others use it, wait until they are gone.")]


@dataclass(frozen=True, slots=True)
class Asking:
    """Somebody who asks for something, and how that is to end.

    Attributes:
        address: where a request is found by whoever asks here.
    """

    platform: Platform
    actor: Actor
    ends: Ending
    address: Callable[[Request], str] = path_of

    def submit(self, project: str, wanted: Wanted) -> Response:
        """Ask for a capability, or plan to."""
        if self.ends.is_dry:
            uid = self.platform.mint("req")
            return _planned(drafting.creation(self.platform, self.actor, project, wanted, uid))
        command = partial(commands.submit, self.platform, self.actor, project, wanted)
        return self.ends.settle(command, self.accepted)

    def change(self, held: Request, wanted: Wanted, *, anew: bool = False) -> Response:
        """Replace what is wanted; 200 when nothing is delivered anew.

        Args:
            anew: try again what is wanted, also when nothing changes.
        """
        if self.ends.is_dry:
            return _planned(drafting.change(self.platform, self.actor, held, wanted, anew=anew))
        return self.ends.settle(
            partial(commands.change, self.platform, self.actor, held, wanted, anew=anew),
            lambda after: self._answer(after, 202 if after.generation > held.generation else 200),
        )

    def delete(self, held: Request, if_match: str, *, when_unused: bool = False) -> Response:
        """Ask for teardown; asking again changes nothing, and needs no fresh look."""
        check_match("*" if if_match.strip() and held.is_deleting else if_match, held.revision)
        if self.ends.is_dry:
            return _planned(drafting.deletion(self.platform, self.actor, held, when_unused=when_unused))
        command = partial(commands.delete, self.platform, self.actor, held, when_unused=when_unused)
        return self.ends.settle(command, self.accepted)

    def accepted(self, request: Request) -> Answer:
        """Return the answer that a request was accepted, and where it is found."""
        return self._answer(request, 202)

    def _answer(self, request: Request, status: int) -> Answer:
        headers = {"ETag": etag(request.revision), "Location": self.address(request)}
        return answer_of(RequestView.of(request), status, headers)


async def narrowed(
    *,
    phase: Annotated[Phase | None, Query()] = None,
    owner: QueryName = None,
    environment: QueryName = None,
    destination: QueryName = None,
    labels: Annotated[
        str | None, Query(pattern=LABELS_PATTERN, max_length=1000, description="name=value,...")
    ] = None,
    q: Annotated[
        str | None, Query(pattern="^[a-z0-9-]+$", max_length=63, description="Part of the name.")
    ] = None,
) -> requests.Filter:
    """Return which requests of a project are wanted; a dependency of their lists."""
    return requests.Filter(
        phase=phase,
        owner=owner,
        environment=environment,
        destination=destination,
        labels=dict(pair.split("=", 1) for pair in labels.split(",")) if labels else None,
        text=q,
    )


Narrowed = Annotated[requests.Filter, Depends(narrowed)]


def listed(platform: Platform, project: str, wanted: requests.Filter, window: Window) -> Page[RequestView]:
    """Return a page of a project's requests.

    Raises:
        NotFound: `project_not_found`.
    """
    after = str(window.after[0]) if window.after else ""
    with platform.db.read() as tx:
        projects.load(tx, project)
        rows = requests.page(tx, wanted, after, window.limit)
        notices.learn(tx, rows)
    return window.page(rows, RequestView.of, lambda row: [row.uid])


def shown(request: Request) -> Response:
    """Return the response that shows a request."""
    return JSONResponse(
        RequestView.of(request).model_dump(mode="json"), 200, {"ETag": etag(request.revision)}
    )


def find_request(platform: Platform, project: str, name: str, capability: str | None = None) -> Request:
    """Return the live request of this name.

    Args:
        capability: of this one only; any other request is as good as none.

    Raises:
        NotFound: `project_not_found`, `request_not_found`.
        Gone: `request_deleted`, when there was one.
    """
    with platform.db.read() as tx:
        try:
            held = requests.by_name(tx, project, name)
        except NotFound:
            projects.load(tx, project)
            last = requests.last_deleted(tx, project, name)
            if last is None:
                raise
            held = last
        if held.deleted_at is None and capability in (None, held.contract):
            notices.tell_of(tx, held)
    if capability not in (None, held.contract):
        raise NotFound(
            "request_not_found", f"There is no request {name} of {capability}.", fix="see avow get requests"
        )
    if held.deleted_at is not None:
        raise Gone(
            "request_deleted", f"{name} was deleted and seen gone.", fix="the name is free: request it anew"
        )
    return held


def _planned(draft: Draft) -> Response:
    return JSONResponse(PlanView.of(draft).model_dump(mode="json"), 200)
