"""Runs Terraform in a jail: plan, look at the plan, apply it, show a state.

One `Terraform` serves one attempt: its runs share a folder and a deadline. The folder holds the
module, the variables as a file (never on the command line, where every account could read them)
and a configuration whose only source of plugins is a folder that is empty. Terraform runs as
Avow's own account even when commands get another, because it writes the state.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from catalog.digest import JsonObject, canonical_json
from executors.deadline import Deadline
from executors.jail import Cell, Ended, Jail, Order, cell
from executors.step import OutcomeUnknown, Permanent, StepError, Transient

_OUTPUT_BYTES = 8 * 1024 * 1024
_CONFIGURATION = (
    'disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror { path = "none" }\n}\n'
)
_VARIABLES = {"TF_CLI_CONFIG_FILE": "avow.tfrc", "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
_BUILTIN = "terraform.io/builtin/terraform"
_PLAN, _STATE, _VALUES = "avow.plan", "avow.tfstate", "avow.json"
_CHANGES = 2
_NEEDS_A_PROVIDER = ("Inconsistent dependency lock file", "Required plugins are not installed")


@dataclass(frozen=True, slots=True)
class Terraform:
    """The program, the folder that it runs in, and how long it may."""

    program: Path
    room: Cell
    deadline: Deadline

    def plan(self, state: Path | str, *, destroying: bool = False) -> bool:
        """Write a plan and say whether it changes anything.

        Args:
            state: the file that is looked at, or its content.

        Raises:
            Permanent: `terraform_provider_needed`, `terraform_module_refused`, `terraform_failed`.
            Transient: `terraform_stopped`; a plan changes nothing.
        """
        files = {_STATE: state} if isinstance(state, str) and state else {}
        words = ("-destroy",) if destroying else (f"-var-file={_VALUES}",)
        place = state if isinstance(state, Path) else _STATE
        ended = self._ended(
            "plan", "-detailed-exitcode", f"-out={_PLAN}", f"-state={place}", *words, files=files
        )
        if ended.code in (0, _CHANGES):
            _check_plan(self._shown(_PLAN))
            return ended.code == _CHANGES
        raise self._stopped(ended) or _refusal(ended)

    def apply(self, state: Path) -> Ended:
        """Carry out the plan; Terraform writes into the state as it goes."""
        return self._ended("apply", f"-state={state}", "-backup=-", _PLAN)

    def show(self, state: str) -> dict[str, Any]:
        """Return what a state holds."""
        if not state:
            return {}
        return self._shown(_STATE, {_STATE: state})

    def _shown(self, name: str, files: Mapping[str, str] | None = None) -> dict[str, Any]:
        ended = self._run(Order((str(self.program), "show", "-json", name), 0.0, _VARIABLES, files or {}))
        if ended.code != 0:
            raise self._stopped(ended) or _refusal(ended)
        try:
            told = json.loads(ended.out)
        except (ValueError, RecursionError):
            told = None
        if not isinstance(told, dict):
            raise Permanent("terraform_failed", "What Terraform shows is not JSON or is larger than 8 MiB.")
        return told

    def _ended(self, verb: str, *words: str, files: Mapping[str, str] | None = None) -> Ended:
        usual = ("-input=false", "-no-color", "-lock=false")
        return self._run(Order((str(self.program), verb, *usual, *words), 0.0, _VARIABLES, files or {}))

    def _run(self, order: Order) -> Ended:
        if self.deadline.has_passed:
            return Ended(None, "", "")
        return self.room.run(replace(order, seconds=self.deadline.remaining()))

    def _stopped(self, ended: Ended) -> StepError | None:
        if ended.code is None or ended.code < 0:
            return Transient("terraform_stopped", "Terraform was stopped at its time limit or by a signal.")
        return None


@contextmanager
def terraform(
    program: Path, jail: Jail, deadline: Deadline, module: Mapping[str, str], values: JsonObject
) -> Iterator[Terraform]:
    """Give Terraform a folder with a module in it until the block ends.

    Args:
        module: files by name.
        values: the module's variables.
    """
    plain = replace(jail, user=None, output_bytes=_OUTPUT_BYTES)
    with cell(plain) as room:
        for name, text in module.items():
            (room.folder / name).write_text(text, encoding="utf-8")
        (room.folder / _VALUES).write_bytes(canonical_json(values))
        (room.folder / _VARIABLES["TF_CLI_CONFIG_FILE"]).write_text(_CONFIGURATION)
        yield Terraform(program, room, deadline)


def failure(ended: Ended, *, changed: bool) -> StepError:
    """Return the error for an `apply` that did not end well.

    Args:
        changed: whether the state is another one than before.
    """
    if ended.code is None:
        return OutcomeUnknown("terraform_timeout", "Terraform was stopped at its time limit.")
    if ended.code < 0:
        return OutcomeUnknown("terraform_killed", f"Terraform was ended by signal {-ended.code}.")
    if changed:
        return OutcomeUnknown("terraform_half_done", f"A part was done. {told(ended.err)}")
    return _refusal(ended)


def told(text: str) -> str:
    """Return the gist of Terraform's error output: its first error and the sentence that explains it."""
    lines = [line.strip("│╷╵ ") for line in text.splitlines()]
    starts = [number for number, line in enumerate(lines) if line.startswith("Error: ")]
    if not starts:
        return "Terraform did not say why."
    first = lines[starts[0] : starts[1] if len(starts) > 1 else None]
    paragraphs = "\n".join(first[1:]).strip().split("\n\n")
    return f"{first[0]}. {' '.join(paragraphs[-1].split())}"[:400]


def _refusal(ended: Ended) -> Permanent:
    if any(sign in ended.err for sign in _NEEDS_A_PROVIDER):
        message = "The module needs a provider, and none is downloaded: only terraform_data can be made."
        return Permanent("terraform_provider_needed", message)
    return Permanent("terraform_failed", told(ended.err))


def _check_plan(plan: dict[str, Any]) -> None:
    """Look again at what `module` has looked for, now as Terraform understands it."""
    configuration = plan.get("configuration", {})
    root = configuration.get("root_module", {})
    providers = {each.get("full_name") for each in configuration.get("provider_config", {}).values()}
    if providers - {_BUILTIN}:
        raise Permanent("terraform_provider_needed", "The plan uses a provider, and none is downloaded.")
    for part in root.get("resources", ()):
        if part.get("mode") != "managed" or part.get("provisioners"):
            raise Permanent("terraform_module_refused", "The plan holds a provisioner or a data source.")
    if root.get("module_calls"):
        raise Permanent("terraform_module_refused", "The plan calls a module.")
