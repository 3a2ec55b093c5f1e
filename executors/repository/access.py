"""How a remote is reached: rules, credentials, and what of it git is told.

`transport` judges the remote's addresses at the moment of connecting and makes git use those
and no others; it puts credentials into git's configuration, which travels in the environment
of the one command and never into an address, an argument or a file.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

from executors.network import AddressGuard, Resolve, system_resolve
from executors.repository.rules import Remote, RemoteRules

DEFAULT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """A name and a password for https; they travel in git's environment only."""

    username: str
    password: str

    def header(self) -> str:
        """Return the value of an `Authorization` header."""
        pair = f"{self.username}:{self.password}".encode()
        return f"Authorization: Basic {base64.b64encode(pair).decode('ascii')}"


@dataclass(frozen=True, slots=True)
class Access:
    """How a remote may be reached.

    Attributes:
        depth: how many commits of the past are fetched; None for all.
        patience: yields the seconds that the next command may take.
    """

    rules: RemoteRules = field(default_factory=RemoteRules)
    credentials: Credentials | None = None
    depth: int | None = None
    patience: Callable[[], float] = lambda: DEFAULT_SECONDS
    resolve: Resolve = system_resolve


def transport(remote: Remote, access: Access) -> dict[str, str]:
    """Return the configuration for one command that talks to the remote.

    Raises:
        Denied: `address_refused`.
        Unavailable: `host_unknown`.
    """
    if remote.scheme == "file":
        return {}
    host = remote.host.strip("[]")
    addresses = AddressGuard(access.rules.hosts, access.resolve).addresses(host, remote.port)
    if remote.scheme == "ssh":
        return {}
    config = {} if host in addresses else {"http.curloptResolve": _pinned(host, remote.port, addresses)}
    if access.credentials is not None:
        base = f"{remote.scheme}://{remote.host}:{remote.port}/"
        config[f"http.{base}.extraHeader"] = access.credentials.header()
    return config


def _pinned(host: str, port: int, addresses: tuple[str, ...]) -> str:
    # The addresses that were judged are the ones that are used, whatever the name says next.
    written = (f"[{address}]" if ":" in address else address for address in addresses)
    return f"{host}:{port}:{','.join(written)}"
