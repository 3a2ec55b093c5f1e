"""What a schedule is played with: small random definitions, and a ledger that stands outside.

Everything comes from one seed. The ledger is the target of all calls: it writes down every
call before its effect, honours fencing tokens, and idempotency keys if it says so. It is the
only witness of what really happened.
"""

import random
from dataclasses import dataclass, field
from typing import Any

from catalog.digest import JsonObject

Document = dict[str, Any]

SIGNALS = ("go", "stop")
PEOPLE = ("ann", "bob", "carl", "dora", "eve")
GROUP = "sec"
MEMBERS = ("ann", "bob", "carl")
REQUESTER = "dora"
CONTEXT: JsonObject = {
    "inputs": {"yes": True, "no": False, "list": ["p", "q", "r"]},
    "request": {"name": "orders"},
    "destination": {},
    "outputs": {},
    "grounds": {"requesters": [REQUESTER]},
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger: a call, or an effect."""

    run_id: str
    key: str
    place: str
    is_undo: bool


@dataclass
class Ledger:
    """The target.

    Attributes:
        honours_keys: a second call under a key changes nothing.
        calls: every call that came in, in order.
        effects: what really happened, in order.
        fences: the highest token seen per run; a call under a lower one is refused.
    """

    honours_keys: bool
    calls: list[Entry] = field(default_factory=list)
    effects: list[Entry] = field(default_factory=list)
    fences: dict[str, int] = field(default_factory=dict)

    def admits(self, run_id: str, fence: int) -> bool:
        """Refuse whoever was overtaken."""
        if fence < self.fences.get(run_id, 0):
            return False
        self.fences[run_id] = fence
        return True

    def apply(self, entry: Entry) -> None:
        """Let it happen; with keys, at most once."""
        if not (self.honours_keys and self.has(entry.key)):
            self.effects.append(entry)

    def has(self, key: str) -> bool:
        """Tell whether something happened under a key."""
        return any(effect.key == key for effect in self.effects)


class Author:
    """Writes definitions.

    Args:
        honours_keys: of the target; trying again blindly is a promise about keys, so only a
            target that honours them may be told to.
    """

    def __init__(self, dice: random.Random, *, honours_keys: bool) -> None:
        self._dice = dice
        self._on_unknown = ["observe", "halt", *(["retry"] if honours_keys else [])]
        self._files: dict[str, Document] = {}

    def document(self) -> Document:
        """Return a definition of a few steps of any sort."""
        steps = self._steps(self._dice.randint(1, 5), depth=0)
        doc = _document("provision", steps)
        if self._dice.random() < 0.08:
            doc["concurrency"] = {"key": "runs", "limit": 1}
        return {**doc, "workflows": self._files} if self._files else doc

    def _steps(self, count: int, depth: int) -> list[Document]:
        steps: list[Document] = []
        for number in range(count):
            step = self._step(f"s{number}", depth)
            if self._dice.random() < 0.6:
                step["needs"] = [each["id"] for each in steps if self._dice.random() < 0.4]
            if self._dice.random() < 0.12:
                step["if"] = self._condition(step, steps)
            if self._dice.random() < 0.06:
                step["deadline"] = self._dice.choice(["5s", "60s"])
            steps.append(step)
        return steps

    def _step(self, name: str, depth: int) -> Document:
        sorts = [self._call, self._many, self._wait, self._approval, self._sub]
        sort = self._dice.choices(sorts, weights=[64, 10, 8, 8, 10 if depth < 2 else 0])[0]
        return sort(name, depth)

    def _condition(self, step: Document, before: list[Document]) -> str:
        conditions = ["inputs.yes", "inputs.no"] if "s0" not in step.get("needs", ()) else []
        conditions += ["index != 1"] if "for_each" in step else []
        first = before[0]["id"] if before and before[0]["id"] in step.get("needs", ()) else None
        conditions += [f"steps.{first}.state == 'done'"] if first else []
        return self._dice.choice(conditions or ["true"])

    def _call(self, name: str, depth: int) -> Document:
        dice = self._dice
        step: Document = {
            "id": name,
            "uses": "test.do",
            "with": {"name": name},
            "retry": {"attempts": dice.randint(1, 4), "initial": "1s", "max": "8s"},
            "on_unknown": dice.choice(self._on_unknown),
        }
        if dice.random() < 0.8:
            step["compensate"] = {"uses": "test.undo", "with": {"name": name}}
            if dice.random() < 0.1:
                step["on_unknown"] = "compensate"
        if dice.random() < 0.1:
            step["concurrency"] = {"key": dice.choice(["k", "l"]), "limit": dice.choice([1, 1, 2])}
        return step

    def _many(self, name: str, depth: int) -> Document:
        items = self._dice.choice(["${inputs.list}", ["x"], ["x", "y"], ["x", "y", "z", "u"], []])
        if depth:
            items = ["x", "y"]
        return self._call(name, depth) | {"for_each": items, "max_parallel": self._dice.randint(1, 3)}

    def _wait(self, name: str, _depth: int) -> Document:
        waits: list[Document] = [
            {"timer": "5s"},
            {"signal": self._dice.choice(SIGNALS)},
            {"signal": "go", "timeout": "60s"},
        ]
        return {"id": name, "wait": self._dice.choice(waits)}

    def _approval(self, name: str, _depth: int) -> Document:
        asked: Document = {"groups": [GROUP], "quorum": self._dice.choice([1, 1, 2])}
        if self._dice.random() < 0.4:
            asked |= {"expires": "60s", "remind": "20s"}
        if self._dice.random() < 0.3:
            asked |= {"escalate": {"after": "30s", "to": ["boss"]}}
        return {"id": name, "approval": asked}

    def _sub(self, name: str, depth: int) -> Document:
        file = f"f{len(self._files)}.yaml"
        self._files[file] = {}
        self._files[file] = _document("inner", self._steps(self._dice.randint(1, 2), depth + 1))
        step: Document = {"id": name, "workflow": file, "with": {"yes": True, "no": False}}
        if self._dice.random() < 0.3:
            step |= {"for_each": ["x", "y"], "max_parallel": self._dice.randint(1, 2)}
        return step


def _document(name: str, steps: list[Document]) -> Document:
    head: Document = {"apiVersion": "avow/v1", "kind": "Workflow", "metadata": {"name": name}}
    return {**head, "steps": steps}
