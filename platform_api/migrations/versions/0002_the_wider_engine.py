"""The wider engine.

Going back loses priorities, places and rates at gates, breakers, late answers, dead letters, and
whatever the functions below say; runs, journals and mail are kept.
"""
# as long as what changed

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    """Go one version up."""
    _widen_runs()
    _add_gates()
    _add_people_of_runs()
    _add_observability()
    _add_versions()


def downgrade() -> None:
    """Go one version back."""
    _drop_versions()
    _drop_observability()
    _drop_people_of_runs()
    _drop_gates()
    _narrow_runs()


def _widen_runs() -> None:
    """Runs have a priority and paths for steps, and are found by whether they were begun."""
    with op.batch_alter_table("executors_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_executors_runs_due_at")
        batch_op.add_column(sa.Column("priority", sa.SmallInteger(), server_default="1", nullable=False))
        batch_op.alter_column(
            "step",
            existing_type=sa.String(length=63),
            type_=sa.String(length=200),
            existing_nullable=False,
            existing_server_default="",
        )
        _index(
            batch_op, "ix_executors_runs_begun", ["priority", "due_at"], "fence > 0 AND due_at IS NOT NULL"
        )
        _index(
            batch_op,
            "ix_executors_runs_new",
            ["priority", "project", "due_at"],
            "fence = 0 AND due_at IS NOT NULL",
        )
        _index(batch_op, "ix_executors_runs_held", ["project"], "owner <> ''")


def _narrow_runs() -> None:
    with op.batch_alter_table("executors_runs", schema=None) as batch_op:
        batch_op.drop_index("ix_executors_runs_held")
        batch_op.drop_index("ix_executors_runs_new")
        batch_op.drop_index("ix_executors_runs_begun")
        batch_op.alter_column(
            "step",
            existing_type=sa.String(length=200),
            type_=sa.String(length=63),
            existing_nullable=False,
            existing_server_default="",
        )
        batch_op.drop_column("priority")
        _index(batch_op, "ix_executors_runs_due_at", ["due_at"], "due_at IS NOT NULL")


