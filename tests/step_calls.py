"""Step calls and settings for tests of step kinds.

Every call is right in itself; a test names what it is about. Settings allow loopback, because
that is where the servers of the tests are, and nothing else.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from catalog.digest import JsonObject
from executors.secrets import LocalSecrets
from executors.step import StepCall
from executors.steps import StepSettings
from tests.factories import PROJECT, UID, FakeClock

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
ADMIN_PASSWORD = "correct-horse-battery"


def step_call(arguments: JsonObject, key: str = "key-1", **changes: Any) -> StepCall:
    """Return a call of one attempt."""
    call = StepCall(
        arguments=arguments,
        idempotency_key=key,
        fence=7,
        attempt=1,
        timeout_seconds=30.0,
        project=PROJECT,
        request_uid=UID,
        run_id="run_00000000000000000000000001",
        files={},
    )
    return replace(call, **changes)


def step_settings(tmp_path: Path, **changes: Any) -> StepSettings:
    """Return settings whose secrets and clones live below a test's own folder."""
    environment = {"AVOW_SECRET_ADMIN": ADMIN_PASSWORD, "AVOW_DATABASE_URL": "not-for-steps"}
    settings = StepSettings(
        directory=tmp_path / "work",
        secrets=LocalSecrets(tmp_path / "secrets", environment),
        clock=FakeClock(),
        hosts=LOCAL_HOSTS,
    )
    return replace(settings, **changes)
