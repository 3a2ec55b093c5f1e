"""How a step of a run is named: its path from the workflow that the run follows.

`create` is a step, `create[3]` one instance of its `for_each`, `network/reserve` a step of the
sub-workflow that `network` runs, `network[2]/reserve` the same in one of several. Events,
calls and idempotency keys use these names, so what is written here is never changed. Ids hold
neither `/` nor `[`, hence a name can be taken apart again.
"""

from functools import lru_cache

MAX_LENGTH = 200
"""Of a name; what could grow longer is refused at publish."""


def inside(scope: str, step: str) -> str:
    """Return the name of a step in a scope; the scope of the workflow itself is empty."""
    return f"{scope}/{step}" if scope else step


def instance(fan: str, index: int) -> str:
    """Return the name of one instance of a `for_each`."""
    return f"{fan}[{index}]"


@lru_cache(maxsize=4096)
def taken_apart(place: str) -> tuple[str, str, int | None]:
    """Return the scope, the step's id and, for an instance, its index."""
    scope, _, last = place.rpartition("/")
    step, bracket, index = last.rstrip("]").partition("[")
    return scope, step, int(index) if bracket else None


def parent(place: str) -> str:
    """Return what a step is a part of: its `for_each`, else its scope."""
    scope, step, index = taken_apart(place)
    return scope if index is None else inside(scope, step)


def within(place: str, whole: str) -> bool:
    """Say whether a step is another one, or a part of it at any depth."""
    return place == whole or (place.startswith(whole) and place[len(whole)] in "[/")
