"""What tests of migrated runs share: the wish, a play that goes on under the new definition."""

from typing import Any

from catalog.digest import JsonObject, digest
from executors.workflow.exchange import Claimed, Course, Migrate
from executors.workflow.migration import Migration, context_after, problems
from executors.workflow.spec import parse_workflow
from tests.play import Play

Mapping = dict[str, str | None]


def wish(number: int, old: JsonObject, new: JsonObject, mapping: Mapping, **more: Any) -> Migrate:
    """Return the wish to go over from one document to another."""
    return Migrate(number, parse_workflow(new), digest(new), digest(old), mapping, **more)


def migrate(
    play: Play, old: JsonObject, new: JsonObject, mapping: Mapping | None = None, **more: Any
) -> list[str]:
    """Send the wish and return what was told of it; the play goes on under the new definition."""
    play.mail += 1
    wanted = wish(play.mail, old, new, mapping or {}, **more)
    play.hear(wanted)
    told = play.told()
    if "Migrated" in told:
        play.course = Course(wanted.workflow, context_after(play.course.context, wanted.contract))
        play.hear(Claimed())
    return told


def refusals(
    play: Play, old: JsonObject, new: JsonObject, mapping: Mapping | None = None, **more: Any
) -> list[tuple[str, str]]:
    """Return where and why a wish would be refused."""
    wanted = wish(play.mail + 1, old, new, mapping or {}, **more)
    return [(finding.pointer, finding.code) for finding in problems(Migration(play.course, wanted), play.run)]
