"""One thing that the prover could not show: a value that one schema allows may break another."""

from dataclasses import dataclass

from catalog.compat.part import Spot

UNDECIDED = "undecided"
"""The subject of a gap about a keyword that is not known here."""

FORBIDDEN = "forbidden"
"""The subject of a gap about a schema that allows nothing."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A keyword of the wanted schema that does not follow from the given one.

    Attributes:
        subject: what it is about, mostly the keyword.
        wanted: where the wanted schema says it; None when it is about something that is not there.
        given: where the given schema says what matters for it; None when it says nothing.
    """

    subject: str
    wanted: Spot | None
    given: Spot | None = None
