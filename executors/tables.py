"""The executors' tables: runs, their journals, their mail, and the newest order of each request.

`executors.runs` has the only queries on them. A run's row is hot while it is driven, so
its journal and mail lie apart; within the row, only `due_at` is indexed among what changes.
"""

import sqlalchemy as sa

from catalog.db import JsonColumn, UtcDateTime, metadata

_NAME = sa.String(63)
_UID = sa.String(40)
_KEY = sa.String(200)
_IS_DUE = sa.text("due_at IS NOT NULL")

runs = sa.Table(
    "executors_runs",
    metadata,
    sa.Column("id", _UID, primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("request_uid", _UID, nullable=False),
    sa.Column("idempotency_key", _KEY, nullable=False, unique=True),
    sa.Column("operation", _NAME, nullable=False),
    sa.Column("contract_digest", sa.String(71), nullable=False),
    sa.Column("definition", JsonColumn, nullable=False),
    sa.Column("context", JsonColumn, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # The claim: who drives it, under which fence; `due_at` is when somebody should look,
    # which for a claimed run is when its lease ends. Null means that nothing is due ever.
    sa.Column("owner", sa.String(100), nullable=False, server_default=""),
    sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
    sa.Column("due_at", UtcDateTime),
    # How much of the journal and of the mail there is.
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("mail", sa.Integer, nullable=False, server_default="0"),
    # The projection of the journal.
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("step", _NAME, nullable=False, server_default=""),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("outputs", JsonColumn),
    sa.Column("facts", JsonColumn),
    sa.Column("ended_at", UtcDateTime),
    sa.Index("ix_executors_runs_due_at", "due_at", postgresql_where=_IS_DUE, sqlite_where=_IS_DUE),
    sa.Index("ix_executors_runs_request_uid_id", "request_uid", "id"),
    # Each commit of a driven run rewrites its row; room in the page keeps that off the indexes.
    postgresql_with={"fillfactor": 70},
)

run_events = sa.Table(
    "executors_run_events",
    metadata,
    sa.Column("run_id", _UID, sa.ForeignKey("executors_runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("type", _NAME, nullable=False),
    sa.Column("body", JsonColumn, nullable=False),
)

run_mail = sa.Table(
    "executors_run_mail",
    metadata,
    sa.Column("run_id", _UID, sa.ForeignKey("executors_runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("kind", _NAME, nullable=False),
    sa.Column("body", JsonColumn, nullable=False),
)

# Outlives the runs, so that a stale order stays stale after they were pruned.
newest_orders = sa.Table(
    "executors_newest_orders",
    metadata,
    sa.Column("project", _NAME, primary_key=True),
    sa.Column("request_uid", _UID, primary_key=True),
    sa.Column("fence", sa.BigInteger, nullable=False),
)
