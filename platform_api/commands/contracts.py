"""Contracts: published by the team that owns them, and held or released by it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from catalog import audit, canaries, contracts, events, provenance_store
from catalog.actor import Actor
from catalog.bundle import Bundle, bundle_from_files
from catalog.contract import Contract
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.digest import Json, JsonObject
from catalog.errors import Invalid
from catalog.provenance import Provenance, Signature, Source
from platform_api import access
from platform_api.commands.children import child_findings
from platform_api.commands.compatibility import check_compatible, compatibility
from platform_api.commands.dependents import check_relations, wake_requests
from platform_api.definitions import definition_findings
from platform_api.parts import Platform
from platform_api.receipts import Receipt
from platform_api.trust import SignatureRefused, check_newer
from policy.bundle import contract_module
from reconciler.workqueue import Lane


@dataclass(frozen=True, slots=True)
class Offer:
    """A bundle as it was sent.

    Attributes:
        source: where its files were fetched from; None when they came along.
        envelope: the signature, sealed.
    """

    files: Mapping[str, str]
    source: Source | None = None
    envelope: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """A revision, where it came from, and whether it was new."""

    revision: Revision
    provenance: Provenance
    is_new: bool


def publish(
    platform: Platform,
    actor: Actor,
    offer: Offer,
    receipt: Receipt[Published],
    *,
    share: int | None = None,
    is_draft: bool = False,
) -> Published:
    """Publish a bundle; the same bundle again changes nothing.

    Args:
        share: of the requests that follow it from the first, as of a canary; None makes it for all.
        is_draft: nobody can ask for it yet, and its content may be replaced.

    Raises:
        Invalid: `invalid_bundle`, `invalid_contract`, `invalid_definition`, `dependency_cycle`,
            `dependency_conflict`, with every finding.
        Denied: `role_missing`, to whoever is no publisher of the owning team; `signature_missing`,
            `signature_untrusted`, `signature_mismatch`, `signature_replayed`.
        Conflict: `version_published`, `owner_mismatch`; `canary_alone`, `canary_not_newest`,
            `canary_not_published`; `breaking_change`, `version_too_low`, unless it is a draft.
    """
    bundle = bundle_from_files(offer.files)
    contract = bundle.contract
    access.check_publisher(actor, contract.owner)
    with _refusals_kept(platform, actor, bundle, receipt):
        signature = platform.trust.check(offer.envelope, bundle, platform.clock())
        _check_definitions(platform, bundle)
        now, origin = platform.clock(), Provenance(offer.source, signature)
        with platform.db.write() as tx:
            receipt.claim(tx)
            contracts.claim_name(tx, contract)
            replaced = provenance_store.draft_signed_at(tx, bundle)
            is_new = contracts.publish(tx, bundle, now, actor.subject, origin, is_draft=is_draft)
            if is_new:
                _check_newer(tx, contract, signature, replaced, is_draft=is_draft)
                detail: dict[str, Json] = {"digest": bundle.digest, "owner": contract.owner, **origin.told()}
                if share is not None:
                    held = canaries.load(tx, contract.name, contract.version)
                    canaries.set_share(tx, held, share, now, actor.subject)
                    detail["share"] = share
                subject = f"{contract.name}@{contract.version}"
                action = "contract.drafted" if is_draft else "contract.published"
                _leave(platform, tx, actor, action, subject=subject, detail=detail)
                check_relations(tx, contract)
                if not is_draft:
                    check_compatible(tx, bundle)
                if not receipt.is_dry:  # thousands of rows, which would only be taken back
                    wake_requests(tx, contract.name, Lane.REPAIR, now, dependents=True)
            return receipt.keep(tx, _published(tx, contract, is_new=is_new))


def fetched(platform: Platform, actor: Actor, url: str, ref: str, path: str) -> Offer:
    """Return the bundle in a git repository, to be published.

    Raises:
        Denied: `role_missing`, to whoever publishes nothing; `git_source_refused`, `address_refused`.
        Invalid, Unavailable: see `platform_api.sources`.
    """
    access.check_any_publisher(actor)
    found = platform.sources.fetch(url, ref, path)
    return Offer(found.files, found.source)


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
            wake_requests(tx, name, Lane.CHANGE, platform.clock())
        return receipt.keep(tx, paused)


@contextmanager
def _refusals_kept(
    platform: Platform, actor: Actor, bundle: Bundle, receipt: Receipt[Published]
) -> Iterator[None]:
    """Leave an entry in the trail when a bundle is refused for its signature; a dry run leaves none."""
    try:
        yield
    except SignatureRefused as error:
        contract = bundle.contract
        detail: dict[str, Json] = {"digest": bundle.digest, "owner": contract.owner, "code": error.code}
        if not receipt.is_dry:
            with platform.db.write() as tx:
                audit.append(
                    tx,
                    audit.PLATFORM,
                    platform.clock(),
                    actor=actor.subject,
                    action="contract.refused",
                    subject=f"contract/{contract.name}@{contract.version}",
                    detail=detail,
                )
        raise


def _published(tx: Tx, contract: Contract, *, is_new: bool) -> Published:
    revision = contracts.load(tx, contract.name, contract.version)
    return Published(revision, provenance_store.load(tx, contract.name, contract.version), is_new)


def _check_newer(
    tx: Tx, contract: Contract, signature: Signature | None, replaced: datetime | None, *, is_draft: bool
) -> None:
    """Pass a signature that brings nothing old back; one that publishes makes the older ones old."""
    if signature is not None:
        check_newer(signature, provenance_store.newest_signed_at(tx, contract.name), replaced)
        if not is_draft:
            provenance_store.outdate(tx, contract.name, signature.signed_at)


def _check_definitions(platform: Platform, bundle: Bundle) -> None:
    with platform.db.read() as tx:
        findings = tuple(child_findings(tx, bundle))
        compatibility(tx, bundle)  # worked out while nobody waits; `check_compatible` asks again
    findings += tuple(definition_findings(platform.executors, bundle))
    policy = bundle.contract.policy
    if policy is not None:
        module = contract_module(bundle.files[policy], policy)
        findings += platform.engine.check([module], platform.organisation.data)
    if findings:
        raise Invalid(
            "invalid_definition", "The bundle's workflows or policies cannot be used.", findings=findings
        )


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
