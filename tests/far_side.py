"""Far sides on loopback that say what a test wants to hear said, and one call of the connector to them."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from remit.connectors.http import HttpConnector
from remit.core.intent import ActionIntentV1
from remit.core.proposal import complete, parse_proposal
from remit.egress.addresses import system_resolve
from remit.egress.hosts import PrivateHosts
from remit.egress.reach import Egress
from remit.egress.secrets import ListedSecrets
from remit.ports import Call

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SECRET = "s3cr3t/+value"
# Made for these tests and trusted by nothing else: CN and SAN crm.example.com, valid from 2020 to 2120.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBczCCARmgAwIBAgIBATAKBggqhkjOPQQDAjAaMRgwFgYDVQQDDA9jcm0uZXhh
bXBsZS5jb20wIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBoxGDAW
BgNVBAMMD2NybS5leGFtcGxlLmNvbTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
BE1Y4ozX26ObfZX88govKGlyI2AU4F53FqBd5e/47VxDgmA9UvENnHD0ZUqwXoxT
kPRoGECACd8y/VnBPrZq18SjTjBMMA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMw
EYIPY3JtLmV4YW1wbGUuY29tMB0GA1UdDgQWBBSwsMUqZUK8/mgOvdJ3bm3PV/YJ
DjAKBggqhkjOPQQDAgNIADBFAiEAvZiMtdHeYevK4gCLyuOxd6f2WQCyoQgmEeTR
I1y8dloCIAGei7s/O/+4M26ve60xXOdXMXIHiFubhZnFG0WtL+G0
-----END CERTIFICATE-----
"""
PRIVATE_KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpQ84yw1YQx8616Ty
lkMfh2ET2DvyfTdM0WTS9FeEmAuhRANCAARNWOKM19ujm32V/PIKLyhpciNgFOBe
dxagXeXv+O1cQ4JgPVLxDZxw9GVKsF6MU5D0aBhAgAnfMv1ZwT62atfE
-----END PRIVATE KEY-----
"""

Script = Callable[[socket.socket, str], Any]
Wrap = Callable[[socket.socket], socket.socket]


HOSTS = ("127.0.0.1", "localhost", "crm.example.com", "hooks.example.com")
"""For what tests listen at, or what a name in them leads to."""


def listed(environ: dict[str, str], *, tenant: str = "acme", hosts: tuple[str, ...] = HOSTS) -> ListedSecrets:
    """What an operator says who lists each of these variables for a tenant and hosts."""
    entries = [f"{tenant}:{name}@{host}" for name in environ for host in hosts]
    return ListedSecrets.parse(environ, ",".join(entries))


def egress(private: str = "127.0.0.0/8", *, resolve: Any = system_resolve, tls: ssl.SSLContext | None = None) -> Egress:
    """The way out, where an operator consents to loopback."""
    return Egress(PrivateHosts.parse(private), resolve=resolve, tls=tls)


def connecting(
    environ: dict[str, str] | None = None,
    private: str = "127.0.0.0/8",
    *,
    tenant: str = "acme",
    hosts: tuple[str, ...] = HOSTS,
    **more: Any,
) -> HttpConnector:
    return HttpConnector(listed(environ or {}, tenant=tenant, hosts=hosts), egress(private, **more))


def intent(**parameters: Any) -> ActionIntentV1:
    proposal = {
        "action_intent_id": "i-1",
        "tenant_id": "acme",
        "account_id": "north",
        "action_type": "UPDATE_CONTACT",
        "target": {"entity_type": "contact", "entity_id": "c-1"},
        "parameters": parameters or {"city": "Bern"},
    }
    return complete(
        parse_proposal(proposal),
        action_intent_id="i",
        trace_id="trace-1",
        now=NOW,
        expires_after=timedelta(days=1),
        registry_version=1,
    )


def tool(
    base: str = "https://crm.example.com", path: str = "/contacts/{target.entity_id}", **changes: Any
) -> dict[str, Any]:
    return {"connector": "http", "method": "PATCH", "url": base + path, "body": "{parameters}", **changes}


def invoke(
    connector: Any,
    described: dict[str, Any],
    *,
    allowed: list[str],
    of: ActionIntentV1 | None = None,
    key: str = "k-1",
    timeout_s: float = 5.0,
) -> Any:
    of = of or intent()
    return connector.invoke(
        Call(
            intent=of,
            request=connector.map(described, of),
            idempotency_key=key,
            timeout_s=timeout_s,
            allowed_hosts=allowed,
            now=NOW,
        )
    )


class resolving:
    """A resolver that says these, and remembers how often it was asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return list(self.addresses)


class Talker:
    """A server that hears one request a connection and then does what `script(connection, request)` says."""

    def __init__(self, script: Script, wrap: Wrap | None = None) -> None:
        self.script, self.wrap = script, wrap
        self.heard: list[str] = []
        # Under which names, where `wrap` is told.
        self.asked_for: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        try:
            if self.wrap:
                connection = self.wrap(connection)
            with connection:
                request = hear(connection)
                self.heard.append(request)
                self.script(connection, request)
        except OSError:
            connection.close()


def hear(connection: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while length and len(body) < length[0]:
        body += connection.recv(65536)
    return head.decode() + "\r\n\r\n" + body.decode()


def says(status: int, *headers: str, body: str = "") -> Script:
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body.encode())}", *headers, "", body]
    return lambda connection, _: connection.sendall("\r\n".join(lines).encode())


@contextmanager
def talking(script: Script, wrap: Wrap | None = None) -> Iterator[Talker]:
    talker = Talker(script, wrap)
    try:
        yield talker
    finally:
        # Closing alone does not wake the thread that waits in accept.
        talker.listener.shutdown(socket.SHUT_RDWR)
        talker.listener.close()
        talker.thread.join()
