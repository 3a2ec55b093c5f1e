"""What references reach of a request, the same for workflows and for the inputs of children."""

from collections.abc import Mapping

from catalog.digest import Json, JsonObject
from catalog.request import Request


def request_root(request: Request) -> dict[str, Json]:
    """Return what `${request...}` stands for."""
    return {
        "uid": request.uid,
        "name": request.name,
        "project": request.project,
        "owner": request.owner,
        "environment": request.environment,
        "generation": request.generation,
        "labels": dict(request.labels),
    }


def children_root(outputs: Mapping[str, JsonObject]) -> dict[str, Json]:
    """Return what `${children...}` stands for."""
    return {name: {"outputs": each} for name, each in outputs.items()}
