"""Compares the rest of two contracts: what is promised besides schemas, policy and relations.

A promise that became weaker breaks, and so does one more thing that the platform has to
have before it can deliver. How something is done is nobody's promise.
"""

from collections.abc import Iterator, Mapping

from catalog.compat.change import Change, Edit, Effect
from catalog.contract import Action, Contract, DriftMode, IgnoreRule, Operation, OperationName
from catalog.digest import Json, canonical_json
from catalog.duration import duration
from catalog.schema import escape

_SPANS = frozenset({"provision_p95", "drift_repair"})
_SHARES = frozenset({"availability"})


def lifecycle_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield a step between experimental and stable."""
    edit = Edit("/metadata/lifecycle", old.lifecycle, new.lifecycle)
    if old.lifecycle == new.lifecycle:
        return
    if new.lifecycle == "stable":
        yield edit.extends("lifecycle_stable", "the contract is stable from now on")
    else:
        message = "the contract is not stable any more: nobody can build on it as they did"
        yield edit.breaks("lifecycle_weakened", Effect.REQUESTER, message)


def service_level_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield the service levels that are not what they were."""
    for name in sorted(old.service_levels.keys() | new.service_levels.keys()):
        before, after = old.service_levels.get(name), new.service_levels.get(name)
        if canonical_json(before) != canonical_json(after):
            yield _service_level(name, Edit(f"/spec/service_levels/{escape(name)}", before, after))


def _service_level(name: str, edit: Edit) -> Change:
    if edit.before is None:
        return edit.extends("service_level_added", f"{name} is promised from now on")
    if name not in _SPANS | _SHARES:
        return edit.breaks("undecided", Effect.REQUESTER, f"nobody can say whether {name} is better or worse")
    if edit.after is None:
        return edit.breaks("service_level_removed", Effect.REQUESTER, f"{name} is not promised any more")
    before, after = _worth(name, edit.before), _worth(name, edit.after)
    if after < before:
        message = f"{name} is promised less well: who counts on it is let down"
        return edit.breaks("service_level_weakened", Effect.REQUESTER, message)
    if after > before:
        return edit.extends("service_level_strengthened", f"{name} is promised better than before")
    return edit.restates("service_level_restated", f"{name} is the same in other words")


def _worth(name: str, value: Json) -> float:
    """Return a number that grows as the promise gets better."""
    return -duration(str(value)).total_seconds() if name in _SPANS else float(str(value))


def placement_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield what is different about where requests land."""
    before, after, pointer = old.placement, new.placement, "/spec/placement"
    if before is None and after is not None:
        message = "a destination is needed now: where there is none, nothing is delivered"
        yield Edit(pointer, None, after.kind).breaks("placement_added", Effect.OPERATOR, message)
    if before is not None and after is None:
        message = "requests lie nowhere now: what was delivered to a destination is cut off from it"
        yield Edit(pointer, before.kind, None).breaks("placement_removed", Effect.OPERATOR, message)
    if before is None or after is None:
        return
    match = f"{pointer}/match"
    if before.kind != after.kind:
        message = "another kind of destination is needed: where there is none, nothing is delivered"
        edit = Edit(f"{match}/kind", before.kind, after.kind)
        yield edit.breaks("placement_kind_changed", Effect.OPERATOR, message)
    yield from _label_changes(f"{match}/labels", before.labels, after.labels)
    yield from _environment_changes(
        Edit(f"{match}/environment", before.same_environment, after.same_environment)
    )
    if before.prefer is not after.prefer:
        edit = Edit(f"{pointer}/prefer", before.prefer.value, after.prefer.value)
        yield edit.restates("placement_prefer_changed", "new requests are spread in another way")


def _label_changes(pointer: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        edit = Edit(f"{pointer}/{escape(name)}", old.get(name), new.get(name))
        if edit.after is None:
            yield edit.extends("placement_label_removed", "more destinations will do than before")
        elif edit.before != edit.after:
            code = "placement_label_added" if edit.before is None else "placement_label_changed"
            message = "destinations without this label take no new requests: there may be none left"
            yield edit.breaks(code, Effect.OPERATOR, message)


def _environment_changes(edit: Edit) -> Iterator[Change]:
    if edit.after and not edit.before:
        message = "only destinations of the request's environment will do: there may be none"
        yield edit.breaks("placement_environment_added", Effect.OPERATOR, message)
    elif edit.before and not edit.after:
        message = "a request may land among those of another environment"
        yield edit.breaks("placement_environment_removed", Effect.REQUESTER, message)


def operation_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield the operations that somebody else performs, or that are performed by another definition."""
    known = executors_of(old)
    for name in OperationName:
        before, after = old.operations.get(name), new.operations.get(name)
        pointer = f"/spec/operations/{name}"
        if before is not None and after is None:
            message = f"{name} is done as another operation is: that may change what was delivered"
            edit = Edit(pointer, before.definition, None)
            yield edit.breaks("operation_removed", Effect.REQUESTER, message)
        elif before is not None and after is not None:
            yield from performer_changes(pointer, before, after)
        elif after is not None and after.executor not in known:
            yield executor_added(pointer, after)
        elif after is not None:
            message = f"{name} is done in a way of its own"
            yield Edit(pointer, None, after.definition).extends("operation_added", message)


