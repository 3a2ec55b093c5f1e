"""What publishing a contract version would do to the requests that follow it.

Every live request of the contract is looked at, some hundreds at a time, by the parts that would
act: the same resolution of versions, the same planner, the same questions to policy, the same
workflows. What is loaded is loaded for all at once, and policy is asked in batches; nothing is
written. The last look of a pass stands in for a look.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from catalog import canaries, contracts, requests
from catalog.actor import Actor
from catalog.bundle import bundle_from_files
from catalog.contract import OperationName
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.digest import digest
from catalog.errors import Unavailable
from catalog.lifecycle import State
from catalog.request import Request
from catalog.selection import Canary, precedence
from executors.workflow import inbox
from executors.workflow.outline import ComingApproval, asks_people, outline, workflow_of
from executors.workflow.spec import Workflow
from platform_api.ahead import one_ahead
from platform_api.commands import contracts as commands
from platform_api.commands.compatibility import Compatibility, Incompatible, compatibility
from platform_api.commands.contracts import Offer, Published
from platform_api.impact_counts import AT_ONCE, START, Key, Part, Portion
from platform_api.parts import Platform
from platform_api.receipts import Answer, Receipt, Settled
from policy.decision import Decision
from reconciler.asking import plan_query
from reconciler.contrast import changes
from reconciler.drift import Difference
from reconciler.impact import Foresight, Impact, foresee, of_version, step_changes
from reconciler.orders import order_context
from reconciler.situations import load_many


@dataclass
class PublishImpact:
    """The impact of one version; made by `of_bundle`.

    Attributes:
        published: how every version would stand.
        compatibility: how this version would stand to its neighbours.
    """

    platform: Platform
    target: Revision
    published: Sequence[Canary]
    compatibility: Compatibility
    _workflows: dict[tuple[str, OperationName], Workflow | None] = field(default_factory=dict)
    _steps: dict[tuple[str, OperationName], tuple[Difference, ...]] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """Return what tells this impact from others."""
        return digest(
            [self.target.digest, [[each.version, each.share, str(each.state)] for each in self.published]]
        )

    def parts(self, after: Key = START) -> Iterator[Part]:
        """Yield what becomes of the requests after one of them, in portions.

        Raises:
            Unavailable: `policy_unavailable`, when policy gives no answer at all.
        """
        for seen, decisions in one_ahead(self._portions(after[1]), self._decided):
            yield Part(self._judged(seen.requests, decisions), seen.left_alone)

    def _portions(self, uid: str) -> Iterator[Portion]:
        while True:
            with self.platform.db.read() as tx:
                among = requests.page(tx, requests.Filter(contract=self.target.name), uid, AT_ONCE)
                why = {each.uid: self._left_alone(each) for each in among}
                seen = self._foreseen(tx, [each for each in among if not why[each.uid]])
            if not among:
                return
            uid = among[-1].uid
            yield Portion(seen, Counter(filter(None, why.values())))

    def _left_alone(self, request: Request) -> str:
        """Return why the version is not for a request; empty when it is."""
        if request.is_deleting:
            return "deleting"
        if contracts.version_for(request, self.published) == self.target.version:
            return ""
        return "other_version" if request.version is None else "pinned"

    def _foreseen(self, tx: Tx, among: Sequence[Request]) -> list[Foresight]:
        now = self.platform.clock()
        loaded = load_many(tx, among, lambda _request: self.target, now)
        under_way = [each.situation.request.uid for each in loaded if each.open is not None]
        asked = inbox.asking(tx, under_way)

        def revision_of(digest: str) -> Revision:
            return self.target if digest == self.target.digest else contracts.by_digest(tx, digest)

        return [
            foresee(each, revision_of, now, is_asked=each.situation.request.uid in asked) for each in loaded
        ]

    def _decided(self, portion: Portion) -> dict[str, Decision | Unavailable]:
        """Return what policy says to each delivery that would be begun, by the request's uid."""
        asking = [each for each in portion.requests if each.is_delivery]
        answers = self.platform.admission.decide_many([plan_query(each.loaded, each.plan) for each in asking])
        return {each.request.uid: answer for each, answer in zip(asking, answers, strict=True)}

    def _judged(
        self, seen: Sequence[Foresight], decisions: Mapping[str, Decision | Unavailable]
    ) -> list[Impact]:
        return [
            of_version(
                each,
                self.target.version,
                decisions.get(each.request.uid),
                self._changes(each),
                self._approvals(each) if each.is_delivery else (),
            )
            for each in seen
        ]

    def _changes(self, seen: Foresight) -> tuple[Difference, ...]:
        situation = seen.loaded.situation
        return (*changes(situation.request, situation, seen.plan), *self._changed_steps(seen))

    def _changed_steps(self, seen: Foresight) -> tuple[Difference, ...]:
        name, current = seen.plan.operation, seen.loaded.current
        if name is None or current.digest == self.target.digest:
            return ()
        known = (current.digest, name)
        if known not in self._steps:
            before, after = self._workflow(current, name), self._workflow(self.target, name)
            self._steps[known] = step_changes(before, after)
        return self._steps[known]

    def _approvals(self, seen: Foresight) -> tuple[ComingApproval, ...]:
        situation, name = seen.loaded.situation, seen.plan.operation
        workflow = None if name is None else self._workflow(self.target, name)
        if workflow is None or not asks_people(workflow):
            return ()
        place = situation.placed.destination
        context = order_context(situation.request, situation.contract_ref, situation.inputs, place)
        return outline(workflow, context).approvals

    def _workflow(self, revision: Revision, name: OperationName) -> Workflow | None:
        known = (revision.digest, name)
        if known not in self._workflows:
            definition = revision.bundle.definition(name)
            self._workflows[known] = workflow_of(definition, revision.files)
        return self._workflows[known]


def of_bundle(platform: Platform, actor: Actor, offer: Offer, share: int | None) -> PublishImpact:
    """Return the impact of publishing a bundle, as it stands.

    Args:
        share: of the requests that would follow it from the first, as of a canary.

    Raises:
        Invalid, Denied, Conflict: whatever publishing it would be refused for, except that its
            version is too low for what is different: of that `compatibility` tells.
    """
    _check_publishable(platform, actor, offer, share)
    bundle = bundle_from_files(offer.files)
    contract = bundle.contract
    target = Revision(
        name=contract.name,
        version=contract.version,
        digest=bundle.digest,
        owner=contract.owner,
        published_at=platform.clock(),
        published_by=actor.subject,
        bundle=bundle,
    )
    with platform.db.read() as tx:
        standing = canaries.standings(tx, contract.name)
        neighbours = compatibility(tx, bundle)
    published = with_version(standing, contract.name, contract.version, share)
    return PublishImpact(platform, target, published, neighbours)


def with_version(standing: Sequence[Canary], name: str, version: str, share: int | None) -> list[Canary]:
    """Return how all versions stand once this one is published; one that was published stays as it is."""
    others = [each for each in standing if each.version != version or each.state is not State.DRAFT]
    if any(each.version == version for each in others):
        return others
    added = [*others, replace(Canary(name, version), share=share)]
    return sorted(added, key=lambda each: precedence(each.version))


def _check_publishable(platform: Platform, actor: Actor, offer: Offer, share: int | None) -> None:
    # Publishing itself says for what it would be refused; it is taken back, as any dry run.
    receipt: Receipt[Published] = Receipt(platform.clock(), lambda _: Answer(200, {}), is_dry=True)
    try:
        commands.publish(platform, actor, offer, receipt, share=share)
    except (Settled, Incompatible):
        return
