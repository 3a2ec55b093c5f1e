"""The made-up world of a rehearsal: what took effect, and the step kinds that act on it.

A scripted kind has the schema and the effect of the real one, so that arguments are judged as
in earnest; what it answers is what the case says. It honours idempotency keys, and what it
cannot look up (a call without a check) it does not claim to know.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog.digest import Json, JsonObject
from executors.port import Effect
from executors.step import OutcomeUnknown, Permanent, StepCall, StepKind, Transient
from executors.workflow.exchange import Call
from executors.workflow.rehearsal.script import Attempt


@dataclass
class Ledger:
    """What took effect, in order; under one key once.

    Attributes:
        entries: per key, the call and what it answered.
    """

    entries: dict[str, tuple[Call, Mapping[str, Json]]] = field(default_factory=dict)

    def apply(self, key: str, call: Call, outputs: Mapping[str, Json]) -> Mapping[str, Json]:
        """Let a call take effect, unless it did; return what it answers."""
        return self.entries.setdefault(key, (call, outputs))[1]

    def find(self, key: str) -> Mapping[str, Json] | None:
        """Return what was answered under a key, None when nothing took effect."""
        known = self.entries.get(key)
        return None if known is None else known[1]


@dataclass
class Cue:
    """What the next call is to do: set by the stage right before it is made."""

    call: Call
    attempt: Attempt
    outputs: Mapping[str, Json]


class ScriptedKind:
    """A step kind that does what its cue says."""

    def __init__(self, real: StepKind, ledger: Ledger) -> None:
        self.name = real.name
        self.effect = real.effect
        self.schema = real.schema
        self.cue: Cue | None = None
        self.asked: JsonObject = {}
        self._ledger = ledger

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Take effect, or fail as the script says."""
        cue = self._told(call)
        attempt = cue.attempt
        seconds = None if attempt.retry_after is None else attempt.retry_after.total_seconds()
        match attempt.fails:
            case "transient":
                raise Transient(attempt.code, attempt.message, retry_after_seconds=seconds)
            case "permanent":
                raise Permanent(attempt.code, attempt.message)
            case "unknown":
                if attempt.happened:
                    self._effect(call, cue)
                raise OutcomeUnknown(attempt.code, attempt.message)
            case _:
                return self._effect(call, cue)

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Tell what became of the last attempt, as far as the real kind could."""
        cue = self._told(call)
        if self.effect is Effect.READ:
            return cue.outputs
        if not cue.attempt.can_look:
            raise OutcomeUnknown(cue.attempt.code, "the test says that a look cannot tell")
        properties = self.schema.get("properties")
        if isinstance(properties, Mapping) and "check" in properties and "check" not in call.arguments:
            raise OutcomeUnknown("no_check", "The step names no check, so nobody can tell.")
        return self._ledger.find(call.idempotency_key)

    def _effect(self, call: StepCall, cue: Cue) -> Mapping[str, Json]:
        if self.effect is Effect.READ:
            return cue.outputs
        return self._ledger.apply(call.idempotency_key, cue.call, cue.outputs)

    def _told(self, call: StepCall) -> Cue:
        assert self.cue is not None  # noqa: S101  # the stage sets it before each call; tells mypy
        self.asked = call.arguments
        return self.cue
