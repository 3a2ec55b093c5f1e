"""The first tables.

Going back drops every table, and with it all that Avow knows. Nothing comes before this version.
"""
# ruff: noqa: PLR0915  # as long as what changed

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Go one version up."""
    op.create_table(
        "catalog_audit",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("detail", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("prev_hash", sa.String(length=71), nullable=False),
        sa.Column("hash", sa.String(length=71), nullable=False),
        sa.PrimaryKeyConstraint("project", "seq", name=op.f("pk_catalog_audit")),
    )
    op.create_table(
        "catalog_audit_heads",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.String(length=71), nullable=False),
        sa.PrimaryKeyConstraint("project", name=op.f("pk_catalog_audit_heads")),
    )
    op.create_table(
        "catalog_contract_controls",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("owner", sa.String(length=63), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_catalog_contract_controls")),
    )
    op.create_table(
        "catalog_contracts",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("owner", sa.String(length=63), nullable=False),
        sa.Column("files", JSON, nullable=False),
        sa.Column("published_at", TIME, nullable=False),
        sa.Column("published_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_catalog_contracts")),
        sa.UniqueConstraint("digest", name=op.f("uq_catalog_contracts_digest")),
    )
    op.create_table(
        "catalog_destinations",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=63), nullable=False),
        sa.Column("labels", JSON, nullable=False),
        sa.Column("config", JSON, nullable=False),
        sa.Column("projects", JSON, nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("cordoned", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_catalog_destinations")),
    )
    op.create_table(
        "catalog_events",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("xid", sa.BigInteger(), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("request_uid", sa.String(length=40), nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("message", sa.String(length=1000), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_catalog_events")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("catalog_events", schema=None) as batch_op:
        batch_op.create_index("ix_catalog_events_cursor", ["xid", "id"], unique=False)
        batch_op.create_index("ix_catalog_events_request", ["request_uid", "id"], unique=False)

    op.create_table(
        "catalog_projects",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_catalog_projects")),
    )
    op.create_table(
        "executors_newest_orders",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("request_uid", sa.String(length=40), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", "request_uid", name=op.f("pk_executors_newest_orders")),
    )
    op.create_table(
        "executors_runs",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("request_uid", sa.String(length=40), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.Column("operation", sa.String(length=63), nullable=False),
        sa.Column("contract_digest", sa.String(length=71), nullable=False),
        sa.Column("definition", JSON, nullable=False),
        sa.Column("context", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("owner", sa.String(length=100), server_default="", nullable=False),
        sa.Column("fence", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("mail", sa.Integer(), server_default="0", nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=63), server_default="", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("outputs", JSON, nullable=True),
        sa.Column("facts", JSON, nullable=True),
        sa.Column("ended_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executors_runs")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_executors_runs_idempotency_key")),
        postgresql_with={"fillfactor": 70},
    )
    with op.batch_alter_table("executors_runs", schema=None) as batch_op:
        batch_op.create_index(
            "ix_executors_runs_due_at",
            ["due_at"],
            unique=False,
            postgresql_where=sa.text("due_at IS NOT NULL"),
            sqlite_where=sa.text("due_at IS NOT NULL"),
        )
        batch_op.create_index("ix_executors_runs_request_uid_id", ["request_uid", "id"], unique=False)

    op.create_table(
        "platform_api_idempotency",
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("route", sa.String(length=300), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("body_digest", sa.String(length=71), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("headers", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("subject", "route", "key", name=op.f("pk_platform_api_idempotency")),
    )
    with op.batch_alter_table("platform_api_idempotency", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_platform_api_idempotency_created_at"), ["created_at"], unique=False
        )

    op.create_table(
        "platform_api_tokens",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("grants", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("expires_at", TIME, nullable=True),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.Column("last_used_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_api_tokens")),
        sa.UniqueConstraint("hash", name=op.f("uq_platform_api_tokens_hash")),
        sa.UniqueConstraint("name", name=op.f("uq_platform_api_tokens_name")),
    )
    op.create_table(
        "policy_decisions",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("operation", sa.String(length=63), nullable=False),
        sa.Column("enforcement_point", sa.String(length=20), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("results", JSON, nullable=False),
        sa.Column("revision", sa.String(length=71), nullable=False),
        sa.Column("engine", sa.String(length=80), nullable=False),
        sa.Column("input_digest", sa.String(length=71), nullable=False),
        sa.Column("input", JSON, nullable=False),
        sa.Column("evaluated_at", TIME, nullable=False),
        sa.Column("duration_seconds", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_decisions")),
    )
    with op.batch_alter_table("policy_decisions", schema=None) as batch_op:
        batch_op.create_index("ix_policy_decisions_project", ["project", "id"], unique=False)
        batch_op.create_index("ix_policy_decisions_subject", ["project", "subject", "id"], unique=False)

    op.create_table(
        "reconciler_git_branches",
        sa.Column("branch", sa.String(length=100), nullable=False),
        sa.Column("remote", sa.String(length=71), nullable=False),
        sa.Column("tip", sa.String(length=64), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("branch", name=op.f("pk_reconciler_git_branches")),
    )
    op.create_table(
        "reconciler_leases",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("owner", sa.String(length=100), nullable=False),
        sa.Column("fence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_reconciler_leases")),
    )
    op.create_table(
        "catalog_requests",
        sa.Column("uid", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("contract", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.Column("contract_version", sa.String(length=64), nullable=False),
        sa.Column("contract_digest", sa.String(length=71), nullable=False),
        sa.Column("environment", sa.String(length=63), nullable=False),
        sa.Column("owner", sa.String(length=63), nullable=False),
        sa.Column("labels", JSON, nullable=False),
        sa.Column("inputs", JSON, nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("destination", sa.String(length=63), nullable=True),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("phase", sa.String(length=20), nullable=False),
        sa.Column("conditions", JSON, nullable=False),
        sa.Column("outputs", JSON, nullable=False),
        sa.Column("applied", JSON, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("deletion_requested_at", TIME, nullable=True),
        sa.Column("deleted_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["destination"], ["catalog_destinations.name"], name=op.f("fk_catalog_requests_destination")
        ),
        sa.ForeignKeyConstraint(
            ["project"], ["catalog_projects.name"], name=op.f("fk_catalog_requests_project")
        ),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_catalog_requests")),
    )
    with op.batch_alter_table("catalog_requests", schema=None) as batch_op:
        batch_op.create_index("ix_catalog_requests_contract", ["contract", "contract_version"], unique=False)
        batch_op.create_index("ix_catalog_requests_destination", ["destination"], unique=False)
        batch_op.create_index("ix_catalog_requests_project_phase", ["project", "phase"], unique=False)
        batch_op.create_index(
            "uq_catalog_requests_live_name",
            ["project", "name"],
            unique=True,
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )

    op.create_table(
        "executors_run_events",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("type", sa.String(length=63), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["executors_runs.id"], name=op.f("fk_executors_run_events_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "seq", name=op.f("pk_executors_run_events")),
    )
    op.create_table(
        "executors_run_mail",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=63), nullable=False),
        sa.Column("body", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["executors_runs.id"], name=op.f("fk_executors_run_mail_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_executors_run_mail")),
    )
    op.create_table(
        "catalog_observations",
        sa.Column("request_uid", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("presence", sa.String(length=10), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("message", sa.String(length=500), nullable=False),
        sa.Column("observed_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["request_uid"], ["catalog_requests.uid"], name=op.f("fk_catalog_observations_request_uid")
        ),
        sa.PrimaryKeyConstraint("request_uid", name=op.f("pk_catalog_observations")),
    )
    op.create_table(
        "catalog_resources",
        sa.Column("request_uid", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("destination", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("first_seen_at", TIME, nullable=True),
        sa.Column("last_seen_at", TIME, nullable=True),
        sa.Column("gone_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["request_uid"], ["catalog_requests.uid"], name=op.f("fk_catalog_resources_request_uid")
        ),
        sa.PrimaryKeyConstraint("request_uid", name=op.f("pk_catalog_resources")),
    )
    with op.batch_alter_table("catalog_resources", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_catalog_resources_destination"), ["destination"], unique=False)
        batch_op.create_index(batch_op.f("ix_catalog_resources_project"), ["project"], unique=False)

    op.create_table(
        "reconciler_git_files",
        sa.Column("branch", sa.String(length=100), nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("request_uid", sa.String(length=40), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("blob_id", sa.String(length=64), nullable=False),
        sa.Column("commit_sha", sa.String(length=64), nullable=False),
        sa.Column("written_at", TIME, nullable=False),
        sa.Column("foreign_blob_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_uid"], ["catalog_requests.uid"], name=op.f("fk_reconciler_git_files_request_uid")
        ),
        sa.PrimaryKeyConstraint("branch", "path", name=op.f("pk_reconciler_git_files")),
    )
    op.create_table(
        "reconciler_git_outbox",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("change_id", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("request_uid", sa.String(length=40), nullable=False),
        sa.Column("branch", sa.String(length=100), nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("content", sa.Text(), nullable=True),
        sa.Column("message", sa.String(length=1000), nullable=False),
        sa.Column("trailers", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.Column("retry_at", TIME, nullable=True),
        sa.Column("written_at", TIME, nullable=True),
        sa.Column("commit_sha", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_uid"], ["catalog_requests.uid"], name=op.f("fk_reconciler_git_outbox_request_uid")
        ),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_reconciler_git_outbox")),
        sa.UniqueConstraint("change_id", name=op.f("uq_reconciler_git_outbox_change_id")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("reconciler_git_outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_reconciler_git_outbox_pending",
            ["branch", "sequence"],
            unique=False,
            sqlite_where=sa.text("written_at IS NULL"),
            postgresql_where=sa.text("written_at IS NULL"),
        )
        batch_op.create_index("ix_reconciler_git_outbox_request", ["request_uid", "written_at"], unique=False)
        batch_op.create_index("ix_reconciler_git_outbox_written", ["written_at"], unique=False)

    op.create_table(
        "reconciler_operations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("request_uid", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=100), nullable=False),
        sa.Column("fence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("executor", sa.String(length=63), nullable=False),
        sa.Column("contract_version", sa.String(length=64), nullable=False),
        sa.Column("contract_digest", sa.String(length=71), nullable=False),
        sa.Column("destination", sa.String(length=63), nullable=True),
        sa.Column("desired_digest", sa.String(length=71), nullable=False),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("message", sa.String(length=1000), nullable=False),
        sa.Column("plan", JSON, nullable=False),
        sa.Column("decision_id", sa.String(length=40), nullable=True),
        sa.Column("run_id", sa.String(length=200), nullable=False),
        sa.Column("outputs", JSON, nullable=False),
        sa.Column("facts", JSON, nullable=False),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("finished_at", TIME, nullable=True),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_uid"], ["catalog_requests.uid"], name=op.f("fk_reconciler_operations_request_uid")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reconciler_operations")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_reconciler_operations_idempotency_key")),
    )
    with op.batch_alter_table("reconciler_operations", schema=None) as batch_op:
        batch_op.create_index("ix_reconciler_operations_request", ["request_uid", "id"], unique=False)

    op.create_table(
        "reconciler_work",
        sa.Column("request_uid", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", TIME, nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("woken_at", TIME, nullable=True),
        sa.Column("owner", sa.String(length=100), nullable=True),
        sa.Column("fence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_uid"], ["catalog_requests.uid"], name=op.f("fk_reconciler_work_request_uid")
        ),
        sa.PrimaryKeyConstraint("request_uid", name=op.f("pk_reconciler_work")),
        postgresql_with={
            "fillfactor": 70,
            "autovacuum_vacuum_scale_factor": 0.02,
            "autovacuum_vacuum_cost_delay": 0,
        },
    )
    with op.batch_alter_table("reconciler_work", schema=None) as batch_op:
        batch_op.create_index("ix_reconciler_work_due", ["lane", "due_at"], unique=False)


def downgrade() -> None:
    """Go one version back."""
    with op.batch_alter_table("reconciler_work", schema=None) as batch_op:
        batch_op.drop_index("ix_reconciler_work_due")

    op.drop_table("reconciler_work")
    with op.batch_alter_table("reconciler_operations", schema=None) as batch_op:
        batch_op.drop_index("ix_reconciler_operations_request")

    op.drop_table("reconciler_operations")
    with op.batch_alter_table("reconciler_git_outbox", schema=None) as batch_op:
        batch_op.drop_index("ix_reconciler_git_outbox_written")
        batch_op.drop_index("ix_reconciler_git_outbox_request")
        batch_op.drop_index(
            "ix_reconciler_git_outbox_pending",
            sqlite_where=sa.text("written_at IS NULL"),
            postgresql_where=sa.text("written_at IS NULL"),
        )

    op.drop_table("reconciler_git_outbox")
    op.drop_table("reconciler_git_files")
    with op.batch_alter_table("catalog_resources", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_catalog_resources_project"))
        batch_op.drop_index(batch_op.f("ix_catalog_resources_destination"))

    op.drop_table("catalog_resources")
    op.drop_table("catalog_observations")
    op.drop_table("executors_run_mail")
    op.drop_table("executors_run_events")
    with op.batch_alter_table("catalog_requests", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_catalog_requests_live_name",
            sqlite_where=sa.text("deleted_at IS NULL"),
            postgresql_where=sa.text("deleted_at IS NULL"),
        )
        batch_op.drop_index("ix_catalog_requests_project_phase")
        batch_op.drop_index("ix_catalog_requests_destination")
        batch_op.drop_index("ix_catalog_requests_contract")

    op.drop_table("catalog_requests")
    op.drop_table("reconciler_leases")
    op.drop_table("reconciler_git_branches")
    with op.batch_alter_table("policy_decisions", schema=None) as batch_op:
        batch_op.drop_index("ix_policy_decisions_subject")
        batch_op.drop_index("ix_policy_decisions_project")

    op.drop_table("policy_decisions")
    op.drop_table("platform_api_tokens")
    with op.batch_alter_table("platform_api_idempotency", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_platform_api_idempotency_created_at"))

    op.drop_table("platform_api_idempotency")
    with op.batch_alter_table("executors_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_executors_runs_request_uid_id")
        batch_op.drop_index(
            "ix_executors_runs_due_at",
            postgresql_where=sa.text("due_at IS NOT NULL"),
            sqlite_where=sa.text("due_at IS NOT NULL"),
        )

    op.drop_table("executors_runs")
    op.drop_table("executors_newest_orders")
    op.drop_table("catalog_projects")
    with op.batch_alter_table("catalog_events", schema=None) as batch_op:
        batch_op.drop_index("ix_catalog_events_request")
        batch_op.drop_index("ix_catalog_events_cursor")

    op.drop_table("catalog_events")
    op.drop_table("catalog_destinations")
    op.drop_table("catalog_contracts")
    op.drop_table("catalog_contract_controls")
    op.drop_table("catalog_audit_heads")
    op.drop_table("catalog_audit")
