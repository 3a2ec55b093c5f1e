"""A RabbitMQ node of our own: its own name, data, ports, cookie and port mapper.

The port mapper (epmd) is started by us, since one that the node starts would outlive it. The
virtual hosts that tests are handed are made from a file at the first start, because each call
of the node's own tools starts an Erlang machine. Erlang is told to use one core and not to
spin, so that the node leaves the others to the tests.
"""

import base64
import hashlib
import itertools
import json
import os
import shutil
import signal
import socket
from dataclasses import dataclass, field
from pathlib import Path

from tests.services.children import Child, Children, first_to_answer
from tests.services.missing import missing
from tests.services.polling import eventually
from tests.services.ports import LOOPBACK, free_port, is_open

PLACES = Path("/usr/lib/rabbitmq/bin"), Path("/usr/local/lib/rabbitmq/bin")
"""Where packages put the plain program; the one on PATH insists on an account of its own."""

USER = "tester"
OWN = "^(avow-runs|queue)$"
"""What Avow's account needs, besides writing to `amq.default`; and one more name for tests of this server."""

VIRTUAL_HOSTS = 30
GREETING = b"AMQP\x00\x00\x09\x01"
CONFIG = """\
listeners.tcp.local = {address}:{port}
log.console = true
log.console.level = error
log.file = false
load_definitions = {folder}/definitions.json
disk_free_limit.absolute = 1MB
"""


@dataclass(slots=True)
class Rabbitmq:
    """A running node with many virtual hosts.

    Attributes:
        folder: its home; a node started there again has what was durable.
    """

    children: Children
    folder: Path
    child: Child
    port: int
    ports: "_Ports"
    unused: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def new_url(self) -> str:
        """Return the address of a virtual host nobody else was given."""
        number = next(self.unused)
        assert number <= VIRTUAL_HOSTS, "make more of them"
        return f"amqp://{USER}:{USER}@{LOOPBACK}:{self.port}/v{number}"

    def kill(self) -> None:
        """End the node at once."""
        self.child.kill()

    def start(self) -> None:
        """Start it again where it was."""
        self.child = _start(self.children, self.folder, self.port, self.ports)
        eventually(lambda: answers(self.port), "RabbitMQ to answer again")


@dataclass(frozen=True, slots=True)
class _Ports:
    mapper: int
    distribution: int


def start_rabbitmq(children: Children, folder: Path) -> Rabbitmq:
    """Start a node that keeps everything in a folder."""
    _program("rabbitmq-server")
    mapper_child, mapper = first_to_answer(lambda port: _start_mapper(children, folder, port), is_open)
    assert mapper_child.is_running
    ports = _Ports(mapper, free_port())
    (folder / "definitions.json").write_text(json.dumps(_definitions()))
    child, port = first_to_answer(lambda port: _start(children, folder, port, ports), answers)
    return Rabbitmq(children, folder, child, port, ports)


def answers(port: int) -> bool:
    """Tell whether an AMQP server greets on a loopback port."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=5) as connection:
            connection.sendall(GREETING)
            return connection.recv(1) == b"\x01"  # the first frame of its introduction
    except OSError:
        return False


def _start_mapper(children: Children, folder: Path, port: int) -> Child:
    program = shutil.which("epmd") or missing("RabbitMQ", "make services installs it")
    return children.start(
        [program, "-port", str(port), "-address", LOOPBACK], env={"HOME": str(folder)}, cwd=folder
    )


def _start(children: Children, folder: Path, port: int, ports: _Ports) -> Child:
    config = folder / "rabbitmq.conf"
    config.write_text(CONFIG.format(address=LOOPBACK, port=port, folder=folder))
    (folder / "plugins").write_text("[].")
    return children.start(
        [_program("rabbitmq-server")],
        env=_environment(folder, config, ports),
        cwd=folder,
        stop_signal=signal.SIGTERM,
    )


def _environment(folder: Path, config: Path, ports: _Ports) -> dict[str, str]:
    interface = "-kernel inet_dist_use_interface {127,0,0,1}"
    return {
        "HOME": str(folder),
        "PATH": os.environ.get("PATH", ""),
        "LANG": "C.UTF-8",
        "ERL_EPMD_PORT": str(ports.mapper),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "RABBITMQ_NODENAME": f"avow-{ports.distribution}@localhost",
        "RABBITMQ_DIST_PORT": str(ports.distribution),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_CONFIG_FILE": str(config),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{interface} +S 1:1 +sbwt none +sbwtdcpu none",
    }


def _definitions() -> dict[str, object]:
    names = [f"v{number}" for number in range(1, VIRTUAL_HOSTS + 1)]
    salt = b"avow"
    proof = base64.b64encode(salt + hashlib.sha256(salt + USER.encode()).digest()).decode()
    may = {"user": USER, "configure": OWN, "write": f"{OWN}|^amq[.]default$", "read": OWN}
    return {
        "users": [
            {
                "name": USER,
                "password_hash": proof,
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": "",
            }
        ],
        "vhosts": [{"name": name} for name in names],
        "permissions": [{**may, "vhost": name} for name in names],
    }


def _program(name: str) -> Path:
    found = next((place / name for place in PLACES if (place / name).exists()), None)
    on_path = shutil.which(name)
    if found is None and on_path is None:
        missing("RabbitMQ", "make services installs it")
    return found or Path(str(on_path))
