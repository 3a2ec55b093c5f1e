"""Impacts as they go over the wire: a row for each request, and the counts over all of them."""

from collections.abc import Iterable

from pydantic import Field

from platform_api.child_impacts import flattened
from platform_api.child_views import ChildView, MisfitView
from platform_api.compatibility_views import CompatibilityView
from platform_api.decision_views import ResultView
from platform_api.impact_counts import Counts
from platform_api.outline_views import ApprovalOutline, ChangeView
from platform_api.source_views import SourceView
from platform_api.wire import Maybe, View
from reconciler.impact import Impact


class ImpactView(View):
    """What would become of one request.

    Attributes:
        from_version: what it stands on now.
        operation: what would be begun, or is denied; once its children are as they should be.
        reason: of the next move; `message` says it to people.
        held_by: why that would not be at once: it is paused, or another operation is under way.
        findings: why it breaks.
        policy: what policy has to say.
        approvals: what people would be asked.
        children: what would be done about its children, and about theirs; what stands there of
            policy, approvals and findings counts for its outcome.
    """

    project: str
    request: str
    uid: str
    owner: Maybe[str] = None
    environment: str
    from_version: str
    to_version: str
    outcome: str
    operation: Maybe[str] = None
    reason: str
    message: str
    held_by: Maybe[str] = None
    changes: list[ChangeView]
    findings: list[MisfitView]
    policy: list[ResultView]
    approvals: list[ApprovalOutline]
    children: list[ChildView]

    @classmethod
    def of(cls, impact: Impact) -> "ImpactView":
        """Return the view of an impact."""
        request = impact.request
        return cls(
            project=request.project,
            request=request.name,
            uid=request.uid,
            owner=request.owner or None,
            environment=request.environment,
            from_version=impact.from_version,
            to_version=impact.to_version,
            outcome=str(impact.outcome),
            operation=impact.operation or None,
            reason=impact.reason,
            message=impact.message,
            held_by=impact.held_by or None,
            changes=ChangeView.of_all(impact.changes),
            findings=[MisfitView.of(finding) for finding in impact.findings],
            policy=[ResultView.of(result) for result in impact.results],
            approvals=[ApprovalOutline.of(approval) for approval in impact.approvals],
            children=[ChildView.of(child) for child in flattened(impact.children)],
        )


class SummaryView(View):
    """How many requests there are of each outcome.

    Attributes:
        requests: how many live ones were looked at.
        outcomes: of those that are concerned.
        left_alone: of the others, by why: `pinned` elsewhere, on an `other_version`, `deleting`.
        by_owner: by the team that answers for them; the empty name stands for nobody.
        by_rule: by the policy and the rule that has something to say about them.
    """

    requests: int
    outcomes: dict[str, int]
    left_alone: dict[str, int]
    by_project: dict[str, dict[str, int]]
    by_owner: dict[str, dict[str, int]]
    by_environment: dict[str, dict[str, int]]
    by_rule: dict[str, dict[str, int]]

    @classmethod
    def of(cls, counts: Counts) -> "SummaryView":
        """Return the view of what was counted."""
        return cls(
            requests=counts.outcomes.total() + counts.left_alone.total(),
            outcomes=dict(sorted(counts.outcomes.items())),
            left_alone=dict(sorted(counts.left_alone.items())),
            by_project=counts.by("project"),
            by_owner=counts.by("owner"),
            by_environment=counts.by("environment"),
            by_rule=counts.by("rule"),
        )


class ImpactPage(View):
    """The impact of a change, or one page of it.

    Attributes:
        items: ordered by when the requests were made.
        compatibility: of the version that would be published; on the first page only.
        source: the commit that its bundle was fetched from; on the first page only. Publish with its
            `commit` as the `ref`, and what is published is what was looked at.
        summary: over all of them, whatever is listed; on the first page only.
        next_page_token: send it with the same body and filters.
    """

    compatibility: Maybe[CompatibilityView] = None
    source: Maybe[SourceView] = None
    summary: Maybe[SummaryView] = None
    items: list[ImpactView]
    next_page_token: Maybe[str] = Field(None)


def csv_rows(impacts: Iterable[Impact]) -> Iterable[list[str]]:
    """Yield the lines of a table for spreadsheets, the headings first."""
    yield list(_COLUMNS)
    for impact in impacts:
        view = ImpactView.of(impact)
        yield [
            *(str(getattr(view, name) or "") for name in _COLUMNS[:11]),
            _changes(view.changes),
            _findings(view.findings),
            _policy(view.policy),
            _approvals(view.approvals),
            "; ".join(_child(each) for each in view.children),
        ]


def _child(child: ChildView) -> str:
    said = (_findings(child.findings), _policy(child.policy), _approvals(child.approvals))
    perhaps = "" if child.is_certain else "perhaps "
    head = f"{perhaps}{child.deed.replace('_', ' ')} {child.request} ({child.outcome})"
    return ": ".join(filter(None, (head, "; ".join(filter(None, said)))))


def _changes(changes: Iterable[ChangeView]) -> str:
    return "; ".join(f"{each.path}: {each.before!r} -> {each.after!r}" for each in changes)


def _findings(findings: Iterable[MisfitView]) -> str:
    return "; ".join(f"{each.pointer} {each.detail}".strip() for each in findings)


def _policy(results: Iterable[ResultView]) -> str:
    return "; ".join(f"{each.policy} {each.rule}: {each.message}" for each in results)


def _approvals(approvals: Iterable[ApprovalOutline]) -> str:
    return "; ".join(f"{each.step}: {', '.join((*each.groups, *each.assignees))}" for each in approvals)


_COLUMNS = (
    *("project", "request", "owner", "environment", "from_version", "to_version", "outcome", "operation"),
    *("held_by", "reason", "message", "changes", "findings", "policy", "approvals", "children"),
)
