"""The executors' tables: runs, their journals, their mail, and what lies beside them.

A run's row is hot while it is driven, so its journal and mail lie apart; of what changes
in the row, only the claim (owner, fence, due time) is indexed, and a commit in the middle
of a run leaves that alone. Runs that were begun and runs that were not have an index each:
the first are served first, the second fairly among projects (`executors.claims`).
"""

import sqlalchemy as sa

from catalog.db import JsonColumn, UtcDateTime, metadata

_NAME = sa.String(63)
_UID = sa.String(40)
_KEY = sa.String(200)
_STEP = sa.String(200)  # a path, such as network[2]/reserve[17]
_IS_BEGUN = sa.text("fence > 0 AND due_at IS NOT NULL")
_IS_NEW = sa.text("fence = 0 AND due_at IS NOT NULL")
_IS_HELD = sa.text("owner <> ''")
_IS_OPEN = sa.text("state = 'open'")
_IS_DEAD = sa.text("retried_at IS NULL")

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
    sa.Column("priority", sa.SmallInteger, nullable=False, server_default="1"),
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
    sa.Column("step", _STEP, nullable=False, server_default=""),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    sa.Column("next_attempt_at", UtcDateTime),
    sa.Column("outputs", JsonColumn),
    sa.Column("facts", JsonColumn),
    sa.Column("ended_at", UtcDateTime),
    sa.Index(
        "ix_executors_runs_begun", "priority", "due_at", postgresql_where=_IS_BEGUN, sqlite_where=_IS_BEGUN
    ),
    sa.Index(
        "ix_executors_runs_new",
        "priority",
        "project",
        "due_at",
        postgresql_where=_IS_NEW,
        sqlite_where=_IS_NEW,
    ),
    sa.Index("ix_executors_runs_held", "project", postgresql_where=_IS_HELD, sqlite_where=_IS_HELD),
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

# What runs followed before they were migrated; what they follow now is in their row.
definitions = sa.Table(
    "executors_definitions",
    metadata,
    sa.Column("run_id", _UID, sa.ForeignKey("executors_runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("digest", sa.String(71), primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("contract_digest", sa.String(71), nullable=False),
    sa.Column("document", JsonColumn, nullable=False),
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

# Answers that came when somebody else had the run already; people see them, the run does not.
late_answers = sa.Table(
    "executors_late_answers",
    metadata,
    sa.Column("run_id", _UID, sa.ForeignKey("executors_runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("fence", sa.Integer, primary_key=True),
    sa.Column("step", _STEP, primary_key=True),
    sa.Column("side", sa.String(10), primary_key=True),
    sa.Column("verb", sa.String(10), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("detail", JsonColumn, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

# Runs that ended so that a person has to come; a row outlives the retry that settled it.
dead_letters = sa.Table(
    "executors_dead_letters",
    metadata,
    sa.Column("run_id", _UID, sa.ForeignKey("executors_runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("request_uid", _UID, nullable=False),
    sa.Column("operation", _NAME, nullable=False),
    sa.Column("reason", sa.String(20), nullable=False),
    sa.Column("step", _STEP, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("retried_at", UtcDateTime),
    sa.Index("ix_executors_dead_letters_open", "run_id", postgresql_where=_IS_DEAD, sqlite_where=_IS_DEAD),
)

# Gates: who was let in under a key, how fast a key may be used, and which targets are left alone.
admissions = sa.Table(
    "executors_admissions",
    metadata,
    sa.Column("project", _NAME, primary_key=True),
    sa.Column("kind", sa.String(20), primary_key=True),
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("run_id", _UID, sa.ForeignKey("executors_runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("holder", _STEP, primary_key=True),  # a step, or nothing for the whole run
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Index("ix_executors_admissions_run_id", "run_id"),
)

rates = sa.Table(
    "executors_rates",
    metadata,
    sa.Column("project", _NAME, primary_key=True),
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("full_at", UtcDateTime, nullable=False),  # when the next may begin
)

breakers = sa.Table(
    "executors_breakers",
    metadata,
    sa.Column("project", _NAME, primary_key=True),
    sa.Column("key", _KEY, primary_key=True),
    sa.Column("limit", sa.Integer, nullable=False),
    sa.Column("rest_seconds", sa.Float, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),  # one after the other, none too long after another
    sa.Column("failed_at", UtcDateTime, nullable=False),
    sa.Column("open_until", UtcDateTime),  # null while it is closed; past, it is tried by one call
)

# A projection of the journals, so that people find what is asked of them: `executors.workflow.inbox`.
approvals = sa.Table(
    "executors_approvals",
    metadata,
    sa.Column("id", _UID, primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Column("request_uid", _UID, nullable=False),
    sa.Column("run_id", _UID, sa.ForeignKey("executors_runs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("operation", _NAME, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("step", _STEP, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
    # How much of the run's mail it has heard of; what came later is still in the letters.
    sa.Column("mail", sa.Integer, nullable=False),
    sa.Column("standing", JsonColumn, nullable=False),
    sa.Index("ix_executors_approvals_run_id", "run_id"),
    sa.Index("ix_executors_approvals_request_uid", "request_uid"),
    sa.Index(
        "ix_executors_approvals_open", "project", "id", postgresql_where=_IS_OPEN, sqlite_where=_IS_OPEN
    ),
)

# Of whom an approval is asked; its own table, so that an inbox is found by an index.
approvers = sa.Table(
    "executors_approvers",
    metadata,
    sa.Column(
        "approval_id", _UID, sa.ForeignKey("executors_approvals.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("kind", sa.String(10), primary_key=True),
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("project", _NAME, nullable=False),
    sa.Index("ix_executors_approvers_name", "kind", "name"),
)
