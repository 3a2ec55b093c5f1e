"""Connections go to judged addresses only."""

from collections.abc import Sequence

import pytest

from catalog.errors import Denied, Unavailable
from executors.network import AddressGuard, system_resolve


def guard(*addresses: str, hosts: Sequence[str] = ()) -> AddressGuard:
    return AddressGuard(hosts, lambda host, port: addresses)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "8.8.8.8"])
def test_a_public_address_is_fine(address: str) -> None:
    assert guard(address).addresses("example.org", 443) == (address,)


PRIVATE = (
    *(
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
    ),
    *("::1", "fd00::1", "fc00::1", "::ffff:10.0.0.1", "::ffff:127.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1"),
    *("240.0.0.1", "255.255.255.255"),
)
NEVER = (
    *("169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254"),
    *("0.0.0.0", "::", "224.0.0.1", "ff02::1", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"),
    *("64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "nonsense"),
)


@pytest.mark.parametrize("address", [*PRIVATE, *NEVER])
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(Denied, match="not allowed"):
        guard(address).addresses("innocent.example", 443)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fd00::5"])
def test_a_listed_host_may_be_private(address: str) -> None:
    listed = guard(address, hosts=["Git.Internal."])
    assert listed.addresses("git.internal", 443) == (address,)


@pytest.mark.parametrize("address", NEVER)
def test_no_list_opens_link_local_and_metadata_addresses(address: str) -> None:
    with pytest.raises(Denied):
        guard(address, hosts=["trusted.example"]).addresses("trusted.example", 80)


def test_one_private_address_among_public_ones_condemns_the_host() -> None:
    with pytest.raises(Denied):
        guard("93.184.215.14", "127.0.0.1").addresses("mixed.example", 443)


def test_a_name_that_changes_its_mind_is_judged_each_time() -> None:
    answers = iter([("93.184.215.14",), ("127.0.0.1",)])
    rebinding = AddressGuard((), lambda host, port: next(answers))
    assert rebinding.addresses("rebind.example", 80) == ("93.184.215.14",)
    with pytest.raises(Denied):
        rebinding.addresses("rebind.example", 80)


@pytest.mark.parametrize("spelling", ["0x7f000001", "2130706433", "127.1", "0177.0.0.1"])
def test_odd_spellings_of_loopback_are_loopback(spelling: str) -> None:
    with pytest.raises(Denied):
        AddressGuard().addresses(spelling, 80)


def test_the_refusal_does_not_tell_what_was_found() -> None:
    with pytest.raises(Denied) as refused:
        guard("10.20.30.40").addresses("secretive.example", 80)
    assert "10.20" not in f"{refused.value.message} {refused.value.fix}"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 64 + ".example", "..", ""])
def test_a_name_that_does_not_resolve_may_be_tried_later(host: str) -> None:
    with pytest.raises(Unavailable, match="resolve"):
        system_resolve(host, 80)
