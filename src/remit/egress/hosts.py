"""
Patterns of hosts, as people list them: a name, `*.` and a domain (any name under it, not the domain itself), or an
IP address; with `:port`, or for every port. An operator's list of private hosts takes networks too.
"""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Self

from msgspec import Struct

from remit.core.errors import InvalidInput
from remit.egress.ranges import Address, Network, never_as_a_whole

PRIVATE_HOSTS = "REMIT_PRIVATE_HOSTS"

_PATTERN = re.compile(
    r"\[(?P<v6>[0-9a-f:./]+)\](?::(?P<v6_port>[0-9]{1,5}))?|(?P<host>[^:\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
)
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)")


class HostPattern(Struct, frozen=True):
    """One entry of a list: a name or a network, at one port or at any."""

    name: str | None
    network: Network | None
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """`None` for what names no host."""
        text = text.lower()
        match = _PATTERN.fullmatch(f"[{text}]" if text.count(":") > 1 and "[" not in text else text)
        if not match:
            return None
        port = match["v6_port"] or match["port"]
        if port and not 1 <= int(port) <= 65535:
            return None
        host = match["v6"] or match["host"].removesuffix(".")
        network = _network(host)
        if network is None and not (_NAME.fullmatch(host) and not is_number(host)):
            return None
        return cls(None if network else host, network, int(port) if port else None)

    @property
    def is_one_host(self) -> bool:
        """A name or an address, and not a network of several."""
        return self.network is None or self.network.num_addresses == 1

    def covers(self, host: str, port: int) -> bool:
        """`host` is a name in lower case without a dot at its end, or an address."""
        if self.port not in (None, port):
            return False
        address = address_of(host)
        if address or self.network:
            return bool(address and self.network and _holds(self.network, address))
        name = self.name or ""
        if name.startswith("*."):
            return host.endswith(name[1:]) and len(host) > len(name[1:])
        return host == name


class PrivateHosts(Struct, frozen=True):
    """The operator's consent: what may be called although it is not public. Without any, nothing may."""

    patterns: tuple[HostPattern, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """From names, addresses and networks, separated by commas. Raises `InvalidInput` for what is not understood."""
        return cls(tuple(_consent(entry) for part in text.split(",") if (entry := part.strip())))

    def cover(self, host: str, port: int) -> bool:
        return any(pattern.covers(host, port) for pattern in self.patterns)


def _consent(entry: str) -> HostPattern:
    pattern = HostPattern.parse(entry)
    if pattern is None:
        way_out = "write names, addresses and networks, such as crm.internal:8443, 127.0.0.1 or 10.0.0.0/8"
        raise InvalidInput(PRIVATE_HOSTS, f"has {entry!r}, which is not understood", way_out)
    if pattern.network and never_as_a_whole(pattern.network):
        problem = f"has {entry!r}, where machines get their credentials"
        raise InvalidInput(PRIVATE_HOSTS, problem, "leave it out: link-local addresses are never called")
    return pattern


def address_of(host: str) -> Address | None:
    """`None` if it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def is_number(host: str) -> bool:
    """Is it an IPv4 address in a spelling that only some programs read as one: 127.1, 0x7f.0.0.1, 2130706433?"""
    return bool(_NUMBER.fullmatch(host.removesuffix("."))) and address_of(host) is None


def _network(text: str) -> Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


def _holds(network: Network, address: Address) -> bool:
    # `::1%eth0` is not `::1`.
    return address in network and not (isinstance(address, IPv6Address) and address.scope_id)
