"""`ansible.play` with the real program: what it does, what can be told of it, what cannot get in."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from executors.step import OutcomeUnknown, Permanent, StepCall, Transient
from executors.steps import StepSettings
from executors.steps.ansible.play import Play
from tests.services.polling import eventually
from tests.services.programs import ansible_program
from tests.step_calls import ADMIN_PASSWORD, step_call, step_settings

SITE = """
- hosts: all
  gather_facts: false
  tasks:
    - name: write the file
      ansible.builtin.copy:
        dest: "{{ folder }}/{{ inventory_hostname }}.conf"
        content: "{{ text }}"
        mode: "0600"
    - ansible.builtin.set_stats:
        data: {wrote: "{{ text }}"}
"""
HOSTILE = "{{ lookup('pipe', 'touch canary') }} {% for x in [1] %} \U0001f600 \x7f ' \" : #"


@dataclass
class Ground:
    """A worker that may play, and a folder for what is made."""

    settings: StepSettings
    folder: Path
    files: dict[str, str] = field(default_factory=lambda: {"ansible/site.yaml": SITE})

    def call(self, text: str = "one", timeout: float = 90.0, **arguments: Any) -> StepCall:
        given = {
            "playbook": "ansible/site.yaml",
            "variables": {"folder": str(self.folder), "text": text},
            **arguments,
        }
        return step_call(given, timeout_seconds=timeout, files=self.files)

    def play(self, text: str = "one", timeout: float = 90.0, **arguments: Any) -> Mapping[str, Any]:
        return Play(self.settings).run(self.call(text, timeout, **arguments))

    def look(self, text: str = "one", **arguments: Any) -> Mapping[str, Any] | None:
        return Play(self.settings).observe(self.call(text, **arguments))

    def tasks(self, *tasks: str) -> None:
        """Play these tasks instead, each a line of YAML."""
        lines = "".join(f"    - {task}\n" for task in tasks)
        self.files = {"ansible/site.yaml": f"- hosts: all\n  gather_facts: false\n  tasks:\n{lines}"}


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a worker that may run the real Ansible."""
    folder = tmp_path / "made"
    folder.mkdir()
    return Ground(step_settings(tmp_path, ansible=ansible_program()), folder)


def test_a_play_does_its_work_once_and_says_what_it_did(ground: Ground) -> None:
    done = ground.play()
    assert (ground.folder / "localhost.conf").read_text() == "one"
    assert (done["values"], done["changed"]) == ({"wrote": "one"}, 1)
    assert done["hosts"]["localhost"]["ok"] == 2
    again = ground.play()
    assert (again["values"], again["changed"]) == ({"wrote": "one"}, 0)


def test_it_is_played_on_the_named_hosts(ground: Ground) -> None:
    assert set(ground.play(hosts=["web-1", "web-2"])["hosts"]) == {"web-1", "web-2"}
    assert sorted(path.name for path in ground.folder.iterdir()) == ["web-1.conf", "web-2.conf"]


def test_what_lies_beside_the_playbook_comes_along(ground: Ground) -> None:
    ground.files = {
        "ansible/site.yaml": "- hosts: all\n  gather_facts: false\n  roles: [greet]\n",
        "ansible/roles/greet/tasks/main.yaml": (
            "- ansible.builtin.template: {src: hello.j2, dest: '{{ folder }}/hello', mode: '0600'}\n"
        ),
        "ansible/roles/greet/templates/hello.j2": "hello {{ text }}",
    }
    ground.play()
    assert (ground.folder / "hello").read_text() == "hello one"


def test_what_a_requester_wrote_is_never_evaluated(ground: Ground, tmp_path: Path) -> None:
    deep = {"a": [HOSTILE, {"b": HOSTILE}], "n": None, "t": True, "f": 1.5}
    done = ground.play(HOSTILE, variables={"folder": str(ground.folder), "text": HOSTILE, "deep": deep})
    assert done["values"] == {"wrote": HOSTILE}
    assert (ground.folder / "localhost.conf").read_text() == HOSTILE
    ground.tasks("ansible.builtin.set_stats: {data: {deep: '{{ deep }}'}}")
    assert ground.play(variables={"deep": deep})["values"] == {"deep": deep}
    assert not list(tmp_path.rglob("canary"))


