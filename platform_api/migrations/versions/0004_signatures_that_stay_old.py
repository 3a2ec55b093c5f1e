"""Signatures that stay old: when the newest one was made under which something was published.

Going back loses it, so that a version that was deleted no longer outdates what was signed before
it. Going forth it is worked out from what is published; what was deleted before is not known.
"""

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Go one version up."""
    with op.batch_alter_table("catalog_contract_controls", schema=None) as batch_op:
        batch_op.add_column(sa.Column("newest_signed_at", TIME, nullable=True))
    _work_out()


def downgrade() -> None:
    """Go one version back."""
    with op.batch_alter_table("catalog_contract_controls", schema=None) as batch_op:
        batch_op.drop_column("newest_signed_at")


def _work_out() -> None:
    names, newest = (
        sa.table("catalog_contract_controls", sa.column("name"), sa.column("newest_signed_at", TIME)),
        dict[str, datetime](),
    )
    rows = op.get_bind().execute(
        sa.text(
            "SELECT c.name, c.signature FROM catalog_contracts c"
            " LEFT JOIN catalog_lifecycles l ON l.name = c.name AND l.version = c.version"
            " WHERE c.signature IS NOT NULL AND (l.state IS NULL OR l.state <> 'draft')"
        )
    )
    for name, stored in rows:
        signature = json.loads(stored) if isinstance(stored, str) else stored
        at = datetime.fromisoformat(signature["signed_at"])
        newest[name] = max(at, newest.get(name, at))
    for name, at in newest.items():
        op.get_bind().execute(names.update().where(names.c.name == name).values(newest_signed_at=at))
