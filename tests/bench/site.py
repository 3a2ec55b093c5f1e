"""Where a run of the benchmarks stands: its folder, its servers, its databases, its environment.

Made by `__main__` and handed to every measurement. Servers start when the first measurement
asks for them, keep their promises about the disk (the figures are about durable work), and
end with the run. A database is handed out empty, and a process finds our step kinds.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from functools import cached_property
from pathlib import Path

from tests.bench.amounts import Amounts
from tests.bench.kinds import PLUGS
from tests.services import postgres, redis, temporal
from tests.services.children import Children
from tests.services.postgres import Postgres, start_postgres
from tests.services.redis import Redis, start_redis
from tests.services.temporal import Temporal, start_temporal

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable
AVOW = (PYTHON, "-m", "platform_api.cli.main")
KINDS = ("sqlite", "pg")
_NOT_PASSED_ON = ("AVOW_", "PYTHON")


class Site:
    """One run's surroundings; `close` leaves nothing of them.

    Attributes:
        children: the programs of this run.
    """

    def __init__(self, amounts: Amounts) -> None:
        self.amounts = amounts
        self._opened = ExitStack()
        self.folder = Path(tempfile.mkdtemp(prefix="avow-bench-"))
        self._opened.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.children = self._opened.enter_context(closing(Children(self.new_folder("children"))))
        self._plugs = self._announced()
        sys.path.append(str(self._plugs))

    @cached_property
    def postgres(self) -> Postgres:
        """Return the run's PostgreSQL, with its own defaults for durability."""
        return self._opened.enter_context(closing(start_postgres(self.children, postgres.DURABLE)))

    @cached_property
    def redis(self) -> Redis:
        """Return the run's Redis, which writes its log to the disk every second."""
        return start_redis(self.children, self.new_folder("redis"), redis.DURABLE)

    @cached_property
    def temporal(self) -> Temporal:
        """Return the run's Temporal server, on a file that it forces to the disk."""
        return start_temporal(self.children, self.new_folder("temporal"), more=temporal.MEASURED)

    def databases(self) -> Iterator[tuple[str, str]]:
        """Yield the name under which figures are printed and an empty database, for each kind."""
        for kind in KINDS:
            yield kind, self.new_database(kind)

    def new_database(self, kind: str) -> str:
        """Return the URL of an empty database."""
        if kind == "pg":
            return self.postgres.new_database()
        return f"sqlite:///{self.new_folder('sqlite')}/avow.db"

    def new_folder(self, name: str) -> Path:
        """Return an empty folder."""
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what a measured process is run with: nothing of the caller's Avow or Python."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
        return {**kept, **self.surroundings, **(more or {})}

    @property
    def surroundings(self) -> dict[str, str]:
        """Return what must be in the environment of a process that is started with our own."""
        path = f"{ROOT}{os.pathsep}{self._plugs}"
        # Without compiled files, starting would be half compiling.
        return {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}

    def close(self) -> None:
        """End everything and remove it."""
        sys.path.remove(str(self._plugs))
        self._opened.close()

    def _announced(self) -> Path:
        plugs = self.folder / "plugs"
        card = plugs / "avow_bench-0.dist-info"
        card.mkdir(parents=True)
        (card / "METADATA").write_text("Metadata-Version: 2.1\nName: avow-bench\nVersion: 0\n")
        lines = [f"{name} = {place}" for name, place in PLUGS.items()]
        (card / "entry_points.txt").write_text("\n".join(["[avow.step_kinds]", *lines, ""]))
        return plugs
