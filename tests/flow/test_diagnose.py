"""What `remit doctor` finds of one tenant."""

from __future__ import annotations

import socket
from datetime import timedelta

import pytest

from remit import Remit
from remit.core.gate.autonomy import StopScope
from tests.waiting import PATIENCE_S

TYPES = {
    "NOTE": {"risk_tier": "LOW", "tool": {"connector": "internal", "operation": "create_note"}},
    "CALL": {"risk_tier": "LOW", "tool": {"connector": "http", "method": "POST", "url": "${SHOP_URL}/x"}},
    "ELSEWHERE": {
        "risk_tier": "LOW",
        "tool": {"connector": "http", "method": "POST", "url": "https://unlisted.example/x"},
    },
}


class Clock:
    def __init__(self, inner):
        self.inner, self.behind = inner, timedelta()

    def now(self):
        return self.inner.now() - self.behind


@pytest.fixture
def shop():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(PATIENCE_S)
        yield server


@pytest.fixture
def remit(shop):
    settings = {"REMIT_PRIVATE_HOSTS": "127.0.0.1", "REMIT_TOOL_ENVIRONMENT": "acme:SHOP_URL@127.0.0.1"}
    url = f"http://127.0.0.1:{shop.getsockname()[1]}"
    with Remit.open("memory://", environ={"SHOP_URL": url}, settings=settings) as remit:
        remit.apply({"tenant": "acme", "allowed_hosts": ["127.0.0.1"], "action_types": TYPES}, by="ann")
        yield remit


def found(remit, tenant="acme", **how):
    return {(each.check, each.state): each for each in remit.diagnose(tenant, **how)}


def test_hosts_are_connected_to_and_what_is_unreachable_or_not_listed_is_wrong(remit, shop):
    reached = found(remit)
    shop.accept()[0].close()
    shop.close()
    gone = [each.says for each in remit.diagnose("acme") if (each.check, each.state) == ("connectivity", "wrong")]

    assert "takes connections" in reached["connectivity", "ok"].says
    assert "unlisted.example:443 is not among" in reached["connectivity", "wrong"].says
    assert any("no connection to 127.0.0.1" in says for says in gone)


@pytest.mark.parametrize(
    ("listed", "environ", "says"),
    [
        (
            "",
            {"TOKEN": "x"},
            "TOKEN is not listed for tenant acme, so it was not read; the operator lists it in REMIT_",
        ),
        ("acme:TOKEN@other.example", {"TOKEN": "x"}, "TOKEN is not listed for 127.0.0.1:"),
        ("acme:TOKEN@127.0.0.1", {}, "environment variable TOKEN is not set"),
        ("acme:TOKEN@127.0.0.1", {"TOKEN": "x"}, None),
    ],
)
@pytest.mark.parametrize(
    "secret", [{"bearer_token": "${TOKEN}"}, {"signing_secret": "${TOKEN}"}, {"headers": {"X-Key": "k ${TOKEN}"}}]
)
def test_a_secret_that_calls_lack_is_worth_a_look(shop, secret, listed, environ, says):
    tool = {"connector": "http", "method": "POST", "url": f"http://127.0.0.1:{shop.getsockname()[1]}/x"} | secret
    types = {name: {"risk_tier": "LOW", "tool": tool} for name in ("CALL", "CALL_AGAIN")}
    settings = {"REMIT_PRIVATE_HOSTS": "127.0.0.1", "REMIT_TOOL_ENVIRONMENT": listed}
    with Remit.open("memory://", environ=environ, settings=settings) as remit:
        remit.apply({"tenant": "acme", "allowed_hosts": ["127.0.0.1"], "action_types": types}, by="ann")

        told = [each for each in remit.diagnose("acme") if each.check in ("secrets", "connectivity")]

    assert [(each.check, each.state) for each in told] == [("connectivity", "ok")] + [("secrets", "look")] * bool(says)
    assert says is None or says in told[1].says


def test_without_connecting_only_what_is_not_listed_is_found(remit, shop):
    states = found(remit, connect=False)

    assert ("connectivity", "ok") not in states
    assert "unlisted.example" in states["connectivity", "wrong"].says
    shop.settimeout(0)
    with pytest.raises(BlockingIOError):
        shop.accept()


def test_a_clock_behind_what_was_recorded_is_wrong(remit):
    clock = remit.reading.clock = Clock(remit.reading.clock)
    remit.submit({"tenant_id": "acme", "account_id": "a-1", "action_type": "NOTE", "proposed_by": "bot"})
    right = found(remit, connect=False)
    clock.behind = timedelta(minutes=5)

    assert ("clock", "ok") in right
    assert "later" in found(remit, connect=False)["clock", "wrong"].says


def test_stops_and_keys_that_end_soon_are_worth_a_look(remit):
    remit.stop(StopScope(tenant_id="acme"), by="ann", reason="odd notes")
    before = found(remit, connect=False)
    soon = (remit.now() + timedelta(days=2)).isoformat()
    remit.create_key("acme", {"name": "short", "roles": ["agent"], "expires_at": soon}, by="ann")

    assert "odd notes" in before["stops", "look"].says
    assert before["keys", "ok"].says == "0 in force of 0"
    assert "short end within two weeks" in found(remit, connect=False)["keys", "look"].says


def test_a_tenant_without_bounds_is_told_what_that_means(remit):
    assert "a person decides everything" in found(remit, "nobody")["bounds", "look"].says
