"""From a claim to a run in hand, and from an answer that came too late to what people see of it.

Most runs follow one of few documents, which the database hands out as the same object again
and again (`executors.claims`), so each is read into a workflow but once. A journal is only
ever added to, so the state of a run that this worker let go still holds if its journal is no
longer than it was.
"""

from datetime import datetime

from catalog.digest import JsonObject
from executors.claims import ClaimedRun
from executors.late_answers import LateAnswer
from executors.workflow.act import Held
from executors.workflow.exchange import Absent, Course, Done, Outcome, Returned
from executors.workflow.passage import is_gated
from executors.workflow.spec import Workflow, parse_workflow
from executors.workflow.state import Run
from executors.workflow.turns import Turn

_DOCUMENTS = 256
_RESTING = 512


class Openings:
    """Opens runs; used by one worker, under the guard of its journal."""

    def __init__(self) -> None:
        self._resting: dict[str, Run] = {}
        # The document is kept with what it was read into: while it is there, no other has its identity.
        self._read: dict[int, tuple[JsonObject, Workflow, bool]] = {}

    def keep(self, turn: Turn) -> None:
        """Keep the state of a run if it was let go; who takes it up again need not read its journal."""
        run = turn.held.run
        if run.ended is None and not run.flying:
            if len(self._resting) >= _RESTING:
                self._resting.pop(next(iter(self._resting)), None)
            self._resting[turn.claim.id] = run

    def known(self, claim: ClaimedRun) -> Run | None:
        """Return the state that a claimed run's journal amounts to, if it was kept."""
        run = self._resting.pop(claim.id, None)
        return run if run is not None and run.seq == claim.seq else None

    def turn(self, claim: ClaimedRun, run: Run) -> Turn:
        """Return a claimed run in its state, ready to be driven.

        Raises:
            Exception: its definition is no workflow.
        """
        workflow, has_gates = self._workflow(claim.definition)
        held = Held(
            run_id=claim.id,
            project=claim.project,
            request_uid=claim.request_uid,
            idempotency_key=claim.idempotency_key,
            contract_digest=claim.contract_digest,
            fence=claim.fence,
            course=Course(workflow, claim.context),
            run=run,
        )
        return Turn(claim, held, is_gated=has_gates)

    def _workflow(self, document: JsonObject) -> tuple[Workflow, bool]:
        known = self._read.get(id(document))
        if known is None or known[0] is not document:
            if len(self._read) >= _DOCUMENTS:
                self._read.clear()
            workflow = parse_workflow(document)
            known = self._read[id(document)] = document, workflow, is_gated(workflow)
        return known[1], known[2]


def late_answer(turn: Turn, returned: Returned, at: datetime) -> LateAnswer:
    """Return what people see of an answer that came when the run was another's."""
    call, held = returned.call, turn.held
    outcome, detail = _told(returned.outcome)
    return LateAnswer(
        run_id=held.run_id,
        project=held.project,
        fence=held.fence,
        step=call.step,
        side=call.side.value,
        verb=call.verb.value,
        attempt=call.attempt,
        outcome=outcome,
        detail=detail,
        at=at,
    )


def _told(outcome: Outcome) -> tuple[str, JsonObject]:
    match outcome:
        case Done(outputs):
            return "done", dict(outputs)
        case Absent():
            return "absent", {}
        case _:
            failure = outcome.failure
            return failure.kind.value, {"code": failure.code, "message": failure.message}
