"""The server's event loop: the fastest there is here, and a time for TLS to begin."""

from __future__ import annotations

import asyncio
from typing import Any

try:
    from uvloop import Loop as _Loop
except ImportError:
    from asyncio import SelectorEventLoop as _Loop  # type: ignore[assignment]

HANDSHAKE_S = 10.0
"""A connection is counted once its handshake is over, so that has to end soon."""


class ServerLoop(_Loop):
    async def create_server(self, *args: Any, **options: Any) -> Any:
        if options.get("ssl"):
            options.setdefault("ssl_handshake_timeout", HANDSHAKE_S)
        return await super().create_server(*args, **options)


def new_loop() -> asyncio.AbstractEventLoop:
    return ServerLoop()
