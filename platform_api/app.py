"""The HTTP application, made of a `Platform`; there is no other way to get one.

Nothing here decides anything: the routes are put together, refusals become problem
documents, and the edge is put around it all.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from platform_api import edge, problems
from platform_api.doors import ANYONE, respond
from platform_api.openapi import describe
from platform_api.parts import Platform
from platform_api.receipts import Settled
from platform_api.routes import (
    audit,
    contracts,
    destinations,
    errors,
    events,
    fleet,
    health,
    policy,
    projects,
    request_details,
    requests,
    runs,
    tokens,
)
from platform_api.routes.health import installed_version
from platform_api.streams import Streams
from platform_api.telemetry import Metrics

_ROUTERS = (
    projects.router,
    contracts.router,
    requests.router,
    request_details.router,
    runs.router,
    destinations.router,
    fleet.router,
    policy.router,
    audit.router,
    tokens.router,
    events.router,
    errors.router,
    health.router,
)


def create_app(platform: Platform, metrics: Metrics | None = None) -> FastAPI:
    """Return the application for these parts."""
    app = FastAPI(
        title="Avow",
        version=installed_version(),
        summary="Publish capability contracts, request them, keep every request true.",
        # Documentation pages would load scripts from elsewhere; the document itself is served below.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_with_threads,
    )
    app.state.platform = platform
    app.state.metrics = metrics or Metrics()
    app.state.streams = Streams(platform.bell, platform.settings.streams_per_actor)
    app.state.metrics.watch(lambda: {("avow_event_streams", "", ""): float(app.state.streams.count)})
    for router in _ROUTERS:
        app.include_router(router)
    _serve_description(app)
    problems.install(app)
    _answer_settled(app)
    edge.install(app, app.state.metrics)
    return app


@asynccontextmanager
async def _with_threads(app: FastAPI) -> AsyncIterator[None]:
    # Routes run in threads of this pool; those beyond wait their turn and hold nothing meanwhile.
    platform: Platform = app.state.platform
    to_thread.current_default_thread_limiter().total_tokens = platform.settings.api_threads
    yield


def _serve_description(app: FastAPI) -> None:
    @app.get("/openapi.json", operation_id="openapi", dependencies=[ANYONE], tags=["health"])
    def openapi() -> dict[str, Any]:
        """Give the description of this API (OpenAPI 3.1)."""
        return describe(app)


def _answer_settled(app: FastAPI) -> None:
    @app.exception_handler(Settled)
    async def settled(_request: Request, ended: Settled) -> Response:
        response = respond(ended.answer)
        if "dry_run" not in ended.answer.body:
            response.headers["Idempotent-Replayed"] = "true"
        return response
