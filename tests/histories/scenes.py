"""The runs whose journals are kept: a definition each, and what happens to it, act by act.

Plain data, so that the recorder can be run with the code of any release. A scene is never
changed once a release has recorded it; what a later release can do besides gets new scenes.
An act is a list: its name, then its values (`record.Player` knows them).
"""

from typing import Any

Scene = dict[str, Any]

STEADY = {"attempts": 3, "initial": "1s", "max": "30s", "jitter": "none"}
CONTEXT: dict[str, Any] = {
    "inputs": {"size": "s", "hosts": ["x", "y"]},
    "request": {"name": "orders"},
    "destination": {},
    "outputs": {},
    "grounds": {"requesters": ["rita"], "contract": "sha256:c", "plan": "sha256:p", "policy": "sha256:o"},
}


def _step(id_: str, **more: Any) -> dict[str, Any]:
    return {"id": id_, "uses": "test.do", "with": {"name": id_}, "retry": STEADY, **more}


def _undoable(id_: str, **more: Any) -> dict[str, Any]:
    undo = {"uses": "test.undo", "with": {"name": id_}, "retry": STEADY}
    return _step(id_, compensate=undo, **more)


def _document(*steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    head = {"apiVersion": "avow/v1", "kind": "Workflow", "metadata": {"name": "provision"}}
    return {**head, "steps": list(steps), **more}


def _scene(name: str, since: str, definition: dict[str, Any], *acts: list[Any]) -> Scene:
    return {"name": name, "since": since, "definition": definition, "acts": list(acts)}


def _done(step: str, **outputs: Any) -> list[Any]:
    return ["done", step, outputs]


def _fails(step: str, kind: str) -> list[Any]:
    return ["fails", step, kind]


_SAGA = _document(_undoable("flight"), _undoable("hotel"), _undoable("car"))
_ONE = _document(_undoable("make"))
_LOST: list[list[Any]] = [["lost"], ["absent", "hotel"], ["passes", 60]]

FIRST = (
    _scene(
        "succeeds",
        "0.1.0",
        _document(
            _step("a"),
            _step("b", **{"with": {"name": "b", "of": "${steps.a.outputs.id}"}}),
            outputs={"id": "${steps.b.outputs.id}"},
            facts={"exists": True, "id": "${steps.a.outputs.id}"},
        ),
        _done("a", id="a1"),
        _done("b", id="b1"),
    ),
    _scene(
        "is_tried_again", "0.1.0", _ONE, _fails("make", "transient"), ["passes", 1], _done("make", id="m")
    ),
    _scene(
        "gives_up",
        "0.1.0",
        _ONE,
        _fails("make", "transient"),
        ["passes", 1],
        _fails("make", "transient"),
        ["passes", 2],
        _fails("make", "transient"),
    ),
    _scene(
        "is_undone",
        "0.1.0",
        _SAGA,
        _done("flight"),
        _done("hotel"),
        _fails("car", "permanent"),
        _done("hotel"),
        _done("flight"),
    ),
    _scene(
        "cannot_be_undone",
        "0.1.0",
        _SAGA,
        _done("flight"),
        _fails("hotel", "permanent"),
        _fails("flight", "permanent"),
    ),
    _scene("is_found", "0.1.0", _ONE, _fails("make", "unknown"), ["passes", 1], _done("make", id="m")),
    _scene(
        "is_absent",
        "0.1.0",
        _ONE,
        _fails("make", "unknown"),
        ["passes", 1],
        ["absent", "make"],
        ["passes", 30],
        _done("make", id="m"),
    ),
    _scene("loses_its_worker", "0.1.0", _ONE, ["lost"], _done("make", id="m")),
    _scene(
        "loses_its_worker_while_undoing",
        "0.1.0",
        _SAGA,
        _done("flight"),
        _fails("hotel", "permanent"),
        ["lost"],
        ["absent", "flight"],
        ["passes", 30],
        _done("flight"),
    ),
    _scene(
        "kills_its_workers",
        "0.1.0",
        _SAGA,
        _done("flight"),
        *(_LOST * 3),
        _done("hotel"),
        _done("flight"),
    ),
    _scene(
        "is_cancelled",
        "0.1.0",
        _SAGA,
        _done("flight"),
        ["letter", "cancel", {"reason": "not wanted"}],
        _done("hotel"),
        _done("hotel"),
        _done("flight"),
    ),
    _scene(
        "is_cancelled_between_attempts",
        "0.1.0",
        _SAGA,
        _done("flight"),
        _fails("hotel", "transient"),
        ["letter", "cancel", {"reason": "not wanted"}],
        _done("flight"),
    ),
    _scene(
        "hears_a_signal",
        "0.1.0",
        _ONE,
        ["letter", "signal", {"name": "go", "payload": {"a": 1}}],
        _done("make", id="m"),
    ),
    _scene(
        "gives_back_rubbish",
        "0.1.0",
        _SAGA,
        _done("flight"),
        _fails("hotel", "rejected"),
        _done("hotel"),
        _done("flight"),
    ),
    _scene(
        "halts",
        "0.1.0",
        _document(_undoable("make", on_unknown="halt")),
        _fails("make", "unknown"),
        ["passes", 1],
        _fails("make", "unknown"),
    ),
)

_GO = {"id": "go", "wait": {"signal": "go"}}
_PART = _document(_undoable("make"), _step("check"), outputs={"host": "${steps.make.outputs.host}"})
_BRANCHES = _document(
    _undoable("a", needs=[]), _undoable("b", needs=[]), _step("c", needs=["a", "b"]), facts={"exists": True}
)
_FAN = _document(
    {
        "id": "each",
        "workflow": "part.yaml",
        "with": {"size": "${inputs.size}"},
        "for_each": "${inputs.hosts}",
        "max_parallel": 1,
    },
    outputs={"hosts": "${steps.each.outputs}"},
    workflows={"part.yaml": _PART},
)
_ASKS = _document(
    _undoable("make"), {"id": "ok", "approval": {"groups": ["sec"], "expires": "1d"}}, _step("open")
)
_PARKED = _document(_undoable("reserve"), _GO, _step("ship"))
_RENAMED = _document(
    _undoable("hold"), _GO, _step("ship", **{"with": {"name": "ship", "of": "${steps.hold.outputs.id}"}})
)

WIDER = (
    _scene("branches", "0.2.0", _BRANCHES, _done("b"), _done("a"), _done("c")),
    _scene("a_branch_fails", "0.2.0", _BRANCHES, _fails("b", "permanent"), _done("a"), _done("a")),
    _scene(
        "fans_out",
        "0.2.0",
        _FAN,
        _done("each[0]/make", host="x1"),
        _done("each[0]/check"),
        _done("each[1]/make", host="y1"),
        _done("each[1]/check"),
    ),
    _scene(
        "a_part_fails",
        "0.2.0",
        _FAN,
        _done("each[0]/make", host="x1"),
        _done("each[0]/check"),
        _fails("each[1]/make", "permanent"),
        _done("each[0]/make"),
    ),
    _scene(
        "skips",
        "0.2.0",
        _document(_step("a", **{"if": 'inputs.size == "m"'}), _step("b")),
        _done("b"),
    ),
    _scene(
        "waits",
        "0.2.0",
        _document({"id": "t", "wait": {"timer": "10s"}}, _step("b")),
        ["passes", 10],
        _done("b"),
    ),
    _scene(
        "waits_for_a_signal",
        "0.2.0",
        _PARKED,
        _done("reserve", id="r1"),
        ["letter", "signal", {"name": "other", "payload": {}}],
        ["letter", "signal", {"name": "go", "payload": {"by": "ann"}}],
        _done("ship"),
    ),
    _scene("is_approved", "0.2.0", _ASKS, _done("make"), ["votes", "ok", "ann", "approve"], _done("open")),
    _scene("is_rejected", "0.2.0", _ASKS, _done("make"), ["votes", "ok", "ann", "reject"], _done("make")),
    _scene("nobody_votes", "0.2.0", _ASKS, _done("make"), ["passes", 86400], _done("make")),
    _scene(
        "is_paused",
        "0.2.0",
        _document(_step("a"), _step("b")),
        ["letter", "pause", {"reason": "lunch"}],
        _done("a"),
        ["letter", "resume", {}],
        _done("b"),
    ),
    _scene(
        "is_retried",
        "0.2.0",
        _SAGA,
        _done("flight"),
        _fails("hotel", "permanent"),
        _done("flight"),
        ["letter", "retry", {}],
        _done("flight"),
        _done("hotel"),
        _done("car"),
    ),
    _scene(
        "is_migrated",
        "0.2.0",
        _PARKED,
        _done("reserve", id="r1"),
        ["migrates", _RENAMED, {"reserve": "hold"}],
        ["letter", "signal", {"name": "go", "payload": {}}],
        _fails("ship", "permanent"),
        _done("hold"),
    ),
)

_ASKS_FOR_LONG = _document(
    _undoable("make"),
    {
        "id": "ok",
        "approval": {
            "groups": ["sec"],
            "expires": "3d",
            "remind": "1d",
            "escalate": {"after": "2d", "to": ["boss"]},
        },
    },
    _step("open"),
)

STEADIER = (
    _scene(
        "is_retried_while_it_is_cancelled",
        "0.3.0",
        _document(_undoable("make"), _undoable("fill", on_unknown="halt"), _step("open")),
        _done("make"),
        ["letter", "cancel", {"reason": "not wanted"}],
        _fails("fill", "unknown"),
        ["passes", 1],
        _fails("fill", "unknown"),
        ["letter", "retry", {}],
        _done("fill"),
        _done("fill"),
        _done("make"),
    ),
    _scene(
        "is_paused_while_it_asks",
        "0.3.0",
        _ASKS_FOR_LONG,
        _done("make"),
        ["passes", 86400],
        ["letter", "pause", {"reason": "holidays"}],
        ["passes", 20 * 86400],
        ["letter", "resume", {}],
        ["passes", 86400],
        ["votes", "ok", "ann", "approve"],
        _done("open"),
    ),
    _scene(
        "is_left_out",
        "0.3.0",
        _document(_undoable("make", retry={**STEADY, "attempts": 1})),
        ["absent", "make"],
        ["passes", 1],
        _fails("make", "transient"),
    ),
)

SCENES = (*FIRST, *WIDER, *STEADIER)
