"""`make demo`: Avow from the first command to the last, on real parts, in about a minute.

Every line that begins with `$` is the real command line, run as a subprocess; the git
repositories, the catalogue and (where one is at hand) the PostgreSQL are real too. With nothing
but Python and git it plays in a temporary folder, and leaves nothing behind, whatever happens.
This file sets the stage and clears it; `scenes` tells the story.
"""

import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from deploy.demo import postgres_server
from deploy.demo.catalogue_server import serving
from deploy.demo.postgres_server import PASSWORD_VARIABLE
from deploy.demo.scenes import PROJECT, Play, play
from deploy.demo.stage import (
    AVOW,
    NotShownError,
    Server,
    Stage,
    environment_for,
    free_port,
    say,
    uninterrupted,
)

WELCOME = """\
Avow keeps what a platform promises. This shows it from the first command to the last.
Everything happens on this machine, in a temporary folder that is removed at the end.
Lines that begin with $ are real commands; what they print stands below them."""
GOODBYE = """\
That was all, in {seconds:.0f} s. Nothing runs on, and nothing was left behind.
Try it yourself: deploy/examples/golden-path/README.md"""
LOG_LINES = 20
FAILED, INTERRUPTED = 1, 130
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Play the demo and return the exit code."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _interrupted)
    began_at = time.monotonic()
    say(WELCOME)
    folder = Path(tempfile.mkdtemp(prefix="avow-demo-"))
    try:
        run(folder)
    except NotShownError as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\nInterrupted. Everything was stopped and removed.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # whoever looked on has left (`| head`)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say(GOODBYE.format(seconds=time.monotonic() - began_at))
    return 0


def run(folder: Path) -> None:
    """Set the stage in a folder, play, and clear it."""
    data, port = folder / "data", free_port()
    postgres = postgres_server.at_hand(os.environ)
    settings = {
        "AVOW_URL": f"http://127.0.0.1:{port}",
        "AVOW_TOKEN_FILE": str(data / "admin-token"),
        "AVOW_PROJECT": PROJECT,
        "AVOW_HTTP_HOSTS": "127.0.0.1",
        **({PASSWORD_VARIABLE: postgres.password} if postgres else {}),
    }
    stage = Stage(folder, environment_for(folder, settings))
    with serving(folder / "catalogue") as catalogue, avow_up(stage, data, port) as server:
        play(Play(stage, server, catalogue, data, postgres))


@contextmanager
def avow_up(stage: Stage, data: Path, port: int) -> Iterator[Server]:
    """Run everything in one process until the block ends: the first scene."""
    stage.scene(
        1,
        "One process is enough",
        "API, policy, reconciler and workflow engine run in one process, over SQLite and git: all of\n"
        "Avow, with nothing to install. (The commands below find it by AVOW_URL and AVOW_TOKEN_FILE.)",
    )
    words = ["up", "--data-dir", str(data), "--port", str(port)]
    say(f"$ {shlex.join(['avow', *words])}")
    server: Server | None = None
    try:
        with uninterrupted(SIGNALS):
            server = Server([*AVOW, *words], stage.folder / "avow.log", stage.environment)
        server.wait_until(lambda: "ready in" in server.said(), "Avow")
        say("".join(f"  {line}\n" for line in server.said().splitlines()).rstrip())
        yield server
    except NotShownError:
        last = server.said().splitlines()[-LOG_LINES:] if server is not None else []
        print("\n".join(["\navow up said last:", *last]), file=sys.stderr)
        raise
    finally:
        if server is not None:
            server.stop()


def _interrupted(_number: int, _frame: object) -> NoReturn:
    for number in SIGNALS:  # once is enough: what follows is clearing the stage
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
