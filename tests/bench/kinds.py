"""Step kinds that do nothing, so that what is measured is Avow around them.

A plug-in like any other: `site` writes the files by which an installed distribution announces
step kinds, and every process that is measured finds them through the entry point.
"""

import time
from collections.abc import Mapping
from pathlib import Path

from catalog.digest import Json, JsonObject
from executors.port import Effect
from executors.step import Permanent, StepCall
from executors.steps import StepSettings
from tests.bench.peers.shared import has_ended, slow_step

PLUGS = {
    "bench.nothing": "tests.bench.kinds:Nothing",
    "bench.look": "tests.bench.kinds:Look",
    "bench.refuse": "tests.bench.kinds:Refuse",
    "bench.slow": "tests.bench.kinds:Slow",
}

_ANYTHING: JsonObject = {"type": "object"}


class Nothing:
    """Do nothing, and say when."""

    name = "bench.nothing"
    effect = Effect.WRITE
    schema = _ANYTHING

    def __init__(self, settings: StepSettings) -> None:
        pass

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return the time of day, which is the same for every process of a machine."""
        return {"at": time.time()}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Do it again."""
        return self.run(call)


class Refuse(Nothing):
    """Fail for good, without an effect."""

    name = "bench.refuse"

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Refuse."""
        raise Permanent("refused", "it never works")


class Slow(Nothing):
    """Take a while once a gate is open, and leave a trace, which tells afterwards what was done."""

    name = "bench.slow"

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return the number of the step."""
        return {"step": slow_step(*_traced(call), gate=Path(str(call.arguments["gate"])))}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Look for the end in the trace."""
        trace, run, step = _traced(call)
        return {"step": step} if has_ended(trace, run, step) else None


class Look:
    """Look at nothing, and find it there."""

    name = "bench.look"
    effect = Effect.READ
    schema = _ANYTHING

    def __init__(self, settings: StepSettings) -> None:
        pass

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return what there always is."""
        return {"exists": True}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Look again."""
        return self.run(call)


def _traced(call: StepCall) -> tuple[Path, str, int]:
    said = call.arguments
    return Path(str(said["trace"])), str(said["run"]), int(str(said["step"]))