def test_a_secret_gets_in_and_does_not_get_out(ground: Ground, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = {"password": "secret://env/AVOW_SECRET_ADMIN"}
    ground.tasks(
        "ansible.builtin.copy: {dest: '{{ folder }}/secret', content: '{{ password }}', mode: '0600'}",
        "ansible.builtin.set_stats: {data: {told: 'it is {{ password }}'}}",
    )
    assert ground.play(secrets=secrets)["values"] == {"told": "it is [redacted]"}
    assert (ground.folder / "secret").read_text() == ADMIN_PASSWORD
    ground.tasks("ansible.builtin.fail: {msg: 'no {{ password }}'}")
    with pytest.raises(Permanent, match=r"no \[redacted\]") as refused:
        ground.play(secrets=secrets)
    assert ADMIN_PASSWORD not in str(refused.value) + caplog.text


def test_a_task_that_keeps_its_output_to_itself_is_heeded(ground: Ground) -> None:
    ground.tasks("{ansible.builtin.fail: {msg: 'S3CR3T'}, no_log: true}")
    with pytest.raises(Permanent, match="keeps its output") as refused:
        ground.play()
    assert "S3CR3T" not in str(refused.value)


def test_it_knows_its_key_and_nothing_of_our_environment(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AVOW_SECRET_ADMIN", "S3CR3T")
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "minimal")
    names = ("AVOW_IDEMPOTENCY_KEY", "AVOW_FENCE", "AVOW_SECRET_ADMIN")
    told = ", ".join(f"{name}: \"{{{{ lookup('env', '{name}') }}}}\"" for name in names)
    ground.tasks(f"ansible.builtin.set_stats: {{data: {{{told}}}}}")
    assert ground.play()["values"] == dict(zip(names, ("key-1", "7", ""), strict=True))


# --- what went wrong ------------------------------------------------------------------------


def test_a_play_that_fails_before_it_changed_anything_did_not_happen(ground: Ground) -> None:
    ground.tasks("{name: check, ansible.builtin.assert: {that: [text == 'two'], fail_msg: it is not two}}")
    with pytest.raises(Permanent, match="localhost: check: it is not two") as refused:
        ground.play()
    assert refused.value.code == "ansible_failed"


def test_a_play_that_fails_afterwards_is_half_done(ground: Ground) -> None:
    ground.tasks(
        "ansible.builtin.copy: {dest: '{{ folder }}/a', content: x, mode: '0600'}",
        "ansible.builtin.fail: {msg: too late}",
    )
    with pytest.raises(OutcomeUnknown, match="too late") as unknown:
        ground.play()
    assert unknown.value.code == "ansible_half_done"


def test_a_host_that_does_not_answer_may_be_tried_again(ground: Ground) -> None:
    ground.files = {
        "ansible/site.yaml": (
            "- hosts: all\n  gather_facts: false\n"
            "  vars: {ansible_connection: ssh, ansible_port: 1, ansible_host: 127.0.0.1}\n"
            "  tasks:\n    - ansible.builtin.ping:\n"
        )
    }
    with pytest.raises(Transient) as away:
        ground.play()
    assert away.value.code == "ansible_unreachable"


def test_a_playbook_for_nobody_is_a_mistake(ground: Ground) -> None:
    ground.files = {"ansible/site.yaml": "- hosts: nobody\n  tasks: []\n"}
    with pytest.raises(Permanent) as refused:
        ground.play()
    assert refused.value.code == "ansible_no_hosts"


@pytest.mark.parametrize("text", ["- hosts: [", "x: 1", "- hosts: all\n  tasks:\n    - no.such.module:\n"])
def test_a_playbook_that_cannot_be_played_is_refused_with_a_reason(ground: Ground, text: str) -> None:
    ground.files = {"ansible/site.yaml": text}
    with pytest.raises(Permanent, match=r"\w+ \w+") as refused:
        ground.play()
    assert refused.value.code == "ansible_failed"


def test_at_the_time_limit_everything_it_started_is_killed(ground: Ground) -> None:
    ground.tasks("ansible.builtin.shell: 'echo $$ > {{ folder }}/pid; exec sleep 600'")
    with pytest.raises(OutcomeUnknown) as unknown:
        ground.play(timeout=6.0)
    assert unknown.value.code == "ansible_timeout"
    pid = int((ground.folder / "pid").read_text())
    eventually(lambda: not Path(f"/proc/{pid}/cmdline").exists() or is_zombie(pid), "the task to be gone")


def is_zombie(pid: int) -> bool:
    return ") Z " in Path(f"/proc/{pid}/stat").read_text()


# --- what can be told afterwards ------------------------------------------------------------


def test_a_look_tells_whether_it_is_done_and_changes_nothing(ground: Ground) -> None:
    assert ground.look() is None
    assert list(ground.folder.iterdir()) == []
    ground.play()
    seen = ground.look()
    assert seen is not None
    assert (seen["values"], seen["changed"]) == ({"wrote": "one"}, 0)
    assert ground.look("two") is None
    assert (ground.folder / "localhost.conf").read_text() == "one"


def test_what_check_mode_leaves_out_cannot_be_told(ground: Ground) -> None:
    ground.tasks("{name: touch, ansible.builtin.command: 'touch {{ folder }}/x'}")
    with pytest.raises(OutcomeUnknown, match="localhost: touch") as unknown:
        ground.look()
    assert unknown.value.code == "ansible_cannot_tell"
    ground.tasks(
        "{ansible.builtin.command: 'false', when: text == 'two'}",
        "{ansible.builtin.command: 'true', check_mode: false, changed_when: false}",
    )
    assert ground.look() is not None


def test_a_look_that_fails_tells_nothing(ground: Ground) -> None:
    ground.tasks("ansible.builtin.fail: {msg: no}")
    with pytest.raises(OutcomeUnknown):
        ground.look()


# --- what is refused ------------------------------------------------------------------------


def test_without_the_operators_word_nothing_is_played(ground: Ground) -> None:
    with pytest.raises(Permanent) as refused:
        Play(replace(ground.settings, ansible=None)).run(ground.call())
    assert refused.value.code == "ansible_not_allowed"


@pytest.mark.parametrize("program", ["/no/such/ansible-playbook", "ansible-playbook"])
def test_a_machine_without_the_program_says_so(tmp_path: Path, program: str) -> None:
    away = Ground(step_settings(tmp_path, ansible=Path(program)), tmp_path)
    with pytest.raises(Permanent) as refused:
        away.play()
    assert refused.value.code == "ansible_missing"


def test_a_playbook_that_is_not_in_the_bundle_is_missed(ground: Ground) -> None:
    with pytest.raises(Permanent) as refused:
        ground.play(playbook="ansible/other.yaml")
    assert refused.value.code == "playbook_missing"
