"""`command.run`: one program of the installation's table, jailed.

The workflow names a program and gives an argument list; nothing of it is read by a shell.
The program finds `AVOW_IDEMPOTENCY_KEY` and `AVOW_FENCE` in its environment and is expected
to honour the key if it changes anything. Whether it did its work can be told afterwards only
through `check`, a second command that changes nothing: it ends with 0 if the work is done
and with 1 if it is not.
"""

import json
from collections.abc import Mapping
from typing import NoReturn

from catalog.digest import Json, JsonObject
from executors.arguments import Arguments, taking
from executors.boundary import Unsealed, doing, looking
from executors.jail import Ended, Order, run_jailed
from executors.port import Effect
from executors.step import OutcomeUnknown, Permanent, StepCall, StepError, Transient
from executors.steps import StepSettings

_COMMAND: JsonObject = {
    "description": "the program's name in the installation's table, then its arguments",
    "type": "array",
    "minItems": 1,
    "maxItems": 256,
    "items": {"type": "string", "maxLength": 32768},
}
_NOT_DONE = 1


class Run:
    """Run a program to its end."""

    name = "command.run"
    effect = Effect.WRITE
    schema = taking(
        {"command": _COMMAND},
        {
            "check": _COMMAND,
            "files": {"type": "object", "maxProperties": 200, "additionalProperties": {"type": "string"}},
            "environment": {
                "description": "values by variable; {secret: reference} is resolved just in time",
                "type": "object",
                "additionalProperties": {
                    "anyOf": [{"type": "string"}, taking({"secret": {"type": "string"}})]
                },
            },
            "parse": {"description": "what standard output is", "enum": ["text", "json"], "default": "text"},
            "transient_exit_codes": {"type": "array", "items": {"type": "integer"}, "default": []},
        },
    )

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets
        self._programs = settings.commands
        self._variables = frozenset(settings.command_variables)
        self._jail = settings.jail

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `stdout`, and `value` when it is parsed as JSON.

        Raises:
            OutcomeUnknown: it was stopped at the time limit or ended by a signal.
        """
        arguments = Arguments(call.arguments)
        with doing(self._secrets, call) as unsealed:
            ended = self._ended("command", call, unsealed)
            if ended.code == 0:
                return unsealed.clean(_outputs(ended.out, arguments))
            raise _refusal(ended, arguments.wholes("transient_exit_codes", ()))

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return what `check` printed if it says that the work is done, None if it says not."""
        arguments = Arguments(call.arguments)
        with looking(self._secrets, call) as unsealed:
            if not arguments.has("check"):
                raise OutcomeUnknown("no_check", "The step names no check, so nobody can tell.")
            ended = self._ended("check", call, unsealed)
            if ended.code == 0:
                return unsealed.clean(_outputs(ended.out, arguments))
            if ended.code == _NOT_DONE:
                return None
            raise OutcomeUnknown("check_failed", f"The check did not say: {_reason(ended)}")

    def _ended(self, which: str, call: StepCall, unsealed: Unsealed) -> Ended:
        arguments = Arguments(call.arguments)
        name, *rest = arguments.texts(which)
        program = self._programs.get(name)
        if program is None:
            raise Permanent("command_not_allowed", "The program is not in the installation's table.")
        if any("\0" in text for text in rest):
            raise Permanent("invalid_arguments", f"/{which} must not hold NUL characters.")
        return run_jailed(
            self._jail,
            Order(
                argv=(str(program), *rest),
                seconds=call.timeout_seconds,
                variables=self._environment(call, unsealed),
                files=arguments.texts_by_name("files", {}),
            ),
        )

    def _environment(self, call: StepCall, unsealed: Unsealed) -> dict[str, str]:
        given = Arguments(call.arguments).members("environment", {})
        for name in given:
            if name not in self._variables:
                raise Permanent("variable_not_allowed", "A variable is not on the installation's list.")
        told = {name: _value(part, unsealed) for name, part in given.items()}
        return {**told, "AVOW_IDEMPOTENCY_KEY": call.idempotency_key, "AVOW_FENCE": str(call.fence)}


def _value(part: Json, unsealed: Unsealed) -> str:
    value = (
        part
        if isinstance(part, str)
        else unsealed.resolve(Arguments({"part": part}).within("part").text("secret"))
    )
    if "\0" in value:
        raise Permanent("invalid_arguments", "/environment must not hold NUL characters.")
    return value


def _outputs(stdout: str, arguments: Arguments) -> dict[str, Json]:
    if arguments.text("parse", "text") == "text":
        return {"stdout": stdout}
    try:
        value = json.loads(stdout, parse_constant=_no_number)
    except (ValueError, RecursionError):
        # The program ended well, so its effect stands; only what it said is of no use.
        value = None
    return {"stdout": stdout, "value": value}


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _refusal(ended: Ended, transient: tuple[int, ...]) -> StepError:
    if ended.code is None:
        return OutcomeUnknown("command_timeout", "The command was stopped at its time limit.")
    if ended.code < 0:
        return OutcomeUnknown("command_killed", f"The command was ended by signal {-ended.code}.")
    kind = Transient if ended.code in transient else Permanent
    return kind("command_failed", _reason(ended))


def _reason(ended: Ended) -> str:
    said = (ended.err.strip() or ended.out.strip()).splitlines()
    last = (
        "".join(character if character.isprintable() else " " for character in said[-1])
        if said
        else "no reason"
    )
    return f"The command ended with {ended.code}: {last[:300]}"
