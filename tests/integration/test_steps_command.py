"""`command.run` in its jail: nothing is a shell, nothing gets in, nothing goes on running."""

import logging
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from catalog.digest import Json
from executors.jail import Jail, Limits
from executors.step import OutcomeUnknown, Permanent, StepCall, Transient
from executors.steps.command import Run
from tests.services.polling import eventually
from tests.step_calls import ADMIN_PASSWORD, step_call, step_settings

PROGRAMS = {
    "python": Path(sys.executable).resolve(),
    "sh": Path("/bin/sh"),
    "echo": Path("/bin/echo"),
    "true": Path("/bin/true"),
    "missing": Path("/no/such/program"),
}
NOBODY = (65534, 65534)
Runs = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path) -> Runs:
    """Run a command: `run("sh", "-c", ..., parse="json")`."""
    kind = Run(step_settings(tmp_path, commands=PROGRAMS, command_variables={"TOKEN", "NAME"}))
    return lambda *command, timeout=20.0, **more: kind.run(call(*command, timeout=timeout, **more))


def call(*command: str, timeout: float = 20.0, **more: Any) -> StepCall:
    return step_call({"command": list(command), **more}, timeout_seconds=timeout)


def shell(script: str) -> tuple[str, str, str]:
    return ("sh", "-c", script)


def test_a_command_returns_what_it_printed(run: Runs) -> None:
    assert run("echo", "hello", "world") == {"stdout": "hello world\n"}


def test_what_it_printed_is_parsed_on_request(run: Runs) -> None:
    assert run("echo", '{"a": [1]}', parse="json")["value"] == {"a": [1]}
    assert run("echo", "NaN", parse="json")["value"] is None
    assert run("echo", "[" * 20_000, parse="json")["value"] is None


@pytest.mark.parametrize("name", ["bash", "/bin/sh", "../bin/sh", "", "sh ", "sh\0"], ids=ascii)
def test_only_programs_of_the_table_are_run(run: Runs, name: str) -> None:
    with pytest.raises(Permanent) as refused:
        run(name)
    assert refused.value.code == "command_not_allowed"


def metacharacters(seed: int) -> list[str]:
    dice = random.Random(seed)
    parts = [
        ";",
        "|",
        "&",
        "$(",
        ")",
        "`",
        "\n",
        "touch canary",
        ">",
        "<",
        "*",
        "?",
        "~",
        "'",
        '"',
        "\\",
        "--",
        "-o",
    ]
    parts += [
        "${IFS}",
        "$HOME",
        "%s",
        "{a,b}",
        "#",
        "!",
        "\r",
        "\t",
        "\x1b",
        "é",
        " ",
        "=",
        "\u202e",
        "@file",
        "&&",
    ]
    return ["".join(dice.choices(parts, k=dice.randint(1, 6))) for _ in range(20)]


@pytest.mark.parametrize("seed", range(10))
def test_metacharacters_arrive_as_they_are_and_run_nothing(run: Runs, tmp_path: Path, seed: int) -> None:
    arguments = metacharacters(seed)
    script = "import sys, os, json; print(json.dumps([sys.argv[1:], os.listdir()]))"
    arrived, files = run("python", "-c", script, *arguments, parse="json")["value"]
    assert arrived == arguments
    assert files == []
    assert not list(tmp_path.rglob("canary"))


def test_an_argument_with_a_nul_is_refused(run: Runs) -> None:
    with pytest.raises(Permanent, match="NUL"):
        run("echo", "a\0b")


def test_it_starts_in_an_empty_folder_that_is_gone_afterwards(run: Runs) -> None:
    folder = run(*shell("pwd; ls -a | wc -l; touch left-behind"))["stdout"].split()
    assert folder[1] == "2"
    assert not Path(folder[0]).exists()


def test_files_are_laid_out_first(run: Runs) -> None:
    outputs = run(*shell("cat sub/a.txt"), files={"sub/a.txt": "content"})
    assert outputs["stdout"] == "content"


@pytest.mark.parametrize("path", ["../x", "/tmp/x", "a/../../x"])
def test_files_stay_in_the_folder(run: Runs, path: str) -> None:
    with pytest.raises(Permanent) as refused:
        run("true", files={path: "x"})
    assert refused.value.code == "path_refused"


