"""What publishing a contract version would do to the requests that follow it.

Every live request of the contract is looked at, some hundreds at a time, by the parts that would
act: the same resolution of versions, the same planner, the same questions to policy, the same
workflows. Of a request that is made of others, its children are looked at as well, and theirs. What
is loaded is loaded for all at once, and policy is asked in batches; nothing is written. The last
look of a pass stands in for a look.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from catalog import canaries, contracts, requests
from catalog.actor import Actor
from catalog.bundle import bundle_from_files
from catalog.contract import OperationName
from catalog.contracts import Revision
from catalog.db import Tx
from catalog.digest import digest
from catalog.lifecycle import State
from catalog.request import Request
from catalog.selection import Canary, precedence
from executors.workflow import inbox
from platform_api.ahead import one_ahead
from platform_api.child_impacts import Answers, Judge, questions
from platform_api.commands import contracts as commands
from platform_api.commands.compatibility import Compatibility, Incompatible, compatibility
from platform_api.commands.contracts import Offer, Published
from platform_api.impact_counts import AT_ONCE, START, Key, Part, Portion
from platform_api.outlines import Outlines
from platform_api.parts import Platform
from platform_api.receipts import Answer, Receipt, Settled
from reconciler.contrast import changes
from reconciler.drift import Difference
from reconciler.impact import Foresight, Impact, foresee, of_version, step_changes
from reconciler.prospecting import with_children
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
    _outlines: Outlines = field(default_factory=Outlines)
    _revisions: dict[str, Revision] = field(default_factory=dict)
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
            if digest == self.target.digest:
                return self.target
            if digest not in self._revisions:
                self._revisions[digest] = contracts.by_digest(tx, digest)
            return self._revisions[digest]

        seen = [
            foresee(each, revision_of, now, is_asked=each.situation.request.uid in asked) for each in loaded
        ]
        return with_children(tx, seen, revision_of, now)

    def _decided(self, portion: Portion) -> Answers:
        """Return what policy says to all that would be begun, by the request's uid."""
        asked = questions(portion.requests)
        answers = self.platform.admission.decide_many(list(asked.values()))
        return dict(zip(asked, answers, strict=True))

    def _judged(self, seen: Sequence[Foresight], answers: Answers) -> list[Impact]:
        judge = Judge(self._outlines, answers)
        return [
            of_version(
                each,
                self.target.version,
                answers.get(each.request.uid),
                self._changes(each),
                self._outlines.approvals(each),
                children=judge.children(each),
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
            before, after = (self._outlines.workflow(each, name) for each in (current, self.target))
            self._steps[known] = step_changes(before, after)
        return self._steps[known]


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
