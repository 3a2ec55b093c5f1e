"""What a step kind is: the smallest unit of how.

A step kind is a named piece of real work (`git.commit`, `http.call`). The workflow engine
resolves its arguments, hands it a `StepCall` and takes its outputs. How often to try, how
long to wait and what to undo is the engine's matter; a kind only says what went wrong and
whether trying again makes sense. Kinds are found by entry point (`avow.step_kinds`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from catalog.digest import Json, JsonObject
from executors.port import Effect


@dataclass(frozen=True, slots=True)
class StepCall:
    """One attempt of one step.

    Attributes:
        arguments: the step's `with`, references resolved and checked against the kind's schema.
        idempotency_key: the same over every attempt and restart of this step; another one for its undo.
        fence: grows whenever another worker takes the run over.
        timeout_seconds: how long this attempt may take; the kind must give up by itself.
        files: the contract bundle's files, for templates.
    """

    arguments: JsonObject
    idempotency_key: str
    fence: int
    attempt: int
    timeout_seconds: float
    project: str
    request_uid: str
    run_id: str
    files: Mapping[str, str]


class StepError(Exception):
    """Root of what a step kind may raise; the message is for people and free of secrets.

    Args:
        retry_after_seconds: how long the other side asks to be left alone.
    """

    def __init__(self, code: str, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after_seconds = retry_after_seconds


class Transient(StepError):
    """It did not happen, and trying again may help."""


class Permanent(StepError):
    """It did not happen, and trying again will not help."""


class OutcomeUnknown(StepError):
    """It may have happened: the line broke after the call was sent."""


class StepKind(Protocol):
    """One kind of step.

    Attributes:
        name: `<area>.<verb>`.
        effect: READ kinds may be used in observe workflows and are never undone.
        schema: JSON Schema of `with`; references are resolved before it is applied.
    """

    name: str
    effect: Effect
    schema: JsonObject

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Do it and return its outputs; doing it twice under one key has one effect.

        Raises:
            Transient, Permanent, OutcomeUnknown: see there.
        """
        ...

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return the outputs if the effect is there, None if it is certainly not; changes nothing.

        Raises:
            OutcomeUnknown: it cannot be told at present.
        """
        ...
