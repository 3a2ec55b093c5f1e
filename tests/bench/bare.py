"""The floor of `accept`: a bare FastAPI route that checks a body and inserts it, durably.

    python -m tests.bench.bare DATABASE_URL PORT

It has the same server with the same options, the same door to the same kind of database, and a
body of the same shape; no tokens, no contract, no policy, no audit trail, no events.
"""

import sys
from typing import Any

import sqlalchemy as sa
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from catalog.db import Database, JsonColumn

_metadata = sa.MetaData()
_wishes = sa.Table(
    "wishes",
    _metadata,
    sa.Column("name", sa.String(63), primary_key=True),
    sa.Column("body", JsonColumn, nullable=False),
)


class Wish(BaseModel):
    """What somebody asks for."""

    model_config = ConfigDict(extra="forbid")

    name: str
    contract: str
    environment: str
    owner: str
    labels: dict[str, str]
    inputs: dict[str, Any]


def create_app(database: Database) -> FastAPI:
    """Return an application with one route."""
    app = FastAPI(openapi_url=None)

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        return {}

    @app.post("/wishes", status_code=202)
    def accept(wish: Wish) -> Wish:
        with database.write() as tx:
            tx.execute(_wishes.insert().values(name=wish.name, body=wish.model_dump()))
        return wish

    return app


if __name__ == "__main__":
    opened = Database(sys.argv[1])
    with opened.write() as created:
        _metadata.create_all(created.connection)
    uvicorn.run(
        create_app(opened),
        port=int(sys.argv[2]),
        http="h11",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
    )
