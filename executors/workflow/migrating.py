"""How a parked run goes over to another definition: the fold of `Migrated`.

Every part of the run gets the name that its step has in the new definition. What was done
stays done, in the order in which it was; a wait goes on; an approval that was voided for this
is asked anew. Idempotency keys are made of names: a name that was used for another step is
thus used again under the next round only. Whether a run may be migrated is judged before, in
`migration`; here only what can never be is refused. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from executors.workflow.events import Side
from executors.workflow.milestones import Migrated
from executors.workflow.places import inside, instance, taken_apart
from executors.workflow.progress import IDLE, Phase, Progress, Run, illegal
from executors.workflow.reopening import recount

Mapped = Mapping[str, str | None]


def path_of(place: str) -> str:
    """Return how the documents name a place's step: its path without the numbers of instances."""
    return "/".join(part.partition("[")[0] for part in place.split("/"))


def target_of(path: str, mapping: Mapped) -> str | None:
    """Return the new path of a step; None when it, or what it is a part of, is given up.

    A step that is not named keeps its id, within whatever its whole has become.
    """
    if path in mapping:
        return mapping[path]
    whole, _, step = path.rpartition("/")
    if not whole:
        return path
    scope = target_of(whole, mapping)
    return None if scope is None else inside(scope, step)


def place_after(place: str, mapping: Mapped) -> str | None:
    """Return a place's name in the new definition; None when it is given up."""
    if not place:
        return place
    scope, _step, index = taken_apart(place)
    target, whole = target_of(path_of(place), mapping), place_after(scope, mapping)
    if target is None or whole is None:
        return None
    moved = inside(whole, target.rpartition("/")[2])
    return moved if index is None else instance(moved, index)


def begun(run: Run) -> list[str]:
    """Return the places of a run of which more is known than that they are to be done afresh."""
    places = dict.fromkeys(place for place, _side in run.progress)
    return [place for place in places if run.of(place, Side.DO).phase is not Phase.IDLE]


def migrated(run: Run, event: Migrated) -> None:
    """Let the run follow another definition."""
    if run.flying or not run.goes_forward:
        raise illegal(event, "only a parked run that goes forward is migrated")
    if event.number != run.mail + 1:
        raise illegal(event, "mail is taken in without a gap")
    run.mail = event.number
    moves = dict(_moves(run, event))
    _rename(run, moves)
    _move_progress(run, moves)
    recount(run)


def _moves(run: Run, event: Migrated) -> Iterator[tuple[str, str]]:
    """Yield every place that was begun and stays, with its new name."""
    taken: set[str] = set()
    for place in begun(run):
        phase, after = run.of(place, Side.DO).phase, place_after(place, event.mapping)
        if phase is Phase.ASKING:
            raise illegal(event, f"{place} asks people")
        if after is None and phase is not Phase.SKIPPED:
            raise illegal(event, f"{place} was begun and is given up")
        if after in taken:
            raise illegal(event, f"two steps become {after}")
        if after is not None:
            taken.add(after)
            yield place, after


def _rename(run: Run, moves: Mapping[str, str]) -> None:
    run.fans = {moves[place]: fan for place, fan in run.fans.items() if place in moves}
    run.scopes = {moves[place]: inputs for place, inputs in run.scopes.items() if place in moves}
    run.asked = {
        moves[place]: standing
        for place, standing in run.asked.items()
        if place in moves and run.of(place, Side.DO).phase is Phase.DONE
    }
    run.finished = tuple(moves[place] for place in run.finished)
    run.live = {(moves[place], side): None for place, side in run.live if place in moves}
    current = run.current
    run.current = None if current is None or current[0] not in moves else (moves[current[0]], current[1])


def _move_progress(run: Run, moves: Mapping[str, str]) -> None:
    before, run.progress = run.progress, {}
    for (place, side), progress in before.items():
        if place in moves:
            call = moves[place], side
            run.progress[call] = _moved(progress, before.get(call) if call[0] != place else None)
    for call, progress in before.items():
        if call in run.progress:
            continue
        if progress.phase is Phase.IDLE:
            run.progress[call] = progress
        elif progress.attempts:
            run.progress[call] = _used_up(progress)


def _moved(progress: Progress, used: Progress | None) -> Progress:
    """Return how far a call has come under its new name, which another may have used before."""
    if progress.phase is Phase.DROPPED:
        progress = Progress(attempts=progress.attempts, round=progress.round)
    return progress if used is None else replace(progress, round=max(progress.round, used.round + 1))


def _used_up(progress: Progress) -> Progress:
    """Return what is left where a step has gone: its key has had its effect, its attempts are counted on."""
    return replace(IDLE, attempts=progress.attempts, round=progress.round + 1)
