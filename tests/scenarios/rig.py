"""A running Avow, and what a scenario does to it.

Starts `avow up`, or its roles apart, as processes of their own and speaks to them only as
a client would. A scenario that kills one starts it again on the same data. Knows no module
of Avow.
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
    """One installation of Avow: its folder, its database, and its processes while they run.

    Attributes:
        roles: the sub-commands to start; `up` is all of them in one process.
    """

    children: Children
    folder: Path
    database_url: str
    options: Mapping[str, str] = field(default_factory=dict)
    roles: tuple[str, ...] = ("up",)
    port: int = field(default_factory=free_port)
    running: dict[str, Child] = field(default_factory=dict)

    def start(self) -> None:
        """Start every role and wait until the API says that it is ready."""
        self.repositories.mkdir(exist_ok=True, parents=True)
        for role in self.roles:
            self.start_role(role)
        eventually(self.is_ready, "Avow to be ready", PATIENCE_SECONDS)

    def start_role(self, role: str) -> None:
        """Start one role; one that ran before must have ended."""
        environment = {
            "AVOW_DATABASE_URL": self.database_url,
            "AVOW_DATA_DIR": str(self.folder),
            "AVOW_PORT": str(self.port),
            "AVOW_HTTP_HOSTS": "127.0.0.1",
            "AVOW_GIT_HOSTS": "127.0.0.1",
            "AVOW_GIT_CHECK_SECONDS": "5",
            "AVOW_REPOSITORIES_DIR": str(self.repositories),
            **self.options,
        }
        program = [sys.executable, "-m", "platform_api.cli.main", role]
        self.running[role] = self.children.start(program, env={**os.environ, **environment})

    def kill(self, role: str = "up") -> None:
        """End a role's process and all that belongs to it at once, as a power cut would."""
        with suppress(ProcessLookupError):
            os.killpg(self.running[role].pid, signal.SIGKILL)
        self.running[role].wait()

    @property
    def pid(self) -> int:
        """Return the process id of the first role."""
        return self.running[self.roles[0]].pid

    @property
    def is_running(self) -> bool:
        """Say whether no role has ended."""
        return bool(self.running) and all(child.is_running for child in self.running.values())

    def output(self) -> str:
        """Return what the processes have written."""
        return "\n".join(child.output() for child in self.running.values())

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
        listed: list[Any] = self.ask("GET", f"/v1/projects/shop/requests/{name}/runs?page_size=200")["items"]
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

    def is_ready(self) -> bool:
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
