"""Contracts: published by the team that owns them, and held or released by it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from catalog import audit, contracts, events, requests
from catalog.actor import Actor
from catalog.bundle import Bundle, bundle_from_files
from catalog.contract import OperationName
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.digest import Json
from catalog.errors import Finding, Invalid
from platform_api import access
from platform_api.parts import Platform
from platform_api.receipts import Receipt
from policy.bundle import contract_module
from reconciler import workqueue
from reconciler.workqueue import Lane

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Published:
    """A revision, and whether it was new."""

    revision: Revision
    is_new: bool


def publish(
    platform: Platform, actor: Actor, files: Mapping[str, str], receipt: Receipt[Published]
) -> Published:
    """Publish a bundle; the same bundle again changes nothing.

    Raises:
        Invalid: `invalid_bundle`, `invalid_contract`, `invalid_definition`, with every finding.
        Denied: `role_missing`, to whoever is no publisher of the owning team.
        Conflict: `version_published`, `owner_mismatch`.
    """
    bundle = bundle_from_files(files)
    contract = bundle.contract
    access.check_publisher(actor, contract.owner)
    _check_definitions(platform, bundle)
    now = platform.clock()
    with platform.db.write() as tx:
        receipt.claim(tx)
        is_new = contracts.publish(tx, bundle, now, actor.subject)
        published = Published(contracts.load(tx, contract.name, contract.version), is_new)
        if is_new:
            detail: dict[str, Json] = {"digest": bundle.digest, "owner": contract.owner}
            subject = f"{contract.name}@{contract.version}"
            _leave(platform, tx, actor, "contract.published", subject=subject, detail=detail)
            _wake(tx, platform, contract.name, Lane.REPAIR)
        return receipt.keep(tx, published)


def pause(platform: Platform, actor: Actor, name: str, receipt: Receipt[bool], *, paused: bool) -> bool:
    """Hold all requests on a contract, or let them go on; return whether they are held.

    Raises:
        NotFound: `contract_not_found`.
        Denied: `role_missing`.
    """
    with platform.db.write() as tx:
        receipt.claim(tx)
        access.check_publisher(actor, contracts.owner_of(tx, name) or "")
        if contracts.is_paused(tx, name) is not paused:
            contracts.set_paused(tx, name, paused=paused)
            action = "contract.paused" if paused else "contract.resumed"
            _leave(platform, tx, actor, action, subject=name, detail={})
            _wake(tx, platform, name, Lane.CHANGE)
        return receipt.keep(tx, paused)


def _check_definitions(platform: Platform, bundle: Bundle) -> None:
    findings = tuple(_definition_findings(platform, bundle))
    policy = bundle.contract.policy
    if policy is not None:
        module = contract_module(bundle.files[policy], policy)
        findings += platform.engine.check([module], platform.organisation.data)
    if findings:
        raise Invalid(
            "invalid_definition", "The bundle's workflows or policies cannot be used.", findings=findings
        )


def _definition_findings(platform: Platform, bundle: Bundle) -> Iterator[Finding]:
    checked: set[tuple[str, str]] = set()
    for name, operation in bundle.contract.operations.items():
        if (operation.executor, operation.definition) in checked:
            continue
        checked.add((operation.executor, operation.definition))
        yield from _operation_findings(platform, bundle, name)


def _operation_findings(platform: Platform, bundle: Bundle, name: OperationName) -> Iterator[Finding]:
    operation = bundle.contract.operations[name]
    executor = platform.executors.get(operation.executor)
    if executor is None:
        known = ", ".join(sorted(platform.executors))
        yield Finding(
            f"contract.yaml#/spec/operations/{name}/executor",
            "unknown_executor",
            "there is no such executor here",
            f"use one of {known}",
        )
        return
    for finding in executor.check(bundle.definition(name), bundle.files):
        yield replace(finding, pointer=f"{operation.definition}#{finding.pointer}")


def _wake(tx: Tx, platform: Platform, name: str, lane: Lane) -> None:
    uids = requests.uids(tx, requests.Filter(contract=name))
    for start in range(0, len(uids), _AT_ONCE):
        workqueue.wake_many(tx, uids[start : start + _AT_ONCE], lane, platform.clock())


def _leave(
    platform: Platform, tx: Tx, actor: Actor, action: str, *, subject: str, detail: dict[str, Json]
) -> None:
    now = platform.clock()
    kind = "".join(word.title() for word in action.split("."))
    sentence = f"{subject} was {action.partition('.')[2]} by {actor.subject}"
    events.append(tx, events.Event(audit.PLATFORM, None, kind, sentence, now))
    audit.append(
        tx,
        audit.PLATFORM,
        now,
        actor=actor.subject,
        action=action,
        subject=f"contract/{subject}",
        detail=detail,
    )
