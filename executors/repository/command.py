"""Runs one git command, hardened; the only module that imports GitPython.

GitPython starts the program and owns its handle; everything it offers above that (objects,
options made from keywords, cached helper processes) is left alone, because that is where
its leaks and its advisories come from. What runs here: a literal argument list, no
configuration but ours, no prompts, no hooks, only the one protocol, and a time limit after
which the whole process group is killed.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from git.cmd import Git

from catalog.errors import Unavailable

# What git needs of our environment: where programs and certificates are, which proxy the
# operators ask for, and the ssh agent. Everything else, our secrets first, stays behind.
_KEPT = frozenset(
    {
        *("PATH", "TZ", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
        *("http_proxy", "https_proxy", "HTTPS_PROXY", "no_proxy", "NO_PROXY"),
    }
)
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.symlinks": "false",
    "core.fsync": "none",  # a clone is a copy; the database is the truth
    "core.askPass": "",
    "credential.helper": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "safe.bareRepository": "explicit",
    "protocol.allow": "never",
    "protocol.ext.allow": "never",
    "http.followRedirects": "false",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
    "push.gpgSign": "false",
    "advice.detachedHead": "false",
}
_FIXED = {
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PROTOCOL_FROM_USER": "0",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oStrictHostKeyChecking=yes -oPermitLocalCommand=no",
    "GIT_SSH_VARIANT": "ssh",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a finished command said."""

    code: int
    out: bytes
    err: str

    @property
    def succeeded(self) -> bool:
        """Say whether git was content."""
        return self.code == 0


class Command:
    """Git in one directory.

    Args:
        directory: the bare repository that every command works on.
        protocol: the one transport that may be used; empty for none.
        config: further configuration; values may be secret, they travel in the environment only.
    """

    def __init__(self, directory: Path, protocol: str = "", config: Mapping[str, str] | None = None) -> None:
        self._driver = Git(directory if directory.is_dir() else directory.parent)
        allowed = {f"protocol.{protocol}.allow": "always"} if protocol else {}
        self._environment = {
            **_FIXED,
            "HOME": str(directory),
            "GIT_DIR": str(directory),
            "GIT_ALLOW_PROTOCOL": protocol or "none",
            **_as_environment({**_CONFIG, **allowed, **(config or {})}),
        }

    def run(self, arguments: Sequence[str], seconds: float, feed: BinaryIO | None = None) -> Answer:
        """Run `git <arguments>` and return what it said, whatever it said.

        Raises:
            Unavailable: `git_timeout`; nothing of the command runs any more.
        """
        running = self._driver.execute(
            ["/usr/bin/env", *self._left_behind(), _program(), *arguments],
            istream=feed,
            as_process=True,
            env=self._environment,
            start_new_session=True,
        )
        process = cast("subprocess.Popen[bytes]", running.proc)
        try:
            out, err = process.communicate(timeout=max(seconds, 0.01))
        except subprocess.TimeoutExpired as error:
            raise Unavailable(
                "git_timeout", f"Git took longer than {seconds:.0f} s and was stopped."
            ) from error
        finally:
            _end(process)
        return Answer(process.returncode, out, err.decode("utf-8", "replace"))

    def _left_behind(self) -> list[str]:
        # GitPython hands our whole environment down and only lets one add to it, so `env` takes
        # the rest away again; names only, no values, appear in the argument list.
        names = os.environ.keys() - _KEPT - self._environment.keys()  # noqa: TID251 - read to be dropped
        return [part for name in sorted(names) for part in ("-u", name)]


def _end(process: "subprocess.Popen[bytes]") -> None:
    # Only while the leader is not reaped is its group surely ours to kill.
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _program() -> str:
    found = shutil.which("git")
    if found is None:
        raise Unavailable("git_missing", "There is no git program on this machine.", fix="install git")
    return found


def _as_environment(config: Mapping[str, str]) -> dict[str, str]:
    numbered = {"GIT_CONFIG_COUNT": str(len(config))}
    for number, (key, value) in enumerate(config.items()):
        numbered |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return numbered
