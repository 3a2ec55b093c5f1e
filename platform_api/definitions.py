"""What the definitions of a bundle are refused for: those of its operations and of its actions alike.

Asked when a contract is published, and again before an action is begun, because what a contract
names may have been published before its definition was looked at.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from catalog.acting import action_findings
from catalog.bundle import Bundle
from catalog.digest import JsonObject
from catalog.errors import Finding
from catalog.schema import escape
from executors.port import Executor
from executors.workflow.referring import referred


@dataclass(frozen=True, slots=True)
class Named:
    """A definition with the place in the contract that names it.

    Attributes:
        inputs: schema of what an action takes; None for an operation.
    """

    place: str
    executor: str
    definition: str
    document: JsonObject
    inputs: JsonObject | None = None


def definition_findings(executors: Mapping[str, Executor], bundle: Bundle) -> Iterator[Finding]:
    """Yield what is wrong with every definition that a contract names; each is looked at once."""
    checked: set[tuple[str, str]] = set()
    for named in (*_of_operations(bundle), *_of_actions(bundle)):
        if (named.executor, named.definition) not in checked:
            yield from executor_findings(executors, named, bundle.files)
        checked.add((named.executor, named.definition))
    yield from reference_findings(bundle)


def reference_findings(bundle: Bundle) -> Iterator[Finding]:
    """Yield what definitions say of actions that is not so."""
    for named in (*_of_operations(bundle), *_of_actions(bundle)):
        for finding in action_findings(referred(named.document, bundle.files), named.inputs):
            yield replace(finding, pointer=f"{named.definition}#{finding.pointer}")


def named_action(bundle: Bundle, name: str) -> Named:
    """Return the definition of an action that the contract has."""
    action = bundle.contract.actions[name]
    place = f"/spec/actions/{escape(name)}"
    return Named(place, action.executor, action.definition, bundle.action_definition(name), action.inputs)


def executor_findings(
    executors: Mapping[str, Executor], named: Named, files: Mapping[str, str]
) -> Iterator[Finding]:
    """Yield what the executor that is named says of a definition, or that there is none."""
    executor = executors.get(named.executor)
    if executor is None:
        known = ", ".join(sorted(executors))
        yield Finding(
            f"contract.yaml#{named.place}/executor",
            "unknown_executor",
            "there is no such executor here",
            f"use one of {known}" if known else "have an executor set up",
        )
        return
    for finding in executor.check(named.document, files):
        yield replace(finding, pointer=f"{named.definition}#{finding.pointer}")


def _of_operations(bundle: Bundle) -> Iterator[Named]:
    for name, part in bundle.contract.operations.items():
        place = f"/spec/operations/{name}"
        yield Named(place, part.executor, part.definition, bundle.definition(name))


def _of_actions(bundle: Bundle) -> Iterator[Named]:
    return (named_action(bundle, name) for name in bundle.contract.actions)
