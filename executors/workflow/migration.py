"""Whether a parked run may go over to another definition, and what that amounts to.

The door asks `problems` before it leaves the letter, and the core asks again when it takes the
letter in, because the run may have gone on meanwhile. Each problem has a pointer: into the
mapping, or into the new document. What was approved holds for what was approved; it counts
for the new definition only when the letter says so. Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from catalog.digest import Json, JsonObject
from catalog.errors import Finding
from catalog.schema import escape
from executors.port import GROUNDS
from executors.workflow.approval_events import ApprovalClosed
from executors.workflow.ballot import Outcome
from executors.workflow.events import Event, Side
from executors.workflow.exchange import Course, Migrate
from executors.workflow.migrating import begun, path_of, target_of
from executors.workflow.migration_order import order_problems, reference_problems, steps_at
from executors.workflow.milestones import Migrated
from executors.workflow.progress import Phase, Run
from executors.workflow.spec import Action, Ask, Step, Wait
from executors.workflow.state import record

VOIDED = "the run goes over to another definition and asks anew"


@dataclass(frozen=True, slots=True)
class Migration:
    """A wish to migrate, with the definition that the run follows until now."""

    course: Course
    wish: Migrate

    @property
    def after(self) -> Course:
        """Return what the run would follow."""
        return Course(self.wish.workflow, context_after(self.course.context, self.wish.contract))


def context_after(context: JsonObject, contract: Mapping[str, str]) -> JsonObject:
    """Return what references reach once the run belongs to another revision; the same without one."""
    if not contract:
        return context
    grounds = cast("JsonObject", context.get(GROUNDS, {}))
    bound: dict[str, Json] = {GROUNDS: {**grounds, "contract": contract["digest"]}} if grounds else {}
    named: JsonObject = {"name": contract["name"], "version": contract["version"]}
    return {**context, "contract": named, **bound}


def problems(migration: Migration, run: Run) -> tuple[Finding, ...]:
    """Return what keeps a run from being migrated like this; empty when it can be."""
    hindrance = _hindrance(run)
    if hindrance is not None:
        return (hindrance,)
    found = (*_mapping_problems(migration), *_step_problems(migration, run))
    if found:
        return found
    preview = run.copy()
    for event in entries(migration.wish, run, _PREVIEWED):
        record(preview, event)
    return (*order_problems(migration.after, preview), *reference_problems(migration.after, preview))


def entries(wish: Migrate, run: Run, now: datetime) -> Iterator[Event]:
    """Yield what is written down for an admitted wish: whom nobody need answer, then the migration."""
    for place, side in run.live:
        if side is Side.DO and run.of(place, side).phase is Phase.ASKING:
            yield ApprovalClosed(now, place, Outcome.VOIDED, VOIDED)
    yield Migrated(now, wish.number, wish.definition, wish.mapping, wish.former)


_PREVIEWED = datetime.min.replace(tzinfo=UTC)


def _hindrance(run: Run) -> Finding | None:
    if run.ended is not None:
        return _of_run("run_ended", "the run has ended", "request anew")
    if not run.goes_forward:
        return _of_run("run_going_back", "the run is being undone", "wait until it has ended")
    if run.flying:
        fix = "pause it, and migrate it once nothing is under way"
        return _of_run("run_not_parked", "a step is under way", fix)
    unknown = next((place for place, side in run.live if run.of(place, side).may_have_happened), None)
    if unknown is not None:
        why = f"it is not known yet whether {unknown} took effect"
        return _of_run("outcome_unknown", why, "wait until that was looked up")
    return None


def _of_run(code: str, message: str, fix: str) -> Finding:
    return Finding("", code, message, fix)


def _mapping_problems(migration: Migration) -> Iterator[Finding]:
    before, after = steps_at(migration.course.workflow), steps_at(migration.after.workflow)
    mapping = migration.wish.mapping
    for old, new in mapping.items():
        pointer = _pointer(old)
        if old not in before:
            yield Finding(pointer, "unknown_step", "the run's definition has no such step", _one_of(before))
        if new is None:
            continue
        if new not in after:
            yield Finding(pointer, "unknown_step", f"the new definition has no step {new}", _one_of(after))
        elif target_of(old.rpartition("/")[0], mapping) != new.rpartition("/")[0]:
            fix = "map it within what its sub-workflow is mapped to"
            yield Finding(pointer, "step_moved_out", f"{new} is not a part of the same whole", fix)


def _step_problems(migration: Migration, run: Run) -> Iterator[Finding]:
    taken: dict[str, str] = {}
    for path in dict.fromkeys(path_of(place) for place in begun(run) if place):
        new = target_of(path, migration.wish.mapping)
        places = [place for place in begun(run) if path_of(place) == path]
        if new is None:
            if any(run.of(place, Side.DO).phase is not Phase.SKIPPED for place in places):
                fix = "map it to a step of the same sort"
                yield Finding(_pointer(path), "begun_step_given_up", f"{path} was begun", fix)
            continue
        if new in taken:
            why = f"{taken[new]} becomes {new} as well"
            yield Finding(_pointer(path), "mapping_not_unique", why, "map each to a step of its own")
        taken[new] = path
        yield from _sort_problems(migration, run, path, new)


def _sort_problems(migration: Migration, run: Run, path: str, new: str) -> Iterator[Finding]:
    before = steps_at(migration.course.workflow).get(path)
    after = steps_at(migration.after.workflow).get(new)
    pointer = _pointer(path)
    if before is None or after is None:
        why = f"{path} was begun, and the new definition has no step {new}"
        yield Finding(pointer, "begun_step_missing", why, "map it to a step of the same sort")
        return
    if _sort(before) != _sort(after):
        why = f"{path} is {_sort(before)}, and {new} is {_sort(after)}"
        yield Finding(pointer, "other_sort", why, f"map it to {_sort(before)}")
    phases = {run.of(place, Side.DO).phase for place in begun(run) if path_of(place) == path}
    if Phase.DONE in phases and before.undo is not None and after.undo is None:
        fix = f"give {new} a compensate"
        yield Finding(pointer, "compensation_missing", f"{path} was done and can be undone", fix)
    if Phase.PARKED in phases and _form(before) != _form(after):
        why = f"{path} waits already, for something else than {new}"
        yield Finding(pointer, "other_wait", why, "leave an open wait as it is, or let it end first")
    if isinstance(before.do, Ask) and Phase.DONE in phases and not migration.wish.keeps_approvals:
        why = f"{path} was approved for the definition that the run follows until now"
        yield Finding(pointer, "approved_for_another", why, "say keep_approvals to let it stand")


def _sort(step: Step) -> str:
    each = " for each" if step.each is not None else ""
    if isinstance(step.do, Action):
        return f"{step.do.uses}{each}"
    return {Ask: "an approval", Wait: "a wait"}.get(type(step.do), "a sub-workflow") + each


def _form(step: Step) -> tuple[str, str]:
    doing = step.do
    if not isinstance(doing, Wait):
        return "", ""
    return "signal" if doing.signal else "until" if doing.until else "timer", doing.signal


def _pointer(path: str) -> str:
    return f"/mapping/{escape(path)}"


def _one_of(steps: Mapping[str, Step]) -> str:
    return "name one of " + ", ".join(list(steps)[:20])
