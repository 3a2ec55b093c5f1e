"""How a refusal looks: problem documents (RFC 9457), and the one table of statuses.

Everything below raises kinds of `catalog.errors`; only here do they meet HTTP. Members
beyond the standard: `code` (stable, with a page at `type`), `errors` (one per place),
`fix`, `trace_id`, `decision` when policy refused, `changes` when a plan is stale, and `used_by`
when others need the thing.
"""

import logging
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from catalog.documents import read_yaml
from catalog.errors import (
    Conflict,
    Denied,
    Finding,
    Gone,
    Internal,
    InUse,
    Invalid,
    NotFound,
    PlatformError,
    Unavailable,
    UsedBy,
)
from platform_api.denial import PolicyDenied
from platform_api.findings import parameter_findings
from platform_api.staleness import PlanStale
from reconciler.drift import Difference

MEDIA_TYPE = "application/problem+json"

_STATUS_OF_KIND: Mapping[type[PlatformError], int] = {
    Invalid: 422,
    Denied: 403,
    NotFound: 404,
    Conflict: 409,
    Gone: 410,
    Unavailable: 503,
    Internal: 500,
}
_STATUS_OF_CODE: Mapping[str, int] = {
    "invalid_json": 400,
    "invalid_cursor": 400,
    "invalid_page_token": 400,
    "invalid_idempotency_key": 400,
    "invalid_precondition": 400,
    "bad_request": 400,
    "unauthenticated": 401,
    "method_not_allowed": 405,
    "body_too_slow": 408,
    "binding_changed": 412,
    "revision_changed": 412,
    "body_too_large": 413,
    "target_too_long": 414,
    "unsupported_media_type": 415,
    "precondition_required": 428,
    "too_many_streams": 429,
    "headers_too_large": 431,
}
_REASON_OF_STATUS = {401: "unauthenticated", 403: "forbidden"}
_EXTRA_HEADERS: Mapping[str, Mapping[str, str]] = {
    "unauthenticated": {"WWW-Authenticate": 'Bearer realm="avow"'}
}

_log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def pages() -> Mapping[str, Mapping[str, str]]:
    """Return the page of every code: `title`, `meaning` and `fix`."""
    text = resources.files("platform_api").joinpath("error_pages.yaml").read_text("utf-8")
    return read_yaml(text, "error_pages.yaml")  # type: ignore[return-value]  # held to its shape by a test


def status_of(error: PlatformError) -> int:
    """Return the HTTP status that an error goes out with."""
    by_kind = next(status for kind, status in _STATUS_OF_KIND.items() if isinstance(error, kind))
    return _STATUS_OF_CODE.get(error.code, by_kind)


def problem(error: PlatformError, trace_id: str) -> dict[str, Any]:
    """Return the problem document of an error; absent members are left out."""
    page = pages().get(error.code, {})
    document = {
        "type": f"/v1/errors/{error.code}",
        "title": page.get("title", error.code.replace("_", " ").capitalize()),
        "status": status_of(error),
        "detail": error.message,
        "code": error.code,
        "errors": [_place(finding) for finding in error.findings],
        "fix": error.fix or page.get("fix", ""),
        "used_by": [_user(each) for each in error.used_by] if isinstance(error, InUse) else [],
        "decision": error.decision_id if isinstance(error, PolicyDenied) else "",
        "changes": [_change(each) for each in error.changes] if isinstance(error, PlanStale) else [],
        "trace_id": trace_id,
    }
    return {name: value for name, value in document.items() if value not in ("", [])}


def problem_response(error: PlatformError, trace_id: str) -> Response:
    """Return the response that tells of an error."""
    headers = dict(_EXTRA_HEADERS.get(error.code, {}))
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
    return JSONResponse(problem(error, trace_id), status_of(error), headers, MEDIA_TYPE)


def unexpected(trace_id: str) -> Response:
    """Return the response for a fault of our own; what happened is in the log under the trace id."""
    error = Internal("internal", "Avow made a mistake. Nothing was half-written.", fix="report the trace id")
    return problem_response(error, trace_id)


def install(app: FastAPI) -> None:
    """Make an application answer every refusal with a problem document."""

    @app.exception_handler(PlatformError)
    async def refused(request: Request, error: PlatformError) -> Response:
        if isinstance(error, Internal):
            details = {"code": error.code, "trace_id": trace_id_of(request)}
            _log.error("a broken promise: %s", error.message, exc_info=error, extra=details)
        if status_of(error) in _REASON_OF_STATUS:
            request.app.state.metrics.refuse(_reason(error))
        return problem_response(error, trace_id_of(request))

    @app.exception_handler(RequestValidationError)
    async def misused(request: Request, error: RequestValidationError) -> Response:
        return problem_response(_misuse(error), trace_id_of(request))

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> Response:
        answer = problem_response(_unrouted(error), trace_id_of(request))
        if answer.status_code == _STATUS_OF_CODE["method_not_allowed"]:
            # The framework names the methods of one route; an address may have several.
            answer.headers["Allow"] = ", ".join(sorted(_methods(app, request.url.path)))
        return answer


def _reason(error: PlatformError) -> str:
    return "policy" if isinstance(error, PolicyDenied) else _REASON_OF_STATUS[status_of(error)]


def trace_id_of(request: Request) -> str:
    """Return the id under which everything about an HTTP request is logged."""
    return str(request.scope.get("avow.trace_id", ""))


def _methods(app: FastAPI, path: str) -> set[str]:
    routes = (route for route in iter_route_contexts(app.routes) if route.methods)
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}


def _misuse(error: RequestValidationError) -> PlatformError:
    errors = error.errors()
    if any(part["loc"][0] == "path" for part in errors):
        # A name that cannot exist does not exist.
        return not_found()
    return Invalid(
        "invalid_parameter", "A query parameter or header is not usable.", findings=parameter_findings(errors)
    )


def not_found() -> NotFound:
    """Return the error for an address that leads nowhere."""
    return NotFound("not_found", "There is nothing at this address.", fix="see /openapi.json")


def _unrouted(error: HTTPException) -> PlatformError:
    if error.status_code == 404:  # noqa: PLR2004  # the framework's own word for "no such route"
        return not_found()
    if error.status_code == 405:  # noqa: PLR2004  # likewise
        return Invalid(
            "method_not_allowed", "This address does not take this method.", fix="see the Allow header"
        )
    return Invalid("bad_request", "The HTTP request cannot be understood.")


def _change(change: Difference) -> dict[str, Any]:
    return {"pointer": change.path, "before": change.applied, "after": change.observed}


def _user(used_by: UsedBy) -> dict[str, str]:
    document = {"kind": used_by.kind, "ref": used_by.ref, "reason": used_by.reason}
    return {name: value for name, value in document.items() if value}


def _place(finding: Finding) -> dict[str, str]:
    document = {
        "pointer": finding.pointer,
        "code": finding.code,
        "detail": finding.message,
        "fix": finding.fix,
    }
    return {name: value for name, value in document.items() if value or name == "pointer"}