def executors_of(contract: Contract) -> frozenset[str]:
    """Return the executors that have to be there for a contract."""
    performed: tuple[Operation | Action, ...] = (*contract.operations.values(), *contract.actions.values())
    return frozenset(each.executor for each in performed)


def executor_added(pointer: str, part: Operation | Action) -> Change:
    """Return the change of something new that an executor does which was not needed so far."""
    message = "an executor more is needed: where it is not installed, this cannot be done"
    return Edit(f"{pointer}/executor", None, part.executor).breaks(
        "executor_added", Effect.OPERATOR, message, "leave it out"
    )


def performer_changes(pointer: str, old: Operation | Action, new: Operation | Action) -> Iterator[Change]:
    """Yield that another executor does it, or the same one by another file."""
    if old.executor != new.executor:
        message = "another executor is needed: where it is not installed, this cannot be done"
        edit = Edit(f"{pointer}/executor", old.executor, new.executor)
        yield edit.breaks("executor_changed", Effect.OPERATOR, message)
    elif old.definition != new.definition:
        edit = Edit(f"{pointer}/definition", old.definition, new.definition)
        yield edit.restates("definition_changed", "the definition is in another file")


def drift_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield what is different about finding and repairing drift."""
    before, after, pointer = old.drift, new.drift, "/spec/drift"
    if before.mode is not after.mode:
        edit = Edit(f"{pointer}/mode", before.mode.value, after.mode.value)
        if after.mode is DriftMode.OBSERVE:
            message = "drift is only reported: what was delivered is not kept as it was"
            yield edit.breaks("drift_mode_weakened", Effect.REQUESTER, message)
        else:
            yield edit.extends("drift_mode_strengthened", "drift that was only reported is repaired")
    if before.interval != after.interval:
        edit = Edit(f"{pointer}/interval", before.interval.total_seconds(), after.interval.total_seconds())
        yield edit.restates("drift_interval_changed", "drift is looked for more or less often")
    yield from _ignore_changes(f"{pointer}/ignore", before.ignore, after.ignore)


def _ignore_changes(
    pointer: str, old: tuple[IgnoreRule, ...], new: tuple[IgnoreRule, ...]
) -> Iterator[Change]:
    before, after = {rule.path: rule for rule in old}, {rule.path: rule for rule in new}
    places = {rule.path: f"{pointer}/{at}" for rules in (old, new) for at, rule in enumerate(rules)}
    for path in sorted(before.keys() | after.keys()):
        was, stays = before.get(path), after.get(path)
        edit = Edit(places[path], None if was is None else path, None if stays is None else path)
        if stays is not None and (was is None or _outlasts(stays, was)):
            message = f"drift at {path} is passed over: it is not kept as it was delivered"
            yield edit.breaks("drift_ignore_added", Effect.REQUESTER, message)
        elif was is not None and (stays is None or _outlasts(was, stays)):
            yield edit.extends("drift_ignore_removed", f"drift at {path} counts again")
        elif was != stays:
            yield edit.restates("docs_changed", "the reason reads differently")


def _outlasts(one: IgnoreRule, other: IgnoreRule) -> bool:
    return other.until is not None and (one.until is None or one.until > other.until)


def reconcile_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield what is different about trying again and remembering."""
    edit = Edit("/spec/reconcile/retry_failed", old.retry_failed, new.retry_failed)
    if old.retry_failed and not new.retry_failed:
        message = "what failed is not tried again by itself: requests stay broken that would have healed"
        yield edit.breaks("retry_removed", Effect.REQUESTER, message)
    elif new.retry_failed and not old.retry_failed:
        yield edit.extends("retry_added", "what failed is tried again by itself")
    if old.keep_runs != new.keep_runs:
        edit = Edit("/spec/reconcile/keep_runs", old.keep_runs, new.keep_runs)
        yield edit.restates("keep_runs_changed", "another number of past runs is kept")


def docs_changes(old: Contract, new: Contract) -> Iterator[Change]:
    """Yield what reads differently."""
    if old.description != new.description:
        edit = Edit("/spec/description", old.description, new.description)
        yield edit.restates("docs_changed", "the description reads differently")
    if old.examples != new.examples:
        yield Edit("/spec/examples").restates("docs_changed", "the examples are not the same")
