"""Slack: answered from the message, by whom an admin named, under every rule of every other door."""

from __future__ import annotations

import time
from datetime import timedelta
from types import SimpleNamespace

import httpx
import pytest

from remit.core.notifications import outbox
from remit.core.notifications.press import SIGNED_FOR
from tests.slack import CHANNEL, SIGNING_SECRET, TEAM, TOKEN, signed, slack
from tests.waiting import PATIENCE_S, until

from .http_world import ACME, EMAIL, GLOBEX, bounds, http_world, proposal

ENVIRON = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SIGNING_SECRET, "OTHER_SECRET": "another app's"}
LISTED = ("SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "OTHER_SECRET")
BOB, EVE, ANN, CAROL, DAN = "U0BOB", "U0EVE", "U0ANN", "U0CAROL", "U0DAN"
APP = {
    "channel": "slack",
    "slack_channel": CHANNEL,
    "bot_token": "${SLACK_BOT_TOKEN}",
    "signing_secret": "${SLACK_SIGNING_SECRET}",
    "fields": ["target", "parameters"],
    "notices": ["NEEDS_INPUT"],
    "people": [
        {"team": TEAM, "user": BOB, "name": "bob", "roles": ["approver"]},
        {"team": TEAM, "user": CAROL, "name": "carol", "roles": ["approver"]},
        {"team": TEAM, "user": ANN, "name": "ann", "roles": ["approver"]},
        {"team": TEAM, "user": DAN, "name": "dan", "roles": ["auditor"]},
    ],
}


class Chat(SimpleNamespace):
    """A world, the Slack that it tells, and what goes between them."""

    def propose(self, name, **changes):
        self.remit.submit([{"tenant_id": ACME, **proposal(name, action_type=EMAIL), **changes}])
        self.bring()
        return self.slack.messages[-1]

    def bring(self):
        while self.remit.follow():
            pass
        for which in self.remit.due_deliveries():
            self.remit.deliver(which)

    def send(self, body, headers=None, tenant=ACME):
        return httpx.post(
            f"{self.url}/v1/slack/{tenant}",
            content=body,
            headers=headers or signed(body),
            trust_env=False,
            timeout=PATIENCE_S,
        )

    def press(self, message, action="approve", user=BOB, **changes):
        return self.send(self.slack.pressed(message, action, user, **changes))

    def status(self, name):
        return self.remit.status(ACME, name)["status"]

    def entry(self, name, event_type):
        return next(each for each in self.remit.ledger(ACME, name) if each["event_type"] == event_type)

    def told(self, before):
        until(lambda: len(self.slack.ephemeral) > before, what="a word to who pressed")
        return self.slack.ephemeral[-1]

    def refuses(self, message, action="approve", user=BOB):
        before = len(self.slack.ephemeral)
        assert self.press(message, action, user).status_code == 200
        return self.told(before)["blocks"][0]["text"]["text"]


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched, slack() as far_side:
        patched.setattr(outbox, "GATHER", timedelta(0))
        settings = {
            "REMIT_CONSOLE_URL": "https://r.test",
            "REMIT_PRIVATE_HOSTS": "127.0.0.1",
            "REMIT_TOOL_ENVIRONMENT": ",".join(f"acme:{name}@127.0.0.1" for name in LISTED),
            "REMIT_SLACK_API_URL": far_side.url,
        }
        for name, value in settings.items():
            patched.setenv(name, value)
        with http_world(tmp_path_factory.mktemp("slack"), environ=ENVIRON) as world:
            world.remit.apply(bounds(allowed_hosts=["127.0.0.1"]), by="root")
            world.remit.set_subscription(ACME, "chat", APP, by="root")
            yield Chat(remit=world.remit, slack=far_side, url=world.url, world=world)


def test_a_card_shows_what_would_run_and_is_approved_where_it_stands(chat):
    message = chat.propose("i-1", parameters={"text": "hello *all* <!channel>"})
    assert 'parameters.text: "hello *all* <!channel>"' in message.texts()
    assert list(message.buttons) == ["approve", "reject", "open"]
    assert message.buttons["open"]["url"] == "https://r.test/console/intents/i-1"

    assert chat.press(message).status_code == 200

    data = chat.entry("i-1", "ACTION_APPROVED")["data"]
    assert (chat.status("i-1"), data["approved_by"], data["approval_source"]) == ("APPROVED", "bob", "HUMAN")
    assert (data["credential"]["kind"], data["credential"]["id"]) == ("slack", f"{TEAM}:{BOB}")
    assert data["credential"]["made_by"] == ["root"]


def test_the_message_says_so_when_it_was_answered_elsewhere(chat):
    message = chat.propose("i-2")
    chat.remit.reject(ACME, "i-2", by="zoe", reason="not today")

    chat.bring()

    assert chat.slack.updates[-1] == message.ts
    assert "zoe rejected SEND_EMAIL" in message.texts() and "not today" in message.texts()
    assert list(message.buttons) == ["open"]
    assert not [each for each in chat.remit.deliveries(ACME) if each["notice"] == "CARD_CHANGED"]


def test_what_was_answered_before_its_place_was_noted_is_shown_as_answered(chat, monkeypatch):
    answer = chat.slack._post

    def answered_meanwhile(arguments):
        said = answer(arguments)
        chat.remit.reject(ACME, "i-3", by="zoe")
        while chat.remit.follow():
            pass
        return said

    monkeypatch.setattr(chat.slack, "_post", answered_meanwhile)
    message = chat.propose("i-3")

    chat.bring()

    assert "zoe rejected" in message.texts() and list(message.buttons) == ["open"]


def test_a_rejection_asks_for_the_reason_first(chat):
    message = chat.propose("i-4")
    chat.press(message, "reject")
    until(lambda: chat.slack.views, what="a modal")
    assert chat.status("i-4") == "AWAITING_APPROVAL"

    answer = chat.send(chat.slack.submitted(chat.slack.views.pop(), BOB, "wrong customer"))

    assert (answer.status_code, answer.content) == (200, b"")
    data = chat.entry("i-4", "ACTION_REJECTED")["data"]
    assert (data["rejected_by"], data["reason"]) == ("bob", "wrong customer")
    assert data["credential"]["kind"] == "slack"


def test_a_rejection_that_comes_too_late_says_so_in_its_window(chat):
    message = chat.propose("i-5")
    chat.press(message, "reject")
    until(lambda: chat.slack.views, what="a modal")
    chat.remit.approve(ACME, "i-5", by="zoe", digest=chat.remit.intent(ACME, "i-5").digest)

    answer = chat.send(chat.slack.submitted(chat.slack.views.pop(), BOB, None))

    assert answer.json()["response_action"] == "errors" and "APPROVED" in answer.json()["errors"]["reason"]


@pytest.mark.parametrize(
    ("user", "team", "told"),
    [
        (EVE, TEAM, "is nobody here"),
        # The same user of another team is somebody else, whatever they call themselves.
        (BOB, "T0002", "is nobody here"),
        (DAN, TEAM, "takes the role approver"),
    ],
)
def test_who_may_not_answer_is_told_so_alone(chat, user, team, told):
    name = f"i-{user}-{team}"
    message = chat.propose(name)
    before = len(chat.slack.ephemeral)

    chat.press(message, user=user, team=team)

    said = chat.told(before)
    assert told in said["blocks"][0]["text"]["text"] and said["user"] == user
    assert chat.status(name) == "AWAITING_APPROVAL"


def test_rules_of_approval_hold_as_at_every_door(chat):
    types = {EMAIL: {**bounds()["action_types"][EMAIL], "approvals_required": 2}}
    changed = bounds(allowed_hosts=["127.0.0.1"])
    chat.remit.apply({**changed, "action_types": {**changed["action_types"], **types}}, by="root")
    own, message = chat.propose("i-own", proposed_by="bob"), chat.propose("i-6")

    assert "somebody else has to approve it" in chat.refuses(own)
    chat.press(message), chat.press(message)
    assert chat.status("i-6") == "AWAITING_APPROVAL"
    chat.bring()
    assert (
        "bob approved" in message.texts()
        and "from Slack" in message.texts()
        and "(1 of 2)" in message.texts()
        and "approve" in message.buttons
    )
    chat.press(message, user=CAROL)
    assert chat.status("i-6") == "APPROVED"
    chat.remit.apply(changed, by="root")


@pytest.mark.parametrize("secret, at_s", [("another", 0), (SIGNING_SECRET, -1), (SIGNING_SECRET, 1)])
def test_what_is_not_signed_or_is_too_old_is_refused(chat, secret, at_s):
    name = f"i-{secret == SIGNING_SECRET}{at_s}"
    message = chat.propose(name)
    body = chat.slack.pressed(message, "approve", BOB)
    off_s = at_s * (SIGNED_FOR.total_seconds() + 30)

    answer = chat.send(body, signed(body, time.time() + off_s, secret))

    assert answer.status_code == 401 and chat.status(name) == "AWAITING_APPROVAL"


@pytest.mark.parametrize("changed", [{"X-Slack-Signature": ""}, {"X-Slack-Request-Timestamp": "soon"}, {}])
def test_headers_that_sign_nothing_are_refused(chat, changed):
    body = b"payload=%7B%7D"
    headers = {**signed(body), **changed} if changed else {"Content-Type": "application/x-www-form-urlencoded"}

    assert chat.send(body, headers).status_code == 401


def test_a_press_counts_once_however_often_it_is_sent(chat):
    message, changed = chat.propose("i-7"), bounds(allowed_hosts=["127.0.0.1"])
    body = chat.slack.pressed(message, "approve", BOB)
    headers = signed(body)
    chat.remit.apply({**changed, "modes": {"default": "DISABLED"}}, by="root")
    chat.send(body, headers)
    chat.remit.apply(changed, by="root")

    # Refused then, it would be right by now: but nobody presses.
    assert [chat.send(body, headers).status_code for _ in range(2)] == [200, 200]
    assert chat.status("i-7") == "AWAITING_APPROVAL"
    chat.press(message)
    assert chat.status("i-7") == "APPROVED"


def test_a_press_of_an_app_reaches_no_other_tenant(chat):
    message = chat.propose("i-8")
    body = chat.slack.pressed(message, "approve", BOB)

    assert chat.send(body, tenant=GLOBEX).status_code == 401
    assert chat.status("i-8") == "AWAITING_APPROVAL"


def test_an_app_answers_for_no_other_apps_card(chat):
    chat.remit.set_subscription(
        ACME, "other", {**APP, "signing_secret": "${OTHER_SECRET}", "notices": ["STOPPED"]}, by="x"
    )
    message = chat.propose("i-9")
    body = chat.slack.pressed(message, "approve", BOB)

    assert chat.send(body, signed(body, secret=ENVIRON["OTHER_SECRET"])).status_code == 401
    assert chat.status("i-9") == "AWAITING_APPROVAL"
    chat.remit.remove_subscription(ACME, "other", by="x")


def test_an_approval_is_for_the_digest_that_was_shown(chat):
    message = chat.propose("i-10")
    value = message.buttons["approve"]["value"]
    forged = {**message.buttons["approve"], "value": f"{value[:-64]}{'0' * 64}"}
    before = len(chat.slack.ephemeral)

    chat.press(message, actions=[forged])

    assert "look at it again" in chat.told(before)["blocks"][0]["text"]["text"]
    assert chat.status("i-10") == "AWAITING_APPROVAL"


def test_a_button_answers_from_its_own_message_alone(chat):
    first, second = chat.propose("i-11"), chat.propose("i-12")
    before = len(chat.slack.ephemeral)

    chat.press(first, container={"type": "message", "message_ts": second.ts, "channel_id": CHANNEL})

    assert "is over" in chat.told(before)["blocks"][0]["text"]["text"]
    assert chat.status("i-11") == "AWAITING_APPROVAL"


@pytest.mark.parametrize("parameters", [{"text": "x" * 900}, {f"p{n}": n for n in range(40)}])
def test_what_does_not_show_whole_cannot_be_approved_there(chat, parameters):
    message = chat.propose(f"i-long-{len(parameters)}", parameters=parameters)

    assert list(message.buttons) == ["reject", "open"] and "approved in the console" in message.texts()


def test_a_subscription_that_shows_no_fields_offers_no_approval(chat):
    chat.remit.set_subscription(ACME, "chat", {**APP, "fields": ["parameters"]}, by="root")
    message = chat.propose("i-13")

    assert list(message.buttons) == ["reject", "open"] and "hello" in message.texts()
    chat.remit.set_subscription(ACME, "chat", APP, by="root")


def test_what_asks_for_nothing_is_answered_with_nothing(chat):
    message = chat.propose("i-14")

    assert chat.press(message, "open").content == b""
    assert chat.send(b"payload=%7Bnot+json").status_code == 200
    assert chat.status("i-14") == "AWAITING_APPROVAL"


def test_a_test_is_a_plain_message_of_the_app(chat):
    chat.remit.test_subscription(ACME, "chat", by="ann")
    chat.bring()

    message = chat.slack.messages[-1]
    assert "ann tries out the subscription chat" in message.texts() and message.buttons == {}


def test_what_was_assigned_says_so_on_its_card(chat):
    message = chat.propose("i-16")
    chat.remit.assign(ACME, "i-16", by="ann", to="bob")
    chat.bring()

    assert "ann assigned SEND_EMAIL" in message.texts() and "to bob" in message.texts()
    assert list(message.buttons) == ["approve", "reject", "open"]


def test_whoever_slack_tells_to_wait_waits_and_posts_nothing_twice(chat):
    count = len(chat.slack.messages)
    chat.remit.submit([{"tenant_id": ACME, **proposal(f"i-slow-{n}", action_type=EMAIL)} for n in range(2)])
    chat.slack.says_instead += [30]
    chat.bring()

    (pending,) = chat.remit.deliveries(ACME, status="PENDING")
    assert len(chat.slack.messages) == count and "429" in pending["last_result"]["detail"]
    assert pending["next_at"] is not None


def test_what_slack_refuses_is_listed_without_a_secret(chat):
    chat.slack.says_instead += ["invalid_auth"]
    chat.remit.test_subscription(ACME, "chat", by="ann")
    chat.bring()

    listed = str(chat.remit.deliveries(ACME)) + str([each.wire() for each in chat.remit.subscriptions(ACME)])
    assert "Slack says invalid_auth" in listed and TOKEN not in listed and SIGNING_SECRET not in listed
