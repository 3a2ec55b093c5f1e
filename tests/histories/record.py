"""Plays the scenes and writes down their journals, as the code that it is run with stores them.

    python -m tests.histories.record 0.2.0 FOLDER

It uses only what every release has had: events, fold, decide, the projection. For an earlier
release, lay this folder into a checkout of it and run it there. `Player` also goes on with a
journal that another release wrote, which is what the tests do.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from catalog.digest import digest
from executors.runs import Letter
from executors.workflow.decide import decide
from executors.workflow.events import Accepted, Failure, FailureKind, decode, encode
from executors.workflow.exchange import (
    Absent,
    Call,
    Claimed,
    Course,
    Done,
    Failed,
    Moment,
    Outcome,
    Returned,
    Verb,
)
from executors.workflow.spec import parse_workflow
from executors.workflow.state import fold
from executors.workflow.view import report_of, step_views
from tests.histories.scenes import CONTEXT, SCENES, Scene

BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)
_VERBS = {"running": Verb.RUN, "looking": Verb.LOOK}
_MAIL = "executors.workflow.mail" if find_spec("executors.workflow.mail") else "executors.workflow.journal"
_mail_of: Callable[[Sequence[Letter]], Sequence[Any]] = import_module(_MAIL).mail_of

Document = dict[str, Any]
Entry = tuple[str, Document]


class Player:
    """One run, driven by acts; its journal is kept as it is stored."""

    def __init__(
        self,
        definition: Document,
        entries: Sequence[Entry] = (),
        *,
        now: datetime = BEGINNING,
        fence: int = 1,
    ) -> None:
        self.now = now
        self.fence = fence
        self.follow(definition)
        self.entries = list(entries)
        if not entries:
            self.entries.append(_plainly(encode(Accepted(now))))
        self.run = fold((seq, decode(*entry)) for seq, entry in enumerate(self.entries, 1))
        if not entries:
            self.hear(Claimed())

    def follow(self, definition: Document) -> None:
        """Follow a definition from now on."""
        self.definition = definition
        self.course = Course(parse_workflow(definition), CONTEXT)

    def hear(self, *news: Any) -> None:
        """Decide on the news and write down what follows."""
        moment = Moment(self.now, lambda: 0.5, self.fence)
        decision = decide(self.course, self.run, news, moment)
        self.run = decision.run
        self.entries += [_plainly(encode(event)) for event in decision.events]

    def act(self, act: Sequence[Any]) -> None:
        """Let one thing happen."""
        name, *values = act
        _ACTS[name](self, *values)

    def answer(self, step: str, outcome: Outcome) -> None:
        """Answer the call of a step that is under way."""
        [call] = [call for call in self.calls() if call.step == step]
        self.hear(Returned(call, outcome))

    def calls(self) -> list[Call]:
        """Return the calls that are under way."""
        return [
            Call(step, side, _VERBS[progress.phase.value], progress.attempts)
            for (step, side), progress in self.run.progress.items()
            if progress.phase.value in _VERBS
        ]

    def send(self, kind: str, body: Document) -> None:
        """Let the run read a letter."""
        self.hear(*_mail_of([Letter(self.run.mail + 1, kind, body)]))

    def vote(self, step: str, person: str, verdict: str) -> None:
        """Vote on an approval that is open, as a member of the group sec."""
        opened = [body for type_, body in self.entries if type_ == "ApprovalOpened" and body["step"] == step]
        task = opened[-1]["task"]
        voter = {"person": person, "groups": ["sec"], "delegations": []}
        body = {"step": step, "opened_at": task["opened_at"], "voter": voter, "at": self.now.isoformat()}
        self.send("vote", {**body, "binding": task["binding"], "verdict": verdict, "reason": "because"})

    def migrate(self, definition: Document, mapping: Document) -> None:
        """Let the run go over to another definition."""
        body = {
            "document": definition,
            "definition": digest(definition),
            "former": digest(self.definition),
            "mapping": mapping,
            "contract": {},
            "keeps_approvals": False,
        }
        self.send("migrate", body)
        self.follow(definition)
        self.hear(Claimed())

    def shows(self) -> Document:
        """Return what the projections say of the run."""
        steps = step_views(self.course.workflow, self.run)
        shown = {"report": report_of(self.run, "run_1"), "steps": list(steps)}
        return {name: json.loads(json.dumps(_plain(part))) for name, part in shown.items()}

    def _passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.hear()

    def _lost(self) -> None:
        self.fence += 1
        self.hear(Claimed())


_ACTS: Mapping[str, Callable[..., None]] = {
    "done": lambda player, step, outputs: player.answer(step, Done(outputs)),
    "absent": lambda player, step: player.answer(step, Absent()),
    "fails": lambda player, step, kind: player.answer(
        step, Failed(Failure(FailureKind(kind), "no", f"{step} said no"))
    ),
    "lost": Player._lost,
    "passes": Player._passes,
    "letter": Player.send,
    "votes": Player.vote,
    "migrates": Player.migrate,
}


def history(scene: Scene, release: str) -> Document:
    """Return what is kept of a scene: its journal, and how the run stood before every act."""
    player = Player(scene["definition"])
    definitions, acts = {digest(scene["definition"]): scene["definition"]}, []
    for act in scene["acts"]:
        definitions[digest(player.definition)] = player.definition
        standing = {
            "seq": len(player.entries),
            "at": player.now.isoformat(),
            "fence": player.fence,
            "follows": digest(player.definition),
        }
        acts.append({"act": act, **standing, **player.shows()})
        player.act(act)
    definitions[digest(player.definition)] = player.definition
    entries = [{"type": type_, "body": body} for type_, body in player.entries]
    end = {"follows": digest(player.definition), **player.shows()}
    head = {"name": scene["name"], "release": release}
    return {**head, "definitions": definitions, "entries": entries, "acts": acts, "end": end}


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, release.split(".")))


def _plainly(stored: tuple[str, Any]) -> Entry:
    type_, body = stored
    return type_, json.loads(json.dumps(body))


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case Enum():
            return value.value
        case Mapping():
            return {name: _plain(part) for name, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
    if is_dataclass(value):
        return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    return value


def main(release: str, folder: Path) -> None:
    """Record every scene that a release knows."""
    folder.mkdir(parents=True, exist_ok=True)
    for scene in SCENES:
        if _numbers(scene["since"]) <= _numbers(release):
            text = json.dumps(history(scene, release), indent=1, sort_keys=True)
            (folder / f"{scene['name']}.json").write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
