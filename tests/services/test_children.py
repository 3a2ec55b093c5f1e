"""Programs that tests start end with their group, however the test run ends."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.services.children import Child, Children, first_to_answer
from tests.services.polling import eventually
from tests.services.ports import LOOPBACK, free_port, is_open

FOREVER = "import threading; threading.Event().wait()"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {FOREVER}"
PARENT = (
    "import subprocess, sys; "
    f"print(subprocess.Popen([sys.executable, '-c', {FOREVER!r}]).pid, flush=True); {FOREVER}"
)
KILLED_RUN = f"""
import os, pathlib, signal, sys
from tests.services.children import Children
child = Children(pathlib.Path(sys.argv[1])).start([sys.executable, "-c", {PARENT!r}])
while not child.output().strip():
    pass
print(child.pid, child.output().strip(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def python(children: Children, program: str) -> Child:
    return children.start([sys.executable, "-c", program])


def spoken(child: Child) -> str:
    """Wait for the child's first words and return them."""
    return eventually(lambda: child.output().strip(), "the child to say something")


def is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_a_child_ends_politely_when_it_listens(children: Children) -> None:
    child = python(children, f"print('ready', flush=True); {FOREVER}")
    spoken(child)
    assert child.stop() == -signal.SIGTERM


def test_a_suspended_child_is_ended_too(children: Children) -> None:
    child = python(children, f"print('ready', flush=True); {FOREVER}")
    spoken(child)
    child.signal(signal.SIGSTOP)
    assert child.stop() == -signal.SIGTERM


def test_a_deaf_child_is_killed(children: Children) -> None:
    child = python(children, DEAF)
    spoken(child)
    assert child.kill() == -signal.SIGKILL


def test_a_grandchild_ends_with_its_group(children: Children) -> None:
    child = python(children, PARENT)
    grandchild = int(spoken(child))
    child.signal(signal.SIGKILL)
    child.wait()
    assert not is_gone(grandchild)
    child.stop()
    eventually(lambda: is_gone(grandchild), "the grandchild to end")


def test_a_child_has_a_group_of_its_own(children: Children) -> None:
    child = python(children, FOREVER)
    assert os.getpgid(child.pid) == child.pid


def test_nothing_outlives_a_test_run_that_was_killed(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, tmp_path], stdout=subprocess.PIPE, text=True, check=False
    )
    assert run.returncode == -signal.SIGKILL
    for pid in map(int, run.stdout.split()):
        eventually(partial(is_gone, pid), f"process {pid} to be reaped")


def test_a_server_that_loses_its_port_gets_another(children: Children) -> None:
    listen = f"import socket, sys; bound = socket.create_server(({LOOPBACK!r}, int(sys.argv[1]))); {FOREVER}"
    tried: list[int] = []

    def start(port: int) -> Child:
        tried.append(port)
        program = "raise SystemExit('address in use')" if len(tried) == 1 else listen
        return children.start([sys.executable, "-c", program, str(port)])

    _, port = first_to_answer(start, is_open)
    assert len(tried) == 2
    assert port == tried[1]


def test_a_server_that_never_comes_up_says_what_it_said(children: Children) -> None:
    with pytest.raises(AssertionError, match="no such option"):
        first_to_answer(lambda _: python(children, "raise SystemExit('no such option')"), is_open)


def test_a_free_port_is_free() -> None:
    assert not is_open(free_port())


def test_waiting_gives_up_and_says_for_what() -> None:
    with pytest.raises(AssertionError, match="gave up waiting for rain"):
        eventually(lambda: False, "rain", seconds=0.05)
