"""Compares what came of a rehearsal with what its case expects, and tells the difference.

Only what a case names is compared. A difference says what was looked at, what was expected
and what came; the story of the run is told beside the differences, because they alone seldom
say why.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from catalog.digest import Json, canonical_json
from catalog.duration import duration
from executors.workflow.events import Side
from executors.workflow.narrate import told
from executors.workflow.progress import Phase
from executors.workflow.rehearsal.stage import Played

WAITING = "waiting"
_TIME = re.compile(r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}\+00:00")


@dataclass(frozen=True, slots=True)
class Difference:
    """One expectation that was not met."""

    what: str
    expected: str
    got: str


def differences(expect: Mapping[str, Any], played: Played) -> tuple[Difference, ...]:
    """Return every expectation that was not met; empty when all were."""
    return tuple(each for name, wanted in expect.items() for each in _JUDGES[name](name, wanted, played))


def state_of(played: Played) -> str:
    """Return how the run ended; waiting when only news could move it."""
    return WAITING if played.run.ended is None else str(played.run.ended.state)


def story(played: Played) -> Iterator[tuple[timedelta, str]]:
    """Yield what happened, as the requester would be told; every time is since the beginning."""

    def since(match: re.Match[str]) -> str:
        return span(datetime.fromisoformat(match[0]) - played.began_at)

    for event in played.events:
        sentence = told(event)
        if sentence is not None:
            yield event.at - played.began_at, _TIME.sub(since, sentence.message)


def span(time: timedelta) -> str:
    """Return a span as a person writes it: `1d2h`, `3.5s`, `0s`."""
    seconds = time.total_seconds()
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        whole, seconds = divmod(seconds, size)
        parts += [f"{int(whole)}{unit}"] if whole else []
    return "".join([*parts, f"{round(seconds, 3):g}s"] if seconds or not parts else parts)


def _text(value: Json) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_text, value)) or "nothing"
    return value if isinstance(value, str) else canonical_json(value).decode()


def _compared(what: str, wanted: Json, got: Json) -> Iterator[Difference]:
    if got != wanted:
        yield Difference(what, _text(wanted), _text(got))


def _state(name: str, wanted: str, played: Played) -> Iterator[Difference]:
    yield from _compared(name, wanted, state_of(played))


def _step(name: str, wanted: str, played: Played) -> Iterator[Difference]:
    yield from _compared(name, wanted, "" if played.run.ended is None else played.run.ended.step)


def _message(name: str, wanted: str, played: Played) -> Iterator[Difference]:
    said = "" if played.run.ended is None else played.run.ended.message
    if wanted not in said:
        yield Difference(name, wanted, said or "nothing")


def _members(name: str, wanted: Mapping[str, Json], played: Played) -> Iterator[Difference]:
    found: Mapping[str, Json] = {} if played.run.ended is None else getattr(played.run.ended, name)
    for member, value in wanted.items():
        if member not in found:
            yield Difference(f"{name}.{member}", _text(value), "nothing")
        else:
            yield from _compared(f"{name}.{member}", value, found[member])


def _listed(name: str, wanted: list[str], played: Played) -> Iterator[Difference]:
    yield from _compared(name, wanted, getattr(played, name))


def _skipped(name: str, wanted: list[str], played: Played) -> Iterator[Difference]:
    found = [place for (place, _), each in played.run.progress.items() if each.phase is Phase.SKIPPED]
    yield from _compared(name, sorted(wanted), sorted(found))


def _attempts(name: str, wanted: Mapping[str, int], played: Played) -> Iterator[Difference]:
    for place, number in wanted.items():
        yield from _compared(f"{name}.{place}", number, played.run.of(place, Side.DO).attempts)


def _elapsed(name: str, wanted: str | Mapping[str, str], played: Played) -> Iterator[Difference]:
    took = played.ended_at - played.began_at
    if isinstance(wanted, str):
        if took != duration(wanted):
            yield Difference(name, wanted, span(took))
        return
    if "at_least" in wanted and took < duration(wanted["at_least"]):
        yield Difference(name, f"at least {wanted['at_least']}", span(took))
    if "at_most" in wanted and took > duration(wanted["at_most"]):
        yield Difference(name, f"at most {wanted['at_most']}", span(took))


def _events(name: str, wanted: list[str], played: Played) -> Iterator[Difference]:
    come = list(_told_events(played))
    ahead = iter(come)
    for number, each in enumerate(wanted):
        if not any(_is(each, one) for one in ahead):
            got = ", ".join(" ".join(filter(None, one)) for one in come)
            yield Difference(
                f"{name}.{number}", f"{each}{' after the ones before it' if number else ''}", got
            )
            return


def _never(name: str, wanted: list[str], played: Played) -> Iterator[Difference]:
    for each in wanted:
        found = [one for one in _told_events(played) if _is(each, one)]
        if found:
            yield Difference(f"{name}.{each}", "no such event", f"{len(found)} of them")


def _told_events(played: Played) -> Iterator[tuple[str, str]]:
    for event in played.events:
        sentence = told(event)
        if sentence is not None:
            yield sentence.kind, str(getattr(event, "step", ""))


def _is(wanted: str, event: tuple[str, str]) -> bool:
    kind, _, step = wanted.partition(" ")
    return kind == event[0] and (not step or step == event[1])


_JUDGES: Mapping[str, Callable[[str, Any, Played], Iterator[Difference]]] = {
    "state": _state,
    "step": _step,
    "message": _message,
    "outputs": _members,
    "facts": _members,
    "effects": _listed,
    "compensations": _listed,
    "refused": _listed,
    "skipped": _skipped,
    "attempts": _attempts,
    "elapsed": _elapsed,
    "events": _events,
    "never": _never,
}
