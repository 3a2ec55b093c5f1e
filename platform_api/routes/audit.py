"""The audit trail: read it, and check that nobody changed it."""

from fastapi import APIRouter

from catalog import audit
from catalog.audit import Entry, Verification
from platform_api.doors import AUDITOR, List, Parts, refusals
from platform_api.paging import Page
from platform_api.routes.policy import ProjectQuery
from platform_api.wire import JsonDocument, Maybe, View

router = APIRouter(prefix="/v1/audit", tags=["audit"], dependencies=[AUDITOR], responses=refusals(404))


class EntryView(View):
    """One entry; its hash covers itself and the entry before it."""

    project: str
    seq: int
    at: str
    actor: str
    action: str
    subject: str
    detail: JsonDocument
    prev_hash: str
    hash: str

    @classmethod
    def of(cls, entry: Entry) -> "EntryView":
        """Return the view of an entry."""
        fields = {name: getattr(entry, name) for name in cls.model_fields if name != "detail"}
        return cls(detail=dict(entry.detail), **fields)


class HeadView(View):
    """Where a trail ends; compare it with one that was kept elsewhere."""

    seq: int
    hash: str


class VerificationView(View):
    """What checking a trail found."""

    project: str
    is_intact: bool
    head: HeadView
    first_bad_seq: Maybe[int] = None
    reason: Maybe[str] = None

    @classmethod
    def of(cls, project: str, found: Verification) -> "VerificationView":
        """Return the view of a verification."""
        return cls(
            project=project,
            is_intact=found.is_intact,
            head=HeadView(seq=found.head.seq, hash=found.head.hash),
            first_bad_seq=found.first_bad_seq,
            reason=found.reason or None,
        )


@router.get("", operation_id="listAudit")
def list_audit(platform: Parts, project: ProjectQuery, window: List) -> Page[EntryView]:
    """List a project's trail, oldest first; `platform` is the trail of what belongs to no project."""
    after = int(window.after[0]) if window.after else 0
    with platform.db.read() as tx:
        rows = audit.page(tx, project, after, window.limit)
    return window.page(rows, EntryView.of, lambda row: [row.seq])


@router.get("/verify", operation_id="verifyAudit")
def verify_audit(platform: Parts, project: ProjectQuery) -> VerificationView:
    """Recompute a project's trail from its first entry to its head."""
    with platform.db.read() as tx:
        return VerificationView.of(project, audit.verify(tx, project))
