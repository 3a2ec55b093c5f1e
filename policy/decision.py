"""Policy's answer: the decision document.

A decision is stored whatever it says, with the revision that made it and a digest of what
it was asked, so that it can be replayed. It is combined here in Python from the raw sets
that an engine returns (deny overrides), not in Rego, so that every engine combines alike.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from catalog.digest import JsonObject
from catalog.ids import DecisionId


class Outcome(StrEnum):
    """What may happen next."""

    ALLOW = "allow"
    DENY = "deny"


class Action(StrEnum):
    """What a single result asks for."""

    DENY = "deny"
    WARN = "warn"


class EnforcementPoint(StrEnum):
    """When policy was asked."""

    ADMISSION = "admission"  # before a request is accepted
    PLAN = "plan"  # before an operation is handed to an executor


@dataclass(frozen=True, slots=True)
class Result:
    """One thing that one policy has to say.

    Attributes:
        policy: the policy's name, `org/naming` or `contract`.
        rule: the author's stable id of the rule.
        path: JSON Pointer into the inputs, empty when it concerns the whole.
        remediation: what the requester can do about it.
    """

    policy: str
    rule: str
    action: Action
    message: str
    path: str = ""
    remediation: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """The whole answer.

    Attributes:
        revision: digest over every module and data document that was evaluated.
        engine: name and version of what evaluated it.
        input: what was asked, with sensitive fields replaced.
        input_digest: digest of `input`; what was replaced has no part in it, lest it be guessed.
    """

    id: DecisionId
    project: str
    subject: str
    operation: str
    enforcement_point: EnforcementPoint
    outcome: Outcome
    results: tuple[Result, ...]
    revision: str
    engine: str
    input_digest: str
    input: JsonObject
    evaluated_at: datetime
    duration_seconds: float

    @property
    def is_allowed(self) -> bool:
        """Say whether the asked-for thing may go on."""
        return self.outcome is Outcome.ALLOW

    @property
    def denials(self) -> tuple[Result, ...]:
        """Return what stands against it."""
        return tuple(result for result in self.results if result.action is Action.DENY)
