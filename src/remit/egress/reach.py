"""The one way out: to a host that tenant and operator agree to, at a checked address, with secrets listed for it."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from remit.egress.addresses import Resolve, permitted, system_resolve
from remit.egress.failure import Failure
from remit.egress.hosts import PrivateHosts

if TYPE_CHECKING:
    import ssl

    from remit.egress.wire import Deadline, HttpRequest, HttpResponse


class Egress:
    """
    Sends requests for tenants. `private_hosts` is what the operator consents to beside public addresses; `tls`
    replaces the usual certificate authorities. No proxy or other setting of the process has any say.
    """

    def __init__(
        self,
        private_hosts: PrivateHosts | None = None,
        *,
        resolve: Resolve = system_resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._private_hosts, self._resolve, self._own_tls = private_hosts or PrivateHosts(), resolve, tls
        # At DEBUG it writes down the headers of answers, and a far side may repeat a secret there.
        logging.getLogger("httpcore").setLevel(logging.INFO)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        import httpx

        return self._own_tls or httpx.create_ssl_context(trust_env=False)

    def ask(self, outgoing: HttpRequest, allowed_hosts: Sequence[str], deadline: Deadline) -> HttpResponse:
        """Send it once; a redirect is an answer. Raises `Failure`."""
        # Imported here: only who calls somebody needs an HTTP client.
        from remit.egress.connection import exchange

        for secret in outgoing.carries:
            secret.check_destination(outgoing.host, outgoing.port)
        addresses = permitted(outgoing.host, outgoing.port, allowed_hosts, self._private_hosts, self._resolve)
        return exchange(outgoing, addresses, deadline, self._tls)

    def connect(self, host: str, port: int, allowed_hosts: Sequence[str], deadline: Deadline) -> None:
        """Connect to a checked address and hang up; nothing is sent. Raises `Failure`."""
        problem: OSError | None = None
        for address in permitted(host, port, allowed_hosts, self._private_hosts, self._resolve):
            try:
                socket.create_connection((address, port), deadline.left()).close()
            except OSError as error:
                problem = error
            else:
                return
        raise Failure("DOWNSTREAM", "CONNECT_FAILED", f"no connection to {host}:{port} ({problem})")
