"""`remit serve`: the HTTP door and a worker in one process."""

from __future__ import annotations

import logging
import math
import ssl
import threading
from collections.abc import Callable
from socket import socket
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.config import LOGGING_CONFIG

from remit.core.errors import InvalidInput
from remit.entrypoints.server.application import create_app
from remit.entrypoints.server.connections import ConnectionLimits, Connections, LimitedProtocol
from remit.entrypoints.server.listening import is_loopback, listen
from remit.entrypoints.server.process import settle
from remit.entrypoints.server.worker import work
from remit.entrypoints.web.settings import HttpSettings
from remit.wiring import Remit

log = logging.getLogger(__name__)


def check_binding(host: str, *, certificate: str | None, trusted_proxy: str | None) -> None:
    """
    Keys cross the wire in the clear on plain HTTP, so it is for loopback alone.

    Raises `InvalidInput` for any other address without TLS or a proxy in front that speaks it.
    """
    if is_loopback(host) or certificate or trusted_proxy:
        return
    raise InvalidInput(
        "host",
        f"{host} can be reached from other machines, and without TLS anybody on the way could read the keys",
        "set --tls-certificate and --tls-key, or --trusted-proxy ADDRESS of the proxy that ends TLS, or bind 127.0.0.1",
    )


def check_certificate(certificate: str | None, key: str | None) -> None:
    """Raises `InvalidInput` for files that cannot serve TLS."""
    if key and not certificate:
        raise InvalidInput("--tls-certificate", "is missing", "name the certificate that --tls-key belongs to")
    if not certificate:
        return
    try:
        # Without a password of its own, OpenSSL would ask for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=str)
    except (OSError, ValueError) as error:
        files = certificate if key is None else f"{certificate} with {key}"
        raise InvalidInput(
            "--tls-certificate", f"{files} cannot be used: {error}", "name PEM files that belong together"
        ) from None


def serve(
    remit: Remit,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    settings: HttpSettings | None = None,
    certificate: str | None = None,
    key: str | None = None,
    trusted_proxy: str | None = None,
    with_worker: bool = True,
    limits: ConnectionLimits | None = None,
    own_log_format: bool = True,
    on_ready: Callable[[str], None] = lambda _: None,
) -> None:
    """
    Serve until told to stop (SIGINT, SIGTERM); then finish what was begun.

    Without its `own_log_format`, the server logs as the process does. Port 0 takes a free one; `on_ready` is
    told the URL when connections are accepted.
    """
    check_binding(host, certificate=certificate, trusted_proxy=trusted_proxy)
    check_certificate(certificate, key)
    sockets = listen(host, port)
    server = Server(
        create_app(remit, settings),
        on_ready,
        limits=limits,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        proxy_headers=trusted_proxy is not None,
        forwarded_allow_ips=trusted_proxy,
        log_level="warning",
        # Its lines are below that level, and would be put together all the same.
        access_log=False,
        log_config=LOGGING_CONFIG if own_log_format else None,
        # A reader that has stopped reading would otherwise hold up the end for good.
        timeout_graceful_shutdown=30,
        server_header=False,
    )
    stop = threading.Event()
    worker = threading.Thread(target=_work, args=(remit, stop), name="remit-worker")
    if with_worker:
        worker.start()
    settle()
    try:
        server.run(sockets)
    finally:
        stop.set()
        if with_worker:
            worker.join()


class Server(uvicorn.Server):
    """Says where it listens once it does, and leaves the end of the process to its caller."""

    def __init__(
        self, app: FastAPI, on_ready: Callable[[str], None], limits: ConnectionLimits | None = None, **options: Any
    ) -> None:
        limits = limits or ConnectionLimits()
        proxies = [address.strip() for address in (options.get("forwarded_allow_ips") or "").split(",")]
        super().__init__(
            uvicorn.Config(
                app,
                http=LimitedProtocol.within(Connections(limits, proxies)),
                # Nothing here speaks it, and its own protocol would know no limits.
                ws="none",
                loop="remit.entrypoints.server.loop:new_loop",
                # A connection is kept for its next request.
                timeout_keep_alive=math.ceil(limits.idle_s),
                **options,
            )
        )
        self._app, self._on_ready = app, on_ready

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal lets it answer what it was asked; the second drops that too."""
        # uvicorn's own would raise the signal again when it is done, and end the process before its worker is.
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            scheme = "https" if self.config.is_ssl else "http"
            self._on_ready(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        # A stream has no end of its own, and uvicorn waits for every answer to end.
        self._app.state.streams.close()
        self._app.state.waits.close()
        await super().shutdown(sockets)


def _work(remit: Remit, stop: threading.Event) -> None:
    try:
        work(remit, stop=stop)
    except Exception:
        # The door goes on deciding; what is approved waits for another worker.
        log.exception("the worker ended; start 'remit worker' beside this server")
