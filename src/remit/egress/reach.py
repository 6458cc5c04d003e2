"""The one way out: to a host that the tenant listed, at an address that was checked, within a deadline."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from functools import cached_property

import httpx

from remit.egress.addresses import Resolve, permitted
from remit.egress.wire import Deadline, HttpRequest, HttpResponse, exchange


class Egress:
    """`tls` replaces the usual certificate authorities. No proxy or other setting of the process has any say."""

    def __init__(self, resolve: Resolve, tls: ssl.SSLContext | None) -> None:
        self._resolve, self._own_tls = resolve, tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._own_tls or httpx.create_ssl_context(trust_env=False)

    def ask(self, outgoing: HttpRequest, allowed_hosts: Sequence[str], deadline: Deadline) -> HttpResponse:
        """Send it once; a redirect is an answer. Raises `Failure`."""
        addresses = permitted(outgoing.host, outgoing.port, allowed_hosts, self._resolve)
        return exchange(outgoing, addresses, deadline, self._tls)
