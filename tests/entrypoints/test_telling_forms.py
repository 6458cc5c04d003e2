"""What a subscription is narrowed by, as the console's form and the command line take it, and show it afterwards."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from remit.core.identity.principal import Principal
from remit.entrypoints.cli import app
from tests.waiting import PATIENCE_S

from .http_world import ACME, http_world

TEAM_USER = "T1/U1"
APP: dict[str, Any] = {
    "channel": "slack",
    "slack_channel": "C1",
    "bot_token": "${SLACK_BOT_TOKEN}",
    "signing_secret": "${SLACK_SIGNING_SECRET}",
    "people": [{"team": "T1", "user": "U1", "name": "bob", "roles": ["approver"]}],
    "notices": ["NEEDS_INPUT"],
    "action_types": ["REFUND_ORDER"],
    "reasons": ["RISK_LEVEL_HIGH"],
    "amounts": [{"above": "200", "unit": "EUR", "name": None}],
    "fields": ["target", "parameters"],
    "quiet_hours": {"begins": "22:00", "ends": "07:00", "timezone": "Europe/Berlin"},
    "escalation": {"after_min": 30, "to": "lead"},
}


@pytest.fixture
def world(tmp_path):
    with http_world(tmp_path) as opened:
        hook = {"channel": "webhook", "url": "https://hooks.example.com/in", "signing_secret": "${HOOK_SECRET}"}
        opened.remit.set_subscription(ACME, "lead", hook, by="root")
        yield opened


def stored(world):
    (found,) = [each for each in world.remit.subscriptions(ACME) if each.subscription_id == "desk"]
    wire = found.wire()
    return {name: wire[name] for name in APP}


def test_the_console_takes_all_of_it_and_shows_it(world):
    admin = Principal("ann", ACME, frozenset({"admin", "approver"}))
    cookie = world.remit.begin_session(admin)
    with httpx.Client(
        base_url=world.url, cookies={"remit_session": cookie}, trust_env=False, timeout=PATIENCE_S
    ) as browser:
        before = browser.get("/console/telling")
        form = {
            "csrf": re.search(r'name="csrf" value="(\w+)"', before.text)[1],
            "subscription_id": "desk",
            **{name: APP[name] for name in ("channel", "slack_channel", "bot_token", "signing_secret")},
            "people": "bob T1 U1 approver",
            "notice": "NEEDS_INPUT",
            "action_types": "REFUND_ORDER",
            "reasons": "RISK_LEVEL_HIGH",
            "amounts": "200 EUR",
            "fields": "target parameters",
            **{f"quiet_{name}": text for name, text in APP["quiet_hours"].items()},
            "escalate_after_min": "30",
            "escalate_to": "lead",
        }
        answer = browser.post("/console/telling", data=form)
        browser.post("/console/telling/hand-over", data={"csrf": form["csrf"], "to": "bob", "until": ends(world)})
        page = browser.get("/console/telling")

    assert (before.status_code, answer.status_code, page.status_code) == (200, 303, 200)
    assert stored(world) == APP
    for text in (TEAM_USER, "above 200 EUR", "not from 22:00 to 07:00", "to lead", "<b>bob</b>'s until"):
        assert text in page.text


def ends(world):
    return f"{world.remit.now().replace(microsecond=0, tzinfo=None).isoformat(' ')[:11]}23:59:59.9"


def test_the_command_line_takes_all_of_it_too(world):
    line = [
        *("subscription", "add", "desk", "--tenant", ACME, "--by", "ann", "--db", world.remit.url),
        *("--slack-channel", "C1", "--bot-token", APP["bot_token"], "--signing-secret", APP["signing_secret"]),
        *("--person", f"bob={TEAM_USER}:approver", "--notice", "NEEDS_INPUT", "--type", "REFUND_ORDER"),
        *("--reason", "RISK_LEVEL_HIGH", "--above", "200 EUR", "--field", "target", "--field", "parameters"),
        *("--quiet", "22:00-07:00 Europe/Berlin", "--escalate", "30:lead"),
    ]

    done = CliRunner().invoke(app, line)

    assert done.exit_code == 0, done.output
    assert stored(world) == APP


@pytest.mark.parametrize(
    ("option", "text"),
    [("--above", "200"), ("--person", "bob"), ("--quiet", "at night"), ("--escalate", "lead"), ("--slack", "x")],
)
def test_what_is_not_understood_is_refused_by_its_option(world, option, text):
    given = ["--slack-channel", "C1", "--bot-token", "${A}", "--signing-secret", "${B}", option, text]

    done = CliRunner().invoke(
        app, ["subscription", "add", "x", "--tenant", ACME, "--by", "ann", "--db", world.remit.url, *given]
    )

    assert done.exit_code != 0
    assert [each.subscription_id for each in world.remit.subscriptions(ACME)] == ["lead"]
