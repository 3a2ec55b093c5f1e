"""Every refusal of an action: its code, its place, what to do, and that nothing of it stays."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catalog.digest import JsonObject
from catalog.errors import Finding
from executors.port import Executor
from policy.engine import PolicyBundle
from tests import acting
from tests.acting import ONE, act, acted, acting_bundle
from tests.engine import fails_for_good
from tests.village import WHERE, Village


@pytest.fixture
def village(sqlite_url: str, tmp_path: Path) -> Iterator[Village]:
    with acting.open_ground(sqlite_url, tmp_path) as opened:
        yield opened


def nothing(_village: Village) -> None:
    """Leave it as it is: ready."""


def under_way(village: Village) -> None:
    acted(village, "sign")


def just_asked(village: Village) -> None:
    act(village)


def changed(village: Village) -> None:
    village.doors("dora", "PATCH", ONE, {"inputs": {"size": "l"}}, headers={"If-Match": "*"})


def paused(village: Village) -> None:
    village.doors("dora", "POST", f"{ONE}/actions/pause")
    village.settle()


def contract_held(village: Village) -> None:
    village.doors("pia", "POST", "/v1/contracts/database/actions/pause")


def deleting(village: Village) -> None:
    village.delete("orders", settles=False)


def failed(village: Village) -> None:
    village.things.script["orders"] = [fails_for_good] * 9
    changed(village)
    village.settle()


def without_executor(village: Village) -> None:
    executors: Any = village.doors.platform.executors
    del executors["workflow"]


class _Unwilling:
    """An executor that takes a definition no more."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._executor, name)

    def check(self, *_: object) -> tuple[Finding, ...]:
        return (Finding("/steps/0/uses", "unknown_step_kind", "there is no such step kind", "use another"),)


def unwilling_executor(village: Village) -> None:
    executors: Any = village.doors.platform.executors
    executors["workflow"] = _Unwilling(executors["workflow"])


@dataclass(frozen=True)
class Row:
    """How things stand, what is asked, and how that is refused.

    Attributes:
        place: the pointer of the first of `errors`; empty where it is about the whole.
        fix: part of what is said to do.
    """

    stands: Callable[[Village], None]
    sent: dict[str, Any]
    status: int
    code: str
    place: str
    fix: str
    action: str = "save"
    who: str = "dora"


