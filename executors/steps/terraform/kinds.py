"""`terraform.apply`, `terraform.destroy` and `terraform.inspect`.

A step names a folder of the bundle that holds a module, and a stack: what the module makes is
kept under that name in the request's own state. Applying twice under one key has one effect, and
so has applying again after a kill, because Terraform goes on from the state. What went wrong in
the middle is `terraform_half_done`, an unknown outcome: it can be tried again or undone. Whether
it is done can be told afterwards, because a plan then changes nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from catalog.digest import Json, JsonObject
from executors.arguments import Arguments, taking
from executors.boundary import Unsealed, doing, looking
from executors.deadline import Deadline
from executors.jail import Jail
from executors.port import Effect
from executors.step import OutcomeUnknown, Permanent, StepCall
from executors.steps import StepSettings
from executors.steps.terraform.module import module_files
from executors.steps.terraform.program import Terraform, failure, terraform
from executors.steps.terraform.stack import Stack, held, resources_of, serial_of, stack_of

_STACK: JsonObject = {
    "description": "what the request's state is called",
    "type": "string",
    "pattern": "^[a-z][a-z0-9_-]{0,40}$",
    "default": "main",
}
_MODULE: JsonObject = {
    "description": "folder of the bundle that holds the module's .tf files",
    "type": "string",
    "maxLength": 200,
}
_VARIABLES: JsonObject = {
    "description": "the module's variables",
    "type": "object",
    "maxProperties": 100,
    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_-]{0,62}$"},
    "default": {},
}


class _Kind:
    """What the three kinds share: the program, the place of states, the jail."""

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets
        self._program = settings.terraform
        self._root = settings.stacks or settings.directory / "stacks"
        self._jail: Jail = settings.jail

    def _stack(self, call: StepCall) -> Stack:
        return stack_of(self._root, call, Arguments(call.arguments).text("stack", "main"))

    @contextmanager
    def _terraform(self, call: StepCall, deadline: Deadline, *, of_module: bool) -> Iterator[Terraform]:
        arguments = Arguments(call.arguments)
        module = module_files(call.files, arguments.text("module")) if of_module else {}
        values = arguments.members("variables", {})
        with terraform(self._found(), self._jail, deadline, module, values) as program:
            yield program

    def _found(self) -> Path:
        if self._program is None:
            message = "Terraform steps are off here; an operator turns them on with AVOW_TERRAFORM."
            raise Permanent("terraform_not_allowed", message)
        if not (self._program.is_absolute() and self._program.is_file()):
            raise Permanent("terraform_missing", "The Terraform program is not on this worker's machine.")
        return self._program


class Apply(_Kind):
    """Make what a module describes."""

    name = "terraform.apply"
    effect = Effect.WRITE
    schema = taking({"module": _MODULE}, {"stack": _STACK, "variables": _VARIABLES})

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `values` (the module's outputs) and `resources` (what there is, by address).

        Raises:
            OutcomeUnknown: it was stopped or failed on the way; a part may be there.
        """
        deadline = Deadline(call.timeout_seconds)
        with (
            doing(self._secrets, call) as unsealed,
            self._terraform(call, deadline, of_module=True) as program,
            held(self._stack(call), deadline) as stack,
        ):
            if stack.mark().key != call.idempotency_key:
                _change(stack, call, program)
            return _facts(program.show(stack.state()), unsealed)

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return the outputs if a plan would change nothing, None if nothing of the stack is there.

        Raises:
            OutcomeUnknown: `terraform_half_done`, something else than what is wanted is there.
        """
        deadline = Deadline(call.timeout_seconds)
        with (
            looking(self._secrets, call) as unsealed,
            self._terraform(call, deadline, of_module=True) as program,
            held(self._stack(call), deadline) as stack,
        ):
            state = stack.state()
            if stack.mark().key == call.idempotency_key or not program.plan(state):
                return _facts(program.show(state), unsealed)
            if not resources_of(state):
                return None
            message = "Something is there, and not all that is wanted: try again under the same key, or undo."
            raise OutcomeUnknown("terraform_half_done", message)


class Destroy(_Kind):
    """Take down what a stack holds, in the reverse order of its making; needs no module."""

    name = "terraform.destroy"
    effect = Effect.WRITE
    schema = taking({}, {"stack": _STACK})

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `stack`, whether or not there was anything in it."""
        deadline = Deadline(call.timeout_seconds)
        with (
            doing(self._secrets, call),
            self._terraform(call, deadline, of_module=False) as program,
            held(self._stack(call), deadline) as stack,
        ):
            _change(stack, call, program, destroying=True)
            return {"stack": stack.folder.name}

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return `stack` if nothing is in it (any more)."""
        with looking(self._secrets, call), held(self._stack(call), Deadline(call.timeout_seconds)) as stack:
            return None if resources_of(stack.state()) else {"stack": stack.folder.name}


class Inspect(_Kind):
    """Look at what a stack holds, and whether that is what a module describes."""

    name = "terraform.inspect"
    effect = Effect.READ
    schema = taking({}, {"stack": _STACK, "module": _MODULE, "variables": _VARIABLES})

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `exists`, `values`, `resources`, and `in_sync` (null unless a module is named)."""
        deadline = Deadline(call.timeout_seconds)
        of_module = Arguments(call.arguments).has("module")
        with (
            doing(self._secrets, call) as unsealed,
            self._terraform(call, deadline, of_module=of_module) as program,
        ):
            state = self._stack(call).state()
            in_sync = not program.plan(state) if of_module else None
            facts = _facts(program.show(state), unsealed)
            return {"exists": resources_of(state), "in_sync": in_sync, **facts}

    def observe(self, call: StepCall) -> Mapping[str, Json]:
        """Look again."""
        return self.run(call)


def _change(stack: Stack, call: StepCall, program: Terraform, *, destroying: bool = False) -> None:
    stack.begin(call)
    before = serial_of(stack.state())
    if program.plan(stack.copy, destroying=destroying):
        ended = program.apply(stack.copy)
        changed = serial_of(stack.state()) != before
        if ended.code != 0:
            stack.settle()
            raise failure(ended, changed=changed)
    stack.settle(call.idempotency_key)


def _facts(shown: Mapping[str, Any], unsealed: Unsealed) -> dict[str, Json]:
    """Return what may be told of a state: no output that its module calls sensitive."""
    known = shown.get("values", {})
    outputs: Mapping[str, Any] = known.get("outputs", {})
    for output in outputs.values():
        if output.get("sensitive") and isinstance(output.get("value"), str):
            unsealed.learn(output["value"])
    values = {name: each.get("value") for name, each in outputs.items() if not each.get("sensitive")}
    resources = sorted(part["address"] for part in known.get("root_module", {}).get("resources", ()))
    return unsealed.clean({"values": values, "resources": resources})
