"""A stage on which contracts need one another and requests are made of requests.

What a contract here delivers is a thing under the request's name, kept in a `Things` with the
order in which things came and went; a look says whether it is there. Everything else is the
stage's: the real door, engine and reconciler, on a virtual clock.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from catalog.digest import Json
from catalog.tables import lifecycles
from executors.port import Effect
from executors.step import StepCall
from platform_api.commands.dependents import wake_requests
from reconciler.workqueue import Lane
from tests.doors import open_doors
from tests.engine import Kind, World, document
from tests.factories import contract_document, contract_files
from tests.stage import Stage

WHERE = "/v1/projects/shop/requests"
NAME = "${request.name}"


@dataclass
class Things(World):
    """What exists, and how it came about.

    Attributes:
        there: by name, what each was made of.
        story: `+name`, `-name`, in the order in which it happened.
    """

    there: dict[str, Json] = field(default_factory=dict)
    story: list[str] = field(default_factory=list)

    def kinds(self) -> dict[str, Kind]:
        """Return step kinds that make, take away and look at things."""
        kinds = [_Thing(self, "test.do"), _Thing(self, "test.undo"), _Thing(self, "test.look", Effect.READ)]
        return {kind.name: kind for kind in kinds}


class _Thing(Kind):
    def __init__(self, things: Things, name: str, effect: Effect = Effect.WRITE) -> None:
        super().__init__(things, name, effect)
        self._things = things

    def take_effect(self, call: StepCall) -> Mapping[str, Json]:
        """Make, take away or look, once for each key."""
        name, things = str(call.arguments["name"]), self._things
        if self.effect is Effect.WRITE and call.idempotency_key not in things.effects:
            things.effects[call.idempotency_key] = name
            if self.name == "test.do":
                things.there[name] = call.arguments.get("of")
                things.story.append(f"+{name}")
            else:
                things.there.pop(name, None)
                things.story.append(f"-{name}")
        return {"id": f"id-of-{name}", "exists": name in things.there}


class Village(Stage):
    """A stage with things."""

    @property
    def things(self) -> Things:
        """Return what exists."""
        assert isinstance(self.world, Things)
        return self.world

    def settle(self) -> None:
        """Let engine and reconciler do all that is due now."""
        for _ in range(400):
            if not (self._drive() | self._pass()):
                return
        raise AssertionError("it does not come to rest")

    def work(self, count: int) -> None:
        """Let engine and reconciler do so much of what is due, or less when that is all."""
        for _ in range(count):
            if not (self._drive() | self._pass()):
                return

    def offer(
        self,
        name: str,
        version: str = "1.0.0",
        *,
        of: Json = "${inputs.size}",
        gives: Json = "${steps.make.outputs.id}",
        who: str = "pia",
        **spec: Any,
    ) -> Any:
        """Publish a contract whose thing is made of something, settle, and return the answer.

        Args:
            gives: what it hands back as `id`.
        """
        owner = "team-data" if who == "pia" else f"team-{who}"
        answer = self.doors(
            who, "POST", "/v1/contracts", {"files": bundle((name, version, owner), of, gives, **spec)}
        )
        self.settle()
        return answer

    def ask(self, name: str, contract: str, **more: Any) -> Any:
        """Have dora ask for something, settle, and return it as it then is."""
        made = self.doors("dora", "POST", WHERE, {"name": name, "contract": contract} | more)
        assert made.status_code == 202, made.text
        self.settle()
        return self.shown(name)

    def change(self, name: str, **changes: Any) -> Any:
        """Have dora change something by merge patch, settle, and return the answer."""
        answer = self.doors("dora", "PATCH", f"{WHERE}/{name}", changes, headers={"If-Match": "*"})
        self.settle()
        return answer

    def delete(self, name: str, query: str = "", *, who: str = "dora", settles: bool = True) -> Any:
        """Have somebody delete something, and return the answer."""
        answer = self.doors(who, "DELETE", f"{WHERE}/{name}{query}", headers={"If-Match": "*"})
        if settles:
            self.settle()
        return answer

    def withdraw(self, name: str, version: str) -> None:
        """Take a version off the shelf, as retiring it does, and wake whom that concerns."""
        retire(self, name, version)
        self.settle()

    def condition(self, name: str, type_: str) -> Any:
        """Return one condition of a request."""
        stated = {each["type"]: each for each in self.shown(name)["conditions"]}
        return stated.get(type_, {"status": "", "reason": "", "message": ""})

    def phases(self) -> dict[str, str]:
        """Return where every live request of the project stands."""
        listed = self.doors("dora", "GET", f"{WHERE}?page_size=200").json()["items"]
        return {each["name"]: each["phase"] for each in listed}


def bundle(named: tuple[str, str, str], of: Json, gives: Json, **spec: Any) -> dict[str, str]:
    """Return a bundle whose thing is made of something and that hands something back."""
    make = {"id": "make", "uses": "test.do", "with": {"name": NAME, "of": of}}
    undo = {"compensate": {"uses": "test.undo", "with": {"name": NAME}}}
    ends: dict[str, Any] = {"outputs": {"id": gives}, "facts": {"exists": True}}
    away = {"id": "away", "uses": "test.undo", "with": {"name": NAME}}
    look = {"id": "look", "uses": "test.look", "with": {"name": NAME}}
    seen = {"facts": {"exists": "${steps.look.outputs.exists}"}}
    workflows = {
        "provision": document(make | undo, **ends),
        "update": document(make, name="update", **ends),
        "delete": document(away, name="delete"),
        "observe": document(look, name="observe", **seen),
    }
    head: dict[str, Any] = {
        "inputs": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"size": {"enum": ["s", "m", "l"], "default": "s"}, "peer": {"type": "string"}},
        },
        "outputs": {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}},
    }
    contract = contract_document(*named, **(head | spec))
    contract["spec"].pop("placement")
    files = {f"{operation}.yaml": json.dumps(body) for operation, body in workflows.items()}
    return contract_files(contract, files)


def retire(village: Village, name: str, version: str) -> None:
    """Write what a lifecycle's end writes, and wake the requests that it concerns."""
    platform = village.doors.platform
    row = {
        "name": name,
        "version": version,
        "state": "retired",
        "reason": "it is time",
        "revision": 1,
        "changed_at": platform.clock(),
        "changed_by": "pia",
    }
    with platform.db.write() as tx:
        tx.execute(lifecycles.insert(), row)
        wake_requests(tx, name, Lane.REPAIR, platform.clock(), dependents=True)


@contextmanager
def open_village(url: str, folder: Path) -> Iterator[Village]:
    """Open a village over an empty database."""
    with open_doors(url, folder) as doors:
        yield Village(doors, Things())
