"""The emulated cloud that tests of the AWS parts share, and one deployment in it for each test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.cloud import LocalCloud
from infra.local.emulator import REGION, Emulator
from remit.core.records import USAGE
from remit.entrypoints.aws_lambda import process
from remit.stores.dynamodb import opening
from remit.wiring import Remit
from tests.flow.world import ACCOUNT, TENANT, FarSide, bounds, proposal

from .scripted_bus import Front


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    """EventBridge, SQS, Step Functions and Lambda on loopback."""
    with Emulator() as emulator:
        yield emulator


class MovableClock:
    """The machine's clock, set forward."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def pass_(self, **span: float) -> None:
        self._ahead += timedelta(**span)


class Deployment:
    """The real handlers, rules and state machine around one store, with a far side that is scripted."""

    def __init__(self, cloud: LocalCloud, remit: Remit, far: FarSide, front: Front) -> None:
        self.cloud, self.remit, self.far, self.front = cloud, remit, far, front
        self.clock = MovableClock()
        shown = (remit.reading, remit.settings, remit.notifications, remit.execution, remit.own, remit.results)
        parts = (*shown, remit.gating, remit.people)
        for part in (remit, *parts):
            part.clock = self.clock
        self.apply()

    def apply(self, **changes: Any) -> None:
        self.remit.apply(bounds(**changes), by="ann")

    def call(self, name: str, **event: Any) -> Any:
        return self.cloud.emulator.functions.call(name, event)

    def propose(self, name: str = "i-1", **changes: Any) -> Any:
        """Stored, and not decided."""
        return self.remit.propose(proposal(name, **changes))

    def gate(self, name: str = "i-1", tenant: str = TENANT, account: str = ACCOUNT) -> Any:
        return self.call("gate", action_intent_id=name, tenant_id=tenant, account_id=account)

    def over_http(
        self, method: str, path: str, key: str | None = None, body: Any = None, *, function: str = "http_door"
    ) -> tuple[int, Any]:
        """Status and body that the gateway passes on from one of the functions behind it."""
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
        http = {"method": method, "path": path, "sourceIp": "10.0.0.1"}
        answer = self.call(
            function,
            version="2.0",
            routeKey="$default",
            rawPath=path,
            rawQueryString="",
            headers=headers,
            requestContext={"http": http, "stage": "$default"},
            body=json.dumps(body) if body is not None else None,
            isBase64Encoded=False,
        )
        return answer["statusCode"], json.loads(answer["body"])

    def settle(self) -> None:
        self.cloud.settle()

    def status(self, name: str = "i-1", tenant: str = TENANT) -> str:
        found: str = self.remit.status(tenant, name)["status"]
        return found

    def outcome(self, name: str = "i-1", tenant: str = TENANT) -> Any:
        found: Any = self.remit.status(tenant, name)["outcome"]
        return found

    def used(self, tenant: str = TENANT) -> int:
        (account,) = self.remit.usage(tenant, account_id=ACCOUNT)["accounts"]
        used: int = account["used"]
        return used

    def window(self, tenant: str = TENANT) -> tuple[str, int]:
        """The one window that was ever charged to the account, and what is charged to it now."""
        (usage,) = [each for each in self.remit.context.store.scan(USAGE, tenant) if ACCOUNT in each.usage_id]
        return usage.usage_id, usage.used("all")

    def paths(self) -> list[list[str]]:
        """The states that each execution went through."""
        return [self.cloud.states_of(execution) for execution in self.cloud.executions()]

    def assert_sound(self, tenant: str = TENANT) -> None:
        assert self.remit.verify(tenant).findings == []


@pytest.fixture(autouse=True)
def _few_parts(few_parts: None) -> None:
    """All functions run in this process; where one has a process of its own, it reads as many as there are."""


@pytest.fixture
def database_url(dynamodb_endpoint: str, dynamodb_table: str) -> str:
    """A table of this test's own on DynamoDB Local."""
    # What is written here is read at once: an export has nothing to wait for.
    return f"dynamodb://{dynamodb_table}?region={REGION}&endpoint_url={dynamodb_endpoint}&settle_s=0"


@pytest.fixture
def deployment(
    emulator: Emulator, database_url: str, dynamodb_client: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Deployment]:
    cloud, front, far = LocalCloud(emulator), Front(emulator), FarSide()
    # The whole run's, which is patient: making one takes longer than most tests.
    monkeypatch.setattr(opening, "open_client", lambda **_: dynamodb_client)
    monkeypatch.setenv("REMIT_DATABASE_URL", database_url)
    # Approvals pass the scripted front on their way to the bus.
    monkeypatch.setenv("REMIT_SENDER_URL", cloud.sender_url.replace(emulator.url, front.url))
    process.remit.cache_clear()
    process.sender.cache_clear()
    with process.remit() as remit:
        remit.context.connectors["far"] = far
        yield Deployment(cloud, remit, far, front)
        cloud.close()
        front.close()
    process.remit.cache_clear()
    process.sender.cache_clear()


@pytest.fixture
def door(deployment: Deployment) -> Deployment:
    """The deployment with an HTTP door of its own: a process keeps the one that it made."""
    from remit.entrypoints.aws_lambda import http_door

    http_door.door.cache_clear()
    return deployment
