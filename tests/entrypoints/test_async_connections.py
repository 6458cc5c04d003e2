"""Connections of the client for event loops: kept, replaced when they are gone, and never used for two requests."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest

from remit.client.async_connections import AsyncConnections, is_proxied
from remit.client.http_client import AsyncRemitClient
from remit.core.errors import OutcomeUnknown, TryLater
from tests.waiting import PATIENCE_S

FOUND = b'{"action_intent_id": "i-1"}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(FOUND), FOUND)


class Server:
    """Answers each request of a connection with the next of its answers; `None` hangs up, and `...` says nothing."""

    def __init__(self, *answers):
        self.answers, self.connections, self.requests = list(answers), 0, []
        self.asked = asyncio.Event()

    async def serve(self, reader, writer):
        self.connections += 1
        while self.answers and (head := await reader.readuntil(b"\r\n\r\n")):
            self.requests.append(head.split(b"\r\n")[0].decode())
            answer = self.answers.pop(0)
            self.asked.set()
            if answer is ...:
                await reader.read()
            if answer in (None, ...):
                break
            writer.write(answer)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def asking(server, **options):
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening, AsyncRemitClient(url, "key", **{"timeout_s": PATIENCE_S, **options}) as client:
        yield client


def in_a_loop(*answers, ask, **options):
    async def whole():
        server = Server(*answers)
        async with asking(server, **options) as client:
            return server, await ask(client, server)

    return asyncio.run(whole())


async def twice(client, server):
    del server
    return [await client.status("i-1"), await client.status("i-2")]


async def withdrawn(client, server):
    del server
    return await client.withdraw("i-1", reason="changed my mind")


def test_one_connection_serves_one_request_after_another():
    server, found = in_a_loop(ANSWER, ANSWER, ask=twice)

    assert [each["action_intent_id"] for each in found] == ["i-1", "i-1"]
    assert server.connections == 1
    assert server.requests == ["GET /v1/intents/i-1 HTTP/1.1", "GET /v1/intents/i-2 HTTP/1.1"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n" + FOUND,
        b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER.replace(b"200 OK", b"200 OK\r\nconnection: close"),
        b"HTTP/1.0 200 OK\r\n\r\n" + FOUND,
    ],
    ids=["length of the connection", "continued", "HTTP/1.0"],
)
def test_a_connection_that_its_server_ends_is_replaced(answer):
    server, found = in_a_loop(answer, ask=lambda client, server: client.status("i-1"))

    assert (found["action_intent_id"], server.connections) == ("i-1", 1)


def test_requests_at_once_have_a_connection_each_and_leave_them_to_the_next():
    async def at_once(client, server):
        await asyncio.gather(client.status("i-1"), client.status("i-2"))
        await asyncio.gather(client.status("i-3"), client.status("i-4"))
        return server.connections

    assert in_a_loop(*[ANSWER] * 4, ask=at_once)[1] == 2


def test_an_answer_that_never_came_is_lost_and_of_a_read_alone_nothing_was_changed():
    with pytest.raises(OutcomeUnknown, match="the answer was lost"):
        in_a_loop(None, ask=withdrawn)
    with pytest.raises(TryLater, match="nothing was changed"):
        in_a_loop(None, ask=lambda client, server: client.status("i-1"))


@pytest.mark.parametrize("answer", [ANSWER[:-5], b"SSH-2.0-OpenSSH\r\n\r\n"], ids=["cut off", "no HTTP"])
def test_an_answer_that_breaks_off_or_is_none_is_lost(answer):
    with pytest.raises(OutcomeUnknown, match="the answer was lost"):
        in_a_loop(answer, ask=withdrawn)


def test_an_answer_that_is_late_is_lost():
    async def late(client, server):
        del server
        url = client._http.base_url
        limits = {"connect": PATIENCE_S, "pool": PATIENCE_S, "write": PATIENCE_S, "read": 0.01}
        await AsyncConnections(url).send(httpx.Request("GET", url, extensions={"timeout": limits}))

    with pytest.raises(httpx.ReadTimeout):
        in_a_loop(..., ask=late)


def test_where_nobody_listens_nothing_was_sent():
    async def nowhere():
        server = Server()
        async with asking(server) as client:
            pass
        async with AsyncRemitClient(str(client._http.base_url), "key") as client:
            await client.withdraw("i-1", reason="changed my mind")

    with pytest.raises(TryLater, match="nothing was sent"):
        asyncio.run(nowhere())


def test_the_connection_of_a_request_that_was_given_up_is_not_used_again():
    async def given_up(client, server):
        first = asyncio.ensure_future(client.status("i-1"))
        await server.asked.wait()
        first.cancel()
        await asyncio.wait({first})
        return await client.status("i-2")

    server, found = in_a_loop(..., ANSWER, ask=given_up)

    assert (found["action_intent_id"], server.connections) == ("i-1", 2)


def test_a_client_goes_on_in_another_event_loop():
    kept = []

    async def ask(client, server):
        del server
        kept.append(client)
        return await client.status("i-1")

    in_a_loop(ANSWER, ask=ask)

    async def again():
        server = Server(ANSWER)
        port = httpx.URL(kept[0]._http.base_url).port
        async with await asyncio.start_server(server.serve, "127.0.0.1", port):
            return await kept[0].status("i-1")

    assert asyncio.run(again())["action_intent_id"] == "i-1"


@pytest.mark.parametrize(
    ("environ", "proxied"),
    [
        ({}, False),
        ({"http_proxy": "http://10.0.0.1:3128"}, True),
        ({"all_proxy": "http://10.0.0.1:3128"}, True),
        ({"https_proxy": "http://10.0.0.1:3128"}, False),
        ({"http_proxy": "http://10.0.0.1:3128", "no_proxy": "remit.example"}, False),
    ],
)
def test_a_proxy_that_the_environment_names_is_taken(monkeypatch, environ, proxied):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert is_proxied(httpx.URL("http://remit.example")) is proxied
