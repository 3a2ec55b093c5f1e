"""Contracts that hold: lifecycles, sources, relations between requests, plans.

Going back loses where a version stands in its life and where it came from, which request uses or
made which, what an upgrade failed on, deletions that wait, and stored plans. Drafts and retired
versions count as published again, deleted ones as never published, and inputs that were converted
are as their requester wrote them.
"""
# as long as what changed

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
NAME, VERSION, UID, SUBJECT = (
    sa.String(length=63),
    sa.String(length=64),
    sa.String(length=40),
    sa.String(length=200),
)
DIGEST = sa.String(length=71)


def upgrade() -> None:
    """Go one version up."""
    with op.batch_alter_table("catalog_contracts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("source", JSON, nullable=True))
        batch_op.add_column(sa.Column("signature", JSON, nullable=True))
    _add_lifecycles()
    _add_requirements()
    _relate_requests()
    _add_plans()


def downgrade() -> None:
    """Go one version back."""
    op.drop_table("platform_api_plans")
    op.drop_table("catalog_uses")
    with op.batch_alter_table("catalog_requests", schema=None) as batch_op:
        batch_op.drop_index("uq_catalog_requests_live_child")
        for name in ("deletion_queued_at", "failed_digest", "failed_version", "previous_version"):
            batch_op.drop_column(name)
        for name in ("converted", "inputs_version"):
            batch_op.drop_column(name)
        for name in ("child", "parent_uid", "uses"):
            batch_op.drop_column(name)
    op.drop_table("catalog_requirements")
    op.drop_table("catalog_contract_tombstones")
    op.drop_table("catalog_lifecycles")
    with op.batch_alter_table("catalog_contracts", schema=None) as batch_op:
        batch_op.drop_column("signature")
        batch_op.drop_column("source")


def _add_lifecycles() -> None:
    op.create_table(
        "catalog_lifecycles",
        sa.Column("name", NAME, nullable=False),
        sa.Column("version", VERSION, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("sunset_at", TIME, nullable=True),
        sa.Column("replacement", VERSION, nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("deprecated_at", TIME, nullable=True),
        sa.Column("told_at", TIME, nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("changed_by", SUBJECT, nullable=False),
        sa.ForeignKeyConstraint(
            ["name", "version"],
            ["catalog_contracts.name", "catalog_contracts.version"],
            name=op.f("fk_catalog_lifecycles_name_catalog_contracts"),
        ),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_catalog_lifecycles")),
    )
    op.create_table(
        "catalog_contract_tombstones",
        sa.Column("name", NAME, nullable=False),
        sa.Column("version", VERSION, nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("deleted_at", TIME, nullable=False),
        sa.Column("deleted_by", SUBJECT, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name=op.f("pk_catalog_contract_tombstones")),
    )


def _add_requirements() -> None:
    op.create_table(
        "catalog_requirements",
        sa.Column("name", NAME, nullable=False),
        sa.Column("version", VERSION, nullable=False),
        sa.Column("place", sa.String(length=20), nullable=False),
        sa.Column("contract", NAME, nullable=False),
        sa.Column("versions", VERSION, nullable=False),
        sa.Column("child", NAME, nullable=False),
        sa.ForeignKeyConstraint(
            ["name", "version"],
            ["catalog_contracts.name", "catalog_contracts.version"],
            name=op.f("fk_catalog_requirements_name_catalog_contracts"),
        ),
        sa.PrimaryKeyConstraint("name", "version", "place", name=op.f("pk_catalog_requirements")),
    )
    with op.batch_alter_table("catalog_requirements", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_catalog_requirements_contract"), ["contract"])


def _relate_requests() -> None:
    with op.batch_alter_table("catalog_requests", schema=None) as batch_op:
        batch_op.add_column(sa.Column("uses", JSON, server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("parent_uid", UID, nullable=True))
        batch_op.add_column(sa.Column("child", NAME, nullable=True))
        batch_op.add_column(sa.Column("previous_version", VERSION, nullable=True))
        batch_op.add_column(sa.Column("failed_version", VERSION, nullable=True))
        batch_op.add_column(sa.Column("failed_digest", DIGEST, nullable=True))
        batch_op.add_column(sa.Column("inputs_version", VERSION, nullable=True))
        batch_op.add_column(sa.Column("converted", JSON, nullable=True))
        batch_op.add_column(sa.Column("deletion_queued_at", TIME, nullable=True))
        where = sa.text("parent_uid IS NOT NULL AND deleted_at IS NULL")
        batch_op.create_index(
            "uq_catalog_requests_live_child",
            ["parent_uid", "child"],
            unique=True,
            sqlite_where=where,
            postgresql_where=where,
        )
    op.create_table(
        "catalog_uses",
        sa.Column("user_uid", UID, nullable=False),
        sa.Column("used_uid", UID, nullable=False),
        sa.Column("project", NAME, nullable=False),
        sa.ForeignKeyConstraint(
            ["used_uid"], ["catalog_requests.uid"], name=op.f("fk_catalog_uses_used_uid")
        ),
        sa.ForeignKeyConstraint(
            ["user_uid"], ["catalog_requests.uid"], name=op.f("fk_catalog_uses_user_uid")
        ),
        sa.PrimaryKeyConstraint("user_uid", "used_uid", name=op.f("pk_catalog_uses")),
    )
    with op.batch_alter_table("catalog_uses", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_catalog_uses_used_uid"), ["used_uid"])
    op.execute("UPDATE catalog_requests SET inputs_version = contract_version")


def _add_plans() -> None:
    op.create_table(
        "platform_api_plans",
        sa.Column("id", UID, nullable=False),
        sa.Column("project", NAME, nullable=False),
        sa.Column("request", NAME, nullable=False),
        sa.Column("operation", sa.String(length=20), nullable=False),
        sa.Column("wish", JSON, nullable=False),
        sa.Column("binding", JSON, nullable=False),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("created_by", SUBJECT, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("submitted_at", TIME, nullable=True),
        sa.Column("request_uid", UID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_platform_api_plans")),
    )
    with op.batch_alter_table("platform_api_plans", schema=None) as batch_op:
        batch_op.create_index(op.f("ix_platform_api_plans_expires_at"), ["expires_at"])
        batch_op.create_index("ix_platform_api_plans_project", ["project", "id"])
