"""The port behind which every policy engine stands, with its fixed-answer twin.

An engine turns (revision, input) into raw sets per policy and nothing more: combining,
storing and redacting are not its business. It must never guess: anything that is not a
well-formed answer of exactly the revision asked for raises `Unavailable`, and the caller
then lets nothing through.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from catalog.digest import Json, JsonObject
from catalog.errors import Finding, Unavailable


@dataclass(frozen=True, slots=True)
class Module:
    """One Rego file.

    Attributes:
        policy: the policy's name as decisions show it, `org/naming` or `contract`.
        path: where it comes from, for messages.
    """

    policy: str
    path: str
    source: str


@dataclass(frozen=True, slots=True)
class PolicyBundle:
    """All that is evaluated together: the organisation's modules, a contract's, and data.

    Attributes:
        revision: digest over the rest.
    """

    revision: str
    modules: tuple[Module, ...]
    data: JsonObject


@dataclass(frozen=True, slots=True)
class RawSets:
    """What one policy answered: its `deny` and `warn` sets, entries as the author wrote them."""

    deny: Sequence[Json]
    warn: Sequence[Json]


Answer = Mapping[str, RawSets] | Unavailable
"""What one question of many got: the sets by policy, or why there are none."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """Whether an engine can answer now; shown by `/readyz` and `avow doctor`."""

    name: str
    version: str
    is_ready: bool
    message: str = ""


class PolicyEngine(Protocol):
    """Someone who evaluates Rego."""

    def identity(self) -> str:
        """Return name and version without asking anybody, as decisions record it."""
        ...

    def prepare(self, bundle: PolicyBundle) -> None:
        """Get ready for a bundle without keeping the caller waiting."""
        ...

    def state(self) -> EngineState:
        """Return whether it can answer now; never raises."""
        ...

    def check(self, modules: Sequence[Module], settings: JsonObject | None = None) -> tuple[Finding, ...]:
        """Return what is wrong with modules, at publish time, with `path:line` as the pointer.

        Raises:
            Unavailable: `policy_unavailable`, when the engine cannot say.
        """
        ...

    def evaluate(
        self, bundle: PolicyBundle, document: JsonObject, timeout_seconds: float
    ) -> Mapping[str, RawSets]:
        """Return the raw sets of every policy in the bundle, by policy name.

        Raises:
            Unavailable: `policy_unavailable`, for every way of not having a well-formed answer.
        """
        ...

    def evaluate_many(
        self, bundle: PolicyBundle, documents: Sequence[JsonObject], timeout_seconds: float
    ) -> list[Answer]:
        """Return for each document what `evaluate` would; one without an answer spoils no other.

        Meant for many at once: who asks a single question meanwhile is not kept waiting for all.

        Args:
            timeout_seconds: how long each may take.

        Raises:
            Unavailable: `policy_unavailable`, when nothing at all can be asked.
        """
        ...

    def close(self) -> None:
        """End what it started."""
        ...


def each_by_itself(
    engine: PolicyEngine, bundle: PolicyBundle, documents: Sequence[JsonObject], timeout_seconds: float
) -> list[Answer]:
    """Return what an engine answers to documents that are put to it one after the other."""
    return [answer_of(engine, bundle, document, timeout_seconds) for document in documents]


def answer_of(
    engine: PolicyEngine, bundle: PolicyBundle, document: JsonObject, timeout_seconds: float
) -> Answer:
    """Return what `evaluate` returns, or the error that it raises."""
    try:
        return engine.evaluate(bundle, document, timeout_seconds)
    except Unavailable as silence:
        return silence


class StaticEngine:
    """Answers with the same sets every time; the twin for tests."""

    def __init__(self, deny: Sequence[Json] = (), warn: Sequence[Json] = ()) -> None:
        self._sets = RawSets(deny=tuple(deny), warn=tuple(warn))

    def state(self) -> EngineState:
        """Return ready, always."""
        return EngineState(name="static", version="1", is_ready=True)

    def identity(self) -> str:
        """Return the twin's name."""
        return "static 1"

    def prepare(self, bundle: PolicyBundle) -> None:
        """Do nothing."""

    def check(self, modules: Sequence[Module], settings: JsonObject | None = None) -> tuple[Finding, ...]:
        """Return nothing: any module will do."""
        return ()

    def evaluate(
        self, bundle: PolicyBundle, document: JsonObject, timeout_seconds: float
    ) -> Mapping[str, RawSets]:
        """Return the fixed sets for the first policy and empty ones for the others."""
        names = list(dict.fromkeys(module.policy for module in bundle.modules)) or ["static"]
        empty = RawSets(deny=(), warn=())
        return {name: self._sets if index == 0 else empty for index, name in enumerate(names)}

    def evaluate_many(
        self, bundle: PolicyBundle, documents: Sequence[JsonObject], timeout_seconds: float
    ) -> list[Answer]:
        """Return the same for each."""
        return each_by_itself(self, bundle, documents, timeout_seconds)

    def close(self) -> None:
        """Do nothing."""
