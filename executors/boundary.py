"""What every step kind's work passes through: secrets on the way in, errors on the way out.

A kind does its work inside `doing` and looks inside `looking`. References are resolved there,
for the call's project, and whatever was resolved is blanked in every error that comes out.
Errors of the parts below become step errors. The original is not chained, because its text
and its traceback may hold what was just blanked.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from catalog.digest import Json
from catalog.errors import Internal, PlatformError, Unavailable
from executors.redaction import Redactor
from executors.secrets import SecretStore
from executors.step import OutcomeUnknown, Permanent, StepCall, StepError, Transient


class Unsealed:
    """The secrets of one call."""

    def __init__(self, store: SecretStore, project: str) -> None:
        self._store = store
        self._project = project
        self._redactor = Redactor()

    def resolve(self, reference: str) -> str:
        """Return what a reference stands for; from now on it is blanked in what leaves the call."""
        value = self._store.resolve(reference, self._project)
        self._redactor.learn(value)
        return value

    def learn(self, secret: str) -> None:
        """Blank a value that was not resolved from a reference."""
        self._redactor.learn(secret)

    def clean(self, outputs: Mapping[str, Json]) -> dict[str, Json]:
        """Return the outputs with everything that was resolved blanked."""
        return {name: self._redactor.value(value) for name, value in outputs.items()}

    def blanked(self, error: StepError) -> StepError:
        """Return the same error with everything that was resolved blanked."""
        message = self._redactor.text(error.message)
        return type(error)(error.code, message, retry_after_seconds=error.retry_after_seconds)


@contextmanager
def doing(store: SecretStore, call: StepCall) -> Iterator[Unsealed]:
    """Do a call's work: what leaves the block is a step error without secrets."""
    unsealed = Unsealed(store, call.project)
    try:
        yield unsealed
    except StepError as error:
        raise unsealed.blanked(error) from None
    except PlatformError as error:
        raise unsealed.blanked(_step_error(error)) from None
    except OSError as error:
        raise unsealed.blanked(Transient("local_io_failed", _told(error))) from None


@contextmanager
def looking(store: SecretStore, call: StepCall) -> Iterator[Unsealed]:
    """Look whether a call's effect is there: whatever stops the look leaves the outcome unknown."""
    unsealed = Unsealed(store, call.project)
    try:
        yield unsealed
    except (StepError, PlatformError) as error:
        raise unsealed.blanked(OutcomeUnknown(error.code, error.message)) from None
    except OSError as error:
        raise unsealed.blanked(OutcomeUnknown("local_io_failed", _told(error))) from None


def _step_error(error: PlatformError) -> StepError:
    # `Internal` is a broken part of ours (a clone, say) that is made anew on the next attempt.
    kind = Transient if isinstance(error, Unavailable | Internal) else Permanent
    message = f"{error.message} {error.fix}".strip() if error.fix else error.message
    return kind(error.code, message, retry_after_seconds=error.retry_after_seconds)


def _told(error: OSError) -> str:
    # Without the path: where things lie on this machine is nobody's concern.
    return f"A file or a program could not be used here: {error.strerror or type(error).__name__}."
