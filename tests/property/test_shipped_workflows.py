"""Every workflow that ships stands the three harnesses: library, starters, examples, demo.

New folders are found by themselves. What they do to real servers is tried elsewhere.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from catalog.acting import action_root
from catalog.bundle import read_files
from catalog.digest import JsonObject
from catalog.schema import with_defaults
from executors.step import StepKind
from executors.steps import builtin
from executors.workflow.authoring.folder import Folder, folder_of
from executors.workflow.rehearsal.bench import play_of, with_inputs
from executors.workflow.rehearsal.script import Given
from executors.workflow.rehearsal.stage import Play
from tests.property import harness
from tests.step_calls import step_settings

ROOT = Path(__file__).parents[2]
BUNDLES = sorted(
    file.parent
    for part in ("catalog/library", "catalog/starters", "deploy")
    for file in (ROOT / part).rglob("contract.yaml")
)


def workflows() -> Iterator[tuple[Path, str]]:
    for bundle in BUNDLES:
        for path in sorted(folder_of(read_files(bundle)).workflows):
            yield bundle, path


SHIPPED = list(workflows())


@pytest.fixture(params=SHIPPED, ids=[f"{bundle.relative_to(ROOT)}/{path}" for bundle, path in SHIPPED])
def shipped(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Play, list[Given]]:
    """Give each workflow, ready to be rehearsed, and worlds for it."""
    bundle, path = request.param
    folder = folder_of(read_files(bundle))
    kinds: dict[str, StepKind] = dict(builtin(step_settings(tmp_path)))
    play = play_of(folder, path, kinds)
    given = Given(inputs=_inputs(folder, path), action=_action(folder, path))
    return play, list(harness.worlds(play, given))


def _inputs(folder: Folder, path: str) -> JsonObject:
    assert folder.contract is not None
    return with_inputs(folder, path, folder.contract.examples[0].inputs, path)


def _action(folder: Folder, path: str) -> JsonObject:
    assert folder.contract is not None
    for name, action in folder.contract.actions.items():
        if action.definition == path:
            return action_root(name, with_defaults(action.inputs, {}))
    return {}


def test_there_are_workflows_to_try() -> None:
    assert {"service", "postgres-database"} <= {bundle.name for bundle in BUNDLES}
    assert len(SHIPPED) >= 20


def test_every_step_is_reached_in_some_world(shipped: tuple[Play, list[Given]]) -> None:
    play, worlds = shipped
    reached = set().union(*(harness.reached(play, world) for world in worlds))
    begun = {re.split(r"[/[]", place, maxsplit=1)[0] for place in reached}  # a list by its instances
    assert {step["id"] for step in play.document["steps"] if "wait" not in step} <= begun


@pytest.mark.parametrize(
    "each", [harness.repeat_each_step, harness.fail_at_each_step, harness.repeat_each_undo]
)
def test_a_shipped_workflow_stands_the_harness(
    shipped: tuple[Play, list[Given]], each: Callable[[Play, Given], Iterator[str]]
) -> None:
    play, worlds = shipped
    assert [complaint for world in worlds for complaint in each(play, world)] == []
