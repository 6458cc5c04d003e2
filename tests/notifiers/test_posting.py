"""Webhooks and Slack against real receivers: what arrives, what an answer means, where nothing goes, what is secret."""

from __future__ import annotations

import base64
import json
import logging
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from remit.egress import post
from remit.notifiers import webhook as webhooks
from remit.notifiers.slack import SlackNotifier
from remit.notifiers.webhook import WebhookNotifier
from tests.far_side import egress, listed, resolving, says, talking

from .letters import letter, mailing, subscription

SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
ENVIRON = {"HOOK_SECRET": SECRET}


def hook(url):
    return subscription(channel="webhook", url=url, signing_secret="${HOOK_SECRET}")


def sent(receiver, *letters, environ=None, allowed=None, path="/in", resolve=None, **more):
    notifier = WebhookNotifier(listed(environ or ENVIRON), egress(**({"resolve": resolve} if resolve else {})))
    hosts = [receiver.host] if allowed is None else allowed
    return notifier.send(mailing(hook(f"{receiver.url}{path}"), *letters, allowed=hosts, **more))


def heard(request):
    head, _, body = request.partition("\r\n\r\n")
    lines = head.split("\r\n")
    return lines[0], {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}, body


# --- what arrives ---


def test_a_webhook_gets_a_cloud_event_that_an_independent_verifier_takes_for_ours():
    now = datetime.now(UTC)
    with talking(says(204)) as receiver:
        (report,) = sent(receiver, now=now)

    line, headers, body = heard(receiver.heard[0])
    assert report.outcome == "delivered"
    assert line == "POST /in HTTP/1.1"
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert Webhook(SECRET).verify(body, headers) == json.loads(body)
    assert headers["webhook-id"] == json.loads(body)["id"] == "d-1"
    assert json.loads(body)["specversion"] == "1.0"


def test_a_body_that_was_changed_or_another_s_secret_is_found_out():
    with talking(says(200)) as receiver:
        sent(receiver, now=datetime.now(UTC))
    _, headers, body = heard(receiver.heard[0])
    other = "whsec_" + base64.b64encode(b"another secret of thirty-two bytes").decode()

    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body.replace("north", "south"), headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(body, headers)


def test_text_of_every_alphabet_arrives_and_is_signed():
    with talking(says(200)) as receiver:
        sent(receiver, letter("Ändere «Größe» für 東京 \U0001f600"), now=datetime.now(UTC))

    _, headers, body = heard(receiver.heard[0])
    assert Webhook(SECRET).verify(body, headers)["data"]["items"][0]["text"] == "Ändere «Größe» für 東京 \U0001f600"


def test_the_text_of_a_webhook_is_one_line_that_shows_all_of_itself():
    with talking(says(200)) as receiver:
        sent(receiver, letter("pay \u202eann\n\nSign in"), now=datetime.now(UTC))

    event = json.loads(heard(receiver.heard[0])[2])
    assert event["data"]["items"][0]["text"] == "pay ⟨U+202E⟩ann⟨U+000A ×2⟩Sign in"


def test_tried_again_it_is_the_same_message_under_the_same_id():
    with talking(says(500)) as receiver:
        sent(receiver), sent(receiver)

    (_, first, body), (_, second, again) = map(heard, receiver.heard)
    assert first["webhook-id"] == second["webhook-id"] and body == again


# --- what an answer means ---


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "delivered"), (202, "delivered"), (301, "failed"), (307, "failed"), (400, "failed"), (404, "failed"),
     (410, "refused"), (429, "failed"), (500, "failed"), (503, "failed")],
)  # fmt: skip
def test_only_2xx_is_delivered_and_only_gone_is_for_good(status, outcome):
    with talking(says(status, body="so it is")) as receiver:
        (report,) = sent(receiver)

    assert report.outcome == outcome
    assert report.detail.startswith(f"127.0.0.1 answered {status}")


def test_a_redirect_is_not_followed():
    with (
        talking(says(200)) as elsewhere,
        talking(says(307, f"Location: {elsewhere.url}/in")) as receiver,
    ):
        (report,) = sent(receiver, allowed=[receiver.host, elsewhere.host])

    assert report.outcome == "failed"
    assert elsewhere.heard == []


