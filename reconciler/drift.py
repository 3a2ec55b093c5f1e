"""What differs between what was delivered and what is there.

Both sides are facts in the shape that a contract's workflows report. The same
normalisation, with the same ignore rules, serves finding drift and deciding to act on it;
systems that use two of them repair what they do not see, or see what they never repair.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from catalog.contract import IgnoreRule
from catalog.digest import Json, JsonObject, digest
from catalog.schema import escape

EXISTS = "exists"
MISSING = "(missing)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that differs.

    Attributes:
        path: JSON Pointer into the facts.
        applied: what was delivered, MISSING when nothing was.
        observed: what is there, MISSING when nothing is.
    """

    path: str
    applied: Json
    observed: Json


def normalised(facts: JsonObject, ignore: Sequence[IgnoreRule], now: datetime) -> dict[str, Json]:
    """Return the facts that count: without presence and without what a rule in force ignores."""
    counting = {name: value for name, value in facts.items() if name != EXISTS}
    for rule in ignore:
        if rule.until is None or now < rule.until:
            counting = _without(counting, rule.path.split("/")[1:])
    return counting


def facts_digest(facts: JsonObject, ignore: Sequence[IgnoreRule], now: datetime) -> str:
    """Return the digest of the facts that count."""
    return digest(normalised(facts, ignore, now))


def differences(
    applied: JsonObject, observed: JsonObject, ignore: Sequence[IgnoreRule], now: datetime
) -> tuple[Difference, ...]:
    """Return every path at which the facts that count differ, in order."""
    return tuple(compared("", normalised(applied, ignore, now), normalised(observed, ignore, now)))


def compared(path: str, applied: Json, observed: Json) -> Iterator[Difference]:
    """Yield every path below a pointer at which two values differ."""
    if isinstance(applied, Mapping) and isinstance(observed, Mapping):
        for name in sorted(applied.keys() | observed.keys()):
            below = f"{path}/{escape(name)}"
            if name in applied and name in observed:
                yield from compared(below, applied[name], observed[name])
            else:
                yield Difference(below, applied.get(name, MISSING), observed.get(name, MISSING))
    elif applied != observed:
        yield Difference(path, applied, observed)


def _without(facts: Mapping[str, Json], path: Sequence[str]) -> dict[str, Json]:
    name = path[0].replace("~1", "/").replace("~0", "~")
    kept = dict(facts)
    below = kept.get(name)
    if len(path) == 1:
        kept.pop(name, None)
    elif isinstance(below, Mapping):
        kept[name] = _without(below, path[1:])
    return kept
