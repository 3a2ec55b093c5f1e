"""What would be different: how a request stands now against how it would stand.

Pure. A plan tells of what is asked and not only of what is delivered, so owner and labels count
here, which no operation would be begun for.
"""

from collections.abc import Iterator, Mapping

from catalog.digest import Json, JsonObject
from catalog.request import Request
from catalog.schema import escape, with_defaults
from reconciler.drift import Difference
from reconciler.plan import Plan, Situation


def changes(held: Request | None, situation: Situation, found: Plan) -> tuple[Difference, ...]:
    """Return what would be different once a plan was carried out.

    Args:
        held: the request as it is stored; None when it is none yet.
        situation: of the request as it would be stored.
    """
    after = {} if situation.request.is_deleting else _wanted(situation)
    told = tuple(_differences("", _now(held, situation), after))
    known = {each.path for each in told}
    return (*told, *(each for each in found.changes if each.path not in known))


def _now(held: Request | None, situation: Situation) -> JsonObject:
    """Return what stands: what is delivered, or where nothing is, what is wanted."""
    if held is None:
        return {}
    if held.applied is not None:
        return _standing(held, held.applied.contract_version, held.destination, held.applied.inputs)
    inputs = with_defaults(situation.contract.inputs, held.inputs)
    return _standing(held, held.contract_version, held.destination, inputs)


def _wanted(situation: Situation) -> JsonObject:
    destination = situation.placed.destination
    place = None if destination is None else destination.name
    return _standing(situation.request, situation.contract_ref.version, place, situation.inputs)


def _standing(request: Request, version: str, destination: str | None, inputs: JsonObject) -> JsonObject:
    document: JsonObject = {
        "contract": {"version": version},
        "destination": destination,
        "environment": request.environment,
        "owner": request.owner or None,
        "labels": dict(request.labels),
        "inputs": inputs,
    }
    return document


def _differences(path: str, before: JsonObject, after: JsonObject) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        place = f"{path}/{escape(name)}"
        if not path and (isinstance(old, Mapping) or isinstance(new, Mapping)):
            yield from _differences(place, _members(old), _members(new))
        elif old != new:
            yield Difference(place, old, new)


def _members(value: Json) -> JsonObject:
    return value if isinstance(value, Mapping) else {}
