"""The scenes under `deploy/examples/`: their bundles, the people in them, and what a run's journal says.

A scene without a contract of its own plays one of the library.

Everything is read from the example folders and asked over REST, so that what is tried here is
what a newcomer gets. Knows no module of Avow.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.scenarios.rig import PATIENCE_SECONDS, Rig
from tests.services.polling import eventually

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "deploy/examples"
LIBRARY = ROOT / "catalog/library"
PLAYED = {"onboarding": "developer-onboarding"}
"""The library's contract that a scene plays, where it has none of its own."""
REPORT = {"kind": "report", "uri": "https://qa.example.org/reports/7"}


def bundle(scene: str, changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the contract bundle of a scene.

    Args:
        changes: texts of `provision.yaml` by what they become, for spans that no test can wait for.
    """
    files = files_of(LIBRARY / PLAYED[scene] if scene in PLAYED else EXAMPLES / scene / "contract")
    for text, instead in (changes or {}).items():
        assert text in files["provision.yaml"]
        files["provision.yaml"] = files["provision.yaml"].replace(text, instead)
    return files


def files_of(folder: Path) -> dict[str, str]:
    """Return the files of a bundle's folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()
    }


def stage(rig: Rig, scene: str, changes: Mapping[str, str] | None = None, **config: str) -> None:
    """Publish a scene's contract and register the destination that it needs."""
    kind = {"environment": "datacentre"}.get(scene, "company")
    rig.publish(bundle(scene, changes))
    rig.ask("POST", "/v1/destinations", {"name": kind, "kind": kind, "config": config})


@dataclass
class Person:
    """Somebody with a token of his own.

    Attributes:
        groups: of which an approval may be asked.
    """

    rig: Rig
    name: str
    groups: tuple[str, ...] = ()
    role: str = "approver"
    token: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Have a token made."""
        grants = [{"role": self.role, "scope": "shop"}]
        body = {"name": self.name, "subject": self.name, "grants": grants, "groups": list(self.groups)}
        self.token = self.rig.ask("POST", "/v1/tokens", body)["token"]

    def call(self, method: str, path: str, body: object | None = None) -> httpx.Response:
        """Send one request and return the answer, whatever it is."""
        headers = {"Authorization": f"Bearer {self.token}"}
        with self.rig.client() as client:
            return client.request(method, path, json=body, headers=headers)

    def ask(self, method: str, path: str, body: object | None = None) -> Any:
        """Send one request that must succeed and return its body."""
        answer = self.call(method, path, body)
        assert answer.is_success, f"{self.name} {method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def request(self, name: str, contract: str, **wanted: object) -> Any:
        """Submit a request in project `shop`."""
        return self.ask("POST", "/v1/projects/shop/requests", {"name": name, "contract": contract, **wanted})

    def asked(self, request: str) -> Any:
        """Wait until this person may decide about a request, and return the approval."""

        def mine() -> Any:
            listed = self.ask("GET", "/v1/approvals?inbox=mine")["items"]
            return next((each for each in listed if each["request"] == request), None)

        return eventually(mine, f"{self.name} to be asked about {request}", PATIENCE_SECONDS)

    def vote(self, approval: Mapping[str, Any], verdict: str, reason: str = "", *evidence: object) -> None:
        """Vote on an approval."""
        body = {"verdict": verdict, "binding": approval["binding"], "reason": reason}
        self.ask("POST", f"/v1/approvals/{approval['id']}/votes", {**body, "evidence": list(evidence)})

    def decides(self, request: str, verdict: str, reason: str = "", *evidence: object) -> Any:
        """Wait to be asked, vote, and return the approval as it was."""
        approval = self.asked(request)
        self.vote(approval, verdict, reason, *evidence)
        return approval


def fails(rig: Rig, name: str) -> Any:
    """Wait until a request has failed for good, and return it."""
    return rig.until(name, lambda seen: seen["phase"] == "failed")


@dataclass(frozen=True)
class Journal:
    """What happened in a run, in its order.

    Attributes:
        entries: type and body of each entry.
    """

    entries: list[tuple[str, dict[str, Any]]]

    def steps(self, type_: str, side: str = "do") -> list[str]:
        """Return the steps of the entries of a type, in their order."""
        return [body["step"] for kind, body in self.entries if kind == type_ and body.get("side") == side]

    def at(self, type_: str, **said: str) -> datetime:
        """Return when the last entry of a type that says this was made."""
        found = [body["at"] for kind, body in self.entries if kind == type_ and said.items() <= body.items()]
        return datetime.fromisoformat(found[-1])

    def waits(self, step: str) -> list[timedelta]:
        """Return how long was waited before each retry of a step."""
        failed = [body for kind, body in self.entries if kind == "AttemptFailed" and body["step"] == step]
        times = [(body["at"], body["retry_at"]) for body in failed if body["retry_at"]]
        return [datetime.fromisoformat(until) - datetime.fromisoformat(at) for at, until in times]


def journal(rig: Rig, name: str, operation: str = "provision") -> Journal:
    """Return the journal of a request's newest run of an operation."""
    run = next(run for run in rig.runs(name) if run["operation"] == operation)
    entries: list[tuple[str, dict[str, Any]]] = []
    path = f"/v1/runs/{run['id']}/events"
    page = rig.ask("GET", path)
    while True:
        entries += [(each["type"], each["body"]) for each in page["items"]]
        if "next_page_token" not in page:
            return Journal(entries)
        page = rig.ask("GET", f"{path}?page_token={page['next_page_token']}")