def test_of_our_environment_it_sees_nothing(run: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVOW_SECRET_ADMIN", "S3CR3T")
    monkeypatch.setenv("LD_PRELOAD_TEST", "x")
    seen = dict(line.split("=", 1) for line in run(*shell("env"))["stdout"].splitlines())
    assert set(seen) <= {
        *("PATH", "LC_ALL", "HOME", "TMPDIR", "AVOW_IDEMPOTENCY_KEY", "AVOW_FENCE"),
        *("PWD", "OLDPWD", "SHLVL", "_"),
    }
    assert (seen["AVOW_IDEMPOTENCY_KEY"], seen["AVOW_FENCE"]) == ("key-1", "7")


def test_listed_variables_are_set_and_secrets_in_them_are_blanked(
    run: Runs, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    environment = {"TOKEN": {"secret": "secret://env/AVOW_SECRET_ADMIN"}, "NAME": "orders"}
    script = 'printf "%s %s %s" "$NAME" "$TOKEN" "${#TOKEN}"; printf %s "$TOKEN" | base64 >&2'
    assert (
        run(*shell(script), environment=environment)["stdout"] == f"orders [redacted] {len(ADMIN_PASSWORD)}"
    )
    with pytest.raises(Permanent) as refused:
        run(*shell(f"{script}; exit 3"), environment=environment)
    for text in (str(refused.value), caplog.text):
        assert ADMIN_PASSWORD not in text
    assert "[redacted]" in refused.value.message


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PATH", "PYTHONPATH", "AVOW_FENCE", "BASH_ENV"])
def test_a_variable_that_is_not_listed_is_refused(run: Runs, name: str) -> None:
    with pytest.raises(Permanent) as refused:
        run("true", environment={name: "x"})
    assert refused.value.code == "variable_not_allowed"


def test_a_failure_carries_the_last_line_that_was_said(run: Runs) -> None:
    with pytest.raises(Permanent, match=r"ended with 4: it is \[31m red") as refused:
        run(*shell("echo first >&2; printf 'it is\\033[31m red' >&2; exit 4"))
    assert refused.value.message.isprintable()


def test_a_listed_exit_code_may_be_tried_again(run: Runs) -> None:
    with pytest.raises(Transient):
        run(*shell("exit 75"), transient_exit_codes=[75])


def test_a_program_that_is_not_there_fails_for_good(run: Runs) -> None:
    with pytest.raises(Permanent, match="cannot be run"):
        run("missing")


def test_at_the_time_limit_the_whole_group_is_killed(run: Runs, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"sleep 300 & echo $! >> {pids}; sh -c 'echo $$ >> {pids}; sleep 300'"
    with pytest.raises(OutcomeUnknown, match="time limit"):
        run(*shell(script), timeout=1.0)
    started = [int(line) for line in pids.read_text().split()]
    assert len(started) == 2
    eventually(lambda: not any(is_alive(pid) for pid in started), "the whole group to be gone")


def test_what_it_left_in_the_background_ends_with_it(run: Runs, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    run(*shell(f"sleep 300 & echo $! > {pids}"))
    eventually(lambda: not is_alive(int(pids.read_text())), "the background program to be gone")


def test_what_left_its_group_ends_with_it_all_the_same(run: Runs, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    leave = "os.fork() or (os.setsid(), os.fork() and os._exit(0), note(), time.sleep(300))"
    script = f"import os, time\ndef note(): print(os.getpid(), file=open({str(pids)!r}, 'a'))\n{leave}\n"
    run("python", "-c", script + f"while not os.path.exists({str(pids)!r}): time.sleep(0.01)")
    with pytest.raises(OutcomeUnknown, match="time limit"):
        run("python", "-c", script + "time.sleep(300)", timeout=2.0)
    started = [int(line) for line in pids.read_text().split()]
    assert len(started) == 2
    assert not any(is_alive(pid) for pid in started)


WORKER = """
import sys
from pathlib import Path
from executors.jail import Jail, Order, run_jailed
told, folder, leave = sys.argv[1:]
script = leave + "sh -c 'echo $$ > " + told + "; exec sleep 600'"
run_jailed(Jail(Path(folder)), Order(("/bin/sh", "-c", script), 500.0))
"""


@pytest.mark.parametrize("leave", ["", "setsid "])
def test_a_killed_worker_takes_its_command_along(tmp_path: Path, leave: str) -> None:
    told = tmp_path / "pid"
    root = Path(__file__).parents[2]
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(told), str(tmp_path), leave], cwd=root)
    pid = int(eventually(lambda: told.exists() and told.read_text(), "the command to start"))
    worker.kill()
    worker.wait()
    eventually(lambda: not is_alive(pid), "the command to be gone")


def is_alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def test_ended_by_a_signal_its_outcome_is_unknown(run: Runs) -> None:
    with pytest.raises(OutcomeUnknown, match="signal 9"):
        run(*shell("kill -9 $$"))


def test_output_beyond_the_cap_is_cut(tmp_path: Path) -> None:
    kind = Run(step_settings(tmp_path, commands=PROGRAMS, jail=Jail(output_bytes=1000)))
    outputs: Any = kind.run(call("python", "-c", "print('x' * 5_000_000)"))
    assert outputs["stdout"] == "x" * 1000


def test_it_cannot_fill_the_disk(tmp_path: Path) -> None:
    jail = Jail(limits=Limits(file_bytes=100_000))
    kind = Run(step_settings(tmp_path, commands=PROGRAMS, jail=jail))
    with pytest.raises((OutcomeUnknown, Permanent)):
        kind.run(call("python", "-c", "open('big', 'wb').write(b'x' * 10_000_000)"))


def test_it_cannot_take_all_memory(tmp_path: Path) -> None:
    jail = Jail(limits=Limits(memory_bytes=256 * 1024**2))
    kind = Run(step_settings(tmp_path, commands=PROGRAMS, jail=jail))
    with pytest.raises(Permanent, match="MemoryError"):
        kind.run(call("python", "-c", "bytearray(2 * 1024 ** 3)"))


def test_it_inherits_no_open_file_of_ours(run: Runs, tmp_path: Path) -> None:
    secret = (tmp_path / "open").open("w")
    os.set_inheritable(secret.fileno(), True)  # noqa: FBT003 - it takes no name
    with secret:
        script = "import os; print([d for d in os.listdir('/proc/self/fd') if int(d) > 3])"
        assert run("python", "-c", script)["stdout"] == "[]\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give its rights away")
def test_as_root_it_runs_as_the_configured_account(tmp_path: Path) -> None:
    kind = Run(step_settings(tmp_path, commands=PROGRAMS, jail=Jail(user=NOBODY)))
    script = "id -u; id -g; id -G; cat a; touch made && echo can write; cat /etc/shadow || true"
    outputs: Any = kind.run(call(*shell(script), files={"a": "mine\n"}))
    assert outputs["stdout"].split("\n")[:5] == ["65534", "65534", "65534", "mine", "can write"]


def test_it_cannot_gain_rights_that_it_was_not_given(run: Runs) -> None:
    assert "NoNewPrivs:\t1" in run(*shell("cat /proc/self/status"))["stdout"]


# --- what can be told afterwards ------------------------------------------------------------


@pytest.mark.parametrize(("code", "told"), [(0, {"stdout": ""}), (1, None)])
def test_a_check_tells_whether_it_was_done(tmp_path: Path, code: int, told: Json) -> None:
    kind = Run(step_settings(tmp_path, commands=PROGRAMS))
    assert kind.observe(call("true", check=list(shell(f"exit {code}")))) == told


@pytest.mark.parametrize(
    "check", [shell("exit 2"), shell("kill -9 $$"), shell("sleep 60"), ("bash",)], ids=str
)
def test_a_check_that_says_neither_leaves_it_unknown(tmp_path: Path, check: tuple[str, ...]) -> None:
    kind = Run(step_settings(tmp_path, commands=PROGRAMS))
    with pytest.raises(OutcomeUnknown):
        kind.observe(call("true", check=list(check), timeout=1.0))


def test_without_a_check_nobody_can_tell(tmp_path: Path) -> None:
    with pytest.raises(OutcomeUnknown):
        Run(step_settings(tmp_path, commands=PROGRAMS)).observe(call("true"))
