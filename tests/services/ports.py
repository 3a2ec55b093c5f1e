"""Free TCP ports on the loopback interface.

Between asking and binding somebody else may take the port, so whoever starts a server on
one of these tries again with another when the server dies at once (`children.first_to_answer`).
"""

import socket

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port on which nothing listens at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Tell whether something listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0
