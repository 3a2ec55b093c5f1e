"""Where the Temporal server is, and which corner of it is ours; read from the wiring's options.

A third-party executor gets its settings in the same way: `Parts.options` holds, by
`<executor>.<setting>`, what the operator set.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog.errors import Unavailable

NAME = "temporal"
TASK_QUEUE = "avow-runs"


@dataclass(frozen=True, slots=True)
class Place:
    """A server, a namespace and a task queue.

    Attributes:
        address: host and port of the server's front end.
        is_tls: speak TLS; a key makes it so in any case.
        console: base URL of the server's web console, for links.
    """

    address: str
    namespace: str = "default"
    task_queue: str = TASK_QUEUE
    api_key: str = field(default="", repr=False)
    is_tls: bool = False
    console: str = ""

    def link(self, workflow_id: str) -> str:
        """Return where the console shows a run; empty when no console is known."""
        return f"{self.console}/namespaces/{self.namespace}/workflows/{workflow_id}" if self.console else ""


def place_of(options: Mapping[str, str]) -> Place:
    """Return the place that these options name.

    Raises:
        Unavailable: `executor_not_configured`.
    """
    given = {name.partition(".")[2]: value for name, value in options.items() if name.startswith(f"{NAME}.")}
    if not given.get("address"):
        raise Unavailable(
            "executor_not_configured",
            "No Temporal server is configured here.",
            fix="set AVOW_TEMPORAL_ADDRESS to its host:port",
        )
    return Place(
        address=given["address"],
        namespace=given.get("namespace") or "default",
        task_queue=given.get("task_queue") or TASK_QUEUE,
        api_key=given.get("api_key", ""),
        is_tls=given.get("tls", "") in {"1", "true", "yes", "on"},
        console=given.get("console", "").rstrip("/"),
    )
