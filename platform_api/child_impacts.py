"""What would become of the children of requests: policy's answers and approvals put to what is foreseen.

Impacts and plans share it, so that both say the same of a child.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from catalog.errors import Unavailable
from executors.workflow.outline import ComingApproval
from platform_api.outlines import Outlines
from policy.decision import Decision
from policy.document import Query
from reconciler.asking import plan_query
from reconciler.composition import Deed
from reconciler.contrast import changes
from reconciler.drift import Difference
from reconciler.impact import ChildImpact, Foresight, Impact, of_version
from reconciler.prospect import Prospect

Answers = Mapping[str, Decision | Unavailable]
"""What policy says, by the uid of the request."""


def questions(seen: Iterable[Foresight]) -> dict[str, Query]:
    """Return what policy is asked about requests and all below them, by the request's uid."""
    return {
        each.request.uid: plan_query(each.loaded, each.plan)
        for parent in seen
        for each in parent.family
        if each.is_begun and each.is_known
    }


@dataclass(frozen=True, slots=True)
class Judge:
    """Who says what comes of foresights, with what is known about them."""

    outlines: Outlines
    answers: Answers

    def children(self, seen: Foresight) -> list[Impact]:
        """Return what becomes of the children of a request, as `seen.children` has them."""
        pairs = zip(seen.prospects.children, seen.children, strict=True)
        return [self._child(prospect, child) for prospect, child in pairs]

    def _child(self, prospect: Prospect, seen: Foresight) -> Impact:
        approvals = self.outlines.approvals(seen)
        return of_version(
            seen,
            seen.loaded.target.version,
            self.answers.get(seen.request.uid),
            _changes(prospect, seen),
            approvals if prospect.is_certain else _perhaps(approvals),
            children=self.children(seen),
        )


def flattened(children: Iterable[ChildImpact]) -> Iterable[ChildImpact]:
    """Yield children, each before its own."""
    for each in children:
        yield each
        yield from flattened(each.impact.children)


def _perhaps(approvals: Iterable[ComingApproval]) -> tuple[ComingApproval, ...]:
    return tuple(replace(each, is_certain=False) for each in approvals)


def _changes(prospect: Prospect, seen: Foresight) -> tuple[Difference, ...]:
    if prospect.deed is not Deed.CHANGE or not prospect.is_whole:
        return ()
    return changes(prospect.member.held, seen.loaded.situation, seen.plan)
