"""Table files of a bundle (`*.test.yaml`), as values.

What a file may say is in `executors/workflow/test.v1.json`, which is published. `read_test`
refuses a wrong one with every finding; what a case gives is laid over what the file gives
to all of its cases.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

from catalog.digest import Json, JsonObject
from catalog.documents import read_yaml
from catalog.duration import duration
from catalog.errors import Invalid
from catalog.schema import violations

SCHEMA: JsonObject = json.loads(
    resources.files("executors.workflow").joinpath("test.v1.json").read_text("utf-8")
)
BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)
"""When a run begins unless its test says otherwise."""

VERBS = ("approve", "reject", "delegate", "signal", "cancel", "pause", "resume", "retry", "crash")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one attempt of a call answers.

    Attributes:
        outputs: None answers with a stand-in.
        fails: transient, permanent or unknown; empty succeeds.
        happened: whether an attempt whose outcome is unknown took effect.
        crash: before or after the effect, or not at all.
        can_look: whether a later look can tell what became of it.
    """

    outputs: JsonObject | None = None
    fails: str = ""
    code: str = "scripted_failure"
    message: str = "the test says so"
    happened: bool = False
    crash: str = ""
    can_look: bool = True
    takes: timedelta = timedelta()
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """Something from outside.

    Attributes:
        verb: one of `VERBS`.
        at: since the beginning; None as soon as it makes sense.
        what: the step, the signal's name, or the reason.
    """

    verb: str
    what: str
    at: timedelta | None = None
    by: str = ""
    to: str = ""
    reason: str = ""
    evidence: tuple[str, ...] = ()
    payload: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """The world around a run.

    Attributes:
        steps: per place, what its attempts answer; the last for all that follow.
    """

    inputs: JsonObject = field(default_factory=dict)
    request: JsonObject = field(default_factory=dict)
    destination: JsonObject = field(default_factory=dict)
    outputs: JsonObject = field(default_factory=dict)
    children: JsonObject = field(default_factory=dict)
    action: JsonObject = field(default_factory=dict)
    requesters: tuple[str, ...] = ()
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    steps: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)
    undo: Mapping[str, tuple[Attempt, ...]] = field(default_factory=dict)
    dice: float = 0.5
    now: datetime = BEGINNING


@dataclass(frozen=True, slots=True)
class Case:
    """One case: the world, what happens in it, and what is expected."""

    name: str
    given: Given = field(default_factory=Given)
    happens: tuple[Happening, ...] = ()
    expect: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """A test file."""

    path: str
    workflow: str
    cases: tuple[Case, ...]


def read_test(text: str, path: str) -> Table:
    """Return what a test file says.

    Raises:
        Invalid: `invalid_document` or `invalid_workflow_test`, with every finding.
    """
    document: dict[str, Any] = dict(read_yaml(text, path))
    findings = violations(SCHEMA, document, f"{path}#")
    if findings:
        message = f"{path} is no test of a workflow."
        fix = "see executors/workflow/test.v1.json"
        raise Invalid("invalid_workflow_test", message, findings=findings, fix=fix)
    shared = document.get("given", {})
    return Table(path, document["workflow"], tuple(_case(part, shared) for part in document["cases"]))


def given_of(part: Mapping[str, Any]) -> Given:
    """Return the world that a `given` describes."""
    now = part.get("now")
    return Given(
        inputs=part.get("inputs", {}),
        request=part.get("request", {}),
        destination=part.get("destination", {}),
        outputs=part.get("outputs", {}),
        children=part.get("children", {}),
        action=part.get("action", {}),
        requesters=tuple(part.get("requesters", ())),
        people={name: tuple(groups) for name, groups in part.get("people", {}).items()},
        steps=_script(part.get("steps", {})),
        undo=_script(part.get("undo", {})),
        dice=part.get("dice", 0.5),
        now=BEGINNING if now is None else datetime.fromisoformat(now),
    )


def laid_over(below: Json, above: Json) -> Any:
    """Return one value laid over another, objects member by member."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    return {**below, **{name: laid_over(below.get(name), part) for name, part in above.items()}}


def _case(part: Mapping[str, Any], shared: Mapping[str, Any]) -> Case:
    own = part.get("given", {})
    whole = laid_over(shared, own)
    for name in ("steps", "undo"):  # an attempt is a whole: half of another one would show through
        whole[name] = {**shared.get(name, {}), **own.get(name, {})}
    happens = tuple(_happening(each) for each in part.get("happens", ()))
    return Case(part["name"], given_of(whole), happens, part["expect"])


def _script(part: Mapping[str, Any]) -> dict[str, tuple[Attempt, ...]]:
    return {
        place: tuple(_attempt(each) for each in (said if isinstance(said, Sequence) else [said]))
        for place, said in part.items()
    }


def _attempt(part: Mapping[str, Any]) -> Attempt:
    plain = ("outputs", "fails", "code", "message", "happened", "crash")
    after = part.get("retry_after")
    return Attempt(
        **{name: part[name] for name in plain if name in part},
        can_look=part.get("look") != "unknown",
        takes=duration(part.get("takes", "0s")),
        retry_after=None if after is None else duration(after),
    )


def _happening(part: Mapping[str, Any]) -> Happening:
    verb = next(verb for verb in VERBS if verb in part)
    return Happening(
        verb=verb,
        what=str(part[verb]),
        at=duration(part["at"]) if "at" in part else None,
        by=part.get("by", ""),
        to=part.get("to", ""),
        reason=part.get("reason", ""),
        evidence=tuple(part.get("evidence", ())),
        payload=part.get("payload", {}),
    )
