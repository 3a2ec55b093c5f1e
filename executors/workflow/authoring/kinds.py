"""The installed step kinds, for looking at what they say of themselves.

Nothing is ever called through these: the settings let no kind reach anything. A kind whose
library is missing on this machine is stood in for by one that takes anything, so that an
author needs no database driver to lint a workflow.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from catalog.clock import utc_now
from catalog.digest import Json, JsonObject
from catalog.errors import Unavailable
from executors.port import Effect
from executors.secrets import LocalSecrets
from executors.step import StepCall, StepKind
from executors.steps import StepSettings, builtin

_NOWHERE = Path("/nonexistent/avow")


class Opaque:
    """A kind that is known by name alone."""

    effect = Effect.WRITE

    def __init__(self, name: str) -> None:
        self.name = name
        self.schema: JsonObject = {}

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Refuse; such a kind is looked at and never called."""
        raise NotImplementedError(self.name)

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Refuse, as `run` does."""
        raise NotImplementedError(self.name)


class InstalledKinds(Mapping[str, StepKind]):
    """Every installed kind by name."""

    def __init__(self) -> None:
        secrets = LocalSecrets(_NOWHERE, {})
        self._kinds = builtin(StepSettings(_NOWHERE, secrets, utc_now))

    def __getitem__(self, name: str) -> StepKind:
        """Return a kind, or what stands in for one that cannot be loaded here."""
        try:
            return self._kinds[name]
        except Unavailable:
            return Opaque(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)
