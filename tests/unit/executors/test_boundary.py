"""Whatever leaves a step kind is a step error without secrets."""

from pathlib import Path

import pytest

from catalog.errors import Conflict, Denied, Internal, Invalid, NotFound, PlatformError, Unavailable
from executors.boundary import doing, looking
from executors.secrets import LocalSecrets
from executors.step import OutcomeUnknown, Permanent, StepError, Transient
from tests.step_calls import step_call

CANARY = "S3CR3T-canary-value"
REFERENCE = "secret://env/AVOW_SECRET_CANARY"
CALL = step_call({})


@pytest.fixture
def store(tmp_path: Path) -> LocalSecrets:
    return LocalSecrets(tmp_path, {"AVOW_SECRET_CANARY": CANARY})


@pytest.mark.parametrize("kind", [Transient, Permanent, OutcomeUnknown])
def test_a_step_error_keeps_its_kind_and_loses_the_secret(store: LocalSecrets, kind: type[StepError]) -> None:
    with pytest.raises(kind) as raised, doing(store, CALL) as unsealed:
        raise kind("some_code", f"server said {unsealed.resolve(REFERENCE)}", retry_after_seconds=3)
    assert (raised.value.code, raised.value.retry_after_seconds) == ("some_code", 3)
    assert CANARY not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (Unavailable, Transient),
        (Internal, Transient),
        (Invalid, Permanent),
        (Denied, Permanent),
        (NotFound, Permanent),
        (Conflict, Permanent),
    ],
)
def test_an_error_from_below_becomes_the_step_error_that_fits(
    store: LocalSecrets, error: type[PlatformError], kind: type[StepError]
) -> None:
    with pytest.raises(kind) as raised, doing(store, CALL) as unsealed:
        raise error("its_code", f"it said {unsealed.resolve(REFERENCE)}", fix="do this")
    assert raised.value.code == "its_code"
    assert raised.value.message == "it said [redacted] do this"


def test_a_local_file_error_says_nothing_about_paths(store: LocalSecrets) -> None:
    with pytest.raises(Transient) as raised, doing(store, CALL):
        Path("/no/such/place").read_text()
    assert "/no/such" not in raised.value.message
    assert "No such file" in raised.value.message


@pytest.mark.parametrize(
    "error",
    [Transient("a", "b"), Permanent("a", "b"), Denied("a", "b"), Unavailable("a", "b"), OSError(5, "b")],
)
def test_a_look_that_was_stopped_leaves_the_outcome_unknown(store: LocalSecrets, error: Exception) -> None:
    with pytest.raises(OutcomeUnknown), looking(store, CALL):
        raise error


def test_outputs_are_cleaned_of_what_was_resolved(store: LocalSecrets) -> None:
    with doing(store, CALL) as unsealed:
        value = unsealed.resolve(REFERENCE)
        assert unsealed.clean({"echo": [f"you sent {value}"]}) == {"echo": ["you sent [redacted]"]}


def test_a_programming_error_is_not_dressed_up(store: LocalSecrets) -> None:
    with pytest.raises(ZeroDivisionError), doing(store, CALL):
        raise ZeroDivisionError
