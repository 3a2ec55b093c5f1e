"""Compares the day-2 actions of two contracts: what can be asked of something delivered.

An action's inputs move like a contract's: whoever called it as it was documented must be
able to go on.
"""

from collections.abc import Iterator

from catalog.compat.body import executor_added, executors_of, performer_changes
from catalog.compat.change import Change, Edit, Effect
from catalog.compat.schemas import schema_changes
from catalog.compat.section import Section
from catalog.contract import Contract
from catalog.schema import escape


def action_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield the actions that are new, gone, or not what they were."""
    known = executors_of(old)
    for name in sorted(old.actions.keys() | new.actions.keys()):
        before, after = old.actions.get(name), new.actions.get(name)
        pointer = f"/spec/actions/{escape(name)}"
        if before is not None and after is None:
            message = "the action is gone: calls of it are refused"
            yield Edit(pointer, name, None).breaks("action_removed", Effect.REQUESTER, message, "keep it")
        elif before is not None and after is not None:
            yield from performer_changes(pointer, before, after)
            yield from schema_changes(_inputs(pointer), before.inputs, after.inputs)
            if before.description != after.description:
                edit = Edit(f"{pointer}/description", before.description, after.description)
                yield edit.restates("docs_changed", "the description reads differently")
        elif after is not None and after.executor not in known:
            yield executor_added(pointer, after)
        elif after is not None:
            yield Edit(pointer, None, name).extends("action_added", "there is an action more")


def _inputs(pointer: str) -> Section:
    return Section(
        f"{pointer}/inputs",
        takes=True,
        hits=Effect.REQUESTER,
        breaks="calls that were accepted may be refused",
        grows="more can be asked for than before",
    )
