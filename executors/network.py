"""Which addresses Avow connects to on somebody's behalf.

A contract, a destination or a webhook may name any host, and a host may resolve to anything,
now this and then that. So the decision is made on resolved addresses, at the moment of
connecting, and the connection goes to the address that was judged. Public addresses are
fine; private ones only for hosts that the installation lists; link-local, metadata,
multicast and unspecified ones never. Used by the HTTP steps and the git door.
"""

import ipaddress
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from catalog.errors import Denied, Unavailable

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

# Addresses that answer with credentials of the machine although they are not link-local.
_METADATA = frozenset(map(ipaddress.ip_address, ("168.63.129.16", "100.100.100.200", "fd00:ec2::254")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def system_resolve(host: str, port: int) -> Sequence[str]:
    """Return the addresses that the operating system knows for a host, in its order.

    Raises:
        Unavailable: `host_unknown`.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unavailable("host_unknown", "The host's name does not resolve.") from error
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class AddressGuard:
    """The rule about addresses.

    Attributes:
        hosts: hosts that may be private, as they are written in URLs; loopback counts as private.
    """

    hosts: Collection[str] = ()
    resolve: Resolve = system_resolve

    def lists(self, host: str) -> bool:
        """Say whether the installation lists this host."""
        return normal_host(host) in {normal_host(listed) for listed in self.hosts}

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Return the host's addresses, all of them fit to connect to.

        One unfit address condemns the host: a name that answers with a public and a private
        address is not trusted to give the public one next time. The message does not say what
        was found, so that it cannot be used to map a network.

        Raises:
            Denied: `address_refused`.
            Unavailable: `host_unknown`.
        """
        found = tuple(self.resolve(host, port))
        listed = self.lists(host)
        if not found or not all(_is_fit(address, listed) for address in found):
            fix = "ask the operators to list the host" if not listed else "use another host"
            raise Denied("address_refused", "Connecting to this host is not allowed.", fix=fix)
        return found


def normal_host(host: str) -> str:
    """Return one spelling of a host: lower case, no brackets, no trailing dot."""
    return host.strip("[]").rstrip(".").lower()


def _is_fit(text: str, listed: bool) -> bool:  # noqa: FBT001 - private, and both sides are one rule
    try:
        address = _effective(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if address.is_link_local or address.is_multicast or address.is_unspecified or address in _METADATA:
        return False
    return listed or (address.is_global and not address.is_reserved)


def _effective(address: Address) -> Address:
    # An IPv6 address may only wrap an IPv4 one; the wrapped one is what gets connected to.
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address
