"""The API's own description (OpenAPI 3.1), completed with what the framework cannot know.

Bodies are read by our own dependency, so their schemas are put in here; every route gets
the refusals that follow from what it is made of; fields that are left out when absent are
described as what they are when present, never as null, because generators of clients
stumble over that.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, TypeVar

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.openapi.utils import get_openapi
from fastapi.routing import RouteContext, iter_route_contexts
from pydantic import BaseModel

from platform_api.auth import Guard
from platform_api.bodies import MERGE_PATCH_TYPE, JsonBody, MergePatchBody
from platform_api.doors import automatic_refusals, problem_response_of, when
from platform_api.wire import View

T = TypeVar("T")

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_REFERENCE = "#/components/schemas/{model}"
_SCHEME = "token"


class ProblemPlace(View):
    """One place at which something is wrong."""

    pointer: str
    code: str
    detail: str
    fix: str | None = None


class ProblemChange(View):
    """One thing that is not as a plan has it; nothing before or after is null."""

    pointer: str
    before: Any = None
    after: Any = None


class ProblemUser(View):
    """Something that needs what was to be removed."""

    kind: str
    ref: str
    reason: str | None = None


class Problem(View):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[ProblemPlace] | None = None
    fix: str | None = None
    used_by: list[ProblemUser] | None = None
    decision: str | None = None
    changes: list[ProblemChange] | None = None
    trace_id: str | None = None


@lru_cache(maxsize=4)
def describe(app: FastAPI) -> dict[str, Any]:
    """Return the description of an application; the same document every time."""
    routes = [route for route in iter_route_contexts(app.routes) if route.methods]
    document = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _add_model(schemas, Problem)
    for route in routes:
        for method in sorted((route.methods or set()) & {"GET", *_WRITES}):
            operation = document["paths"][str(route.path_format)][method.lower()]
            _complete(operation, route, method, schemas)
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    document["components"]["securitySchemes"] = {
        _SCHEME: {"type": "http", "scheme": "bearer", "description": "A token: avow_..."}
    }
    return _without_null(document)  # type: ignore[no-any-return]  # the same shape that went in


def guard_of(route: RouteContext) -> Guard | None:
    """Return the guard that a route names; None is a mistake."""
    return next(_calls(route.dependant, Guard), None)


def _complete(operation: dict[str, Any], route: RouteContext, method: str, schemas: dict[str, Any]) -> None:
    guard = guard_of(route)
    body = next(_calls(route.dependant, JsonBody), None) or next(
        _calls(route.dependant, MergePatchBody), None
    )
    if body is not None:
        operation["requestBody"] = _request_body(body, schemas)
    if guard is None:
        return
    if not guard.is_open:
        operation["security"] = [{_SCHEME: []}]
    responses = operation["responses"]
    responses.pop("422", None)
    statuses = automatic_refusals(
        guard=guard,
        has_path="{" in str(route.path_format),
        has_body=body is not None,
        is_write=method in _WRITES,
    )
    for status in statuses:
        responses.setdefault(str(status), problem_response_of(when(status)))
    operation["responses"] = dict(sorted(responses.items()))


def _request_body(body: JsonBody[Any] | MergePatchBody, schemas: dict[str, Any]) -> dict[str, Any]:
    if isinstance(body, MergePatchBody):
        schema: dict[str, Any] = {"type": "object", "description": f"A merge patch of {body.model.__name__}."}
        return {"required": True, "content": {MERGE_PATCH_TYPE: {"schema": schema}}}
    _add_model(schemas, body.model)
    schema = {"$ref": _REFERENCE.format(model=body.model.__name__)}
    content = {media_type: {"schema": schema} for media_type in body.media_types}
    return {"required": body.is_needed, "content": content}


def _add_model(schemas: dict[str, Any], model: type[BaseModel]) -> None:
    schema = model.model_json_schema(ref_template=_REFERENCE)
    schemas.update(schema.pop("$defs", {}))
    schemas[model.__name__] = schema


def _calls(dependant: Dependant, kind: type[T]) -> Iterator[T]:
    for part in dependant.dependencies:
        if isinstance(part.call, kind):
            yield part.call
        yield from _calls(part, kind)


def _without_null(part: Any) -> Any:
    if isinstance(part, list):
        return [_without_null(child) for child in part]
    if not isinstance(part, dict):
        return part
    shown = {name: _without_null(child) for name, child in part.items()}
    options = shown.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        left = [option for option in options if option != {"type": "null"}]
        shown.pop("anyOf")
        shown |= left[0] if len(left) == 1 else {"anyOf": left}
    if "default" in shown and shown["default"] is None:
        shown.pop("default")
    return shown
