"""What other policies of the organisation would say of every live request.

Each is put to the policies in force and to the proposed ones, at the same time and with the same
words: those in which a pass would ask before it delivers what is wanted, or delivers once more
what stands. Nothing is written, and nothing is decided.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from catalog import canaries, contracts, requests
from catalog.actor import Actor
from catalog.contract import OperationName
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.digest import JsonObject, digest
from catalog.errors import Finding, Invalid, Unavailable
from catalog.request import Applied, Request
from platform_api import access
from platform_api.ahead import one_ahead
from platform_api.impact_counts import AT_ONCE, START, Key, Part, Portion
from platform_api.parts import Platform
from policy.admit import Admission
from policy.bundle import proposed
from policy.decision import Action, Decision, Result
from policy.document import Query
from reconciler.asking import plan_query
from reconciler.impact import Foresight, Impact, foresee
from reconciler.plan import Move, Plan
from reconciler.situation import Loaded
from reconciler.situations import load_many

Answer = Decision | Unavailable


class PolicyOutcome(StrEnum):
    """What other policies would make of a request."""

    UNCHANGED = "unchanged"  # the same answer; one that is denied stays denied
    DENIED = "denied"  # it is allowed now
    WARNED = "warned"  # it stays allowed, with a warning that it has not now
    ALLOWED = "allowed"  # it is denied now


@dataclass(frozen=True, slots=True)
class PolicyImpact:
    """The impact of one proposal; made by `of_proposal`."""

    platform: Platform
    candidate: Admission

    @property
    def mark(self) -> str:
        """Return what tells this impact from others."""
        return digest([self.platform.admission.organisation.revision, self.candidate.organisation.revision])

    def parts(self, after: Key = START) -> Iterator[Part]:
        """Yield what becomes of the requests after one of them, contract by contract, in portions.

        In this order each contract's policy is compiled once.

        Raises:
            Unavailable: `policy_unavailable`, when policy gives no answer at all.
        """
        contract, uid = after
        with self.platform.db.read() as tx:
            names = [name for name in requests.contracts_in_use(tx) if name >= contract]
        portions = (each for name in names for each in self._portions(name, uid if name == contract else ""))
        for seen, impacts in one_ahead(portions, self._judged):
            yield Part(impacts, seen.left_alone)

    def _portions(self, name: str, uid: str) -> Iterator[Portion]:
        while True:
            with self.platform.db.read() as tx:
                among = requests.page(tx, requests.Filter(contract=name), uid, AT_ONCE)
                staying = [each for each in among if not each.is_deleting]
                seen = _foreseen(tx, name, staying, self.platform.clock())
            if not among:
                return
            uid = among[-1].uid
            yield Portion(seen, +Counter({"deleting": len(among) - len(staying)}))

    def _judged(self, portion: Portion) -> list[Impact]:
        queries, now = [_question(each) for each in portion.requests], self.platform.clock()
        before = self.platform.admission.decide_many(queries, now)
        after = self.candidate.decide_many(queries, now)
        return [
            compared(each, str(query.operation), (old, new))
            for each, query, old, new in zip(portion.requests, queries, before, after, strict=True)
        ]


def of_proposal(
    platform: Platform, actor: Actor, files: dict[str, str] | None, settings: JsonObject
) -> PolicyImpact:
    """Return the impact of having these policies instead of those in force.

    Args:
        files: what the operator's folder would hold; None leaves it as it is.
        settings: laid over all others.

    Raises:
        Denied: `role_missing`.
        Invalid: `invalid_policy`, with every finding.
    """
    access.check_overseer(actor)
    bundle = proposed(platform.admission.organisation, files, settings)
    findings = platform.engine.check(bundle.modules, bundle.data)
    if findings:
        raise Invalid("invalid_policy", "The proposed policies cannot be used.", findings=findings)
    return PolicyImpact(platform, platform.admission.under(bundle))


def compared(seen: Foresight, operation: str, answers: tuple[Answer, Answer]) -> Impact:
    """Return what another answer means for a request.

    Args:
        answers: what policy says now, and what it would say.
    """
    outcome, results = _outcome(*answers)
    after = answers[1]
    silence = (Finding("", after.code, after.message, after.fix),) if isinstance(after, Unavailable) else ()
    return Impact(
        request=seen.request,
        outcome=outcome,
        from_version=seen.from_version,
        to_version=seen.from_version,
        reason="PolicyAllowed" if _allows(after) else "PolicyDenied",
        message="; ".join(each.message for each in results)[:1000] or "policy has nothing against it",
        operation=operation,
        findings=silence,
        results=results,
    )


def _outcome(before: Answer, after: Answer) -> tuple[PolicyOutcome, tuple[Result, ...]]:
    if not _allows(after):
        stays = not _allows(before)
        return (PolicyOutcome.UNCHANGED if stays else PolicyOutcome.DENIED), _results(after, Action.DENY)
    if not _allows(before):
        return PolicyOutcome.ALLOWED, _results(before, Action.DENY)
    known = set(_results(before, Action.WARN))
    new = tuple(each for each in _results(after, Action.WARN) if each not in known)
    return (PolicyOutcome.WARNED if new else PolicyOutcome.UNCHANGED), new


def _question(seen: Foresight) -> Query:
    if seen.is_delivery:
        return plan_query(seen.loaded, seen.plan)
    applied = seen.loaded.situation.request.applied
    operation = OperationName.PROVISION if applied is None else OperationName.UPDATE
    again = Plan(Move.OPERATE, "PolicyChanged", "as it stands", operation)
    return plan_query(seen.loaded if applied is None else _standing(seen.loaded, applied), again)


def _standing(loaded: Loaded, applied: Applied) -> Loaded:
    """Return the situation of a request that wants what it has; it may be on an older version."""
    situation = loaded.situation
    request = replace(situation.request, inputs=applied.inputs)
    ref, contract = situation.current_ref, situation.current
    wanted = replace(
        situation, request=request, contract=contract, contract_ref=ref, given=applied.inputs, trouble=None
    )
    return replace(loaded, target=loaded.current, situation=wanted)


def _foreseen(tx: Tx, name: str, among: Sequence[Request], now: datetime) -> list[Foresight]:
    published, known = canaries.standings(tx, name), dict[str, Revision]()

    def wish_of(request: Request) -> Revision | None:
        version = contracts.version_for(request, published)
        if version is None:
            return None
        if version not in known:
            known[version] = contracts.load(tx, name, version)
        return known[version]

    def revision_of(digest_: str) -> Revision:
        return contracts.by_digest(tx, digest_)

    return [foresee(each, revision_of, now, is_asked=True) for each in load_many(tx, among, wish_of, now)]


def _allows(answer: Answer) -> bool:
    return isinstance(answer, Decision) and answer.is_allowed


def _results(answer: Answer, action: Action) -> tuple[Result, ...]:
    results = answer.results if isinstance(answer, Decision) else ()
    return tuple(each for each in results if each.action is action)
