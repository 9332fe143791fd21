"""What counts as public is what IANA has given out for hosts on the Internet, and nothing that leads inside by another name."""

from ipaddress import ip_address

import pytest

from gateway.core.contract.address import loopback, public

# The first and last address of each special-purpose block, and one just outside of it.
IPV4_BLOCKS = [
    ("0.0.0.0", "0.255.255.255", "1.0.0.0"),
    ("10.0.0.0", "10.255.255.255", "11.0.0.0"),
    ("100.64.0.0", "100.127.255.255", "100.128.0.0"),
    ("127.0.0.0", "127.255.255.255", "128.0.0.0"),
    ("168.63.129.16", "168.63.129.16", "168.63.129.17"),
    ("169.254.0.0", "169.254.255.255", "169.255.0.0"),
    ("172.16.0.0", "172.31.255.255", "172.32.0.0"),
    ("192.0.0.0", "192.0.0.255", "192.0.1.0"),
    ("192.0.2.0", "192.0.2.255", "192.0.3.0"),
    ("192.31.196.0", "192.31.196.255", "192.31.197.0"),
    ("192.52.193.0", "192.52.193.255", "192.52.194.0"),
    ("192.88.99.0", "192.88.99.255", "192.88.100.0"),
    ("192.168.0.0", "192.168.255.255", "192.169.0.0"),
    ("192.175.48.0", "192.175.48.255", "192.175.49.0"),
    ("198.18.0.0", "198.19.255.255", "198.20.0.0"),
    ("198.51.100.0", "198.51.100.255", "198.51.101.0"),
    ("203.0.113.0", "203.0.113.255", "203.0.114.0"),
    ("224.0.0.0", "255.255.255.255", "223.255.255.255"),
]
IPV6_BLOCKS = [
    ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::"),
    ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"),
    ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", "2620:4f:8001::"),
    ("3ffe::", "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffd::"),
    ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"),
]
# What no one on the Internet has, whatever it stands for: each with where it is defined.
INSIDE = {
    "::": "unspecified, RFC 4291",
    "::1": "loopback, RFC 4291",
    "::127.0.0.1": "IPv4-compatible, RFC 4291",
    "::8.8.8.8": "IPv4-compatible, RFC 4291",
    "::ffff:127.0.0.1": "IPv4-mapped, RFC 4291",
    "::ffff:8.8.8.8": "IPv4-mapped, RFC 4291",
    "::ffff:0:127.0.0.1": "IPv4-translated, RFC 2765",
    "64:ff9b::7f00:1": "NAT64, RFC 6052",
    "64:ff9b::808:808": "NAT64, RFC 6052",
    "64:ff9b:1::a00:1": "local NAT64, RFC 8215",
    "100::1": "discard, RFC 6666",
    "5f00::1": "segment routing, RFC 9602",
    "fc00::1": "unique local, RFC 4193",
    "fd00:ec2::254": "metadata of AWS",
    "fd20:ce::254": "metadata of Google Cloud",
    "fe80::1": "link-local, RFC 4291",
    "fec0::1": "site-local, RFC 3879",
    "ff02::1": "multicast, RFC 4291",
    "2001:0:7f00:1::": "Teredo, RFC 4380",
    "2002:7f00:1::": "6to4, RFC 3056",
    "4000::1": "not assigned",
    "169.254.169.254": "metadata of AWS, Google Cloud and Azure",
    "169.254.170.2": "credentials of AWS's containers",
    "100.100.100.200": "metadata of Alibaba Cloud",
    "192.0.0.192": "metadata of Oracle Cloud",
    "168.63.129.16": "Azure's wire server",
}


@pytest.mark.parametrize(("first", "last", "outside"), [*IPV4_BLOCKS, *IPV6_BLOCKS])
def test_special_blocks_are_not_public(first: str, last: str, outside: str) -> None:
    """From the first address of each to its last, and not one more."""
    assert [public(ip_address(it)) for it in (first, last, outside)] == [False, False, True]


@pytest.mark.parametrize("address", INSIDE)
def test_what_leads_inside_is_not_public(address: str) -> None:
    """Local and metadata addresses, also in the disguises that IPv6 has for them."""
    assert not public(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2a00:1450:4001::200e"])
def test_hosts_on_the_internet_are_public(address: str) -> None:
    """In both families."""
    assert public(ip_address(address))


def test_this_machine_is_told_apart() -> None:
    """By any of its loopback addresses, and by its name."""
    assert all(map(loopback, ("127.0.0.1", "127.9.9.9", "::1", "localhost")))
    assert not any(map(loopback, ("0.0.0.0", "::", "10.0.0.1", "example.com", "")))
