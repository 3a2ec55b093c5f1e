"""The process in which Rego is evaluated: reads questions, writes answers, may die.

Started by `policy.embedded_channel` as a script of its own, with an empty environment and
one socket as its standard input. It imports the engine and the standard library only: the
engine leaks when other extensions are loaded before it, and its crashes, which valid Rego
can cause, then take nothing of ours along. Questions and answers are JSON objects, each
after its length in four bytes. What it says about errors never repeats an input.
"""

import json
import os
import re
import resource
import signal
import socket
import struct
import sys
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import regopy

HEADER = struct.Struct(">I")
MAX_FRAME_BYTES = 16 * 1024 * 1024
REMEMBERED = 32
MAX_RESIDENT_BYTES = 768 * 1024 * 1024
LOOK_SECONDS = 0.02
GRACE_SECONDS = 2.0
CRASH_STATUS = 70

_PARSE_ERROR = re.compile(r"\(error \d+:[^|\n]*\|(?P<offset>\d+)\|\d+\s*\(errormsg \d+:(?P<text>[^\n]*)\)")
_MESSAGE = re.compile(r"\(errormsg \d+:(?P<text>[^\n]*)\)")
_ERROR_CODE_NODE = 1803
_ERROR_NODES = (1800, 1804)


class PolicyError(Exception):
    """The policy, not the engine, is at fault; the message is fit to be shown."""


class Evaluator:
    """Compiled programs by revision, the latest ones only."""

    def __init__(self) -> None:
        self._compiled: OrderedDict[str, tuple[regopy.Interpreter, regopy.Bundle, str]] = OrderedDict()

    def load(self, question: dict[str, Any]) -> dict[str, Any]:
        """Compile a program once, for all its evaluations."""
        interpreter, bundle = compiled(question["texts"], question["entry"])
        self._compiled[question["revision"]] = (interpreter, bundle, question["entry"])
        while len(self._compiled) > REMEMBERED:
            self._compiled.popitem(last=False)
        return {"ok": True}

    def evaluate(self, question: dict[str, Any]) -> dict[str, Any]:
        """Evaluate one input; the answer's text is JSON as the engine wrote it."""
        found = self._compiled.get(question["revision"])
        if found is None:
            return {"ok": False, "is_missing": True}
        self._compiled.move_to_end(question["revision"])
        interpreter, bundle, entry = found
        # As a term and not as a value: only then are quotes within strings escaped.
        interpreter.set_input_term(question["input"])
        return {"ok": True, "text": evaluated(interpreter, bundle, entry)}

    def evaluate_many(self, question: dict[str, Any]) -> dict[str, Any]:
        """Evaluate inputs one after the other; each has the whole time, and an error of one is its own."""
        if question["revision"] not in self._compiled:
            return {"ok": False, "is_missing": True}
        return {"ok": True, "answers": [self._one_of_many(question, text) for text in question["inputs"]]}

    def _one_of_many(self, question: dict[str, Any], text: str) -> dict[str, Any]:
        limit_time(question["seconds"])
        try:
            return self.evaluate({**question, "input": text})
        except PolicyError as error:
            return {"ok": False, "error": str(error)}


def compiled(texts: list[list[str]], entry: str) -> tuple[regopy.Interpreter, regopy.Bundle]:
    """Return a program compiled for its entry point.

    Raises:
        PolicyError: when it does not compile.
    """
    interpreter = regopy.Interpreter()
    interpreter.log_level = regopy.LogLevel.NONE
    interpreter.strict_built_in_errors = True
    try:
        for name, source in texts:
            interpreter.add_module(name, source)
        bundle = interpreter.build(None, [entry])
    except regopy.RegoError as error:
        raise PolicyError(_messages(str(error)) or "it does not compile") from error
    if not bundle.ok():
        raise PolicyError("it does not compile")
    return interpreter, bundle


def evaluated(interpreter: regopy.Interpreter, bundle: regopy.Bundle, entry: str) -> str:
    """Return the JSON text that the entry point amounts to, `undefined` included.

    Raises:
        PolicyError: when evaluation ended in an error.
    """
    try:
        output = interpreter.query_bundle_entrypoint(bundle, entry)
    except json.JSONDecodeError as error:
        # Errors of this kind come out as "ok" with a text that is no JSON and shows the input.
        raise PolicyError(_messages(error.doc) or "the answer is no JSON") from error
    except regopy.RegoError as error:
        raise PolicyError("evaluation failed") from error
    if not output.ok():
        raise PolicyError(_error_code(output))
    return str(output)


