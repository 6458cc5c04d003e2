"""What strangers may hold of a server: connections, heads, bodies, answers that they do not take."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from remit.core.errors import InvalidInput
from remit.entrypoints.server.connections import ConnectionLimits, Connections, LimitedProtocol, Phase
from remit.entrypoints.server.settings import SETTINGS, connection_limits
from tests.entrypoints.http_world import served
from tests.far_side import CERTIFICATE, PRIVATE_KEY
from tests.waiting import PATIENCE_S, until

HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"
LIMITS = ConnectionLimits(
    most=6,
    most_of_address=6,
    largest_head_bytes=4096,
    largest_line_bytes=1024,
    most_headers=10,
    head_s=0.3,
    body_s=0.4,
    stalled_s=0.4,
    idle_s=0.5,
)


class App:
    """Answers with what it read; `/slow` once it is `released`, `/large` with more than a socket takes in."""

    def __init__(self):
        self.released, self.asked = threading.Event(), 0
        self.server: Any = None
        # Of what an app holds open for its server to end, it has nothing.
        nothing = SimpleNamespace(close=lambda: None)
        self.state = SimpleNamespace(streams=nothing, waits=nothing)

    def serving(self):
        """How many connections its server has."""
        return len(self.server.server_state.connections)

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.asked += 1
        body, more = b"", scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        if scope["path"] == "/slow":
            import asyncio

            while not self.released.is_set():
                await asyncio.sleep(0.01)
        answer = b"x" * 20_000_000 if scope["path"] == "/large" else b"%d" % len(body)
        headers = [(b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


@contextmanager
def server(limits=LIMITS):
    app, opened = App(), []
    with served(app, limits) as (url, app.server):
        port = int(url.rpartition(":")[2])

        def connect(start=b""):
            connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
            opened.append(connection)
            connection.sendall(start)
            return connection

        try:
            yield connect, app
        finally:
            app.released.set()
            for connection in opened:
                connection.close()


def heard(connection):
    """All that comes until the server ends the connection."""
    said = b""
    try:
        while piece := connection.recv(65_536):
            said += piece
    except ConnectionError:
        pass
    return said


def status(connection):
    """Of the next answer; 0 if the connection ends without one."""
    try:
        said = connection.recv(65_536)
    except ConnectionError:
        return 0
    return int(said.split()[1]) if said else 0


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\n\r\n", 414),
        (HEAD + b"X: " + b"a" * 5000 + b"\r\n\r\n", 431),
        (HEAD + b"A: 1\r\n" * 10 + b"\r\n", 431),
        (HEAD + b"X: " + b"a" * 1000 + b"\r\nY: " + b"a" * 3500 + b"\r\n\r\n", 431),
        (HEAD + b"X: " + b"a" * 3500 + b"\r\n" + b"A: 1\r\n" * 8 + b"\r\n", 200),
        (b"\x16\x03\x01", 400),
    ],
)
def test_a_head_has_a_size(head, expected):
    with server() as (connect, _):
        assert status(connect(head)) == expected


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\n\r\n", "line-too-long"),
        (HEAD + b"X: " + b"a" * 5000 + b"\r\n\r\n", "headers-too-large"),
        (b"\x16\x03\x01", "not-http"),
    ],
)
def test_what_is_wrong_with_a_head_is_said_as_every_error_is(head, kind):
    with server() as (connect, _):
        said = heard(connect(head))

    lines, _, body = said.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in lines
    assert json.loads(body)["type"] == f"/problems/{kind}"


@pytest.mark.parametrize("start", [b"GET /", HEAD + b"X: "])
def test_a_head_without_end_is_not_kept(start):
    with server(ConnectionLimits(head_s=30)) as (connect, app):
        connection = connect(start)

        with pytest.raises(ConnectionError):
            for _ in range(10_000):
                connection.sendall(b"a" * 65_536)
        assert app.asked == 0


@pytest.mark.parametrize("start", [b"", b"\r\n", b"GET", HEAD, HEAD + b"X: a"])
def test_a_head_that_does_not_end_in_time_ends_the_connection(start):
    with server() as (connect, _):
        connection = connect(start)

        assert heard(connection).startswith(b"HTTP/1.1 408")


def test_a_head_that_comes_drop_by_drop_has_the_same_time():
    with server() as (connect, _):
        connection, over = connect(HEAD), time.monotonic() + PATIENCE_S

        with pytest.raises(ConnectionError):
            while time.monotonic() < over:
                connection.sendall(b"X: a\r\n")
                connection.settimeout(0.05)
                try:
                    if not connection.recv(1000).startswith(b"HTTP/1.1 4"):
                        raise ConnectionError
                except TimeoutError:
                    pass


@pytest.mark.parametrize("body", [b"Content-Length: 10\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"])
def test_a_body_that_does_not_end_in_time_ends_the_connection(body):
    with server() as (connect, _):
        assert heard(connect(b"POST / HTTP/1.1\r\nHost: x\r\n" + body)) == b""


def test_the_rest_of_a_body_that_was_answered_already_is_not_waited_for(monkeypatch):
    monkeypatch.setattr("remit.entrypoints.server.connections.LINGER_S", 0.2)
    with server(ConnectionLimits(body_s=60)) as (connect, _):
        connection = connect(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")

        assert heard(connection).startswith(b"HTTP/1.1 200")


def test_a_connection_waits_so_long_for_its_next_request():
    with server() as (connect, app):
        connection = connect(HEAD + b"\r\n")
        assert status(connection) == 200
        connection.sendall(HEAD + b"\r\n")
        assert status(connection) == 200

        assert heard(connection) == b""
        assert app.asked == 2


def test_a_slow_answer_is_waited_for():
    with server() as (connect, app):
        connection = connect(HEAD.replace(b"/ ", b"/slow ") + b"\r\n")
        threading.Timer(1.5, app.released.set).start()

        assert status(connection) == 200


def test_who_takes_nothing_of_an_answer_is_let_go():
    with server() as (connect, app):
        connection = connect(HEAD.replace(b"/ ", b"/large ") + b"\r\n")
        until(lambda: app.asked, what="the request arrives")
        until(lambda: not app.serving(), what="the end of the answer")

        assert len(heard(connection)) < 20_000_000


def test_requests_in_a_row_on_one_connection_are_each_answered():
    with server() as (connect, app):
        connection = connect((HEAD + b"X: " + b"a" * 3000 + b"\r\n\r\n") * 10)

        assert heard(connection).count(b"HTTP/1.1 200") == 10
        assert app.asked == 10


def test_only_so_many_requests_wait_on_one_connection():
    with server() as (connect, app):
        connection = connect((HEAD.replace(b"/ ", b"/slow ") + b"\r\n") * 1000)

        assert heard(connection) == b""
        assert app.asked <= 1


def test_a_new_connection_takes_the_place_of_one_that_asks_nothing():
    with server(ConnectionLimits(most=6, most_of_address=6)) as (connect, _):
        held = [connect(HEAD) for _ in range(6)]

        assert [status(connect(HEAD + b"\r\n")) for _ in range(6)] == [200] * 6
        assert all(heard(connection) == b"" for connection in held)


@pytest.mark.parametrize("limits", [ConnectionLimits(most=3), ConnectionLimits(most_of_address=3)])
def test_where_every_connection_is_being_answered_a_new_one_is_told_so(limits):
    with server(limits) as (connect, app):
        busy = [connect(HEAD.replace(b"/ ", b"/slow ") + b"\r\n") for _ in range(3)]
        until(lambda: app.asked == 3, what="three requests are being answered")

        assert status(connect(HEAD + b"\r\n")) == 503
        app.released.set()
        assert [status(connection) for connection in busy] == [200] * 3


def test_nothing_else_is_spoken():
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    with server() as (connect, _):
        assert status(connect(HEAD + upgrade + b"\r\n")) == 200


@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
def test_tls_that_does_not_begin_in_time_ends_the_connection(tmp_path, monkeypatch, said):
    monkeypatch.setattr("remit.entrypoints.server.loop.HANDSHAKE_S", 0.3)
    (tmp_path / "both.pem").write_text(CERTIFICATE + PRIVATE_KEY)
    with served(App(), LIMITS, ssl_certfile=tmp_path / "both.pem") as (url, _):
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=PATIENCE_S) as connection:
            connection.sendall(said)

            heard(connection)
        assert httpx.get(url, verify=False, trust_env=False, timeout=PATIENCE_S).status_code == 200


# --- who makes room ---


class Held(LimitedProtocol):
    """A connection as its group sees it."""

    def __init__(self, phase, since):
        self.phase, self.since, self.dropped = phase, since, False
        self.cycle = None  # type: ignore[assignment]

    def drop(self):
        self.dropped = True


def held(connections, address, *phases):
    made = [Held(phase, since) for since, phase in enumerate(phases)]
    for one in made:
        assert connections.add(one, address)
    return made


def test_whoever_holds_the_most_makes_room_and_unfinished_heads_first():
    connections = Connections(ConnectionLimits(most=5, most_of_address=4))
    (few,) = held(connections, "192.0.2.1", Phase.HEAD)
    idle, older, newer, busy = held(connections, "192.0.2.2", Phase.IDLE, Phase.HEAD, Phase.HEAD, Phase.BODY)

    for dropped in (older, newer, idle):
        assert connections.add(Held(Phase.ANSWER, 9), "192.0.2.3")
        assert dropped.dropped
    assert not busy.dropped and not few.dropped


def test_one_customer_s_addresses_of_ipv6_are_one_and_a_trusted_proxy_s_is_for_many():
    connections = Connections(ConnectionLimits(most=100, most_of_address=2), unlimited=["192.0.2.9"])
    held(connections, "2001:db8::1", Phase.ANSWER)
    held(connections, "2001:db8::ffff:2", Phase.ANSWER)
    held(connections, "192.0.2.9", *[Phase.ANSWER] * 10)

    assert not connections.add(Held(Phase.HEAD, 0), "2001:db8::3")
    assert connections.add(Held(Phase.HEAD, 0), "2001:db8:0:1::3")


def test_each_limit_has_a_setting():
    assert connection_limits({}).head_s == ConnectionLimits().head_s
    for name, variable in SETTINGS.items():
        assert getattr(connection_limits({variable: "7"}), name) == 7
        for wrong in ("", "0", "-1", "x", "1.5", "\u0663", "9" * 50):
            with pytest.raises(InvalidInput, match=variable):
                connection_limits({variable: wrong})


def test_files_are_left_for_more_than_connections(monkeypatch):
    resource = pytest.importorskip("resource")
    for files, most in ((256, 192), (1024, 768), (65, 1), (100_000, 1000), (resource.RLIM_INFINITY, 1000)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, files=files: (files, files))

        assert connection_limits({}).most == most


def test_a_client_of_everyday_notices_nothing():
    with server(ConnectionLimits()) as (connect, _):
        port = connect().getpeername()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE_S) as client:
            assert client.get("/", headers={"X": "a" * 8000}).text == "0"
            assert client.post("/", content=b"x" * 1_000_000).text == "1000000"
