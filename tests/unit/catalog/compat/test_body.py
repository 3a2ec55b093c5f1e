"""What a contract promises besides its schemas: weaker breaks, stronger does not."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from catalog.compat.change import Bump, Change, Effect
from catalog.compat.compare import compare
from catalog.contract import (
    Action,
    Child,
    Contract,
    Conversion,
    Drift,
    DriftMode,
    Example,
    IgnoreRule,
    Operation,
    OperationName,
    Placement,
    Prefer,
    Requirement,
)
from catalog.ids import ContractName
from tests.factories import a_contract

PATCH, MINOR, MAJOR = Bump.PATCH, Bump.MINOR, Bump.MAJOR
NOBODY, REQUESTER, OPERATOR = Effect.NOBODY, Effect.REQUESTER, Effect.OPERATOR
CONSUMER = Effect.CONSUMER

PLACED = Placement("postgres-server", {"tier": "gold"}, same_environment=False)
NETWORK, ZONE = Requirement(ContractName("network"), "^2.1.0"), Requirement(ContractName("zone"), "*")
NET = Child("net", ContractName("subnet"), "^1.0.0", {"size": "${inputs.size}"})
DISK = Child("disk", ContractName("disk"), "1.x", {}, ("net",))
FLAG: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {"hard": {}}}
RESTART = Action("Start it again.", "workflow", "restart.yaml", FLAG)
CONVERSION = Conversion("^1.0.0", {"size": "inputs.tier"})
CONTRACT = replace(
    a_contract(),
    requires=(NETWORK, ZONE),
    children=(NET, DISK),
    actions={"restart": RESTART},
    conversion=CONVERSION,
    service_levels={"provision_p95": "5m", "availability": 99.9},
    placement=PLACED,
    drift=Drift(ignore=(IgnoreRule("/seen", "noise", datetime(2027, 1, 1, tzinfo=UTC)),)),
    operations={**a_contract().operations, OperationName.REPAIR: Operation("workflow", "repair.yaml")},
)


def levels(**changed: Any) -> dict[str, Any]:
    stated = dict(CONTRACT.service_levels) | changed
    return {"service_levels": {name: level for name, level in stated.items() if level is not None}}


def placed(**changed: Any) -> dict[str, Any]:
    return {"placement": replace(PLACED, **changed)}


def drifting(**changed: Any) -> dict[str, Any]:
    return {"drift": replace(CONTRACT.drift, **changed)}


def ignoring(*rules: IgnoreRule) -> dict[str, Any]:
    return drifting(ignore=rules)


def operated(name: OperationName, executor: str | None, definition: str = "repair.yaml") -> dict[str, Any]:
    others = {each: by for each, by in CONTRACT.operations.items() if each is not name}
    return {"operations": others | ({} if executor is None else {name: Operation(executor, definition)})}


def acting(**changed: Any) -> dict[str, Any]:
    return {"actions": {"restart": replace(RESTART, **changed)}}


def made(**changed: Any) -> dict[str, Any]:
    return {"children": (NET, replace(DISK, **changed))}


def requiring(versions: str) -> dict[str, Any]:
    return {"requires": (replace(NETWORK, versions=versions), ZONE)}


def converting(**changed: Any) -> dict[str, Any]:
    return {"conversion": replace(CONVERSION, **changed)}


# What became of the contract, and what that is called, where, whom it hits and the bump. What
# undoes it follows: the same the other way round.
EDITS: dict[str, tuple[dict[str, Any], tuple[str, str, Effect, Bump], tuple[str, Effect, Bump]]] = {
    "experimental": (
        {"lifecycle": "experimental"},
        ("lifecycle_weakened", "/metadata/lifecycle", REQUESTER, MAJOR),
        ("lifecycle_stable", NOBODY, MINOR),
    ),
    "slower": (
        levels(provision_p95="301s"),
        ("service_level_weakened", "/spec/service_levels/provision_p95", REQUESTER, MAJOR),
        ("service_level_strengthened", NOBODY, MINOR),
    ),
    "as slow": (
        levels(provision_p95="300s"),
        ("service_level_restated", "/spec/service_levels/provision_p95", NOBODY, PATCH),
        ("service_level_restated", NOBODY, PATCH),
    ),
    "less available": (
        levels(availability=99),
        ("service_level_weakened", "/spec/service_levels/availability", REQUESTER, MAJOR),
        ("service_level_strengthened", NOBODY, MINOR),
    ),
    "as available": (
        levels(availability=99.90),
        ("", "", NOBODY, Bump.NONE),
        ("", NOBODY, Bump.NONE),
    ),
    "no promise": (
        levels(availability=None),
        ("service_level_removed", "/spec/service_levels/availability", REQUESTER, MAJOR),
        ("service_level_added", NOBODY, MINOR),
    ),
    "one more promise": (
        levels(drift_repair="10m"),
        ("service_level_added", "/spec/service_levels/drift_repair", NOBODY, MINOR),
        ("service_level_removed", REQUESTER, MAJOR),
    ),
    "an unknown promise": (
        levels(beauty=3),
        ("service_level_added", "/spec/service_levels/beauty", NOBODY, MINOR),
        ("undecided", REQUESTER, MAJOR),
    ),
    "nowhere": (
        {"placement": None},
        ("placement_removed", "/spec/placement", OPERATOR, MAJOR),
        ("placement_added", OPERATOR, MAJOR),
    ),
    "elsewhere": (
        placed(kind="mysql-server"),
        ("placement_kind_changed", "/spec/placement/match/kind", OPERATOR, MAJOR),
        ("placement_kind_changed", OPERATOR, MAJOR),
    ),
    "another label": (
        placed(labels={"tier": "gold", "a/b": "c"}),
        ("placement_label_added", "/spec/placement/match/labels/a~1b", OPERATOR, MAJOR),
        ("placement_label_removed", NOBODY, MINOR),
    ),
    "a label says another thing": (
        placed(labels={"tier": "lead"}),
        ("placement_label_changed", "/spec/placement/match/labels/tier", OPERATOR, MAJOR),
        ("placement_label_changed", OPERATOR, MAJOR),
    ),
    "by environment": (
        placed(same_environment=True),
        ("placement_environment_added", "/spec/placement/match/environment", OPERATOR, MAJOR),
        ("placement_environment_removed", REQUESTER, MAJOR),
    ),
    "in another order": (
        placed(prefer=Prefer.BY_NAME),
        ("placement_prefer_changed", "/spec/placement/prefer", NOBODY, PATCH),
        ("placement_prefer_changed", NOBODY, PATCH),
    ),
    "by another executor": (
        operated(OperationName.REPAIR, "temporal"),
        ("executor_changed", "/spec/operations/repair/executor", OPERATOR, MAJOR),
        ("executor_changed", OPERATOR, MAJOR),
    ),
    "by another file": (
        operated(OperationName.REPAIR, "workflow", "mend.yaml"),
        ("definition_changed", "/spec/operations/repair/definition", NOBODY, PATCH),
        ("definition_changed", NOBODY, PATCH),
    ),
    "by nobody of its own": (
        operated(OperationName.REPAIR, None),
        ("operation_removed", "/spec/operations/repair", REQUESTER, MAJOR),
        ("operation_added", NOBODY, MINOR),
    ),
    "an action is gone": (
        {"actions": {}},
        ("action_removed", "/spec/actions/restart", REQUESTER, MAJOR),
        ("action_added", NOBODY, MINOR),
    ),
    "an action by an executor that was not needed": (
        {"actions": {"restart": RESTART, "move": Action("Move it.", "temporal", "move.yaml", FLAG)}},
        ("executor_added", "/spec/actions/move/executor", OPERATOR, MAJOR),
        ("action_removed", REQUESTER, MAJOR),
    ),
    "an action by another executor": (
        acting(executor="temporal"),
        ("executor_changed", "/spec/actions/restart/executor", OPERATOR, MAJOR),
        ("executor_changed", OPERATOR, MAJOR),
    ),
    "an action by another file": (
        acting(definition="again.yaml"),
        ("definition_changed", "/spec/actions/restart/definition", NOBODY, PATCH),
        ("definition_changed", NOBODY, PATCH),
    ),
    "an action takes less": (
        acting(inputs=FLAG | {"properties": {"hard": {"type": "boolean"}}}),
        ("type_added", "/spec/actions/restart/inputs/properties/hard/type", REQUESTER, MAJOR),
        ("type_removed", NOBODY, MINOR),
    ),
    "an action has another default": (
        acting(inputs=FLAG | {"properties": {"hard": {"default": True}}}),
        ("default_added", "/spec/actions/restart/inputs/properties/hard/default", REQUESTER, MAJOR),
        ("default_removed", REQUESTER, MAJOR),
    ),
    "an action is described in other words": (
        acting(description="Off and on."),
        ("docs_changed", "/spec/actions/restart/description", NOBODY, PATCH),
        ("docs_changed", NOBODY, PATCH),
    ),
    "one contract more is needed": (
        {"requires": (Requirement(ContractName("dns"), "*"), *CONTRACT.requires)},
        ("requirement_added", "/spec/requires/0", OPERATOR, MAJOR),
        ("requirement_removed", NOBODY, MINOR),
    ),
    "fewer versions of it will do": (
        requiring("^2.2.0"),
        ("requirement_range_narrowed", "/spec/requires/0/version", OPERATOR, MAJOR),
        ("requirement_range_widened", NOBODY, MINOR),
    ),
    "other versions of it will do": (
        requiring("^3.0.0"),
        ("requirement_range_narrowed", "/spec/requires/0/version", OPERATOR, MAJOR),
        ("requirement_range_narrowed", OPERATOR, MAJOR),
    ),
    "the same versions of it will do": (
        requiring(">=2.1.0 <3.0.0"),
        ("requirement_range_restated", "/spec/requires/0/version", NOBODY, PATCH),
        ("requirement_range_restated", NOBODY, PATCH),
    ),
    "requirements in another order": (
        {"requires": (ZONE, NETWORK)},
        ("", "", NOBODY, Bump.NONE),
        ("", NOBODY, Bump.NONE),
    ),
    "a child is gone": (
        {"children": (NET,)},
        ("child_removed", "/spec/children/1", CONSUMER, MAJOR),
        ("child_added", OPERATOR, MAJOR),
    ),
    "a child of another contract": (
        made(contract=ContractName("volume"), inputs={"size": 1}),
        ("child_contract_changed", "/spec/children/1/contract", CONSUMER, MAJOR),
        ("child_contract_changed", CONSUMER, MAJOR),
    ),
    "a child of fewer versions": (
        made(versions="1.2.x"),
        ("child_range_narrowed", "/spec/children/1/version", OPERATOR, MAJOR),
        ("child_range_widened", NOBODY, MINOR),
    ),
    "a child is told something else": (
        made(inputs={"size": 10}),
        ("child_inputs_changed", "/spec/children/1/inputs", NOBODY, PATCH),
        ("child_inputs_changed", NOBODY, PATCH),
    ),
    "a child waits for nobody": (
        made(needs=()),
        ("child_needs_changed", "/spec/children/1/needs", NOBODY, PATCH),
        ("child_needs_changed", NOBODY, PATCH),
    ),
    "nobody comes over": (
        {"conversion": None},
        ("conversion_removed", "/spec/conversion", REQUESTER, MAJOR),
        ("conversion_added", NOBODY, MINOR),
    ),
    "fewer come over": (
        converting(versions="^1.1.0"),
        ("conversion_range_narrowed", "/spec/conversion/from", REQUESTER, MAJOR),
        ("conversion_range_widened", NOBODY, MINOR),
    ),
    "they come over in another way": (
        converting(inputs={"size": "inputs.level"}),
        ("conversion_changed", "/spec/conversion/inputs", NOBODY, PATCH),
        ("conversion_changed", NOBODY, PATCH),
    ),
    "drift is reported": (
        drifting(mode=DriftMode.OBSERVE),
        ("drift_mode_weakened", "/spec/drift/mode", REQUESTER, MAJOR),
        ("drift_mode_strengthened", NOBODY, MINOR),
    ),
    "drift is looked for later": (
        drifting(interval=timedelta(hours=1)),
        ("drift_interval_changed", "/spec/drift/interval", NOBODY, PATCH),
        ("drift_interval_changed", NOBODY, PATCH),
    ),
    "more drift is passed over": (
        ignoring(IgnoreRule("/other", "why"), *CONTRACT.drift.ignore),
        ("drift_ignore_added", "/spec/drift/ignore/0", REQUESTER, MAJOR),
        ("drift_ignore_removed", NOBODY, MINOR),
    ),
    "drift is passed over for longer": (
        ignoring(IgnoreRule("/seen", "noise", datetime(2028, 1, 1, tzinfo=UTC))),
        ("drift_ignore_added", "/spec/drift/ignore/0", REQUESTER, MAJOR),
        ("drift_ignore_removed", NOBODY, MINOR),
    ),
    "drift is passed over for good": (
        ignoring(IgnoreRule("/seen", "noise")),
        ("drift_ignore_added", "/spec/drift/ignore/0", REQUESTER, MAJOR),
        ("drift_ignore_removed", NOBODY, MINOR),
    ),
    "drift is passed over for another reason": (
        ignoring(IgnoreRule("/seen", "dust", datetime(2027, 1, 1, tzinfo=UTC))),
        ("docs_changed", "/spec/drift/ignore/0", NOBODY, PATCH),
        ("docs_changed", NOBODY, PATCH),
    ),
    "not tried again": (
        {"retry_failed": False},
        ("retry_removed", "/spec/reconcile/retry_failed", REQUESTER, MAJOR),
        ("retry_added", NOBODY, MINOR),
    ),
    "fewer runs are kept": (
        {"keep_runs": 1},
        ("keep_runs_changed", "/spec/reconcile/keep_runs", NOBODY, PATCH),
        ("keep_runs_changed", NOBODY, PATCH),
    ),
    "described in other words": (
        {"description": "A place for rows."},
        ("docs_changed", "/spec/description", NOBODY, PATCH),
        ("docs_changed", NOBODY, PATCH),
    ),
    "with an example": (
        {"examples": (Example("small", {"size": "s"}),)},
        ("docs_changed", "/spec/examples", NOBODY, PATCH),
        ("docs_changed", NOBODY, PATCH),
    ),
    "another team's": ({"owner": "team-other"}, ("", "", NOBODY, Bump.NONE), ("", NOBODY, Bump.NONE)),
    "another version": ({"version": "7.0.0"}, ("", "", NOBODY, Bump.NONE), ("", NOBODY, Bump.NONE)),
}


def the_change(old: Contract, new: Contract) -> Change | None:
    """Return the only change between two contracts, if there is one."""
    comparison = compare(old, new)
    assert len(comparison.changes) <= 1
    assert all(bool(change.fix) is (change.bump is MAJOR) for change in comparison.changes)
    assert comparison.bump is max((change.bump for change in comparison.changes), default=Bump.NONE)
    return next(iter(comparison.changes), None)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_of_a_contract_is_one_change_of_its_own_size(name: str) -> None:
    edit, expected, _ = EDITS[name]
    change = the_change(CONTRACT, replace(CONTRACT, **edit))
    assert expected == (
        ("", "", NOBODY, Bump.NONE)
        if change is None
        else (change.code, change.pointer, change.effect, change.bump)
    )


@pytest.mark.parametrize("name", EDITS)
def test_taking_an_edit_back_is_one_change_of_its_own_size(name: str) -> None:
    edit, _, expected = EDITS[name]
    change = the_change(replace(CONTRACT, **edit), CONTRACT)
    assert expected == (
        ("", NOBODY, Bump.NONE) if change is None else (change.code, change.effect, change.bump)
    )


def test_a_contract_without_destination_stays_without() -> None:
    nowhere = replace(CONTRACT, placement=None)
    assert compare(nowhere, nowhere).changes == ()


def test_an_operation_of_its_own_may_need_an_executor_that_was_not_needed() -> None:
    without = replace(CONTRACT, **operated(OperationName.UPDATE, None))
    change = the_change(without, replace(CONTRACT, **operated(OperationName.UPDATE, "temporal")))
    assert change is not None
    place = "/spec/operations/update/executor"
    assert (change.code, change.pointer, change.effect) == ("executor_added", place, OPERATOR)


def test_every_field_of_a_contract_is_somebodys_matter() -> None:
    compared = {"inputs", "outputs", "policy"} | {field for edit, _, _ in EDITS.values() for field in edit}
    assert compared | {"name"} == {field.name for field in fields(Contract)}


def test_the_largest_change_comes_first_and_decides() -> None:
    new = replace(CONTRACT, description="A place.", retry_failed=False, lifecycle="experimental")
    comparison = compare(
        replace(CONTRACT, **levels(drift_repair=None)), replace(new, **levels(drift_repair="1h"))
    )
    assert [change.bump for change in comparison.changes] == [MAJOR, MAJOR, MINOR, PATCH]
    assert comparison.bump is MAJOR
    assert [change.code for change in comparison.breaking] == ["lifecycle_weakened", "retry_removed"]
