"""Tells what a play did, one JSON object a line, on standard output.

Ansible loads this file as its output plugin, in its own process; nothing of Avow imports it and
it imports nothing of Avow. A line says that a task began, that something changed, what failed,
and at the end what was counted on each host. What a task returned is never printed, because it
may hold secrets; the message of a failure is, unless the task says `no_log`.
"""

import json
import sys
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: report
    type: stdout
    short_description: one JSON object a line
    description: For a program that reads what a play did.
"""
_LONGEST = 500


class CallbackModule(CallbackBase):  # type: ignore[misc]  # Ansible has no types
    """What Ansible calls while a playbook is played."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "report"

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: FBT001
        """Say that from here on something may have changed."""
        _say(began=True)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Say what was changed."""
        if result.is_changed():
            _say(changed=_place(result))

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Say which task could not be checked, and is not left out for a reason of the playbook's."""
        outcomes = result.result.get("results") or [result.result]
        if any("skip_reason" not in each and "skipped_reason" not in each for each in outcomes):
            _say(unchecked=_place(result))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: FBT001, FBT002
        """Say what failed, and whether it had changed something by then."""
        if result.is_changed():
            _say(changed=_place(result))
        if not ignore_errors:
            _say(failed=f"{_place(result)}: {_message(result)}")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Say who did not answer."""
        _say(unreachable=f"{_place(result)}: {_message(result)}")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Say what was counted, and what the playbook itself has to say (`set_stats`)."""
        hosts = {host: stats.summarize(host) for host in sorted(stats.processed)}
        _say(hosts=hosts, values=stats.custom.get("_run", {}))


def _say(**parts: Any) -> None:
    sys.stdout.write(json.dumps(parts, default=str) + "\n")
    sys.stdout.flush()


def _place(result: Any) -> str:
    return f"{result.host.get_name()}: {result.task.get_name()}"[:_LONGEST]


def _message(result: Any) -> str:
    if result.result.get("censored"):
        return "the task keeps its output to itself"
    return str(result.result.get("msg", "no reason given"))[:_LONGEST]
