"""Step kinds that do nothing, so that what is measured is Avow around them.

A plug-in like any other: `site` writes the files by which an installed distribution announces
step kinds, and every process that is measured finds them through the entry point.
"""

import time
from collections.abc import Mapping

from catalog.digest import Json, JsonObject
from executors.port import Effect
from executors.step import StepCall
from executors.steps import StepSettings

PLUGS = {"bench.nothing": "tests.bench.kinds:Nothing", "bench.look": "tests.bench.kinds:Look"}

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
