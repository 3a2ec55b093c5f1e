"""The graph that the needs of steps make: what lies before what, and whether it goes in circles.

Pure functions over ids, called by the checks at publish time; the engine itself asks only
whether the steps that a step needs have ended.
"""

from collections.abc import Mapping, Sequence

Needs = Mapping[str, Sequence[str]]


def cycle(needs: Needs) -> tuple[str, ...]:
    """Return the steps of one circle, each needing the next and the last the first; empty without one."""
    settled: set[str] = set()
    for start in needs:
        trail: list[str] = []
        ahead = [(start, iter(needs[start]))]
        while start not in settled and ahead:
            step, rest = ahead[-1]
            if len(trail) < len(ahead):
                trail.append(step)
            following = next((need for need in rest if need in needs and need not in settled), None)
            if following is None:
                settled.add(step)
                trail.pop()
                ahead.pop()
            elif following in trail:
                return tuple(trail[trail.index(following) :])
            else:
                ahead.append((following, iter(needs[following])))
    return ()


def before(needs: Needs) -> dict[str, frozenset[str]]:
    """Return for each step all that lie before it; there must be no circle."""
    found: dict[str, frozenset[str]] = {}
    waiting = list(needs)
    while waiting:
        step = waiting[-1]
        unknown = [need for need in needs[step] if need in needs and need not in found]
        if step in found or not unknown:
            waiting.pop()
            known = [need for need in needs[step] if need in needs]
            found[step] = frozenset(known).union(*(found[need] for need in known))
        else:
            waiting += unknown
    return found
