"""The sockets that a server listens on: taken before anything is started, so that one that cannot be had is said."""

from __future__ import annotations

import errno
import os
import socket
from ipaddress import ip_address
from typing import Any

from remit.core.errors import InvalidInput

BACKLOG = 2048

_WRONG = {
    errno.EADDRINUSE: ("is in use already", "end what listens there, or choose another --port"),
    errno.EACCES: ("may not be listened on by this user", "choose a --port from 1024 on"),
    errno.EADDRNOTAVAIL: ("is no address of this machine", "choose another --host"),
}

_MISSING = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> list[socket.socket]:
    """
    A socket for each address that `host` stands for, all on one port; port 0 takes a free one.

    Raises `InvalidInput` naming host and port if there is none to be had.
    """
    sockets: list[socket.socket] = []
    missing: OSError | None = None
    for family, address in _addresses(host, port):
        try:
            sockets.append(_listening(family, address if not sockets else _on_port_of(sockets[0], address)))
        except OSError as error:
            # A name often stands for an address of IPv6 as well, also where there is no IPv6.
            if error.errno not in _MISSING:
                _close(sockets)
                raise _cannot(host, port, error) from None
            missing = error
    if not sockets:
        raise _cannot(host, port, missing)
    return sockets


def _close(sockets: list[socket.socket]) -> None:
    for taken in sockets:
        taken.close()


def _addresses(host: str, port: int) -> list[tuple[int, Any]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise InvalidInput(_named(host, port), f"is no address: {error}", "choose another --host") from None
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _listening(family: int, address: Any) -> socket.socket:
    # asyncio lets small packets leave at once only where the protocol is named; else answers wait 40 ms for a receipt.
    taken = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            # Connections of a server that has just ended do not keep its port.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            taken.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        taken.bind(address)
        taken.listen(BACKLOG)
    except OSError:
        taken.close()
        raise
    return taken


def _on_port_of(first: socket.socket, address: Any) -> Any:
    return (address[0], first.getsockname()[1], *address[2:])


def _cannot(host: str, port: int, error: OSError | None) -> InvalidInput:
    number = error.errno if error else None
    problem, way_out = _WRONG.get(number or 0, (f"cannot be listened on: {error}", "choose another --host or --port"))
    return InvalidInput(_named(host, port), problem, way_out)


def _named(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
