"""Letters to a run: their kinds, and what they mean to the core.

Doors leave them (`executors.runs.post`), the run's driver reads them in order. A letter that
cannot be read still takes its place in the mail; it changes nothing. Pure.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from executors.runs import Letter
from executors.workflow.ballot import ACTS
from executors.workflow.exchange import Acted, Cancel, Garbled, Mail, Migrate, Pause, Resume, Retry, Signal
from executors.workflow.forms import Misfit, restored
from executors.workflow.spec import Workflow, parse_workflow

CANCEL = "cancel"
SIGNAL = "signal"
PAUSE = "pause"
RESUME = "resume"
RETRY = "retry"
MIGRATE = "migrate"


def mail_of(stored: Sequence[Letter]) -> tuple[Mail, ...]:
    """Return stored letters as news for the core."""
    return tuple(_mail(letter) for letter in stored)


def _mail(letter: Letter) -> Mail:
    try:
        return _read(letter)
    except (KeyError, Misfit):
        return Garbled(letter.number)


def _read(letter: Letter) -> Mail:
    number, body = letter.number, letter.body
    match letter.kind:
        case "cancel":
            return Cancel(number, str(body["reason"]))
        case "signal":
            payload = body["payload"]
            return Signal(number, str(body["name"]), payload if isinstance(payload, Mapping) else {})
        case "pause":
            return Pause(number, str(body["reason"]))
        case "resume":
            return Resume(number)
        case "retry":
            return Retry(number)
        case "migrate":
            return _migrate(letter)
        case kind if kind in ACTS:
            return Acted(number, restored(ACTS[kind], body))
        case _:
            return Garbled(number)


def _migrate(letter: Letter) -> Migrate:
    body: Mapping[str, Any] = letter.body
    mapping, contract = body["mapping"], body["contract"]
    if not isinstance(mapping, Mapping) or not isinstance(contract, Mapping):
        raise Misfit("a mapping or a contract is no object")
    return Migrate(
        letter.number,
        _workflow(body["document"]),
        definition=body["definition"],
        former=body["former"],
        mapping=mapping,
        contract=contract,
        keeps_approvals=body["keeps_approvals"],
    )


def _workflow(document: Any) -> Workflow:
    # The door that left the letter has found it fit; this is for one that was left by somebody else.
    try:
        return parse_workflow(document)
    except (AttributeError, TypeError, ValueError) as error:
        raise Misfit("the document is no workflow") from error
