"""`ansible.play`: a playbook of the bundle, played here.

A playbook is a program: whoever may publish a contract can run what it says with the rights of
the account that steps run as, so an operator has to turn it on. What a requester chose cannot
become a part of it: variables go in by a file, and every text in them is marked as not to be
evaluated. Nothing is downloaded; roles and collections lie beside the playbook. Whether a play
is done can be told by playing it in check mode: then it would change nothing.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from catalog.digest import Json, JsonObject
from executors.arguments import Arguments, taking
from executors.boundary import Unsealed, doing, looking
from executors.jail import Ended, Order, run_jailed
from executors.port import Effect
from executors.step import OutcomeUnknown, Permanent, StepCall
from executors.steps import StepSettings
from executors.steps.ansible.told import failure, outputs, told_in

_OUTPUT_BYTES = 8 * 1024 * 1024
_NAME = "^[A-Za-z_][A-Za-z0-9_]{0,62}$"
_WORD = "[A-Za-z0-9][A-Za-z0-9_-]*"
_CONFIGURATION = """\
[defaults]
stdout_callback = report
callback_plugins = ./callback
roles_path = ./play/roles
collections_path = ./play/collections
retry_files_enabled = false
deprecation_warnings = false

[inventory]
enable_plugins = yaml

[galaxy]
server_list =
"""
_WORDS = ("--inventory", "inventory.yaml", "--extra-vars", "@variables.yaml")


class _Plain(str):
    """A text that is never evaluated."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """Writes such texts so that Ansible knows."""


_Dumper.add_representer(_Plain, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style='"'))


class Play:
    """Play a playbook to its end."""

    name = "ansible.play"
    effect = Effect.WRITE
    schema = taking(
        {
            "playbook": {
                "description": "a file in a folder of the bundle; what lies below that folder comes along",
                "type": "string",
                "pattern": rf"^{_WORD}(/{_WORD})*/{_WORD}\.ya?ml$",
                "maxLength": 200,
            }
        },
        {
            "hosts": {
                "description": "names in the inventory; all of them are this machine",
                "type": "array",
                "minItems": 1,
                "maxItems": 200,
                "items": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$"},
                "default": ["localhost"],
            },
            "variables": {
                "type": "object",
                "maxProperties": 100,
                "propertyNames": {"pattern": _NAME},
                "default": {},
            },
            "secrets": {
                "description": "references by variable; each is resolved just in time",
                "type": "object",
                "maxProperties": 50,
                "propertyNames": {"pattern": _NAME},
                "additionalProperties": {"type": "string"},
                "default": {},
            },
        },
    )

    def __init__(self, settings: StepSettings) -> None:
        self._secrets = settings.secrets
        self._program = settings.ansible
        self._jail = replace(settings.jail, output_bytes=_OUTPUT_BYTES)

    def run(self, call: StepCall) -> Mapping[str, Json]:
        """Return `values` (what the playbook sets with `set_stats`), `changed` and `hosts`.

        Raises:
            OutcomeUnknown: it was stopped, or something was changed before it failed.
        """
        with doing(self._secrets, call) as unsealed:
            ended = self._played(call, unsealed)
            told = told_in(ended.out)
            if ended.code == 0 and told.hosts:
                return unsealed.clean(outputs(told))
            raise failure(ended, told)

    def observe(self, call: StepCall) -> Mapping[str, Json] | None:
        """Return the outputs if a play would change nothing, None if it would change something."""
        with looking(self._secrets, call) as unsealed:
            ended = self._played(call, unsealed, "--check")
            told = told_in(ended.out)
            if ended.code != 0 or not told.hosts:
                raise failure(ended, told)
            if told.unchecked:
                message = f"Check mode cannot tell about a task ({told.unchecked[0]})."
                raise OutcomeUnknown("ansible_cannot_tell", message)
            return None if told.changed else unsealed.clean(outputs(told))

    def _played(self, call: StepCall, unsealed: Unsealed, *words: str) -> Ended:
        arguments = Arguments(call.arguments)
        folder, _, name = arguments.text("playbook").rpartition("/")
        order = Order(
            argv=(str(self._found()), *_WORDS, *words, f"play/{name}"),
            seconds=call.timeout_seconds,
            variables={
                "ANSIBLE_CONFIG": "ansible.cfg",
                "AVOW_IDEMPOTENCY_KEY": call.idempotency_key,
                "AVOW_FENCE": str(call.fence),
            },
            files={
                **dict(_beside(call.files, folder, name)),
                "ansible.cfg": _CONFIGURATION,
                "callback/report.py": Path(__file__).with_name("report.py").read_text("utf-8"),
                "inventory.yaml": json.dumps(_inventory(arguments.texts("hosts", ("localhost",)))),
                "variables.yaml": _variables(arguments, unsealed),
            },
        )
        return run_jailed(self._jail, order)

    def _found(self) -> Path:
        if self._program is None:
            message = "Ansible steps are off here; an operator turns them on with AVOW_ANSIBLE."
            raise Permanent("ansible_not_allowed", message)
        if not (self._program.is_absolute() and self._program.is_file()):
            raise Permanent("ansible_missing", "The Ansible program is not on this worker's machine.")
        return self._program


def _beside(files: Mapping[str, str], folder: str, name: str) -> Iterator[tuple[str, str]]:
    if f"{folder}/{name}" not in files:
        raise Permanent("playbook_missing", f"The bundle has no playbook {folder}/{name}.")
    for path, text in files.items():
        if path.startswith(f"{folder}/"):
            yield f"play/{path.removeprefix(f'{folder}/')}", text


def _inventory(hosts: tuple[str, ...]) -> JsonObject:
    here: JsonObject = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return {"all": {"hosts": dict.fromkeys(hosts, here)}}


def _variables(arguments: Arguments, unsealed: Unsealed) -> str:
    references = arguments.texts_by_name("secrets", {})
    opened = {name: unsealed.resolve(reference) for name, reference in references.items()}
    values = {**arguments.members("variables", {}), **opened}
    return yaml.dump(_plain(values), Dumper=_Dumper, allow_unicode=True)


def _plain(value: Json) -> Any:
    if isinstance(value, str):
        return _Plain(value)
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list | tuple) else value
