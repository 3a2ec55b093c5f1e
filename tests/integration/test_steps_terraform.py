"""`terraform.*` with the real program: state, locks and marks; what a module may not do."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from executors.step import OutcomeUnknown, Permanent, StepCall, Transient
from executors.steps import StepSettings
from executors.steps.terraform import kinds
from executors.steps.terraform.kinds import Apply, Destroy, Inspect
from tests.factories import PROJECT, UID
from tests.services.polling import eventually
from tests.services.programs import terraform_program
from tests.step_calls import step_call, step_settings

NOT_RUN = "terraform_module_refused"
NETWORK = """
variable "cidr" { type = string }

resource "terraform_data" "network" {
  input = var.cidr
}

resource "terraform_data" "machine" {
  input = terraform_data.network.id
}

output "cidr" { value = terraform_data.network.output }
output "password" {
  value     = "S3CR3T-${var.cidr}"
  sensitive = true
}
"""
HALF = """
resource "terraform_data" "first" {}

resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  lifecycle {
    postcondition {
      condition     = self.id == ""
      error_message = "the second is never right"
    }
  }
}
"""


@dataclass
class Ground:
    """A worker's settings, and calls in one request."""

    settings: StepSettings
    files: dict[str, str] = field(default_factory=lambda: {"tf/main.tf": NETWORK})

    def call(self, key: str = "key-1", timeout: float = 60.0, **arguments: Any) -> StepCall:
        return step_call(arguments, key, timeout_seconds=timeout, files=self.files)

    def apply(self, cidr: str = "10.0.0.0/16", key: str = "key-1", **changes: Any) -> Mapping[str, Any]:
        call = self.call(key, module="tf", variables={"cidr": cidr})
        return Apply(self.settings).run(replace(call, **changes))

    def observed(self, cidr: str = "10.0.0.0/16", key: str = "key-1") -> Mapping[str, Any] | None:
        return Apply(self.settings).observe(self.call(key, module="tf", variables={"cidr": cidr}))

    def destroy(self, key: str = "undo-1") -> Mapping[str, Any]:
        return Destroy(self.settings).run(self.call(key))

    def inspect(self, **arguments: Any) -> Mapping[str, Any]:
        return Inspect(self.settings).run(self.call(**arguments))

    @property
    def folder(self) -> Path:
        assert self.settings.stacks is not None
        return self.settings.stacks / PROJECT / UID / "main"

    def state(self) -> Any:
        return json.loads((self.folder / "state.json").read_text())


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Give a worker that may run the real Terraform."""
    return Ground(step_settings(tmp_path, terraform=terraform_program(), stacks=tmp_path / "stacks"))


def ids(state: Any) -> list[str]:
    return [part["instances"][0]["attributes"]["id"] for part in state["resources"]]


# --- making, changing, taking down ----------------------------------------------------------


def test_a_module_is_made_and_its_outputs_come_back(ground: Ground) -> None:
    done = ground.apply()
    assert done == {
        "values": {"cidr": "10.0.0.0/16"},
        "resources": ["terraform_data.machine", "terraform_data.network"],
    }
    assert ground.inspect() == {"exists": True, "in_sync": None, **done}


def test_a_sensitive_output_is_not_told(ground: Ground) -> None:
    assert "S3CR3T" not in json.dumps([ground.apply(), ground.inspect()])


def test_twice_under_one_key_makes_one_thing(ground: Ground) -> None:
    first = ground.apply()
    made = ground.state()
    assert ground.apply() == first
    assert ground.state() == made


def test_another_key_changes_what_there_is(ground: Ground) -> None:
    ground.apply()
    before = ids(ground.state())
    assert ground.apply("10.9.0.0/16", "key-2")["values"] == {"cidr": "10.9.0.0/16"}
    assert ids(ground.state()) == before


def test_what_was_made_is_taken_down_in_reverse_order_and_nothing_is_left(ground: Ground) -> None:
    ground.apply()
    assert ground.destroy() == {"stack": "main"}
    assert ground.destroy("undo-2") == {"stack": "main"}
    assert ground.inspect() == {"exists": False, "in_sync": None, "values": {}, "resources": []}
    assert sorted(path.name for path in ground.folder.iterdir()) == ["lock", "mark.json"]


def test_a_destroyed_stack_can_be_made_again(ground: Ground) -> None:
    ground.apply()
    ground.destroy()
    assert ground.apply(key="key-3")["values"] == {"cidr": "10.0.0.0/16"}


def test_stacks_and_requests_are_kept_apart(ground: Ground) -> None:
    ground.apply()
    other = Apply(ground.settings).run(
        ground.call("key-2", module="tf", stack="other", variables={"cidr": "b"})
    )
    assert other["values"] == {"cidr": "b"}
    assert ground.inspect()["values"] == {"cidr": "10.0.0.0/16"}
    strange = replace(ground.call(), request_uid="req_00000000000000000000000002")
    assert Inspect(ground.settings).run(strange)["exists"] is False


def test_a_look_says_whether_the_module_is_still_what_there_is(ground: Ground) -> None:
    ground.apply()
    assert ground.inspect(module="tf", variables={"cidr": "10.0.0.0/16"})["in_sync"] is True
    assert ground.inspect(module="tf", variables={"cidr": "other"})["in_sync"] is False


def test_a_variables_value_is_never_evaluated(ground: Ground) -> None:
    hostile = '${file("/etc/hostname")} %{ for x in [1] }'
    assert ground.apply(hostile)["values"] == {"cidr": hostile}


def test_a_missing_variable_is_named(ground: Ground) -> None:
    with pytest.raises(Permanent, match="cidr") as refused:
        Apply(ground.settings).run(ground.call(module="tf"))
    assert refused.value.code == "terraform_failed"


def test_the_states_are_nobody_elses_to_read(ground: Ground) -> None:
    ground.apply()
    assert ground.settings.stacks is not None
    for place in (ground.settings.stacks, *ground.settings.stacks.rglob("*")):
        assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0, place


# --- what can be told afterwards ------------------------------------------------------------


def test_of_what_was_never_made_nothing_is_there(ground: Ground) -> None:
    assert ground.observed() is None
    assert Destroy(ground.settings).observe(ground.call()) == {"stack": "main"}


def test_what_was_made_is_seen_and_a_look_changes_nothing(ground: Ground) -> None:
    done = ground.apply()
    before = ground.state()
    assert ground.observed() == done
    assert ground.observed(key="another-key") == done
    assert Destroy(ground.settings).observe(ground.call()) is None
    assert ground.state() == before


def test_what_is_half_there_is_neither_done_nor_undone(ground: Ground) -> None:
    ground.apply()
    with pytest.raises(OutcomeUnknown) as unknown:
        ground.observed("10.9.0.0/16", "key-2")
    assert unknown.value.code == "terraform_half_done"


def test_a_failure_on_the_way_is_kept_in_the_state_and_can_be_taken_down(ground: Ground) -> None:
    ground.files = {"tf/main.tf": HALF}
    with pytest.raises(OutcomeUnknown, match="the second is never right") as unknown:
        Apply(ground.settings).run(ground.call(module="tf"))
    assert unknown.value.code == "terraform_half_done"
    assert ground.inspect()["exists"] is True
    ground.destroy()
    assert ground.inspect()["exists"] is False


def test_a_module_that_does_not_parse_changes_nothing(ground: Ground) -> None:
    ground.files = {"tf/main.tf": 'resource "terraform_data" "x" {\n'}
    with pytest.raises(Permanent) as refused:
        Apply(ground.settings).run(ground.call(module="tf"))
    assert refused.value.code == "terraform_failed"
    assert ground.inspect()["exists"] is False


# --- kills, delays, two at once -------------------------------------------------------------


def test_the_state_that_a_killed_attempt_left_is_gone_on_from(ground: Ground) -> None:
    ground.apply()
    made = ground.folder / "state.json"
    (ground.folder / "working.tfstate").write_text(made.read_text())
    made.unlink()
    (ground.folder / "mark.json").write_text("{}")
    before = ids(json.loads((ground.folder / "working.tfstate").read_text()))
    assert ground.observed() is not None
    ground.apply()
    assert ids(ground.state()) == before


@pytest.mark.parametrize("left", ["", "{", "[]", '{"serial": 99}', '{"serial": "x", "resources": []}'])
def test_half_a_state_does_not_replace_a_whole_one(ground: Ground, left: str) -> None:
    done = ground.apply()
    (ground.folder / "working.tfstate").write_text(left)
    assert ground.inspect()["resources"] == done["resources"]
    assert ground.apply(key="key-2") == done


def test_an_attempt_of_a_run_that_was_taken_over_changes_nothing(ground: Ground) -> None:
    ground.apply(key="key-2", fence=9)
    with pytest.raises(Permanent) as refused:
        ground.apply(key="key-3", fence=8)
    assert refused.value.code == "fenced"
    assert ground.apply(key="key-4", fence=1, run_id="run_00000000000000000000000002")


HOLDER = """
import fcntl, sys
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
input()
"""


def test_two_attempts_do_not_work_on_one_stack_at_once(ground: Ground) -> None:
    ground.apply()
    command = [sys.executable, "-c", HOLDER, str(ground.folder / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Transient) as busy:
            ground.apply(key="key-2", timeout_seconds=0.3)
        assert busy.value.code == "stack_busy"
        holder.kill()
    assert ground.apply(key="key-2")


def slow_program(folder: Path, verb: str) -> Path:
    """Return a Terraform that hangs in one verb after the real one has done it."""
    path = folder / "terraform"
    path.write_text(
        f'#!/bin/sh\n{terraform_program()} "$@"\nended=$?\n[ "$1" = {verb} ] && sleep 600\nexit $ended\n'
    )
    path.chmod(0o755)
    return path


def test_at_the_time_limit_it_is_killed_and_what_it_did_is_known(tmp_path: Path, ground: Ground) -> None:
    slow = Ground(replace(ground.settings, terraform=slow_program(tmp_path, "apply")))
    with pytest.raises(OutcomeUnknown) as unknown:
        slow.apply(timeout_seconds=3.0)
    assert unknown.value.code == "terraform_timeout"
    assert ground.observed() == ground.apply()


def test_a_plan_that_takes_too_long_has_changed_nothing(tmp_path: Path, ground: Ground) -> None:
    slow = Ground(replace(ground.settings, terraform=slow_program(tmp_path, "plan")))
    with pytest.raises(Transient) as stopped:
        slow.apply(timeout_seconds=1.5)
    assert stopped.value.code == "terraform_stopped"
    assert ground.observed() is None


WORKER = """
import json, sys
from pathlib import Path
from executors.steps.terraform import kinds
from executors.steps.terraform.kinds import Apply
from tests.step_calls import step_call, step_settings
folder, program, text = sys.argv[1:]
settings = step_settings(Path(folder), terraform=Path(program), stacks=Path(folder) / "stacks")
arguments = {"module": "tf", "variables": {"cidr": "10.0.0.0/16"}}
Apply(settings).run(step_call(arguments, timeout_seconds=500.0, files={"tf/main.tf": text}))
"""


def test_a_killed_worker_loses_nothing_that_was_made(tmp_path: Path, ground: Ground) -> None:
    program = slow_program(tmp_path, "apply")
    command = [sys.executable, "-c", WORKER, str(tmp_path), str(program), NETWORK]
    worker = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    copy = ground.folder / "working.tfstate"
    eventually(lambda: copy.exists() and "terraform_data" in copy.read_text(), "Terraform to have written")
    eventually(lambda: len(ids(json.loads(copy.read_text() or '{"resources": []}'))) == 2, "both to be made")
    worker.kill()
    worker.wait()
    made = ids(json.loads(copy.read_text()))
    assert ground.apply()["resources"]
    assert ids(ground.state()) == made


# --- what is refused ------------------------------------------------------------------------


def test_without_the_operators_word_nothing_is_run(ground: Ground) -> None:
    off = Ground(replace(ground.settings, terraform=None))
    for attempt in (off.apply, off.destroy, off.inspect):
        with pytest.raises(Permanent) as refused:
            attempt()
        assert refused.value.code == "terraform_not_allowed"


def test_a_machine_without_the_program_says_so(tmp_path: Path) -> None:
    away = Ground(step_settings(tmp_path, terraform=Path("/no/such/terraform"), stacks=tmp_path / "stacks"))
    with pytest.raises(Permanent) as refused:
        away.apply()
    assert refused.value.code == "terraform_missing"


def test_what_a_module_may_not_hold_is_refused_before_anything_runs(ground: Ground, tmp_path: Path) -> None:
    program = 'provisioner "local-exec" {\n    command = "touch canary"\n  }'
    ground.files = {"tf/main.tf": f'resource "terraform_data" "x" {{\n  {program}\n}}\n'}
    with pytest.raises(Permanent) as refused:
        Apply(ground.settings).run(ground.call(module="tf"))
    assert refused.value.code == "terraform_module_refused"
    assert not list(tmp_path.rglob("canary"))
    assert not ground.folder.exists()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (
            'data "terraform_remote_state" "x" {\n  backend = "local"\n  config = { path = "STATE" }\n}',
            NOT_RUN,
        ),
        (
            'resource "terraform_data" "x" {\n  provisioner "local-exec" {\n    command = "true"\n  }\n}',
            NOT_RUN,
        ),
        ('resource "null_resource" "x" {\n}', "terraform_provider_needed"),
        ('module "x" {\n  source = "./x"\n}', "terraform_failed"),
    ],
    ids=["a data source", "a program", "a provider", "a module"],
)
def test_what_the_first_look_lets_through_the_second_refuses(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, code: str
) -> None:
    other = tmp_path / "other.tfstate"
    other.write_text('{"version": 4, "serial": 1, "lineage": "x", "outputs": {}, "resources": []}')
    text = text.replace("STATE", str(other)) + "\n"
    monkeypatch.setattr(kinds, "module_files", lambda files, folder: {"main.tf": text})
    with pytest.raises(Permanent) as refused:
        Apply(ground.settings).run(ground.call(module="tf"))
    assert refused.value.code == code
    assert ground.inspect()["exists"] is False


def test_nothing_of_our_environment_reaches_it(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_VAR_cidr", "from outside")
    monkeypatch.setenv("TF_CLI_ARGS", "-bogus")
    with pytest.raises(Permanent, match="cidr"):
        Apply(ground.settings).run(ground.call(module="tf"))
    assert "TF_VAR_cidr" in os.environ
