"""`remit gateway`: the protocol over stdio, or over HTTP on loopback."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.responses import JSONResponse

from remit.core.errors import InvalidInput
from remit.entrypoints.gateway.gateway import Gateway
from remit.entrypoints.gateway.names import key_in
from remit.entrypoints.gateway.server import GatewayServer
from remit.entrypoints.gateway.stdio import served
from remit.entrypoints.server.listening import is_loopback, listen

PATH = "/mcp"


async def serve_stdio(gateway: Gateway, version: str) -> None:
    """Serve the client at this process's stdin and stdout, until it has gone."""
    server = GatewayServer(gateway, version)
    async with gateway.running(), served() as (read, write):
        await server.run(read, write, server.create_initialization_options())


async def serve_http(gateway: Gateway, version: str, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serve clients over streamable HTTP until a signal ends it. Port 0 takes a free one. Raises `InvalidInput`."""
    if not is_loopback(host):
        raise InvalidInput(
            "--http",
            f"{host} can be reached from other machines, and without TLS anybody on the way could read the keys",
            "bind 127.0.0.1, with a proxy that ends TLS in front if others are to reach it",
        )
    sockets = listen(host, port)
    app: Any = GatewayServer(gateway, version).streamable_http_app(streamable_http_path=PATH, host=host)
    if gateway.settings.callers_key:
        app = _WithKey(app)
    async with gateway.running():
        await _Server(app, on_ready).serve(sockets)


class _Server(uvicorn.Server):
    def __init__(self, app: Any, on_ready: Callable[[str], None]) -> None:
        # h11 takes away the spaces around a header's value, as HTTP has it; the protocol compares these values.
        options: dict[str, Any] = {"http": "h11", "ws": "none", "log_level": "warning", "server_header": False}
        super().__init__(uvicorn.Config(app, timeout_graceful_shutdown=5, **options))
        self._on_ready = on_ready

    async def startup(self, sockets: list[Any] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}{PATH}")


class _WithKey:
    """Nobody gets in without a key; whether it holds, Remit says."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and key_in(scope["headers"]) is None:
            refused = JSONResponse({"error": "send a Remit key"}, 401, {"WWW-Authenticate": "Bearer"})
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)
