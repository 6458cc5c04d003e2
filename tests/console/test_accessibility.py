"""Every page, at desktop and phone width, light and dark: readable by everybody, and as wide as the window."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remit.core.gate.autonomy import StopScope
from remit.core.identity.credential import PROCESS
from remit.core.identity.principal import Principal
from remit.core.identity.session import LinkedIntent
from remit.flow.settings.sessions import make_link
from tests.entrypoints.http_world import ACME, EMAIL, OWN, SILENT, Silent, bounds, http_world
from tests.entrypoints.test_http_roles import WEBHOOK

from .conftest import looker

PAGES = (
    "/console/",
    "/console/did",
    "/console/queue",
    "/console/intents",
    "/console/intents/waits",
    "/console/intents/waits/edit",
    "/console/intents/waits/automate",
    "/console/intents/done",
    "/console/intents/unknown",
    "/console/bounds",
    "/console/bounds?account_id=acct-1",
    "/console/bounds/file",
    f"/console/bounds/types/{EMAIL}",
    f"/console/bounds/types/{OWN}",
    "/console/bounds/types/new",
    f"/console/bounds/rule?action_type={EMAIL}",
    "/console/bounds/promote?name=burst",
    "/console/suggestions",
    "/console/policies",
    "/console/telling",
    "/console/keys",
    "/console/audit",
    "/console/report",
    "/console/report?from=2020-01-01&to=2035-01-01",
)
LOOKS = [(1200, "light"), (1200, "dark"), (390, "light"), (390, "dark")]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """One of everything that a page may show."""
    with http_world(tmp_path_factory.mktemp("shop"), connectors={"silent": Silent()}) as world:
        accounts = {"acct-1": {"modes": {"default": "AUTO_EXECUTE"}}}
        known = bounds(accounts=accounts, silent=True, limits=[WATCHING], allowed_hosts=["shop.example"])
        known["action_types"][OWN] |= ROWS
        world.remit.apply(known, by="ann")
        for number in range(14):
            world.submit(f"no-{number}", confidence_score=0.1)
            world.remit.reject(ACME, f"no-{number}", by="bob")
        world.submit("waits", action_type=EMAIL, why=["the customer asked"], parameters={"text": "hello", "lines": [1]})
        world.submit("done")
        world.submit("unknown", action_type=SILENT)
        world.work()
        meant = StopScope(tenant_id=ACME, account_id="acct-2")
        world.remit.stop(meant, by="ann", reason="odd notes", even_if_unknown=True)
        world.remit.set_subscription(ACME, "hook", WEBHOOK, by="ann")
        world.remit.test_subscription(ACME, "hook", by="ann")
        world.remit.set_subscription(ACME, "desk", CHAT, by="ann")
        world.remit.hand_over(ACME, by="ann", to="bob", until=world.remit.now() + timedelta(days=1))
        world.remit.assign(ACME, "waits", by="bob", to="ann")
        world.remit.follow()
        yield world


WATCHING = {"name": "burst", "most": 0, "per": "day", "of": "account", "log_only": True}
ROWS = {
    "parameters": {
        "required": ["amount"],
        "properties": {"amount": {"type": "number", "maximum": 500}, "cause": {"enum": ["lost"], "description": "why"}},
    },
    "amounts": {"refund": {"value": "parameters.amount", "unit": "EUR"}},
    "facts": {"order": {"url": "https://shop.example/o/{target.entity_id}", "keep": {"total": "number"}}},
}
CHAT = {
    "channel": "slack",
    "slack_channel": "C0123",
    "bot_token": "${SLACK_BOT_TOKEN}",
    "signing_secret": "${SLACK_SIGNING_SECRET}",
    "people": [{"team": "T0123", "user": "U0123", "name": "bob", "roles": ["approver"]}],
    "amounts": [{"above": "200", "unit": "EUR"}],
    "quiet_hours": {"begins": "22:00", "ends": "07:00"},
}


@pytest.fixture(scope="module", params=LOOKS, ids=lambda look: f"{look[0]} {look[1]}")
def somebody(request, browser, shop):
    width, scheme = request.param
    with looker(browser, shop, "ann", width=width, scheme=scheme) as made:
        yield made


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_accessible_and_fits(somebody, axe, path):
    _assert_accessible(somebody.goes(path), axe)


def test_the_page_of_a_mailed_link_is_too(somebody, axe, shop):
    bob = Principal("bob", ACME, frozenset({"approver"}))
    answers = LinkedIntent(action_intent_id="waits", digest=shop.remit.intent(ACME, "waits").digest)
    token = make_link(
        shop.remit.context,
        bob,
        leads_to="/console/intents/waits",
        loopback_only=False,
        secret="s" * 43,
        now=shop.remit.now(),
        lives=timedelta(hours=1),
        made_by="ann",
        made_through=PROCESS,
        actor="ann",
        answers=answers,
    )

    _assert_accessible(somebody.goes(f"/console/answer/{token}"), axe)


def _assert_accessible(page, axe):
    # Past the page's content policy, as a browser's own tools are.
    found = page.evaluate(f"(() => {{ {axe} }})(); axe.run()")

    told = [f"{each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]
    assert told == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
