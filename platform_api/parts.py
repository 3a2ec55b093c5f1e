"""The parts that the doors use, as one value.

Built by `wiring`, handed to the application; tests build it with twins. What only runs in
the background stands in `wiring.Runtime` and not here: a route never touches a thread.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from catalog.bell import Bell
from catalog.clock import Clock
from catalog.db import Database
from catalog.ids import Mint
from executors.port import Executor
from platform_api.settings import Settings
from platform_api.sources import Sources
from platform_api.trust import Trust
from policy.admit import Admission
from policy.engine import PolicyBundle, PolicyEngine


@dataclass(frozen=True)
class Platform:
    """Everything that commands and routes work with.

    Attributes:
        organisation: the policies that are asked about every request.
        signing_key: signs page tokens.
        trust: whose signatures on bundles count.
        sources: where bundles may be fetched from.
        checks: what must answer for the process to be ready; each returns its trouble, or nothing.
    """

    settings: Settings
    db: Database
    bell: Bell
    clock: Clock
    mint: Mint
    admission: Admission
    engine: PolicyEngine
    organisation: PolicyBundle
    executors: Mapping[str, Executor]
    signing_key: bytes
    checks: Mapping[str, Callable[[], str]]
    trust: Trust = field(default_factory=Trust)
    sources: Sources = field(default_factory=Sources)
