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
from platform_api.edge import Recording
from platform_api.openapi import describe
from platform_api.parts import Platform
from platform_api.receipts import Settled
from platform_api.routes import (
    approvals,
    audit,
    canaries,
    capabilities,
    capability_requests,
    contracts,
    dead_letters,
    delegations,
    destinations,
    errors,
    events,
    fleet,
    health,
    impacts,
    lifecycles,
    migrations,
    plans,
    policy,
    projects,
    request_actions,
    request_details,
    request_versions,
    requests,
    runs,
    tokens,
)
from platform_api.routes.health import installed_version
from platform_api.spans import Record
from platform_api.streams import Streams
from platform_api.telemetry import Metrics

_ROUTERS = (
    projects.router,
    impacts.router,
    contracts.router,
    canaries.router,
    capabilities.router,
    capability_requests.router,
    lifecycles.router,
    request_versions.router,  # before what takes any action
    requests.router,
    request_actions.router,  # last of those that know actions by name: it takes any other
    request_details.router,
    plans.router,
    runs.router,
    dead_letters.router,
    migrations.router,
    approvals.router,
    delegations.router,
    destinations.router,
    fleet.router,
    policy.router,
    audit.router,
    tokens.router,
    events.router,
    errors.router,
    health.router,
)


def create_app(platform: Platform, metrics: Metrics | None = None, record: Record | None = None) -> FastAPI:
    """Return the application for these parts.

    Args:
        record: takes a span for each HTTP request; None when nobody wants them.
    """
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
    # Included, every route would be analysed once more; ours are whole, with their routers' prefixes.
    app.router.routes += [route for router in _ROUTERS for route in router.routes]
    _serve_description(app)
    problems.install(app)
    _answer_settled(app)
    edge.install(app, app.state.metrics, Recording(platform.clock, record))
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
