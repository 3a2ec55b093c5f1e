"""What a play said of itself, and what that means for the step.

`report` writes it, in Ansible's process, a JSON object a line; here it is read. A play that
changed something and then failed is half done: whether that is worth a retry or an undo is for
the workflow to say.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from catalog.digest import Json
from executors.jail import Ended
from executors.step import OutcomeUnknown, Permanent, StepError, Transient


@dataclass(slots=True)
class Told:
    """What a play said of itself.

    Attributes:
        began: whether a task was begun.
        hosts: what was counted on each; None when it did not come to its end.
        unchecked: what check mode cannot tell about.
    """

    began: bool = False
    changed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    hosts: dict[str, Any] | None = None
    values: dict[str, Any] = field(default_factory=dict)


def told_in(out: str) -> Told:
    """Return what the lines of a play say."""
    told = Told()
    for line in out.splitlines():
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):  # a plugin of the playbook's own may print what it likes
            continue
        if isinstance(said, dict):
            _note(told, said)
    return told


def _note(told: Told, said: dict[str, Any]) -> None:
    told.began = told.began or bool(said.get("began"))
    for name in ("changed", "failed", "unreachable", "unchecked"):
        if isinstance(said.get(name), str):
            getattr(told, name).append(said[name])
    if isinstance(said.get("hosts"), dict):
        told.hosts = said["hosts"]
        told.values = said.get("values") or {}


def outputs(told: Told) -> dict[str, Json]:
    """Return the step's outputs."""
    return {"values": told.values, "changed": len(told.changed), "hosts": told.hosts or {}}


def failure(ended: Ended, told: Told) -> StepError:
    """Return the error for a play that did not end well."""
    if ended.code is None:
        return OutcomeUnknown("ansible_timeout", "The play was stopped at its time limit.")
    if ended.code < 0:
        return OutcomeUnknown("ansible_killed", f"The play was ended by signal {-ended.code}.")
    reason = next(iter((*told.failed, *told.unreachable)), "") or _last_line(ended.err)
    if told.changed or (told.began and told.hosts is None):
        return OutcomeUnknown("ansible_half_done", f"A part was done. {reason}")
    if told.unreachable and not told.failed:
        return Transient("ansible_unreachable", reason)
    if ended.code == 0:
        return Permanent("ansible_no_hosts", "The playbook is for none of the hosts.")
    return Permanent("ansible_failed", reason)


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    starts = [line for line in lines if "ERROR" in line] or lines[-1:] or ["Ansible did not say why."]
    return "".join(character if character.isprintable() else " " for character in starts[0])[:400]
