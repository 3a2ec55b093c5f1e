"""Compares what two contracts rest on: the contracts they require, and the children they make.

One more thing that has to be there, or fewer versions of it that will do, breaks for those who
run the platform: where it is missing, nothing is delivered any more. A child that goes, or
that is made from another contract, takes with it what was delivered. What children are told,
and in which order they are made, is how something is done and nobody's promise.
"""

from collections.abc import Iterator

from catalog.compat.change import Change, Edit, Effect
from catalog.contract import Child, Contract
from catalog.digest import canonical_json
from catalog.ranges import parse_range

_REQUIRES = "/spec/requires"
_CHILDREN = "/spec/children"


def requirement_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield the contracts that are needed besides, no longer, or in other versions."""
    before = {each.contract: (at, each.versions) for at, each in enumerate(old.requires)}
    after = {each.contract: (at, each.versions) for at, each in enumerate(new.requires)}
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            message = f"{name} is needed as well: where it is missing, nothing is delivered"
            edit = Edit(f"{_REQUIRES}/{after[name][0]}", None, name)
            yield edit.breaks("requirement_added", Effect.OPERATOR, message, "leave it out")
        elif name not in after:
            edit = Edit(f"{_REQUIRES}/{before[name][0]}", name, None)
            yield edit.extends("requirement_removed", f"{name} is not needed any more")
        else:
            edit = Edit(f"{_REQUIRES}/{after[name][0]}/version", before[name][1], after[name][1])
            yield from _range_changes("requirement", edit, before[name][1], after[name][1])


def child_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield the children that are new, gone, or made in another way."""
    before = {each.name: (at, each) for at, each in enumerate(old.children)}
    after = {each.name: (at, each) for at, each in enumerate(new.children)}
    for name in sorted(before.keys() | after.keys()):
        if name not in before:
            at, child = after[name]
            message = f"each request makes one on {child.contract} as well: it has to be there, and allowed"
            edit = Edit(f"{_CHILDREN}/{at}", None, child.contract)
            yield edit.breaks("child_added", Effect.OPERATOR, message, "leave it out")
        elif name not in after:
            at, child = before[name]
            message = "what each request made of it is given back: who uses it loses it"
            edit = Edit(f"{_CHILDREN}/{at}", child.contract, None)
            yield edit.breaks("child_removed", Effect.CONSUMER, message, "keep it")
        else:
            at, child = after[name]
            yield from _child(f"{_CHILDREN}/{at}", before[name][1], child)


def _child(pointer: str, old: Child, new: Child) -> Iterator[Change]:
    if old.contract != new.contract:
        edit = Edit(f"{pointer}/contract", old.contract, new.contract)
        message = "it is given back and made anew from another contract: who uses it loses it"
        yield edit.breaks("child_contract_changed", Effect.CONSUMER, message, "add it under another name")
        return
    edit = Edit(f"{pointer}/version", old.versions, new.versions)
    yield from _range_changes("child", edit, old.versions, new.versions)
    if canonical_json(old.inputs) != canonical_json(new.inputs):
        edit = Edit(f"{pointer}/inputs", old.inputs, new.inputs)
        yield edit.restates("child_inputs_changed", "the child is told something else")
    if set(old.needs) != set(new.needs):
        edit = Edit(f"{pointer}/needs", list(old.needs), list(new.needs))
        yield edit.restates("child_needs_changed", "the children are made in another order")


def conversion_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield what is different about coming over from older versions.

    Other expressions are no break: what they make of a request is checked before it comes over.
    """
    before, after, pointer = old.conversion, new.conversion, "/spec/conversion"
    if before is None and after is not None:
        edit = Edit(pointer, None, after.versions)
        yield edit.extends("conversion_added", "requests on older versions can come over by themselves")
    elif before is not None and after is None:
        edit = Edit(pointer, before.versions, None)
        message = "requests on older versions cannot come over by themselves any more"
        yield edit.breaks("conversion_removed", Effect.REQUESTER, message, "keep it")
    elif before is not None and after is not None:
        edit = Edit(f"{pointer}/from", before.versions, after.versions)
        yield from _conversion_range(edit, before.versions, after.versions)
        if before.inputs != after.inputs:
            edit = Edit(f"{pointer}/inputs", dict(before.inputs), dict(after.inputs))
            yield edit.restates(
                "conversion_changed", "the inputs of older versions are converted differently"
            )


def _range_changes(code: str, edit: Edit, old: str, new: str) -> Iterator[Change]:
    """Yield what it means that other versions of something needed will do."""
    if old == new:
        return
    before, after = parse_range(old), parse_range(new)
    if not after.covers(before):
        message = "other versions of it are needed: where there are none, nothing is delivered"
        move = "take the versions that did before as well"
        yield edit.breaks(f"{code}_range_narrowed", Effect.OPERATOR, message, move)
    elif not before.covers(after):
        yield edit.extends(f"{code}_range_widened", "more versions of it will do")
    else:
        yield edit.restates(f"{code}_range_restated", "the same versions of it will do")


def _conversion_range(edit: Edit, old: str, new: str) -> Iterator[Change]:
    if old == new:
        return
    if parse_range(new).covers(parse_range(old)):
        yield edit.extends(
            "conversion_range_widened", "requests on more versions can come over by themselves"
        )
    else:
        message = "requests on some older versions cannot come over by themselves any more"
        yield edit.breaks("conversion_range_narrowed", Effect.REQUESTER, message)
