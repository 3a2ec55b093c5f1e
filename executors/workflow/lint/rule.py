"""What a rule of the linter is, and what it is given to look at.

A rule is a value: its name, why it exists, what to do, and the function that looks. The
function yields `Hit`s by JSON Pointer; where that is in the text, and whether the author has
silenced it, is the linter's matter and not the rule's.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

from executors.port import Effect
from executors.step import StepKind
from executors.workflow.authoring.folder import Folder, Source

Kinds = Mapping[str, StepKind]
Subject = TypeVar("Subject")


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"  # publishing refuses it, or a run can hang on it for ever
    WARNING = "warning"  # it runs, and will be regretted


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where a rule is broken.

    Attributes:
        pointer: into the document of the file.
        line: in files that are no documents; 0 where the pointer says it.
        fix: what to do here; the rule's own when empty.
    """

    path: str
    pointer: str
    message: str
    fix: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """One workflow among the others of its bundle.

    Attributes:
        is_nested: another workflow of the bundle runs it.
    """

    folder: Folder
    source: Source
    kinds: Kinds
    is_nested: bool = False

    def steps(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every step with its pointer."""
        for index, step in enumerate(self.source.steps):
            yield f"/steps/{index}", step

    def calls(self) -> Iterator[tuple[str, dict[str, Any], StepKind | None]]:
        """Yield every step that calls a step kind, with the kind when it is known here."""
        for pointer, step in self.steps():
            if isinstance(step.get("uses"), str):
                yield pointer, step, self.kinds.get(step["uses"])

    def hit(self, pointer: str, message: str, fix: str = "") -> Hit:
        """Return a hit in this file."""
        return Hit(self.source.path, pointer, message, fix)


@dataclass(frozen=True, slots=True)
class Rule(Generic[Subject]):
    """A sign of misuse: in one workflow (`Rule[Page]`), or in a bundle as a whole (`Rule[Folder]`).

    Attributes:
        name: what it is silenced by.
        why: what goes wrong when it is broken.
        fix: what to do about it, in the imperative.
        look: finds it.
    """

    name: str
    severity: Severity
    why: str
    fix: str
    look: Callable[[Subject], Iterator[Hit]]


def changes_things(kind: StepKind | None) -> bool:
    """Say whether a kind has an effect; one that is not known here is taken to have."""
    return kind is None or kind.effect is not Effect.READ


def arguments_of(step: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a step is called with, as far as it is an object."""
    found = step.get("with")
    return found if isinstance(found, dict) else {}
