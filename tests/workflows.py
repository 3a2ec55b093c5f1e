"""What tests of the pure core share: workflow documents and a clock that moves when told to."""

from datetime import UTC, datetime, timedelta
from typing import Any

EPOCH = datetime(2030, 1, 1, tzinfo=UTC)


class VirtualClock:
    """A clock that moves when it is told to."""

    def __init__(self, now: datetime = EPOCH) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let that many seconds pass."""
        self.now += timedelta(seconds=seconds)

    def pause(self, seconds: float) -> bool:
        """Stand in for a wait."""
        self.advance(seconds)
        return False


def step(id_: str, uses: str = "test.do", **more: Any) -> dict[str, Any]:
    """Return a step of a document."""
    return {"id": id_, "uses": uses, "with": {"name": id_}, **more}


def undoable(id_: str, **more: Any) -> dict[str, Any]:
    """Return a step of a document that has a compensation."""
    return step(id_, compensate={"uses": "test.undo", "with": {"name": id_}}, **more)


def document(*steps: dict[str, Any], name: str = "provision", **more: Any) -> dict[str, Any]:
    """Return a workflow document."""
    head = {"apiVersion": "avow/v1", "kind": "Workflow", "metadata": {"name": name}}
    return {**head, "steps": list(steps), **more}
