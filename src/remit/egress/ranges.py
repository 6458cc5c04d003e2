"""
Ranges of public addresses, by a table of our own: what Python calls global differs from release to release.

From IANA's special-purpose registries for IPv4 and IPv6 as of 2026-07-18, and its registries of both address spaces:
https://www.iana.org/assignments/iana-ipv4-special-registry and
https://www.iana.org/assignments/iana-ipv6-special-registry. Blocks for the protocols' own use (192.0.0.0/24,
2001::/23) count as special as a whole, also where one address of them is reachable.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

SPECIAL_V4 = (
    "0.0.0.0/8",  # this network
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # shared
    "127.0.0.0/8",  # loopback
    "169.254.0.0/16",  # link-local
    "172.16.0.0/12",  # private
    "192.0.0.0/24",  # IETF protocol assignments
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relays, deprecated
    "192.168.0.0/16",  # private
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and broadcast
)
SPECIAL_V6 = (
    "2001::/23",  # IETF protocol assignments: Teredo, benchmarks, ORCHID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4: leads to an IPv4 address of the sender's choice
    "3ffe::/16",  # 6bone, given back
    "3fff::/20",  # documentation
)
UNICAST_V6 = ip_network("2000::/3")
"""All that is given out to anybody; what is outside is loopback, private, link-local, translated or reserved."""
NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ip_network("64:ff9b:1::/48")
_SPECIAL = tuple(map(ip_network, SPECIAL_V4 + SPECIAL_V6))

NEVER = (
    "169.254.0.0/16",  # link-local, where clouds hand out credentials
    "fe80::/10",  # link-local
    "fd00:ec2::/32",  # the same at AWS over IPv6
    "fd20:ce::/32",  # at Google over IPv6
    "100.100.100.200/32",  # at Alibaba
    "192.0.0.192/32",  # at Oracle
    "168.63.129.16/32",  # at Azure, of a block that looks public
)
_NEVER = tuple(map(ip_network, NEVER))


def is_public(address: Address) -> bool:
    """Is it an address of the open Internet?"""
    if isinstance(address, IPv6Address) and (address.scope_id or address not in UNICAST_V6):
        return False
    return not any(address in network for network in _SPECIAL) and not is_never(address)


def is_never(address: Address) -> bool:
    """Does it lead to where nobody's consent does, also after what it stands for is unwrapped?"""
    if isinstance(address, IPv6Address) and address.scope_id:
        return True
    return any(each in network for each in (address, *embedded(address)) for network in _NEVER)


def never_as_a_whole(network: Network) -> bool:
    """Does nobody's consent open any of it?"""
    return any(_part_of(network, never) for never in _NEVER)


def embedded(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that an IPv6 address may be translated or tunnelled to."""
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    # Beside NAT64: compatible (::a.b.c.d), mapped (::ffff:a.b.c.d) and translated (::ffff:0:a.b.c.d) ones.
    if address in NAT64 or number >> 32 in (0, 0xFFFF, 0xFFFF0000):
        yield IPv4Address(number & 0xFFFFFFFF)
    if address in _LOCAL_NAT64:
        yield from _rfc_6052(number)
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo


def _rfc_6052(number: int) -> Iterator[IPv4Address]:
    """
    Forms of a translator's address: its prefix may be 48, 56, 64 or 96 bits long; bits 64 to 71 are left out of the
    address.
    """
    yield IPv4Address(number & 0xFFFFFFFF)
    without = (number >> 64) << 56 | (number & (1 << 56) - 1)
    for prefix in (48, 56, 64):
        yield IPv4Address(without >> (120 - prefix - 32) & 0xFFFFFFFF)


def _part_of(network: Network, whole: Network) -> bool:
    if isinstance(network, IPv4Network) and isinstance(whole, IPv4Network):
        return network.subnet_of(whole)
    return isinstance(network, IPv6Network) and isinstance(whole, IPv6Network) and network.subnet_of(whole)