def checked(question: dict[str, Any]) -> dict[str, Any]:
    """Return what the compiler says about each module, and which functions nobody defines."""
    findings = [finding for name, source in question["texts"] for finding in _syntax(name, source)]
    if not findings:
        try:
            interpreter, bundle = compiled(question["texts"], question["entry"])
            unknown = _unknown_functions(interpreter, bundle)
            findings = [{"name": "", "offset": 0, "text": text} for text in unknown]
        except PolicyError as error:
            findings = [{"name": "", "offset": 0, "text": str(error)}]
    return {"ok": True, "findings": findings[:50]}


def _syntax(name: str, source: str) -> list[dict[str, Any]]:
    interpreter = regopy.Interpreter()
    interpreter.log_level = regopy.LogLevel.NONE
    try:
        interpreter.add_module(name, source)
    except regopy.RegoError as error:
        found = [
            {"name": name, "offset": int(match["offset"]), "text": match["text"][:200]}
            for match in _PARSE_ERROR.finditer(str(error))
        ]
        return found or [{"name": name, "offset": 0, "text": "it does not parse"}]
    return []


def _unknown_functions(interpreter: regopy.Interpreter, bundle: regopy.Bundle) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        interpreter.save_bundle(folder, bundle)
        plan = json.loads(Path(folder, "plan.json").read_text("utf-8"))
    known = {function["name"] for function in plan["static"].get("builtin_funcs") or ()}
    known |= {function["name"] for function in plan["funcs"]["funcs"]}
    return [f"there is no function {name}" for name in sorted(set(_called(plan)) - known)]


def _called(part: Any) -> list[str]:
    if isinstance(part, list):
        return [name for child in part for name in _called(child)]
    if not isinstance(part, dict):
        return []
    own = [part["stmt"]["func"]] if part.get("type") == "CallStmt" else []
    return own + [name for child in part.values() for name in _called(child)]


def _messages(text: str) -> str:
    return "; ".join(match["text"][:200] for match in list(_MESSAGE.finditer(text))[:3])


def _error_code(output: regopy.Output) -> str:
    # The text of such an error may show an input, its code never does. The library's own
    # accessors fail on error nodes, hence the raw calls.
    shared = regopy.rego_shared
    waiting = [shared.rego_output_node(output._impl)]  # noqa: SLF001  # no public way to an error's node
    while waiting:
        node = waiting.pop()
        kind = shared.rego.regoNodeType(node)
        if kind == _ERROR_CODE_NODE:
            return str(shared.rego_node_value(node))
        if kind in _ERROR_NODES:
            waiting += [shared.rego_node_get(node, index) for index in range(shared.rego.regoNodeSize(node))]
    return "evaluation failed"


def answer(evaluator: Evaluator, question: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to one question."""
    try:
        match question["ask"]:
            case "evaluate":
                return evaluator.evaluate(question)
            case "evaluate_many":
                return evaluator.evaluate_many(question)
            case "load":
                return evaluator.load(question)
            case "check":
                return checked(question)
            case unknown:
                return {"ok": False, "error": f"unknown question {unknown}"}
    except PolicyError as error:
        return {"ok": False, "error": str(error)}


class _Memory:
    """Ends the process when an evaluation fills the memory; a limit would, but the engine reserves 256 GB."""

    def __init__(self) -> None:
        self.is_evaluating = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        page = resource.getpagesize()
        pause = threading.Event()
        statm = Path("/proc/self/statm")
        while statm.exists():
            self.is_evaluating.wait()
            pause.wait(LOOK_SECONDS)
            if int(statm.read_text("ascii").split()[1]) * page > MAX_RESIDENT_BYTES:
                os._exit(CRASH_STATUS)


def serve(channel: socket.socket) -> None:
    """Answer questions until the other side hangs up."""
    evaluator, memory = Evaluator(), _Memory()
    stream = channel.makefile("rwb")
    _write(stream, {"ok": True, "version": str(regopy.__version__)})
    while len(header := stream.read(HEADER.size)) == HEADER.size:
        question = json.loads(stream.read(HEADER.unpack(header)[0]))
        limit_time(question["seconds"])
        memory.is_evaluating.set()
        reply = answer(evaluator, question)
        memory.is_evaluating.clear()
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(stream, reply)


def limit_time(seconds: float) -> None:
    """Have the kernel end this process unless told otherwise in time, even when the parent is gone."""
    signal.setitimer(signal.ITIMER_REAL, seconds + GRACE_SECONDS)


def _write(stream: Any, reply: dict[str, Any]) -> None:
    payload = json.dumps(reply).encode("ascii")
    if len(payload) > MAX_FRAME_BYTES:
        payload = b'{"ok": false, "error": "the answer is too large"}'
    stream.write(HEADER.pack(len(payload)) + payload)
    stream.flush()


def _prepare() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    score = Path("/proc/self/oom_score_adj")
    if score.exists():
        score.write_text("1000", "ascii")  # the first to go when memory runs out


if __name__ == "__main__":
    _prepare()
    with socket.socket(fileno=sys.stdin.fileno()) as _channel:
        serve(_channel)
