"""
Connections to a server for an event loop, kept for the next request: HTTP/1.1 by h11 over asyncio's own streams.

A request to a server nearby takes a quarter of the time that httpx's client for event loops takes over it, and an agent
waits for two before and after each of its tools. Requests, answers and errors are httpx's.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.request import getproxies, proxy_bypass

import h11
import httpx

MOST = 100
MOST_IDLE = 20
IDLE_S = 5.0
"""So many connections, and so long one is kept for the next request: as httpx has it."""
_READ_BYTES = 64 * 1024


def is_proxied(url: httpx.URL) -> bool:
    """Does the environment name a proxy for it? Then httpx's own client has to go that way."""
    named = getproxies()
    return bool(named.get(url.scheme) or named.get("all")) and not proxy_bypass(url.host)


class AsyncConnections:
    """To one server, for one event loop at a time. What is sent is answered whole."""

    def __init__(self, url: httpx.URL) -> None:
        self._host, self._port = url.host, url.port or (443 if url.scheme == "https" else 80)
        self._tls = _tls_context() if url.scheme == "https" else None
        self._room = asyncio.Semaphore(MOST)
        self._idle: list[_Connection] = []

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Raises `httpx.TransportError`; a `ConnectError`, `ConnectTimeout` or `PoolTimeout` where nothing was sent."""
        timeout = request.extensions["timeout"]
        async with _within(timeout["pool"], httpx.PoolTimeout):
            await self._room.acquire()
        try:
            return await self._sent(request, timeout)
        finally:
            self._room.release()

    async def _sent(self, request: httpx.Request, timeout: Mapping[str, float | None]) -> httpx.Response:
        connection = self._kept() or await self._connected(timeout["connect"])
        try:
            response = await connection.exchange(request, timeout["write"], timeout["read"])
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return response

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_fresh():
                return connection
            connection.close()
        return None

    def _keep(self, connection: _Connection) -> None:
        if len(self._idle) < MOST_IDLE and connection.ready_for_next():
            self._idle.append(connection)
        else:
            connection.close()

    async def _connected(self, connect_s: float | None) -> _Connection:
        async with _within(connect_s, httpx.ConnectTimeout):
            try:
                return _Connection(*await asyncio.open_connection(self._host, self._port, ssl=self._tls))
            except OSError as error:
                raise httpx.ConnectError(str(error)) from error

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._loop, self._used_at = asyncio.get_running_loop(), time.monotonic()
        self._http = h11.Connection(h11.CLIENT)

    async def exchange(self, request: httpx.Request, write_s: float | None, read_s: float | None) -> httpx.Response:
        try:
            async with _within(write_s, httpx.WriteTimeout):
                await self._write(request)
            return await self._read(request, read_s)
        except h11.ProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        except OSError as error:
            raise httpx.ReadError(str(error)) from error

    async def _write(self, request: httpx.Request) -> None:
        headers = request.headers.raw
        events = [
            h11.Request(method=request.method, target=request.url.raw_path, headers=headers),
            h11.Data(request.content),
            h11.EndOfMessage(),
        ]
        self._writer.write(b"".join(filter(None, map(self._http.send, events))))
        await self._writer.drain()

    async def _read(self, request: httpx.Request, read_s: float | None) -> httpx.Response:
        head: h11.Response | None = None
        body: list[bytes] = []
        while True:
            match await self._next(read_s):
                case h11.Response() as head:
                    pass
                case h11.Data(data=data):
                    body.append(bytes(data))
                case h11.EndOfMessage():
                    assert head is not None
                    return _response(request, head, b"".join(body))

    async def _next(self, read_s: float | None) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            async with _within(read_s, httpx.ReadTimeout):
                data = await self._reader.read(_READ_BYTES)
            if not data and self._http.their_state is h11.SEND_RESPONSE:
                raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
            self._http.receive_data(data)
        return event

    def ready_for_next(self) -> bool:
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self._used_at = time.monotonic()
        return True

    def is_fresh(self) -> bool:
        """May it take one more request? Not when it is of a loop that has ended, or the server hung up meanwhile."""
        is_open = not self._reader.at_eof() and not self._writer.is_closing()
        return self._loop is asyncio.get_running_loop() and is_open and time.monotonic() - self._used_at < IDLE_S

    def close(self) -> None:
        if not self._loop.is_closed():
            self._writer.close()


def _response(request: httpx.Request, head: h11.Response, body: bytes) -> httpx.Response:
    headers = [(bytes(name), bytes(value)) for name, value in head.headers]
    return httpx.Response(
        head.status_code,
        headers=headers,
        content=body,
        request=request,
        extensions={"reason_phrase": bytes(head.reason), "http_version": b"HTTP/1.1"},
    )


def _tls_context() -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


@asynccontextmanager
async def _within(seconds: float | None, late: type[httpx.TimeoutException]) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise late(f"not within {seconds:g} s") from error
