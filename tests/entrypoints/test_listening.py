"""The sockets of a server: taken, or refused in one line that names host and port."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest

from remit.core.errors import InvalidInput
from remit.entrypoints.server import listening
from remit.entrypoints.server.listening import listen


def test_port_0_takes_one_free_port_for_every_address_of_a_name():
    sockets = listen("localhost", 0)
    try:
        ports = {taken.getsockname()[1] for taken in sockets}
        socket.create_connection(("127.0.0.1", *ports), timeout=5).close()
    finally:
        for taken in sockets:
            taken.close()


def test_a_port_that_is_in_use_is_named_with_its_host():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(InvalidInput, match=f"^{host}:{port}: is in use already"):
                listen(host, port)


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid", "300.1.1.1", "::zz", "a" * 300])
def test_an_address_that_this_machine_has_not_is_named(host):
    with pytest.raises(InvalidInput, match="is no address") as refused:
        listen(host, 0)

    assert refused.value.field.strip("[]").removesuffix(":0").strip("]") == host


def test_a_port_that_takes_further_rights_is_named(monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(listening, "_listening", refuse)

    with pytest.raises(InvalidInput, match=r"^127\.0\.0\.1:80: may not be listened on"):
        listen("127.0.0.1", 80)


def test_what_is_answered_leaves_at_once():
    async def no_delay():
        accepted = asyncio.get_running_loop().create_future()
        (taken, *others) = listen("127.0.0.1", 0)
        for each in others:
            each.close()
        server = await asyncio.start_server(lambda _, writer: accepted.set_result(writer), sock=taken)
        async with server:
            _, writer = await asyncio.open_connection(*taken.getsockname()[:2])
            answering = await accepted
            option = answering.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            answering.close()
            writer.close()
        return option

    assert asyncio.run(no_delay())
