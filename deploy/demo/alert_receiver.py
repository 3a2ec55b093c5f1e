"""Takes in alerts over HTTP, as Prometheus' Alertmanager sends them, and asks Avow for a playbook.

    POST /alerts   a notification of Alertmanager, format version 4

Every firing alert that names a service becomes one request on the contract `incident`, named after
the alert's fingerprint, so an alert that is sent again asks for nothing new. Standard library only.
Who asks for what project is in the environment, as for `avow`: `AVOW_TOKEN_FILE`, `AVOW_PROJECT`, and
`AVOW_URL` unless Avow is where it usually is.
Alone: `python deploy/demo/alert_receiver.py PORT`.
"""

import json
import os
import re
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
USUALLY = "http://127.0.0.1:8420"
LARGEST_BODY = 256 * 1024
_FINGERPRINT = re.compile(r"[0-9a-f]{8,40}\Z")
_SERVICE = re.compile(r"[a-z](?:[a-z0-9]|-[a-z0-9]){1,40}\Z")
_SECONDS = 10.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Avow:
    """Where requests go, and as whom.

    Attributes:
        url: base address of the API.
    """

    url: str
    token: str
    project: str

    def ask(self, incident: Mapping[str, Any]) -> int:
        """Ask for an incident and return the status; one that is there already is not asked for again."""
        call = urllib.request.Request(  # noqa: S310  # the address is the operator's own
            f"{self.url}/v1/projects/{self.project}/requests",
            method="POST",
            data=json.dumps(incident).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "Idempotency-Key": f"alert-{incident['name']}",
            },
        )
        try:
            with urllib.request.urlopen(call, timeout=_SECONDS) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return HTTPStatus.BAD_GATEWAY


def incidents(notice: object) -> list[dict[str, Any]]:
    """Return what a notification asks for: one request for each firing alert that names a service."""
    alerts = notice.get("alerts") if isinstance(notice, dict) else None
    found = [_incident(alert) for alert in (alerts if isinstance(alerts, list) else ())]
    return [incident for incident in found if incident]


def _incident(alert: object) -> dict[str, Any] | None:
    if not isinstance(alert, dict) or alert.get("status") != "firing":
        return None
    labels, notes = alert.get("labels"), alert.get("annotations")
    fingerprint = str(alert.get("fingerprint"))
    service = str(labels.get("service")) if isinstance(labels, dict) else ""
    if not _FINGERPRINT.match(fingerprint) or not _SERVICE.match(service) or not isinstance(labels, dict):
        return None
    summary = str(notes.get("summary", "")) if isinstance(notes, dict) else ""
    inputs = {
        "service": service,
        "alert": str(labels.get("alertname", "unnamed"))[:100],
        "summary": summary[:500],
    }
    return {
        "name": f"incident-{fingerprint}",
        "contract": "incident",
        "environment": "prod",
        "owner": "team-operations",
        "inputs": inputs,
    }


class Receiver(ThreadingHTTPServer):
    """The door for alerts."""

    daemon_threads = True

    def __init__(self, avow: Avow, port: int = 0, tell: Callable[[str], None] = lambda line: None) -> None:
        self.avow = avow
        self.tell = tell
        super().__init__((LOOPBACK, port), _Door)

    @property
    def url(self) -> str:
        """Return its base address."""
        return f"http://{LOOPBACK}:{self.server_port}"


class _Door(BaseHTTPRequestHandler):
    """One notification."""

    server: Receiver
    timeout = 10  # of a caller who says nothing

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path != "/alerts" or not length.isdigit() or int(length) > LARGEST_BODY:
            self._answer(HTTPStatus.BAD_REQUEST)
            return
        try:
            asked = incidents(json.loads(self.rfile.read(int(length))))
        except (ValueError, RecursionError):
            self._answer(HTTPStatus.BAD_REQUEST)
            return
        self._answer(max([self._asked(incident) for incident in asked], default=HTTPStatus.ACCEPTED))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it
        """Say nothing: what is worth telling is told as it happens."""

    def _asked(self, incident: Mapping[str, Any]) -> int:
        status = self.server.avow.ask(incident)
        self.server.tell(f"{incident['name']} {status}")
        # A sender tries again after a server error and only then, which is what is wanted.
        known = status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.CONFLICT
        return HTTPStatus.ACCEPTED if known else HTTPStatus.BAD_GATEWAY

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@contextmanager
def serving(avow: Avow) -> Iterator[Receiver]:
    """Take in alerts on a free port of this machine until the block ends."""
    with Receiver(avow) as receiver:
        thread = threading.Thread(target=receiver.serve_forever, args=(_POLL_SECONDS,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


def main(port: str) -> None:
    """Take in alerts until somebody interrupts."""
    token = Path(os.environ["AVOW_TOKEN_FILE"]).read_text("utf-8").strip()
    avow = Avow(os.environ.get("AVOW_URL", USUALLY), token, os.environ["AVOW_PROJECT"])
    with Receiver(avow, int(port), lambda line: print(line, flush=True)) as receiver:
        print(f"alerts at {receiver.url}/alerts", flush=True)
        try:
            receiver.serve_forever(_POLL_SECONDS)
        except KeyboardInterrupt:
            print("receiver stopped")


if __name__ == "__main__":
    main(sys.argv[1])
