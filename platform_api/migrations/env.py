"""What Alembic runs: the migrations, on the connection that `platform_api.migrations` hands over.

A version must mean the same for ever, so types of our own are written as what they are in
the database.
"""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

# Every table must be known.
import catalog.tables  # noqa: F401
import executors.tables  # noqa: F401
import platform_api.tables  # noqa: F401
import policy.tables  # noqa: F401
import reconciler.tables  # noqa: F401
from catalog.db import UtcDateTime, metadata


def _rendered(kind: str, item: Any, _autogenerate: object) -> str | Literal[False]:
    """Return how a type is written; the names stand at the top of each version."""
    if kind != "type":
        return False
    if isinstance(item, UtcDateTime):
        return "TIME"
    if isinstance(item, sa.JSON) and "postgresql" in item._variant_mapping:  # noqa: SLF001  # not shown otherwise
        return "JSON"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    render_as_batch=True,
    render_item=_rendered,
)
with context.begin_transaction():
    context.run_migrations()