def test_a_receiver_may_say_when_to_come_back():
    with talking(says(429, "Retry-After: 120")) as receiver:
        (report,) = sent(receiver)

    assert (report.outcome, report.retry_after_s) == ("failed", 120.0)


def test_a_slow_receiver_is_left_when_its_time_is_over(monkeypatch):
    monkeypatch.setattr(post, "TIMEOUT_S", 0.5)

    left = threading.Event()

    def drips(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        # Left in time it is told so, long before it would end by itself.
        for _ in range(1200):
            if left.wait(0.1):
                return
            connection.sendall(b"X-Slow: 1\r\n")

    with talking(drips) as receiver:
        try:
            (report,) = sent(receiver)
        finally:
            left.set()

    assert report.outcome == "failed" and "in time" in report.detail


def test_a_receiver_that_answers_twice_is_believed_once():
    def twice(connection, request):
        says(200, body="one")(connection, request)
        says(500, body="two")(connection, request)

    with talking(twice) as receiver:
        (report,) = sent(receiver)

    assert report.outcome == "delivered"
    assert len(receiver.heard) == 1


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n"])
def test_a_connection_that_breaks_is_no_delivery(said):
    def resets(connection, _):
        connection.sendall(said)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with talking(resets) as receiver:
        (report,) = sent(receiver)

    assert report.outcome == "failed"


def test_nobody_at_home_is_no_delivery():
    with talking(says(200)) as receiver:
        pass

    (report,) = sent(receiver)

    assert report.outcome == "failed" and "no connection" in report.detail


# --- where nothing goes ---


@pytest.mark.parametrize("allowed", [[], ["hooks.example.com"], ["127.0.0.1:1"]])
def test_a_host_that_the_tenant_did_not_list_is_not_told(allowed):
    with talking(says(200)) as receiver:
        (report,) = sent(receiver, allowed=allowed)

    assert report.outcome == "failed" and "allowed_hosts" in report.detail
    assert receiver.heard == []


def test_a_listed_name_that_leads_inside_is_not_told():
    with talking(says(200)) as receiver:
        to = hook(f"http://hooks.example.com:{receiver.port}/in")
        notifier = WebhookNotifier(listed(ENVIRON), egress(resolve=resolving("127.0.0.1")))
        (report,) = notifier.send(mailing(to, allowed=["hooks.example.com"]))

    assert report.outcome == "failed" and "not a public address" in report.detail
    assert receiver.heard == []


# --- secrets ---


def test_a_url_may_begin_with_what_the_environment_says():
    with talking(says(200)) as receiver:
        environ = {**ENVIRON, "HOOKS": receiver.url}
        (report,) = WebhookNotifier(listed(environ), egress()).send(
            mailing(hook("${HOOKS}/in"), allowed=[receiver.host])
        )

    assert report.outcome == "delivered" and heard(receiver.heard[0])[0] == "POST /in HTTP/1.1"


@pytest.mark.parametrize("value", [None, "", "whsec_", "whsec_c2hvcnQ=", "not base64 at all, but long enough!"])
def test_without_a_usable_secret_nothing_is_sent_and_the_variable_is_named(value):
    environ = {} if value is None else {"HOOK_SECRET": value}
    with talking(says(200)) as receiver:
        (report,) = sent(receiver, environ=environ or {"OTHER": "x"})

    assert report.outcome == "failed" and "HOOK_SECRET" in report.detail
    assert not value or value not in report.detail
    assert receiver.heard == []


def test_a_secret_that_a_receiver_echoes_is_in_no_report_and_no_log(caplog):
    caplog.set_level(logging.DEBUG)
    with talking(says(500, body=f"bad signature, expected {SECRET}")) as receiver:
        (report,) = sent(receiver)

    assert SECRET not in report.detail and "${HOOK_SECRET}" in report.detail
    assert SECRET not in caplog.text


def test_the_shortest_secret_is_what_the_specification_recommends():
    assert webhooks.SHORTEST_SECRET_BYTES == 24


# --- Slack ---


def slack(receiver, *letters):
    environ = {"SLACK_URL": f"{receiver.url}/services/T00/B00/hunter2"}
    to = subscription(channel="slack", url="${SLACK_URL}")
    return SlackNotifier(listed(environ), egress()).send(mailing(to, *letters, allowed=[receiver.host]))


def messages(receiver):
    """What arrived, within every limit that Slack's reference names."""
    arrived = [json.loads(heard(request)[2]) for request in receiver.heard]
    for message in arrived:
        blocks = message["blocks"]
        assert len(blocks) <= 50 and len(message["text"]) <= 40_000
        for block in blocks:
            assert 1 <= len(block["text"]["text"]) <= (150 if block["type"] == "header" else 3000)
            assert len(block.get("fields", [])) <= 10
            assert all(1 <= len(field["text"]) <= 2000 for field in block.get("fields", []))
    return arrived


def test_slack_gets_a_header_and_the_lines_with_links():
    with talking(says(200, body="ok")) as receiver:
        (report,) = slack(receiver)

    line, headers, _ = heard(receiver.heard[0])
    (message,) = messages(receiver)
    assert report.outcome == "delivered" and headers["content-type"].startswith("application/json")
    assert line == "POST /services/T00/B00/hunter2 HTTP/1.1"
    assert message["text"] == "An action needs your input (acme)"
    assert [block["type"] for block in message["blocks"]] == ["header", "section"]
    (_, section) = message["blocks"]
    assert section["text"]["text"] == "A person is asked about CALL"
    assert [field["text"] for field in section["fields"]] == [
        "<https://remit.example.com/console/intents/i-1|Look at it>"
    ]


@pytest.mark.parametrize(
    "text", ["<!channel> <https://evil.example|approve> & co", "https://evil.example", "*b* _i_ `c` :warning: @here"]
)
def test_what_an_agent_wrote_is_neither_formatted_nor_linked_nor_calls_anybody(text):
    with talking(says(200)) as receiver:
        slack(receiver, letter(text))

    (message,) = messages(receiver)
    (_, section) = message["blocks"]
    assert section["text"] == {"type": "plain_text", "text": text, "emoji": False}
    assert all(field["verbatim"] and text not in field["text"] for field in section["fields"])
    assert text not in message["text"] and (message["link_names"], message["parse"]) == (0, "none")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\u0085"])
def test_what_an_agent_wrote_begins_no_line_of_its_own(end):
    with talking(says(200)) as receiver:
        slack(receiver, letter(f"c-1{end}2. CREATE_NOTE on contact c-2: answered already"))

    (message,) = messages(receiver)
    assert len(message["blocks"][1]["text"]["text"].splitlines()) == 1


@pytest.mark.parametrize(("text", "count"), [("x" * 490, 50), ("<" * 1000, 50), ("x" * 5000, 50), ("y", 50)])
def test_many_lines_fit_into_what_slack_takes(text, count):
    with talking(says(200)) as receiver:
        slack(receiver, letter(text, count=count))

    (message,) = messages(receiver)
    told = [line for block in message["blocks"][1:] for line in block["text"]["text"].splitlines()]
    links = [field["text"] for block in message["blocks"] for field in block.get("fields", [])]
    rest = int(told.pop().split()[1]) if told[-1].startswith("and ") else 0
    assert len(told) + rest == count and len(links) == len(told)
    assert told[0].startswith("1. ") and links[0].endswith("|Look at 1>")
    assert len(text) < 3000 or "more characters" in told[0]


def test_a_subject_longer_than_a_header_stands_below_it_too():
    long = replace(letter(), subject="s" * 400)
    with talking(says(200)) as receiver:
        slack(receiver, long)

    (message,) = messages(receiver)
    assert "s" * 400 in message["blocks"][1]["text"]["text"]


@pytest.mark.parametrize("said", [404, 500])
def test_the_address_that_slack_gave_is_a_secret(said, caplog):
    caplog.set_level(logging.DEBUG)
    with talking(says(said, body="no_service: /services/T00/B00/hunter2, hunter2 is gone")) as receiver:
        (report,) = slack(receiver)

    assert report.outcome == "failed" and "no_service" in report.detail
    assert "hunter2" not in report.detail + caplog.text
