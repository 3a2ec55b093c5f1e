"""Executors and step kinds are found by name and loaded when they are asked for."""

import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from catalog.errors import Conflict, NotFound, Unavailable
from executors.registry import Registry, plugs
from executors.steps import SHIPPED

GROUP = "avow.step_kinds"


def plug(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def registry(*found: EntryPoint, given: dict[str, Any] | None = None) -> Registry[Any]:
    return Registry("step kind", plugs(GROUP, "step kind", {}, found), lambda factory: factory(), given)


def test_a_thing_is_built_from_its_entry_point_once() -> None:
    kinds = registry(plug("a.list", "builtins:list"))
    assert kinds.find("a.list") == []
    assert kinds.find("a.list") is kinds["a.list"]


def test_nothing_is_imported_until_it_is_asked_for() -> None:
    kinds = registry(plug("a.broken", "no_such_module_of_anybody:Thing"), plug("a.list", "builtins:list"))
    assert list(kinds) == ["a.broken", "a.list"]
    assert kinds["a.list"] == []
    with pytest.raises(Unavailable, match=r"a\.broken cannot be loaded") as refused:
        kinds.find("a.broken")
    assert "no_such_module_of_anybody" in refused.value.fix


def test_a_missing_object_in_a_module_that_is_there_is_said_the_same_way() -> None:
    with pytest.raises(Unavailable):
        registry(plug("a.x", "builtins:no_such_name")).find("a.x")


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    kinds = registry(plug("git.commit", "builtins:list"), plug("http.call", "builtins:list"))
    with pytest.raises(NotFound) as refused:
        kinds.find("git.comit")
    assert refused.value.code == "unknown_step_kind"
    assert refused.value.fix == "did you mean git.commit?"


def test_an_unknown_name_that_is_like_nothing_is_answered_with_all_names() -> None:
    with pytest.raises(NotFound) as refused:
        registry(plug("git.commit", "builtins:list")).find("zzz")
    assert refused.value.fix == "use one of git.commit"


def test_as_a_mapping_it_behaves_like_one() -> None:
    kinds = registry(plug("a.list", "builtins:list"), given={"b.given": 1})
    assert kinds.get("nothing") is None
    assert "a.list" in kinds
    assert len(kinds) == 2
    assert kinds["b.given"] == 1


def test_two_distributions_cannot_offer_one_name() -> None:
    with pytest.raises(Conflict) as refused:
        registry(plug("a.list", "builtins:list"), plug("a.list", "builtins:dict"))
    assert refused.value.code == "duplicate_step_kind"


def test_an_entry_point_cannot_take_the_place_of_what_ships() -> None:
    with pytest.raises(Conflict):
        plugs(
            GROUP,
            "step kind",
            {"git.commit": "executors.steps.git.files:CommitFiles"},
            [plug("git.commit", "evil:Commit")],
        )


def test_what_ships_may_also_be_an_entry_point_of_our_own_distribution() -> None:
    shipped = {"git.commit": "executors.steps.git.files:CommitFiles"}
    found = [plug("git.commit", "executors.steps.git.files:CommitFiles")]
    assert list(plugs(GROUP, "step kind", shipped, found)) == ["git.commit"]


def test_a_given_thing_and_a_plug_cannot_share_a_name() -> None:
    with pytest.raises(Conflict):
        registry(plug("a.list", "builtins:list"), given={"a.list": 1})


def test_what_ships_is_declared_as_entry_points_of_our_distribution() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"][GROUP] == SHIPPED


def test_installed_entry_points_are_found_by_default() -> None:
    # pytest's own plugins stand in for a distribution that is really installed.
    assert "pytest_timeout" in {point.value for point in plugs("pytest11", "plugin", {}).values()}