def _index(batch_op: object, name: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    batch_op.create_index(  # type: ignore[attr-defined]  # Alembic's batch operations have no public type
        name, columns, unique=False, postgresql_where=condition, sqlite_where=condition
    )


def _add_gates() -> None:
    """What lies beside runs: late answers, dead letters, and the gates before steps."""
    op.create_table(
        "executors_late_answers",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("fence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("side", sa.String(length=10), nullable=False),
        sa.Column("verb", sa.String(length=10), nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("detail", JSON, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["executors_runs.id"],
            name=op.f("fk_executors_late_answers_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "run_id", "fence", "step", "side", "verb", "attempt", name=op.f("pk_executors_late_answers")
        ),
    )
    op.create_table(
        "executors_dead_letters",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("request_uid", sa.String(length=40), nullable=False),
        sa.Column("operation", sa.String(length=63), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("retried_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["executors_runs.id"],
            name=op.f("fk_executors_dead_letters_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "seq", name=op.f("pk_executors_dead_letters")),
    )
    with op.batch_alter_table("executors_dead_letters", schema=None) as batch_op:
        _index(batch_op, "ix_executors_dead_letters_open", ["run_id"], "retried_at IS NULL")
    op.create_table(
        "executors_admissions",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=200), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["executors_runs.id"], name=op.f("fk_executors_admissions_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(
            "project", "kind", "key", "run_id", "holder", name=op.f("pk_executors_admissions")
        ),
    )
    with op.batch_alter_table("executors_admissions", schema=None) as batch_op:
        batch_op.create_index("ix_executors_admissions_run_id", ["run_id"], unique=False)
    op.create_table(
        "executors_rates",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("full_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("project", "key", name=op.f("pk_executors_rates")),
    )
    op.create_table(
        "executors_breakers",
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.Column("rest_seconds", sa.Float(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", TIME, nullable=False),
        sa.Column("open_until", TIME, nullable=True),
        sa.PrimaryKeyConstraint("project", "key", name=op.f("pk_executors_breakers")),
    )


def _drop_gates() -> None:
    op.drop_table("executors_breakers")
    op.drop_table("executors_rates")
    op.drop_table("executors_admissions")
    op.drop_table("executors_dead_letters")
    op.drop_table("executors_late_answers")


# ------------------------------------------------------------------ approvals: their tables go here


def _add_people_of_runs() -> None:
    """Approvals, who belongs to which group, who stands in for whom, and who asked for what.

    Going back loses all of it; the votes that were cast stay in the journals and the audit trail.
    """
    with op.batch_alter_table("catalog_requests", schema=None) as batch_op:
        batch_op.add_column(sa.Column("requesters", JSON, server_default="[]", nullable=False))
    with op.batch_alter_table("platform_api_tokens", schema=None) as batch_op:
        batch_op.add_column(sa.Column("groups", JSON, server_default="[]", nullable=False))
        batch_op.create_index("ix_platform_api_tokens_subject", ["subject"], unique=False)
    _add_delegations()
    _add_approvals()


def _add_delegations() -> None:
    op.create_table(
        "platform_api_delegations",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("giver", sa.String(length=200), nullable=False),
        sa.Column("delegate", sa.String(length=200), nullable=False),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("ends_at", TIME, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("revoked_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_api_delegations")),
    )
    with op.batch_alter_table("platform_api_delegations", schema=None) as batch_op:
        batch_op.create_index("ix_platform_api_delegations_delegate", ["delegate"], unique=False)
        batch_op.create_index("ix_platform_api_delegations_giver", ["giver"], unique=False)


def _add_approvals() -> None:
    op.create_table(
        "executors_approvals",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("request_uid", sa.String(length=40), nullable=False),
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("operation", sa.String(length=63), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("mail", sa.Integer(), nullable=False),
        sa.Column("standing", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["executors_runs.id"], name=op.f("fk_executors_approvals_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executors_approvals")),
    )
    with op.batch_alter_table("executors_approvals", schema=None) as batch_op:
        _index(batch_op, "ix_executors_approvals_open", ["project", "id"], "state = 'open'")
        batch_op.create_index("ix_executors_approvals_request_uid", ["request_uid"], unique=False)
        batch_op.create_index("ix_executors_approvals_run_id", ["run_id"], unique=False)
    op.create_table(
        "executors_approvers",
        sa.Column("approval_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval_id"],
            ["executors_approvals.id"],
            name=op.f("fk_executors_approvers_approval_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("approval_id", "kind", "name", name=op.f("pk_executors_approvers")),
    )
    with op.batch_alter_table("executors_approvers", schema=None) as batch_op:
        batch_op.create_index("ix_executors_approvers_name", ["kind", "name"], unique=False)


def _drop_people_of_runs() -> None:
    op.drop_table("executors_approvers")
    op.drop_table("executors_approvals")
    op.drop_table("platform_api_delegations")
    with op.batch_alter_table("platform_api_tokens", schema=None) as batch_op:
        batch_op.drop_index("ix_platform_api_tokens_subject")
        batch_op.drop_column("groups")
    with op.batch_alter_table("catalog_requests", schema=None) as batch_op:
        batch_op.drop_column("requesters")


# ------------------------------------------------------------------------------- observability


def _add_observability() -> None:
    """What is counted, and the trace in which a request was asked for; going back loses both."""
    with op.batch_alter_table("catalog_requests", schema=None) as batch_op:
        batch_op.add_column(sa.Column("trace", sa.String(length=55), server_default="", nullable=False))
        _index(batch_op, "ix_catalog_requests_live_phase", ["phase"], "deleted_at IS NULL")
    op.create_table(
        "platform_api_tallies",
        sa.Column("figure", sa.String(length=63), nullable=False),
        sa.Column("contract", sa.String(length=63), nullable=False),
        sa.Column("labels", sa.String(length=200), nullable=False),
        sa.Column("part", sa.String(length=20), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("figure", "contract", "labels", "part", name=op.f("pk_platform_api_tallies")),
    )


def _drop_observability() -> None:
    op.drop_table("platform_api_tallies")
    with op.batch_alter_table("catalog_requests", schema=None) as batch_op:
        batch_op.drop_index("ix_catalog_requests_live_phase")
        batch_op.drop_column("trace")


# ------------------------------------------------------------------ versions of running workflows


def _add_versions() -> None:
    """Canaries, and what runs followed before they were migrated.

    Going back loses shares: every published version counts again. Migrated runs keep what they follow
    now; the entries in their journals that tell of it cannot be read by the version before.
    """
    op.create_table(
        "catalog_canaries",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("share", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("changed_by", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["name", "version"],
            ["catalog_contracts.name", "catalog_contracts.version"],
            name=op.f("fk_catalog_canaries_name"),
        ),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_catalog_canaries")),
    )
    op.create_table(
        "executors_definitions",
        sa.Column("run_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=71), nullable=False),
        sa.Column("project", sa.String(length=63), nullable=False),
        sa.Column("contract_digest", sa.String(length=71), nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["executors_runs.id"],
            name=op.f("fk_executors_definitions_run_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "digest", name=op.f("pk_executors_definitions")),
    )


def _drop_versions() -> None:
    op.drop_table("executors_definitions")
    op.drop_table("catalog_canaries")
