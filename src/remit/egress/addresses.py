"""
Where a request may go: hosts that the tenant listed, at addresses that are public or listed too.

An entry of `allowed_hosts` is a host (any port) or `host:port`; the host a name, `*.` and a domain (any name
under it, not the domain itself), or an IP address. A name that leads to a private, loopback, link-local or
otherwise special address is refused unless that very address is listed beside it; `localhost`, listed,
stands for loopback.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from remit.egress.failure import Failure

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""A name and a port to the addresses it has now. Raises `OSError` if it has none."""

_ENTRY = re.compile(r"\[(?P<v6>[^\]]+)\](?::(?P<v6_port>\d{1,5}))?|(?P<host>[^:\[\]]+)(?::(?P<port>\d{1,5}))?")
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of `allowed_hosts`; without a port it stands for every port."""

    host: str
    port: int | None

    def covers(self, host: str, port: int) -> bool:
        if self.port not in (None, port):
            return False
        address = address_of(host)
        if address or address_of(self.host):
            return address == address_of(self.host)
        if self.host.startswith("*."):
            return host.endswith(self.host[1:]) and len(host) > len(self.host[1:])
        return host == self.host


def permitted(host: str, port: int, allowed_hosts: Sequence[str], resolve: Resolve) -> list[str]:
    """
    The addresses at which `host` may be called, all of them checked: connect to one of these and to no other.

    Raises `Failure` if the host is not listed, has no address, or has one that may not be called.
    """
    host = host.lower().removesuffix(".")
    entries = [entry for line in allowed_hosts if (entry := parse_entry(line))]
    if not any(entry.covers(host, port) for entry in entries):
        problem = f"{host}:{port} is not among the tenant's allowed_hosts; list it, or call another host"
        raise Failure("VALIDATION", "HOST_NOT_ALLOWED", problem)
    if address_of(host):
        return [host]
    addresses = _resolved(host, port, resolve)
    for text in addresses:
        if not _may_be_called(text, host, port, entries):
            problem = f"{host} leads to {text}, which is not a public address; list that address too if it is meant"
            raise Failure("VALIDATION", "ADDRESS_NOT_ALLOWED", problem)
    return addresses


def parse_entry(line: str) -> Entry | None:
    """`None` for a line that names no host."""
    if address_of(line):
        return Entry(line.lower(), None)
    match = _ENTRY.fullmatch(line.lower())
    if not match:
        return None
    port = match["v6_port"] or match["port"]
    return Entry((match["v6"] or match["host"]).removesuffix("."), int(port) if port else None)


def address_of(host: str) -> Address | None:
    """`None` if it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def system_resolve(host: str, port: int) -> Sequence[str]:
    """What the system says, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _resolved(host: str, port: int, resolve: Resolve) -> list[str]:
    try:
        addresses = list(resolve(host, port))
    # UnicodeError: a name that cannot be one, such as a label of more than 63 characters.
    except (OSError, UnicodeError) as error:
        raise Failure("DOWNSTREAM", "NAME_NOT_RESOLVED", f"{host} could not be resolved ({error})") from None
    if not addresses:
        raise Failure("DOWNSTREAM", "NAME_NOT_RESOLVED", f"{host} has no address")
    return addresses


def _may_be_called(text: str, host: str, port: int, entries: Sequence[Entry]) -> bool:
    address = address_of(text)
    if address is None:
        return False
    listed = any(entry.covers(text, port) for entry in entries)
    return listed or is_public(address) or (address.is_loopback and _is_localhost(host))


def _is_localhost(host: str) -> bool:
    return host == "localhost"


def is_public(address: Address) -> bool:
    """Is it an address of the open Internet, also after what it stands for is unwrapped?"""
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        # Tunnels lead to an IPv4 address of the sender's choice.
        if address.ipv4_mapped or address.sixtofour or address.teredo or address.scope_id or address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)
