"""Which addresses are this machine's, and which the public Internet's.

Public is what IANA has given out for hosts, less what has a meaning of its own. The networks are written out, since Python's
``is_global`` changes with its version and counts what wraps another address as public. Sources, as of 2026-11-30: IANA's IPv4
and IPv6 Special-Purpose Address Registries (RFC 6890) and IPv6 Address Space; each line names its own.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_IPV4_SPECIAL = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",  # this network, RFC 791
            "10.0.0.0/8",  # private, RFC 1918
            "100.64.0.0/10",  # shared by carriers, RFC 6598; Alibaba Cloud's metadata is in it
            "127.0.0.0/8",  # loopback, RFC 1122
            "168.63.129.16/32",  # Azure's wire server and DNS, within its virtual networks (Microsoft Learn)
            "169.254.0.0/16",  # link-local, RFC 3927; the metadata of most clouds
            "172.16.0.0/12",  # private, RFC 1918
            "192.0.0.0/24",  # protocol assignments, RFC 6890; Oracle Cloud's metadata is in it
            "192.0.2.0/24",  # documentation, RFC 5737
            "192.31.196.0/24",  # AS112, RFC 7535
            "192.52.193.0/24",  # multicast tunnels, RFC 7450
            "192.88.99.0/24",  # 6to4 relays, RFC 7526
            "192.168.0.0/16",  # private, RFC 1918
            "192.175.48.0/24",  # AS112, RFC 7534
            "198.18.0.0/15",  # benchmarks, RFC 2544
            "198.51.100.0/24",  # documentation, RFC 5737
            "203.0.113.0/24",  # documentation, RFC 5737
            "224.0.0.0/4",  # multicast, RFC 5771
            "240.0.0.0/4",  # reserved and broadcast, RFC 1112 and 919
        ),
    )
)
# All else is unassigned, local, or stands for an IPv4 address: compatible, mapped, translated (RFC 4291, 2765, 6052, 8215).
_IPV6_GLOBAL_UNICAST = IPv6Network("2000::/3")  # RFC 4291
_IPV6_SPECIAL = tuple(
    map(
        IPv6Network,
        (
            "2001::/23",  # protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID
            "2001:db8::/32",  # documentation, RFC 3849
            "2002::/16",  # 6to4, RFC 3056: stands for an IPv4 address
            "2620:4f:8000::/48",  # AS112, RFC 7534
            "3ffe::/16",  # the 6bone, given back, RFC 3701
            "3fff::/20",  # documentation, RFC 9637
        ),
    )
)


def public(address: IPv4Address | IPv6Address) -> bool:
    """Whether it is a host on the public Internet, and no other address in disguise."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _IPV4_SPECIAL)
    return address in _IPV6_GLOBAL_UNICAST and not any(address in network for network in _IPV6_SPECIAL)


def loopback(host: str) -> bool:
    """Whether only this machine is behind the address or name."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
