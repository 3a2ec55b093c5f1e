"""Where refusals are provoked: a village behind a real server, and `avow` run against it in this process."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from platform_api.cli.main import run
from tests.doors import open_doors
from tests.factories import contract_document, contract_files
from tests.served import served
from tests.village import WHERE, Things, Village, bundle

BUNDLES = "/v1/contracts"
PLANS = "/v1/projects/shop/plans"
ENVIRONMENT = ("AVOW_TOKEN_FILE", "AVOW_PROJECT", "NO_COLOR", "TERM")


@dataclass(frozen=True)
class Call:
    """One HTTP request, which is refused."""

    who: str
    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] | None = None
    content: str | None = None

    def dry(self) -> "Call":
        """Return the same as a dry run."""
        joint = "&" if "?" in self.path else "?"
        return Call(self.who, self.method, f"{self.path}{joint}dry_run=true", self.body, self.headers)


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str


@dataclass
class Ground:
    """A village that has published `database` 1.0.0, and where its server listens.

    Attributes:
        stack: closes what a row has opened.
    """

    village: Village
    url: str
    folder: Path
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    stack: ExitStack

    def call(self, call: Call) -> httpx.Response:
        """Send an HTTP request to the application that the server serves."""
        sent: dict[str, Any] = {} if call.content is None else {"content": call.content}
        return self.village.doors(
            call.who, call.method, call.path, call.body, headers=dict(call.headers or {}), **sent
        )

    def avow(self, who: str, words: Sequence[str]) -> Ended:
        """Run one command against the server."""
        self.monkeypatch.setenv("AVOW_URL", self.url)
        self.monkeypatch.setenv("AVOW_TOKEN", self.village.doors.secrets.get(who, "avow_" + "x" * 43))
        for name in ENVIRONMENT:
            self.monkeypatch.delenv(name, raising=False)
        self.capsys.readouterr()
        code = run([*words, "--project", "shop"] if "--project" not in words else list(words))
        captured = self.capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    def files(self, name: str = "database", version: str = "1.1.0", **spec: Any) -> dict[str, str]:
        """Return a bundle that can be published, but for what `spec` says."""
        return bundle((name, version, spec.pop("owner", "team-data")), "x", "y", **spec)

    def publish(self, name: str = "database", version: str = "1.1.0", **more: Any) -> None:
        """Publish a version."""
        files = self.files(name, version, **more.pop("spec", {}))
        answer = self.village.doors("pia", "POST", BUNDLES, {"files": files} | more)
        assert answer.is_success, answer.text
        self.village.settle()

    def written(self, files: Mapping[str, str], name: str = "bundle") -> str:
        """Write files into a folder, and return where."""
        folder = self.folder / name
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return str(folder)

    def manifest(self, name: str, contract: str = "database", **spec: Any) -> str:
        """Write a declared request, and return where."""
        document = {
            "apiVersion": "avow/v1",
            "kind": "Request",
            "metadata": {"name": name} | spec.pop("metadata", {}),
            "spec": {"contract": contract} | spec,
        }
        path = self.folder / f"{name}.yaml"
        path.write_text(yaml.safe_dump(document))
        return str(path)

    def move(self, version: str, state: str, name: str = "database", **terms: str) -> None:
        """Move a version."""
        where = f"{BUNDLES}/{name}/versions/{version}/lifecycle"
        answer = self.village.doors("pia", "PUT", where, {"state": state} | terms, headers=ANY)
        assert answer.is_success, answer.text

    def plan(self, name: str = "orders", operation: str = "create", **wanted: Any) -> str:
        """Keep a plan, and return its id."""
        contract = {} if operation == "delete" else {"contract": "database"}
        body = {"operation": operation, "name": name} | contract | wanted
        answer = self.village.doors("dora", "POST", PLANS, body)
        assert answer.is_success, answer.text
        return str(answer.json()["id"])


ANY = {"If-Match": "*"}


def submit(name: str = "orders", who: str = "dora", **more: Any) -> Call:
    """Return the call that asks for a database."""
    return Call(who, "POST", WHERE, {"name": name, "contract": "database"} | more)


def act(name: str, action: str, body: Any = None) -> Call:
    """Return the call that steers a request."""
    return Call("dora", "POST", f"{WHERE}/{name}/actions/{action}", body)


def change(name: str, headers: Mapping[str, str] = ANY, **wanted: Any) -> Call:
    """Return the call that replaces what is wanted."""
    return Call("dora", "PUT", f"{WHERE}/{name}", {"contract": "database"} | wanted, headers)


def offered(files: Mapping[str, str], who: str = "pia", **more: Any) -> Call:
    """Return the call that publishes files."""
    return Call(who, "POST", BUNDLES, {"files": dict(files)} | more)


def without_description() -> dict[str, str]:
    """Return a bundle whose contract says not what it is."""
    document = contract_document("database", "1.1.0")
    del document["spec"]["description"]
    return contract_files(document) | {"contract.yaml": json.dumps(document)}


@contextmanager
def open_ground(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    settings: Mapping[str, Any],
) -> Iterator[Ground]:
    """Open a ground over an empty database."""
    monkeypatch.setenv("HOME", str(folder / "home"))
    with ExitStack() as stack:
        url = f"sqlite:///{folder}/avow.db"
        doors = stack.enter_context(open_doors(url, folder / "data", **settings))
        village = Village(doors, Things())
        village.offer("database")
        running = stack.enter_context(served(doors))
        yield Ground(village, running.url, folder, capsys, monkeypatch, stack)
