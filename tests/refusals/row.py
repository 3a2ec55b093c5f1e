"""The table: one row a refusal, with what provokes it and what it must say.

To add one, write

    @refusal("some_code", then="avow get requests", places=[("/inputs/size", "enum")])
    def what_is_wrong(ground):
        ...                                    # make it so
        return submit(inputs={"size": "xl"}), ["request", "database", "orders", "--set", "size=xl"]

in the module of the surface: the HTTP request that is refused, and the command that meets the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.refusals.ground import Call, Ground

Provoke = Callable[[Ground], tuple[Call, Sequence[str]]]
Place = tuple[str, str]
"""A pointer, and the code of what is wrong there."""


@dataclass(frozen=True)
class Row:
    """One refusal.

    Attributes:
        then: stands in what to do next: the next command, where there is one.
        places: every place at fault; a pointer that ends with an asterisk is a beginning.
        unspoken: why no command leads there; the command then returned is empty.
        no_dry_run: why a dry run answers otherwise; empty where it is refused alike.
        settings: what the installation is told, by its folder.
    """

    code: str
    name: str
    provoke: Provoke
    then: str
    places: tuple[Place, ...] = ()
    unspoken: str = ""
    no_dry_run: str = ""
    settings: Callable[[Path], Mapping[str, Any]] = lambda _folder: {}

    def __str__(self) -> str:
        return f"{self.code}-{self.name}"


ROWS: list[Row] = []


def refusal(
    code: str, *, then: str, places: Sequence[Place] = (), **more: Any
) -> Callable[[Provoke], Provoke]:
    """Enter what provokes a refusal into the table."""

    def entered(provoke: Provoke) -> Provoke:
        ROWS.append(Row(code, provoke.__name__, provoke, then, tuple(places), **more))
        return provoke

    return entered
