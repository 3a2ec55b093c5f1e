"""The reconciler's tables.

`reconciler_work` is the hot one: one narrow row per live request, updated in place and never
inserted or deleted in steady state, so PostgreSQL is told to leave room on its pages and to
vacuum it early. Everything wide lives elsewhere.
"""

import sqlalchemy as sa

from catalog.db import BigInt, JsonColumn, UtcDateTime, metadata

_NAME = sa.String(63)
_UID = sa.String(40)
_DIGEST = sa.String(71)
_VERSION = sa.String(64)
_SHA = sa.String(64)
_OWNER = sa.String(100)
_BRANCH = sa.String(100)
_PATH = sa.String(300)
_ERROR = sa.String(500)
_PENDING = sa.text("written_at IS NULL")

operations = sa.Table(
    "reconciler_operations",
    metadata,
    sa.Column("id", _UID, primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("request_uid", _UID, sa.ForeignKey("catalog_requests.uid"), nullable=False),
    sa.Column("name", _NAME, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("idempotency_key", sa.String(100), nullable=False, unique=True),
    sa.Column("fence", BigInt, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("executor", _NAME, nullable=False),
    sa.Column("contract_version", _VERSION, nullable=False),
    sa.Column("contract_digest", _DIGEST, nullable=False),
    sa.Column("destination", _NAME),
    sa.Column("desired_digest", _DIGEST, nullable=False),
    sa.Column("reason", sa.String(60), nullable=False),
    sa.Column("message", sa.String(1000), nullable=False),
    sa.Column("plan", JsonColumn, nullable=False),
    sa.Column("decision_id", _UID),
    sa.Column("run_id", sa.String(200), nullable=False),
    sa.Column("outputs", JsonColumn, nullable=False),
    sa.Column("facts", JsonColumn, nullable=False),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("superseded", sa.Boolean, nullable=False),
    sa.Index("ix_reconciler_operations_request", "request_uid", "id"),
)

work = sa.Table(
    "reconciler_work",
    metadata,
    sa.Column("request_uid", _UID, sa.ForeignKey("catalog_requests.uid"), primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("lane", sa.SmallInteger, nullable=False),
    sa.Column("due_at", UtcDateTime, nullable=False),  # while owned: when the lease ends
    sa.Column("seq", BigInt, nullable=False),  # counts wake-ups; a claim carries the one it has seen
    sa.Column("woken_at", UtcDateTime),  # while owned: when the wake-ups that came meanwhile are due
    sa.Column("owner", _OWNER),
    sa.Column("fence", BigInt, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Index("ix_reconciler_work_due", "lane", "due_at"),
    postgresql_with={
        "fillfactor": 70,
        "autovacuum_vacuum_scale_factor": 0.02,
        "autovacuum_vacuum_cost_delay": 0,
    },
)

leases = sa.Table(
    "reconciler_leases",
    metadata,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("owner", _OWNER, nullable=False),
    sa.Column("fence", BigInt, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
)

git_outbox = sa.Table(
    "reconciler_git_outbox",
    metadata,
    sa.Column("sequence", BigInt, primary_key=True, autoincrement=True),
    # Stands in the commit's trailer. Sequence numbers come again when a backup is restored; this does not.
    sa.Column("change_id", _UID, nullable=False, unique=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("request_uid", _UID, sa.ForeignKey("catalog_requests.uid"), nullable=False),
    sa.Column("branch", _BRANCH, nullable=False),
    sa.Column("path", _PATH, nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("content", sa.Text),
    sa.Column("message", sa.String(1000), nullable=False),
    sa.Column("trailers", JsonColumn, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", _ERROR, nullable=False),
    sa.Column("retry_at", UtcDateTime),  # set only for a row that the remote refused
    sa.Column("written_at", UtcDateTime),
    sa.Column("commit_sha", _SHA),
    sa.Index(
        "ix_reconciler_git_outbox_pending",
        "branch",
        "sequence",
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    ),
    sa.Index("ix_reconciler_git_outbox_request", "request_uid", "written_at"),
    sa.Index("ix_reconciler_git_outbox_written", "written_at"),
    sqlite_autoincrement=True,
)

git_files = sa.Table(
    "reconciler_git_files",
    metadata,
    sa.Column("branch", _BRANCH, primary_key=True),
    sa.Column("path", _PATH, primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("request_uid", _UID, sa.ForeignKey("catalog_requests.uid"), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("blob_id", _SHA, nullable=False),
    sa.Column("commit_sha", _SHA, nullable=False),
    sa.Column("written_at", UtcDateTime, nullable=False),
    # What somebody else left there and we have reported; empty when the file was missing.
    sa.Column("foreign_blob_id", _SHA),
)

git_branches = sa.Table(
    "reconciler_git_branches",
    metadata,
    sa.Column("branch", _BRANCH, primary_key=True),
    sa.Column("remote", _DIGEST, nullable=False),  # of the address, which may be private
    sa.Column("tip", _SHA),
    sa.Column("error", _ERROR, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False),
)
