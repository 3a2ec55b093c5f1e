"""What several integration tests set out from: a git writer's ground, the Temporal engine's site."""

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from catalog.bell import Bell
from tests.factories import created_database
from tests.services.children import Child, Children
from tests.services.git_http import GitHost
from tests.services.temporal import Temporal
from tests.temporal_site import Site, working
from tests.writeback_ground import Ground

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite over files", "postgresql over http"])
def ground(request: pytest.FixtureRequest, tmp_path: Path, git_http: GitHost) -> Iterator[Ground]:
    """Give five requests, an empty remote, and no writer yet."""
    database, _, way = request.param.partition(" over ")
    served = git_http.new_repository("fleet.git")
    bare = git_http.root / "fleet.git"
    url = served if way == "http" else f"file://{bare}"
    bell = Bell()
    with created_database(request.getfixturevalue(f"{database}_url"), bell) as db:
        made = Ground(db, bell, url, bare, tmp_path / "clones")
        made.store_requests(5)
        with closing(made):
            yield made


@pytest.fixture
def idle(temporal_server: Temporal, sqlite_url: str) -> Iterator[Site]:
    """Give the Temporal engine without a worker."""
    bell = Bell()
    with created_database(sqlite_url, bell) as database:
        yield Site(temporal_server, database, bell=bell)


@pytest.fixture
def site(idle: Site) -> Iterator[Site]:
    """Give the Temporal engine with a worker."""
    with working(idle):
        yield idle


@pytest.fixture
def program(ground: Ground, children: Children) -> Callable[[str, str, str], Child]:
    """Start a writer in a process of its own that gets a signal at a point."""

    def start(name: str, point: str, number: str) -> Child:
        told = {
            "database": ground.db.url.render_as_string(hide_password=False),
            "url": ground.url,
            "bare": str(ground.bare),
            "folder": str(ground.folder),
            "name": name,
            "point": point,
            "signal": number,
        }
        options = [f"--{key}={value}" for key, value in told.items()]
        return children.start([sys.executable, "-m", "tests.writer_program", *options], cwd=ROOT)

    return start
