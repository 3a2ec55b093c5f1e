"""Finds executors and step kinds by name, and loads one only when it is asked for.

Filled from what the installation ships and from entry points (`avow.executors`,
`avow.step_kinds`), so that a distribution can add its own by being installed. A plug is text
until its first use: an adapter whose library is not installed costs nothing and fails alone.
Knows nothing of what it builds; the wiring says how to build one.
"""

import difflib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from catalog.errors import Conflict, NotFound, Unavailable

EXECUTORS = "avow.executors"
STEP_KINDS = "avow.step_kinds"

T = TypeVar("T")
Factory = Callable[..., T]


class Registry(Mapping[str, T], Generic[T]):
    """Things by name, each built once.

    Args:
        noun: what one of them is called in a message.
        plugs: where each is found, by name.
        build: makes the thing out of the object that a plug names.
        given: things that are built already.
    """

    def __init__(
        self,
        noun: str,
        plugs: Mapping[str, EntryPoint],
        build: Callable[[Factory[T]], T],
        given: Mapping[str, T] | None = None,
    ) -> None:
        self._noun = noun
        self._plugs = dict(plugs)
        self._build = build
        self._built = dict(given or {})
        self._lock = threading.Lock()
        for name in self._plugs.keys() & self._built.keys():
            raise _duplicate(noun, name)

    def __getitem__(self, name: str) -> T:
        """Return the thing, loading it on first use.

        Raises:
            KeyError: there is no such name; `find` says so in a sentence.
            Unavailable: `plug_unloadable`, what it needs is not installed.
        """
        with self._lock:
            if name not in self._built:
                self._built[name] = self._build(_loaded(self._noun, self._plugs[name]))
            return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._plugs.keys() | self._built.keys()))

    def __len__(self) -> int:
        return len(self._plugs.keys() | self._built.keys())

    def __contains__(self, name: object) -> bool:
        return name in self._plugs or name in self._built

    def find(self, name: str) -> T:
        """Return the thing, or say that there is none and which ones there are.

        Raises:
            NotFound: `unknown_<noun>`.
        """
        if name in self:
            return self[name]
        close = difflib.get_close_matches(name, list(self), n=1)
        fix = f"did you mean {close[0]}?" if close else "use one of " + ", ".join(self)
        raise NotFound(f"unknown_{self._noun.replace(' ', '_')}", f"There is no such {self._noun}.", fix=fix)


def plugs(
    group: str, noun: str, shipped: Mapping[str, str], found: Iterable[EntryPoint] | None = None
) -> dict[str, EntryPoint]:
    """Return where everything of a group is found, by name.

    What Avow ships is also declared as entry points of its own distribution, but a source
    tree that is not installed has none; the same name at the same place is therefore no
    duplicate.

    Args:
        shipped: `module:object` by name, known without any installed distribution.
        found: entry points to use instead of the installed ones.

    Raises:
        Conflict: `duplicate_<noun>`, two distributions claim one name.
    """
    known = {name: EntryPoint(name, value, group) for name, value in shipped.items()}
    for plug in entry_points(group=group) if found is None else found:
        if known.setdefault(plug.name, plug).value != plug.value:
            raise _duplicate(noun, plug.name)
    return known


def _loaded(noun: str, plug: EntryPoint) -> Factory[T]:
    try:
        factory: Factory[T] = plug.load()
    except (ImportError, AttributeError) as error:
        fix = f"install what {plug.value.partition(':')[0]} needs"
        raise Unavailable("plug_unloadable", f"The {noun} {plug.name} cannot be loaded.", fix=fix) from error
    return factory


def _duplicate(noun: str, name: str) -> Conflict:
    code = f"duplicate_{noun.replace(' ', '_')}"
    return Conflict(
        code, f"Two installed distributions offer the {noun} {name}.", fix="uninstall one of them"
    )
