"""A real `avow up` in a process of its own, for every end-to-end test.

`avow_server` is one installation for the whole run; what a test makes in it lies in a project
of its own (`avow_server.new_project()`). A test that kills its server starts one with
`start_avow`. Commands are run the way a person runs them: `avow_server.avow("get", "requests")`.
"""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.demo.catalogue_server import serving
from tests.services.children import Child, Children
from tests.services.polling import eventually

ROOT = Path(__file__).parents[2]
SERVICE = ROOT / "catalog" / "library" / "service"
WORDS = "Takes orders"
COMMAND = (sys.executable, "-m", "platform_api.cli.main")
# What is left of the machine's own settings would make the run depend on where it runs.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class AvowServer:
    """A running installation.

    Attributes:
        folder: its data folder.
        token: its administrator's.
    """

    url: str
    token: str
    folder: Path
    child: Child
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def avow(
        self, *words: str | Path, project: str = "default", token: str = "", cwd: Path | None = None
    ) -> Ended:
        """Run a command against it, with its output piped."""
        ended = subprocess.run(
            [*COMMAND, *map(str, words)],
            env=environment(AVOW_URL=self.url, AVOW_TOKEN=token or self.token, AVOW_PROJECT=project),
            cwd=cwd,
            capture_output=True,
            text=True,
            check=False,
            timeout=150,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def json(self, *words: str | Path, project: str = "default", token: str = "") -> Any:
        """Return what a command answers as JSON; it must succeed."""
        ended = self.avow(*words, "-o", "json", project=project, token=token)
        assert ended.code == 0, ended.err
        return json.loads(ended.out)

    def new_project(self) -> str:
        """Make a project that no other test uses."""
        name = f"project-{os.getpid()}-{next(self._numbers)}"
        manifest = {"apiVersion": "avow/v1", "kind": "Project", "metadata": {"name": name}}
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(manifest))
        assert self.avow("apply", "-f", path).code == 0
        return name


def environment(**extra: str) -> dict[str, str]:
    """Return a clean environment in which the source tree is found."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | {
        "PYTHONPATH": str(ROOT),
        **extra,
    }


def start_avow(
    children: Children, folder: Path, *options: str, settings: Mapping[str, str] | None = None
) -> AvowServer:
    """Start everything in one process and return it when it is ready.

    Args:
        folder: the data folder; one that was used before goes on where it stopped.
        options: more of the command's options, such as `--database-url`.
        settings: `AVOW_` variables.
    """
    words = ("-o", "json", "up", "--data-dir", str(folder), "--port", "0", *options)
    child = children.start([*COMMAND, *words], env=environment(**(settings or {})))
    said = eventually(lambda: _said(child), "avow up to be ready", 120)
    return AvowServer(said["url"], Path(said["token_file"]).read_text().strip(), folder, child)


def _said(child: Child) -> dict[str, str]:
    """Return what it says when it is ready; empty before."""
    assert child.is_running, f"avow up ended early:\n{child.output()}"
    for line in child.output().splitlines(keepends=True):
        if line.startswith("{") and line.endswith("\n") and "token_file" in line:
            said: dict[str, str] = json.loads(line)
            return said
    return {}


@pytest.fixture(scope="session")
def avow_server(servers: Children, tmp_path_factory: pytest.TempPathFactory) -> AvowServer:
    """Give the installation that the whole run shares."""
    return start_avow(servers, tmp_path_factory.mktemp("avow"), settings={"AVOW_HTTP_HOSTS": "127.0.0.1"})


@dataclass(frozen=True)
class Shop:
    """A project with the service contract at hand and a place to put services."""

    server: AvowServer
    project: str
    repositories: Path

    def avow(self, *words: str | Path) -> Ended:
        """Run a command in this project."""
        return self.server.avow(*words, project=self.project)

    def json(self, *words: str | Path) -> object:
        """Return what a command answers as JSON."""
        return self.server.json(*words, project=self.project)

    def service(self, name: str, *words: str) -> Ended:
        """Ask for a service."""
        asked = ("request", "service", name, "--set", f"description={WORDS}", "--owner", "team-shop")
        return self.avow(*asked, *words)


@pytest.fixture(scope="module")
def catalogue_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a software catalogue that refuses the first entry of every service."""
    with serving(tmp_path_factory.mktemp("catalogue")) as catalogue:
        yield catalogue.url


@pytest.fixture(scope="module")
def shop(avow_server: AvowServer, catalogue_url: str) -> Shop:
    """Give a project in which services can be asked for."""
    repositories = avow_server.folder / "repositories"
    config = {"root": str(repositories), "url": f"file://{repositories}", "catalogue_url": catalogue_url}
    destination = {
        "apiVersion": "avow/v1",
        "kind": "Destination",
        "metadata": {"name": "git-1"},
        "spec": {"kind": "git-server", "config": config},
    }
    (avow_server.folder / "destination.yaml").write_text(yaml.safe_dump(destination))
    made = Shop(avow_server, avow_server.new_project(), repositories)
    assert made.avow("publish", SERVICE).code == 0
    assert made.avow("apply", "-f", avow_server.folder / "destination.yaml").code == 0
    return made