ROWS = {
    "no such action": Row(nothing, {}, 404, "action_not_found", "/action", "lose, save, sign", "dance"),
    "an operation": Row(nothing, {}, 404, "action_not_found", "/action", "choose one", "delete"),
    "no name": Row(nothing, {}, 404, "not_found", "", "", "Save!"),
    "an input is missing": Row(
        nothing, {"inputs": {}}, 422, "invalid_inputs", "/inputs/label", "avow explain"
    ),
    "an input does not fit": Row(
        nothing, {"inputs": {"label": "a", "keep": 99}}, 422, "invalid_inputs", "/inputs/keep", "avow explain"
    ),
    "an unknown input": Row(
        nothing, {"inputs": {"label": "a", "kept": 1}}, 422, "invalid_inputs", "/inputs/kept", "avow explain"
    ),
    "a secret in clear": Row(
        nothing,
        {"inputs": {"label": "a", "key": "hush"}},
        422,
        "invalid_inputs",
        "/inputs/key",
        "avow explain",
    ),
    "inputs where there are none": Row(
        nothing, {"inputs": {"a": 1}}, 422, "invalid_inputs", "/inputs", "avow explain", "sign"
    ),
    "a body with more": Row(nothing, {"when": "now"}, 422, "invalid_body", "/when", ""),
    "a reason over lines": Row(nothing, {"reason": "a\nb"}, 422, "invalid_body", "/reason", ""),
    "a reader": Row(nothing, {}, 403, "role_missing", "", "", who="paul"),
    "a stranger": Row(nothing, {}, 404, "project_not_found", "", "", who="erin"),
    "another action": Row(under_way, {}, 409, "operation_under_way", "", "avow approvals --request orders"),
    "an action just asked for": Row(just_asked, {}, 409, "operation_under_way", "", "avow watch orders"),
    "a change just made": Row(changed, {}, 409, "request_not_ready", "", ""),
    "it is paused": Row(paused, {}, 409, "request_not_ready", "", "avow resume orders"),
    "the contract is held": Row(contract_held, {}, 409, "request_not_ready", "", "team-data"),
    "its last change failed": Row(failed, {}, 409, "request_not_ready", "", "avow get runs"),
    "it is being deleted": Row(deleting, {}, 409, "request_deleting", "", "avow wait orders --for deleted"),
    "no executor": Row(
        without_executor,
        {},
        409,
        "action_not_runnable",
        "contract.yaml#/spec/actions/save/executor",
        "ask team-data",
    ),
    "an executor that refuses": Row(
        unwilling_executor, {}, 409, "action_not_runnable", "save.yaml#/steps/0/uses", "ask team-data"
    ),
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("query", ["", "?dry_run=true"], ids=["", "dry run"])
def test_an_action_is_refused_with_code_place_and_fix_and_nothing_is_written(
    village: Village, name: str, query: str
) -> None:
    row = ROWS[name]
    row.stands(village)
    before = village.doors.rows()
    refused = act(village, row.action, who=row.who, query=query, **row.sent)
    told = refused.json()
    assert (refused.status_code, told["code"]) == (row.status, row.code), refused.text
    assert [each["pointer"] for each in told.get("errors", [])][:1] == ([row.place] if row.place else [])
    assert row.fix in told.get("fix", "")
    after = {table: rows for table, rows in village.doors.rows().items() if "decisions" not in table}
    assert after == {table: rows for table, rows in before.items() if "decisions" not in table}


def test_a_request_that_delivered_nothing_yet_is_not_ready(village: Village) -> None:
    village.doors.submit("fresh", contract="database", inputs={})
    answer = village.doors("dora", "POST", f"{WHERE}/fresh/actions/sign")
    assert (answer.status_code, answer.json()["code"]) == (409, "request_not_ready")
    assert "it is the move of: platform" in answer.json()["detail"]


def test_a_request_that_changes_while_policy_is_asked_is_looked_at_again(village: Village) -> None:
    engine = village.doors.engine
    evaluate, asked = engine.evaluate, list[JsonObject]()

    def meanwhile(bundle: PolicyBundle, document: JsonObject, timeout_seconds: float) -> Any:
        asked.append(document)
        if len(asked) == 1:  # the change asks as well
            village.doors("dora", "PATCH", ONE, {"labels": {"a": "b"}}, headers={"If-Match": "*"})
        return evaluate(bundle, document, timeout_seconds)

    engine.evaluate = meanwhile  # type: ignore[method-assign]  # stands between two moves
    refused = act(village)
    assert (refused.status_code, refused.json()["code"]) == (412, "revision_changed")


BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "an executor that is not there": (
        {"dance": {"executor": "nobody", "definition": "save.yaml"}},
        "contract.yaml#/spec/actions/dance/executor",
        "unknown_executor",
    ),
    "a definition that is none": (
        {"dance": {"definition": "broken.yaml"}},
        "broken.yaml#/steps/0/uses",
        "unknown_step_kind",
    ),
    "an input that the action does not take": (
        {"dance": {"definition": "save.yaml"}},
        "save.yaml#/steps/0/with/name",
        "unknown_input",
    ),
    "a file that is not there": (
        {"dance": {"definition": "dance.yaml"}},
        "contract.yaml#/spec/actions/dance/definition",
        "file_missing",
    ),
    "a name that every request has": (
        {"pause": {"definition": "sign.yaml"}},
        "contract.yaml#/spec/actions/pause",
        "reserved_action",
    ),
    "the name of an operation": (
        {"update": {"definition": "sign.yaml"}},
        "contract.yaml#/spec/actions/update",
        "reserved_action",
    ),
    "open inputs": (
        {"dance": {"definition": "sign.yaml", "inputs": {"type": "object"}}},
        "contract.yaml#/spec/actions/dance/inputs/additionalProperties",
        "open_inputs",
    ),
    "inputs that are no object": (
        {"dance": {"definition": "sign.yaml", "inputs": {"additionalProperties": False}}},
        "contract.yaml#/spec/actions/dance/inputs/type",
        "schema_not_object",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_contract_with_an_action_that_cannot_be_is_not_published(village: Village, name: str) -> None:
    more, place, code = BROKEN[name]
    broken = acting_bundle("2.0.0", actions=acting.actions(**more))
    broken |= {"broken.yaml": broken["sign.yaml"].replace("test.do", "test.dance").replace("sign-off", "a-b")}
    if name == "a definition that is none":
        broken["broken.yaml"] = (
            broken["save.yaml"].replace("test.do", "test.dance").replace("${action.inputs.label}", "x")
        )
    refused = village.doors("pia", "POST", "/v1/contracts", {"files": broken})
    assert refused.status_code == 422, refused.text
    found = {(each["pointer"], each["code"]): each["fix"] for each in refused.json()["errors"]}
    assert found.get((place, code)), found


def test_an_operation_does_not_speak_of_an_action(village: Village) -> None:
    broken = acting_bundle("2.0.0")
    broken["update.yaml"] = broken["save.yaml"]
    refused = village.doors("pia", "POST", "/v1/contracts", {"files": broken})
    places = {(each["pointer"], each["code"]) for each in refused.json()["errors"]}
    assert ("update.yaml#/steps/0/with/name", "unknown_reference") in places
