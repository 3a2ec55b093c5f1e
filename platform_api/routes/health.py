"""Is it alive, is it ready, which version, how much of what."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from catalog.errors import Finding, Unavailable
from platform_api.doors import ANYONE, Parts, refusals
from platform_api.telemetry import METRICS_TYPE, Metrics
from platform_api.wire import View

router = APIRouter(tags=["health"], dependencies=[ANYONE])


class AliveView(View):
    """The process answers."""

    status: str = "alive"


class ReadyView(View):
    """Everything that is needed answers."""

    status: str = "ready"
    checks: dict[str, str]


class VersionView(View):
    """Which Avow this is."""

    version: str
    api: str = "v1"


@router.get("/livez", operation_id="livez")
def livez() -> AliveView:
    """Say that the process answers."""
    return AliveView()


@router.get("/readyz", operation_id="readyz", responses=refusals(503))
def readyz(platform: Parts) -> ReadyView:
    """Say whether everything that is needed answers; a problem names what does not."""
    troubles = {name: trouble for name, check in platform.checks.items() if (trouble := check())}
    if troubles:
        raise _not_ready(troubles)
    return ReadyView(checks=dict.fromkeys(platform.checks, "ok"))


@router.get("/version", operation_id="version")
def show_version() -> VersionView:
    """Show the version."""
    return VersionView(version=installed_version())


@router.get(
    "/metrics",
    operation_id="metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request) -> Response:
    """Give the metrics in Prometheus' text format; they name no project."""
    held: Metrics = request.app.state.metrics
    return Response(held.text(), headers={"Content-Type": METRICS_TYPE})


def installed_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("avow")
    except PackageNotFoundError:
        return "0+source"


def _not_ready(troubles: Mapping[str, str]) -> Unavailable:
    findings = tuple(Finding(name, f"{name}_unavailable", trouble) for name, trouble in troubles.items())
    return Unavailable(
        "not_ready",
        f"Not ready: {', '.join(troubles)}.",
        findings=findings,
        fix="see errors; it recovers by itself once the part answers",
        retry_after_seconds=2,
    )
