"""A running Avow, and what a scenario does to it.

Starts `avow up` as a process of its own and speaks to it only as a client would. A scenario
that kills it starts it again on the same data. Knows no module of Avow.
"""

import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.services.children import Child, Children
from tests.services.polling import eventually
from tests.services.ports import free_port

PATIENCE_SECONDS = 60.0


@dataclass
class Rig:
    """One installation of Avow: its folder, its database, and its process while it runs."""

    children: Children
    folder: Path
    database_url: str
    options: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _child: Child | None = None

    def start(self) -> None:
        """Start the process and wait until it says that it is ready."""
        environment = {
            "AVOW_DATABASE_URL": self.database_url,
            "AVOW_HTTP_HOSTS": "127.0.0.1",
            "AVOW_GIT_HOSTS": "127.0.0.1",
            "AVOW_REPOSITORIES_DIR": str(self.repositories),
            **self.options,
        }
        self.repositories.mkdir(exist_ok=True, parents=True)
        program = [sys.executable, "-m", "platform_api.cli.main", "up"]
        options = ["--data-dir", str(self.folder), "--port", str(self.port)]
        self._child = self.children.start([*program, *options], env={**os.environ, **environment})
        eventually(self._is_ready, "Avow to be ready", PATIENCE_SECONDS)

    def kill(self) -> None:
        """End the process and all that belongs to it at once, as a power cut would."""
        assert self._child is not None
        with suppress(ProcessLookupError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()

    @property
    def pid(self) -> int:
        """Return the process id of the running program."""
        assert self._child is not None
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Say whether the program has not ended."""
        return self._child is not None and self._child.is_running

    def output(self) -> str:
        """Return what the program has written."""
        assert self._child is not None
        return self._child.output()

    @property
    def repositories(self) -> Path:
        """Return the folder in which git destinations lie."""
        return self.folder / "repositories"

    @property
    def state_remote(self) -> Path:
        """Return the repository that writebacks go to."""
        return self.folder / "state.git"

    def client(self) -> httpx.Client:
        """Return a client that speaks as the local administrator."""
        token = (self.folder / "admin-token").read_text().strip()
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )

    def call(self, method: str, path: str, body: object | None = None, **headers: str) -> httpx.Response:
        """Send one request and return the answer, whatever it is."""
        with self.client() as client:
            return client.request(method, path, json=body, headers=headers)

    def ask(self, method: str, path: str, body: object | None = None, **headers: str) -> Any:
        """Send one request that must succeed and return its body."""
        answer = self.call(method, path, body, **headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def publish(self, files: Mapping[str, str]) -> None:
        """Publish a contract bundle."""
        self.ask("POST", "/v1/contracts", {"files": dict(files)})

    def project(self, name: str) -> None:
        """Make a project."""
        self.ask("POST", "/v1/projects", {"name": name, "title": name})

    def git_destination(self, name: str, **labels: str) -> Path:
        """Register a folder of bare repositories as a destination and return it."""
        root = self.repositories / name
        root.mkdir(parents=True, exist_ok=True)
        config = {"root": str(root), "url": f"file://{root}"}
        body = {"name": name, "kind": "git-server", "labels": labels, "config": config}
        self.ask("POST", "/v1/destinations", body)
        return root

    def request(self, name: str, contract: str, **wanted: object) -> Any:
        """Submit a request in project `shop`."""
        return self.ask("POST", "/v1/projects/shop/requests", {"name": name, "contract": contract, **wanted})

    def change(self, name: str, **changes: object) -> Any:
        """Change a request by merge patch on its newest revision."""
        path = f"/v1/projects/shop/requests/{name}"
        etag = self.call("GET", path).headers["ETag"]
        with self.client() as client:
            headers = {"If-Match": etag, "Content-Type": "application/merge-patch+json"}
            answer = client.patch(path, json=changes, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def delete(self, name: str) -> None:
        """Ask for a request's teardown."""
        path = f"/v1/projects/shop/requests/{name}"
        etag = self.call("GET", path).headers["ETag"]
        self.ask("DELETE", path, **{"If-Match": etag})

    def act(self, name: str, action: str) -> None:
        """Reconcile, pause or resume a request."""
        self.ask("POST", f"/v1/projects/shop/requests/{name}/actions/{action}")

    def show(self, name: str) -> Any:
        """Return a request of project `shop`."""
        return self.ask("GET", f"/v1/projects/shop/requests/{name}")

    def runs(self, name: str) -> list[Any]:
        """Return a request's runs."""
        listed: list[Any] = self.ask("GET", f"/v1/projects/shop/requests/{name}/runs")["items"]
        return listed

    def until(self, name: str, holds: Callable[[Any], bool]) -> Any:
        """Wait until something holds of a request, and return the request."""
        seen: dict[str, Any] = {}

        def looks_right() -> bool:
            seen["last"] = self.show(name)
            return holds(seen["last"])

        try:
            eventually(looks_right, f"request {name}", PATIENCE_SECONDS)
        except AssertionError as error:
            why = self.call("GET", f"/v1/projects/shop/requests/{name}/why").text
            raise AssertionError(f"{seen['last']}\n{why}\n{self.output()[-3000:]}") from error
        return seen["last"]

    def until_ready(self, name: str, generation: int = 1) -> Any:
        """Wait until a request is ready on a generation."""
        return self.until(name, lambda seen: is_ready(seen, generation))

    def until_gone(self, name: str) -> None:
        """Wait until a request's name answers 404 or 410."""
        path = f"/v1/projects/shop/requests/{name}"
        eventually(
            lambda: self.call("GET", path).status_code in (404, 410), f"{name} to go", PATIENCE_SECONDS
        )

    def _is_ready(self) -> bool:
        if not self.is_running:
            raise AssertionError(self.output())
        with suppress(httpx.HTTPError, FileNotFoundError):
            return self.call("GET", "/readyz").status_code == httpx.codes.OK
        return False


def is_ready(seen: Mapping[str, Any], generation: int = 1) -> bool:
    """Say whether a request is ready, and delivered, on a generation."""
    return bool(seen["phase"] == "ready" and seen["applied"]["generation"] == generation)


def condition(seen: Mapping[str, Any], type_: str) -> Mapping[str, Any]:
    """Return one condition of a request; empty texts when it is not stated yet."""
    stated = {each["type"]: each for each in seen["conditions"]}
    found: Mapping[str, Any] = stated.get(type_, {"status": "", "reason": "", "message": ""})
    return found
