"""
Addresses that a request may go to: hosts that the tenant listed, at addresses that are public or that the operator
consents to.

A name that leads to an address that is not public is refused unless the operator consents to it, and the tenant meant
it: the tenant lists that very address beside the name, or the operator lists the name. `localhost`, listed by the
tenant, stands for loopback. Link-local addresses are refused whoever lists them.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

from remit.egress.failure import Failure
from remit.egress.hosts import HostPattern, PrivateHosts, address_of, is_number
from remit.egress.ranges import NAT64, Address, embedded, is_never, is_public

Resolve = Callable[[str, int], Sequence[str]]
"""A name and a port to the addresses it has now. Raises `OSError` if it has none."""


def permitted(
    host: str, port: int, allowed_hosts: Sequence[str], private_hosts: PrivateHosts, resolve: Resolve
) -> list[str]:
    """
    The addresses at which `host` may be called, all of them checked: connect to one of these and to no other.

    Raises `Failure` if the host is not listed, has no address, or has one that may not be called.
    """
    listed = check_listed(host, port, allowed_hosts)
    host = _plain(host)
    addresses = [host] if address_of(host) else _resolved(host, port, resolve)
    for text in addresses:
        if reason := _reason_against(text, host, port, listed, private_hosts):
            raise Failure("VALIDATION", "ADDRESS_NOT_ALLOWED", reason)
    return addresses


def check_listed(host: str, port: int, allowed_hosts: Sequence[str]) -> list[HostPattern]:
    """The tenant's list, if this host is on it. Raises `Failure` for one that is not."""
    host = _plain(host)
    if is_number(host):
        raise Failure("VALIDATION", "HOST_NOT_ALLOWED", f"{host} is no name; write an IPv4 address as 192.0.2.1")
    listed = [pattern for line in allowed_hosts if (pattern := HostPattern.parse(line)) and pattern.is_one_host]
    if not any(pattern.covers(host, port) for pattern in listed):
        problem = f"{host}:{port} is not among the tenant's allowed_hosts; list it, or call another host"
        raise Failure("VALIDATION", "HOST_NOT_ALLOWED", problem)
    return listed


def _plain(host: str) -> str:
    """A name without the dot that ends it: one, for a name that ends in two is none."""
    return host.lower().removesuffix(".")


def system_resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the system says, in its order."""
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


def _reason_against(
    text: str, host: str, port: int, listed: Sequence[HostPattern], private_hosts: PrivateHosts
) -> str | None:
    """The reason why this address may not be called; `None` if it may."""
    address = address_of(text)
    where = host if host == text else f"{host} leads to {text}, which"
    if address is None or is_never(address):
        return f"{where} is never called: it is link-local, or where machines get their credentials"
    if is_public(address):
        return None
    named = address_of(host) is None and private_hosts.cover(host, port)
    if not (named or _consented(address, port, private_hosts)):
        return (
            f"{where} is not a public address; the operator consents to it in REMIT_PRIVATE_HOSTS, or it is not called"
        )
    if not (named or _meant(address, host, port, listed)):
        return f"{where} is not a public address; list that address too if it is meant"
    return None


def _consented(address: Address, port: int, private_hosts: PrivateHosts) -> bool:
    # A translator's prefix is no way around the consent to what is behind it.
    behind = embedded(address) if address in NAT64 else ()
    return private_hosts.cover(str(address), port) and all(
        is_public(inner) or private_hosts.cover(str(inner), port) for inner in behind
    )


def _meant(address: Address, host: str, port: int, listed: Sequence[HostPattern]) -> bool:
    """Did the tenant mean it? A name may lead to another place tomorrow, where others' hosts are."""
    if any(pattern.covers(str(address), port) for pattern in listed):
        return True
    return (host == "localhost" and address.is_loopback) or (
        address in NAT64 and all(map(is_public, embedded(address)))
    )
