"""A page for every code: what it means and what to do; `type` of a problem leads here."""

from html import escape
from typing import Annotated

from fastapi import APIRouter, Header, Path
from starlette.responses import HTMLResponse, JSONResponse, Response

from catalog.errors import NotFound
from platform_api.doors import ANYONE, answers, refusals
from platform_api.problems import pages
from platform_api.wire import View

router = APIRouter(prefix="/v1/errors", tags=["errors"], dependencies=[ANYONE])

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{code}</title>
<h1>{title}</h1><p><code>{code}</code></p><p>{meaning}</p><p>What to do: {fix}</p></html>
"""


class ErrorPage(View):
    """What a code means."""

    code: str
    title: str
    meaning: str
    fix: str


class ErrorPages(View):
    """Every code."""

    items: list[ErrorPage]


@router.get("", operation_id="listErrors")
def list_errors() -> ErrorPages:
    """List every code with its meaning."""
    return ErrorPages(items=[ErrorPage(code=code, **page) for code, page in sorted(pages().items())])


@router.get(
    "/{code}", operation_id="getError", response_model=None, responses=answers(ErrorPage, 200) | refusals(404)
)
def get_error(
    code: Annotated[str, Path(pattern="^[a-z0-9_]+$", max_length=63)],
    accept: Annotated[str, Header(max_length=1000)] = "",
) -> Response:
    """Show what a code means, as JSON or, for a browser, as a page."""
    page = pages().get(code)
    if page is None:
        raise NotFound("unknown_error_code", "There is no such code.", fix="see /v1/errors")
    if "text/html" in accept:
        return HTMLResponse(
            _PAGE.format(**{name: escape(text) for name, text in {"code": code, **page}.items()})
        )
    return JSONResponse(ErrorPage(code=code, **page).model_dump(mode="json"))
