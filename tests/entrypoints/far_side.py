"""Far sides on loopback that say what a test wants to hear said, and one call of the connector to them."""

import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from remit.connectors.http import HttpConnector
from remit.core.intent import complete, parse_proposal
from remit.egress.addresses import system_resolve
from remit.egress.hosts import PrivateHosts
from remit.egress.reach import Egress
from remit.egress.secrets import ListedSecrets
from remit.ports import Call

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SECRET = "s3cr3t/+value"


HOSTS = ("127.0.0.1", "localhost", "crm.example.com", "hooks.example.com")
"""For what tests listen at, or what a name in them leads to."""


def listed(environ, *, tenant="acme", hosts=HOSTS):
    """What an operator says who lists each of these variables for a tenant and hosts."""
    entries = [f"{tenant}:{name}@{host}" for name in environ for host in hosts]
    return ListedSecrets.parse(environ, ",".join(entries))


def egress(private="127.0.0.0/8", *, resolve=system_resolve, tls=None):
    """The way out, where an operator consents to loopback."""
    return Egress(PrivateHosts.parse(private), resolve=resolve, tls=tls)


def connecting(environ=None, private="127.0.0.0/8", *, tenant="acme", hosts=HOSTS, **more):
    return HttpConnector(listed(environ or {}, tenant=tenant, hosts=hosts), egress(private, **more))


def intent(**parameters):
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


def tool(base="https://crm.example.com", path="/contacts/{target.entity_id}", **changes):
    return {"connector": "http", "method": "PATCH", "url": base + path, "body": "{parameters}", **changes}


def invoke(connector, described, *, allowed, of=None, key="k-1", timeout_s=5.0):
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


def resolving(*addresses):
    """A resolver that says these, and remembers how often it was asked."""
    asked = []

    def resolve(host, port):
        asked.append(host)
        return list(addresses)

    resolve.asked = asked
    return resolve


class Talker:
    """A server that hears one request a connection and then does what `script(connection, request)` says."""

    def __init__(self, script, wrap=None):
        self.script, self.wrap, self.heard = script, wrap, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}"
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if self.wrap:
                connection = self.wrap(connection)
            with connection:
                request = hear(connection)
                self.heard.append(request)
                self.script(connection, request)
        except OSError:
            connection.close()


def hear(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while length and len(body) < length[0]:
        body += connection.recv(65536)
    return head.decode() + "\r\n\r\n" + body.decode()


def says(status, *headers, body=""):
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body.encode())}", *headers, "", body]
    return lambda connection, _: connection.sendall("\r\n".join(lines).encode())


@contextmanager
def talking(script, wrap=None):
    talker = Talker(script, wrap)
    try:
        yield talker
    finally:
        # Closing alone does not wake the thread that waits in accept.
        talker.listener.shutdown(socket.SHUT_RDWR)
        talker.listener.close()
        talker.thread.join()
