"""Plays one case: the real core and the real actor on a virtual clock, in one thread.

Time stands still while anything is decided and then jumps to whatever comes next: an answer, a
letter, something that falls due. A crash takes the run's state away: it is folded anew from
the stored form of its journal, as another worker would do it, and every call that was under
way has no answer.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from catalog.digest import Json, JsonObject
from catalog.errors import Invalid
from executors.port import GROUNDS
from executors.step import StepKind
from executors.workflow.act import Actor, Held, step_key
from executors.workflow.decide import decide
from executors.workflow.events import Accepted, Event, Failure, FailureKind, Side, decode, encode
from executors.workflow.exchange import (
    Call,
    Claimed,
    Course,
    Decision,
    Failed,
    Moment,
    News,
    Outcome,
    Returned,
    Verb,
)
from executors.workflow.places import taken_apart
from executors.workflow.progress import Phase, Run
from executors.workflow.rehearsal.ledger import Cue, Ledger, ScriptedKind
from executors.workflow.rehearsal.people import ABOUT_APPROVALS, is_asked, letter_of
from executors.workflow.rehearsal.script import Attempt, Case, Given, Happening, laid_over
from executors.workflow.rehearsal.standins import StandIns
from executors.workflow.spec import Nested, parse_workflow
from executors.workflow.state import fold

LEASE_SECONDS = 3.0
"""After so long another worker takes over the run of one that died."""

MAX_TURNS = 20_000
_CONTRACT: JsonObject = {"name": "rehearsed", "version": "0.0.0"}
_LATE = Failure(FailureKind.UNKNOWN, "timeout", "it took longer than its timeout")


@dataclass(frozen=True, slots=True)
class Called:
    """One call that was made, with its arguments as they were resolved."""

    at: datetime
    call: Call
    uses: str
    arguments: JsonObject


@dataclass
class Played:
    """What came of it.

    Attributes:
        events: the run's journal.
        effects: steps in the order in which they took effect; `compensations` likewise.
        refused: codes with which people were refused.
    """

    run: Run
    began_at: datetime
    ended_at: datetime
    events: list[Event] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    compensations: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    calls: list[Called] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Play:
    """A workflow that can be rehearsed.

    Attributes:
        document: assembled and admitted.
        contract: its name and version.
        promised: JSON Schema of what it hands back.
    """

    document: Mapping[str, Any]
    kinds: Mapping[str, StepKind]
    contract: JsonObject = field(default_factory=lambda: _CONTRACT)
    promised: JsonObject = field(default_factory=dict)


def rehearse(play: Play, case: Case, *, agrees: bool = False) -> Played:
    """Play a case through and return what came of it.

    Args:
        agrees: everybody who is asked approves, every signal comes at once.

    Raises:
        Invalid: `endless_rehearsal`, it does not come to an end, or leaves the calendar.
    """
    try:
        return _Stage(play, case, agrees=agrees).run_through()
    except OverflowError as error:
        raise Invalid("endless_rehearsal", "The run goes on beyond the year 9999.") from error


class _Stage:
    def __init__(self, play: Play, case: Case, *, agrees: bool) -> None:
        given = case.given
        self._given, self._agrees = given, agrees
        self._standins = StandIns(play.document, play.kinds, play.promised)
        context = _context(given, play.contract, self._standins)
        self._course = Course(parse_workflow(play.document), context)
        self._ledger = Ledger()
        self._kinds = {
            name: ScriptedKind(kind, self._ledger) for name, kind in _used(play.document, play.kinds)
        }
        self._actor = Actor(self._kinds, lambda _digest: {})
        self._now, self._fence = given.now, 1
        self._order = count()
        self._answers: list[tuple[datetime, int, Call]] = []
        timed = [each for each in case.happens if each.at is not None or each.verb not in ABOUT_APPROVALS]
        self._timed = sorted(timed, key=lambda each: each.at or timedelta())
        self._eager = [each for each in case.happens if each not in timed]
        self._due_at: datetime | None = None
        first = Accepted(given.now)
        self._played = Played(fold([(1, first)]), given.now, given.now, [first])

    def run_through(self) -> Played:
        """Play until nothing moves the run any more."""
        self._decide([Claimed()])
        for turn in count():
            if not self._turn():
                break
            if turn > MAX_TURNS:
                raise Invalid("endless_rehearsal", f"The run goes on after {MAX_TURNS} turns.")
        ended = self._played.run.ended
        self._played.ended_at = self._now if ended is None else ended.at
        return self._played

    def _turn(self) -> bool:
        """Let the next thing happen; return False when there is none."""
        due_at = None if self._played.run.ended is not None else self._due_at
        eager = self._next_eager()
        if eager is not None:
            self._happen(eager)
            return True
        sent_at = self._given.now + (self._timed[0].at or timedelta()) if self._timed else None
        answer_at = self._answers[0][0] if self._answers else None
        times = [at for at in (answer_at, sent_at, due_at) if at is not None]
        if not times:
            return False
        self._now = max(self._now, min(times))
        if answer_at is not None and answer_at <= self._now:
            self._answer(heapq.heappop(self._answers)[2])
        elif sent_at is not None and sent_at <= self._now:
            self._happen(self._timed.pop(0))
        else:
            self._decide([])
        return True

    def _next_eager(self) -> Happening | None:
        run = self._played.run
        for happening in self._eager:
            if is_asked(run, happening.what):
                self._eager.remove(happening)
                return happening
        return next(self._agreements(), None) if self._agrees and run.ended is None else None

    def _agreements(self) -> Iterator[Happening]:
        """Yield what would make the run go on, whatever it waits for."""
        run = self._played.run
        for step, standing in run.asked.items():
            if is_asked(run, step):
                assignees, votes = standing.task.assignees, len(standing.votes)
                person = assignees[votes] if votes < len(assignees) else f"somebody-{votes + 1}"
                yield Happening("approve", step, by=person, evidence=("stand-in",))
        for place, side in run.live:
            progress = run.of(place, side)
            if progress.phase is Phase.PARKED and progress.awaited:
                yield Happening("signal", progress.awaited, payload=self._standin(place))

    def _happen(self, happening: Happening) -> None:
        if happening.verb == "crash":
            self._crash()
            return
        people = self._given.people
        if self._agrees:
            people = {happening.by: self._played.run.asked[happening.what].groups} if happening.by else {}
        letter = letter_of(happening, self._played.run, people, self._now)
        if isinstance(letter, str):
            self._played.refused.append(letter)
        else:
            self._decide([letter])

    def _decide(self, news: Sequence[News]) -> None:
        moment = Moment(self._now, lambda: self._given.dice, self._fence)
        decision: Decision = decide(self._course, self._played.run, news, moment)
        self._played.run, self._due_at = decision.run, decision.due_at
        self._played.events += decision.events
        for call in decision.calls:
            takes = self._attempt(call).takes if call.verb is Verb.RUN else timedelta()
            limit = timedelta(seconds=self._limit(call))
            heapq.heappush(self._answers, (self._now + min(takes, limit), next(self._order), call))

    def _limit(self, call: Call) -> float:
        own = self._course.action(call.step, call.side).timeout_seconds
        return own if call.limit_seconds is None else min(own, call.limit_seconds)

    def _answer(self, call: Call) -> None:
        attempt = self._attempt(call)
        if call.verb is Verb.RUN and attempt.crash:
            if attempt.crash == "after":
                self._carry_out(call, attempt)
            self._crash()
            return
        is_late = attempt.takes.total_seconds() > self._limit(call)
        if call.verb is Verb.RUN and is_late:
            if attempt.happened:
                self._carry_out(call, attempt)
            self._decide([Returned(call, Failed(_LATE))])
            return
        self._decide([Returned(call, self._carry_out(call, attempt))])

    def _carry_out(self, call: Call, attempt: Attempt) -> Outcome:
        held = self._held()
        uses = self._course.action(call.step, call.side).uses
        kind = self._kinds[uses]
        kind.cue, kind.asked = Cue(call, attempt, self._outputs(call, attempt)), {}
        key = step_key(held, call.step, call.side)
        was_done = self._ledger.find(key) is not None
        outcome = self._actor.carry_out(held, call)
        if call.verb is Verb.RUN:
            self._played.calls.append(Called(self._now, call, uses, kind.asked))
        if not was_done and self._ledger.find(key) is not None:
            is_doing = call.side is Side.DO
            (self._played.effects if is_doing else self._played.compensations).append(call.step)
        return outcome

    def _crash(self) -> None:
        """Lose the worker: what it knew, and the answers to what it called."""
        if self._played.run.flying:
            self._now += timedelta(seconds=LEASE_SECONDS)
        self._answers.clear()
        self._fence += 1
        stored = [encode(event) for event in self._played.events]
        self._played.run = fold(enumerate((decode(*entry) for entry in stored), 1))
        self._decide([Claimed()])

    def _attempt(self, call: Call) -> Attempt:
        given = self._given.steps if call.side is Side.DO else self._given.undo
        scope, step, _index = taken_apart(call.step)
        whole = f"{scope}/{step}" if scope else step
        script = given.get(call.step) or given.get(whole) or (Attempt(),)
        return script[min(call.attempt, len(script)) - 1]

    def _outputs(self, call: Call, attempt: Attempt) -> Mapping[str, Json]:
        if attempt.outputs is not None:
            return attempt.outputs
        return {} if call.side is Side.UNDO else self._standin(call.step)

    def _standin(self, place: str) -> dict[str, Json]:
        scope, step, _index = taken_apart(place)
        doing = self._course.step(scope).do if scope else None
        return self._standins.outputs(doing.file if isinstance(doing, Nested) else "", step)

    def _held(self) -> Held:
        return Held(
            run_id="run_rehearsed",
            project="rehearsal",
            request_uid="req_rehearsed",
            idempotency_key="rehearsal",
            contract_digest="",
            fence=self._fence,
            course=self._course,
            run=self._played.run,
        )


def _used(document: Mapping[str, Any], kinds: Mapping[str, StepKind]) -> Iterator[tuple[str, StepKind]]:
    for each in (document, *document.get("workflows", {}).values()):
        for step in each["steps"]:
            for part in (step, step.get("compensate", {})):
                if "uses" in part:
                    yield part["uses"], kinds[part["uses"]]


def _context(given: Given, contract: JsonObject, standins: StandIns) -> JsonObject:
    request: JsonObject = {
        "uid": "req_rehearsed",
        "name": "rehearsed",
        "project": "rehearsal",
        "owner": "team-rehearsal",
        "environment": "dev",
        "generation": 1,
        "labels": {},
    }
    destination: JsonObject = {"name": "rehearsed", "kind": "rehearsed", "labels": {}, "config": {}}
    destination = {**destination, **standins.around("destination")}
    action: JsonObject = {"action": given.action} if given.action else {}
    return {
        **action,
        "inputs": given.inputs,
        "request": {**request, **given.request},
        "destination": laid_over(destination, given.destination),
        "outputs": laid_over(standins.around("outputs"), given.outputs),
        "children": laid_over(standins.around("children"), given.children),
        "contract": contract,
        GROUNDS: {"requesters": list(given.requesters), "contract": "c", "plan": "p", "policy": "o"},
    }
