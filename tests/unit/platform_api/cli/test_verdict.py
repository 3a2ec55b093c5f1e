"""Waiting ends when nothing more will come of it by itself, and with the right code."""

from typing import Any

import pytest

from platform_api.cli.failure import ExitCode
from platform_api.cli.verdict import Goal, unmet, verdict


def request(phase: str, *conditions: tuple[str, str, str]) -> dict[str, Any]:
    stated = [
        {"type": type_, "status": status, "reason": reason, "message": f"{reason} it is"}
        for type_, status, reason in conditions
    ]
    return {"name": "orders-db", "phase": phase, "conditions": stated}


def spoken(request: dict[str, Any]) -> str:
    reasons = [condition["reason"] for condition in request["conditions"]]
    return "-".join([request["phase"], *reasons])


@pytest.mark.parametrize(
    ("found", "goal", "code"),
    [
        (request("ready"), Goal.READY, ExitCode.OK),
        (request("pending"), Goal.READY, None),
        (request("progressing", ("Applied", "Unknown", "Retrying")), Goal.READY, None),
        (request("failed", ("Applied", "False", "OperationFailed")), Goal.READY, ExitCode.FAILED),
        (request("failed", ("Applied", "False", "Stuck")), Goal.READY, ExitCode.FAILED),
        (request("failed", ("Applied", "False", "UpgradeFailed")), Goal.READY, ExitCode.FAILED),
        (request("blocked", ("Available", "False", "InputsDoNotFit")), Goal.READY, ExitCode.FAILED),
        (request("blocked", ("Allowed", "False", "PolicyDenied")), Goal.READY, ExitCode.DENIED),
        (request("blocked", ("Allowed", "Unknown", "PolicyUnavailable")), Goal.READY, None),
        (request("blocked", ("Placed", "False", "NoDestination")), Goal.READY, ExitCode.FAILED),
        (request("progressing", ("Applied", "Unknown", "WaitingForApproval")), Goal.READY, ExitCode.WAITING),
        (request("drifted", ("InSync", "False", "Drifted")), Goal.READY, None),
        (request("drifted", ("InSync", "False", "DriftReported")), Goal.READY, ExitCode.FAILED),
        (request("progressing", ("Written", "False", "WritebackFailed")), Goal.READY, None),
        (request("paused"), Goal.READY, None),
        (request("paused", ("Placed", "False", "NoDestination")), Goal.READY, None),
        (request("deleting"), Goal.READY, ExitCode.CONFLICT),
        (request("deleted"), Goal.READY, ExitCode.NOT_FOUND),
        (None, Goal.READY, ExitCode.NOT_FOUND),
        (None, Goal.DELETED, ExitCode.OK),
        (request("deleted"), Goal.DELETED, ExitCode.OK),
        (request("ready"), Goal.DELETED, None),
        (request("deleting", ("Applied", "Unknown", "Operating")), Goal.DELETED, None),
        (request("deleting", ("Applied", "False", "OperationFailed")), Goal.DELETED, ExitCode.FAILED),
        (request("deleting", ("Observed", "Unknown", "ObserveFailed")), Goal.DELETED, None),
    ],
    ids=lambda value: spoken(value) if isinstance(value, dict) else str(value),
)
def test_every_standing_goes_on_or_ends(
    found: dict[str, Any] | None, goal: Goal, code: ExitCode | None
) -> None:
    assert verdict(found, goal).code is code


def test_the_end_says_why() -> None:
    found = request("failed", ("Available", "True", "Published"), ("Applied", "False", "OperationFailed"))
    assert verdict(found, Goal.READY).message == "OperationFailed it is"


def test_the_earliest_unmet_condition_stands_in_the_way() -> None:
    found = request(
        "failed", ("Ready", "False", "x"), ("InSync", "False", "Drifted"), ("Applied", "False", "Stuck")
    )
    assert unmet(found)["reason"] == "Stuck"


def test_a_request_without_conditions_has_nothing_in_the_way() -> None:
    assert unmet({"phase": "pending"}) == {}
