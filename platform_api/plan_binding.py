"""What a stored plan is bound to, and what of it is not so any more.

Pure. A plan may be submitted as long as everything it rests on is as it was shown: the wish, the
request as it stood, the requests that it uses, the contract revision and those of the children,
the place, policy's answer and the operation. Each is held as an identity, a revision or a digest,
so that whatever is changed shows, and nothing else does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from catalog.digest import Json, JsonObject, digest
from catalog.fleet import Destination
from catalog.request import Request
from catalog.schema import escape
from executors.port import ContractRef
from policy.decision import Decision
from reconciler.drift import Difference

HELD, CONTRACT, USED = "held", "contract", "uses"


@dataclass(frozen=True, slots=True)
class Bound:
    """What a plan is bound to.

    Attributes:
        held: the request as it is stored; None when it is none yet.
        destination: where it would land; None when nowhere.
        used: the uids of the requests that it uses, by their names.
        children: what is done about each, and about theirs, and the revision that it is then on.
    """

    wish: JsonObject
    held: Request | None
    contract: ContractRef
    destination: Destination | None
    decision: Decision
    action: str
    used: Mapping[str, str] = field(default_factory=dict)
    children: JsonObject = field(default_factory=dict)

    def document(self) -> dict[str, Json]:
        """Return the binding as it is stored and shown."""
        place, decision = self.destination, self.decision
        return {
            "wish": digest(self.wish),
            HELD: held_document(self.held),
            CONTRACT: contract_document(self.contract),
            "destination": None if place is None else {"name": place.name, "revision": place.revision},
            "policy": {"revision": decision.revision, "outcome": str(decision.outcome)},
            "action": self.action,
            USED: dict(self.used),
            "children": self.children,
        }


def held_document(held: Request | None) -> JsonObject | None:
    """Return what a plan is bound to of the request that it changes."""
    if held is None:
        return None
    return {"uid": held.uid, "revision": held.revision, "generation": held.generation}


def contract_document(ref: ContractRef) -> JsonObject:
    """Return what a plan is bound to of the contract."""
    return {"name": ref.name, "version": ref.version, "digest": ref.digest}


def differences(before: Json, after: Json, path: str = "") -> Iterator[Difference]:
    """Yield the places at which two bindings, or two parts of them, are not the same."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from differences(before.get(name), after.get(name), f"{path}/{escape(name)}")
    elif before != after:
        yield Difference(path, before, after)
