"""A secret is read for its tenant, sent to its hosts, and found nowhere afterwards."""

from __future__ import annotations

import base64
import json
import logging
from urllib.parse import quote, quote_plus

import pytest

from remit.connectors.http import HttpConnector
from remit.core.errors import InvalidInput, TryLater
from remit.core.redaction import masked
from remit.demo.crm import Crm
from remit.egress.secrets import ListedSecrets
from remit.notifiers.slack import SlackNotifier
from remit.notifiers.webhook import WebhookNotifier
from tests.far_side import connecting, egress, intent, invoke, listed, says, talking, tool

from ..notifiers.letters import mailing, subscription

SECRET = "s3cr3t/+v\"al'ué&<x> y"
KEY = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@pytest.fixture
def crm():
    with Crm.start() as running:
        yield running


WAYS = [
    {"bearer_token": "${TOKEN}"},
    {"signing_secret": "${TOKEN}"},
    {"headers": {"X-Api-Key": "v1 ${TOKEN}"}},
]


@pytest.mark.parametrize("way", WAYS)
def test_another_tenant_s_secret_is_not_read(crm, way):
    connector = connecting({"TOKEN": SECRET}, tenant="globex")

    result = invoke(connector, tool(crm.url, **way), allowed=[crm.host])

    assert (result.acted, result.error_class, result.error_code) == ("no", "VALIDATION", "SECRET_NOT_LISTED")
    assert crm.requests == []


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "hosts", [["crm.example.com"], ["127.0.0.1:1"], ["*.example.com"], ["127.0.0.2"], ["localhost"]]
)
def test_a_secret_is_not_sent_to_a_host_that_it_is_not_listed_for(crm, way, hosts):
    connector = connecting({"TOKEN": SECRET}, hosts=hosts)

    result = invoke(connector, tool(crm.url, **way), allowed=[crm.host])

    assert (result.acted, result.error_class, result.error_code) == ("no", "VALIDATION", "SECRET_NOT_FOR_HOST")
    assert SECRET not in result.error_message
    assert crm.requests == []


@pytest.mark.parametrize("base", ["http://127.0.0.1:{port}/t0ken-that-is-a-secret", "http://127.0.0.1:{port}"])
def test_a_base_url_goes_where_it_is_listed_for_alone(crm, base):
    base = base.format(port=crm.host.partition(":")[2])
    described = tool("${BASE}", bearer_token=None)

    elsewhere = invoke(connecting({"BASE": base}, hosts=["crm.example.com"]), described, allowed=[crm.host])
    others = invoke(connecting({"BASE": base}, tenant="globex"), described, allowed=[crm.host])
    assert crm.requests == []
    here = invoke(connecting({"BASE": base}, hosts=[crm.host]), described, allowed=[crm.host])

    assert (elsewhere.error_code, others.error_code) == ("SECRET_NOT_FOR_HOST", "SECRET_NOT_LISTED")
    assert here.error_code != "SECRET_NOT_FOR_HOST" and len(crm.requests) == 1
    assert "t0ken-that-is-a-secret" not in str(here.wire())


def test_a_secret_of_one_variable_is_not_listed_by_another_s_host(crm):
    listing = f"acme:BASE@{crm.host}, acme:TOKEN@crm.example.com"
    source = ListedSecrets.parse({"BASE": crm.url, "TOKEN": SECRET}, listing)

    described = tool("${BASE}", bearer_token="${TOKEN}")
    result = invoke(HttpConnector(source, egress()), described, allowed=[crm.host])

    assert result.error_code == "SECRET_NOT_FOR_HOST"
    assert crm.requests == []


@pytest.mark.parametrize(
    "spelled", [SECRET, quote(SECRET, safe=""), base64.urlsafe_b64encode(SECRET.encode()).decode()]
)
def test_a_redirect_takes_no_secret_along_to_a_host_that_it_is_not_listed_for(crm, spelled):
    location = f"{crm.url}/contacts/c-1?t={quote(spelled, safe='%')}"
    with talking(says(307, f"Location: {location}")) as server:
        connector = connecting({"TOKEN": SECRET}, hosts=[server.host])
        result = invoke(connector, tool(server.url, bearer_token="${TOKEN}"), allowed=[server.host, crm.host])

    assert (result.acted, result.error_code) == ("no", "SECRET_NOT_FOR_HOST")
    assert crm.requests == []


def test_a_secret_that_cannot_be_read_now_is_asked_for_again_and_nothing_was_sent(crm):
    class Unreadable:
        def __init__(self, error):
            self.error = error

        def find(self, tenant_id, name):
            raise self.error

    described = tool(crm.url, bearer_token="${TOKEN}")
    later = invoke(HttpConnector(Unreadable(TryLater("busy")), egress()), described, allowed=[crm.host])
    wrong = invoke(
        HttpConnector(Unreadable(InvalidInput("x", "is no object")), egress()), described, allowed=[crm.host]
    )

    assert (later.acted, later.error_class, later.error_code) == ("no", "DOWNSTREAM", "SECRET_UNREADABLE")
    assert (wrong.acted, wrong.error_class, wrong.error_code) == ("no", "VALIDATION", "VARIABLE_UNUSABLE")
    assert crm.requests == []


# --- people who are told ---


@pytest.mark.parametrize(("tenant", "hosts"), [("globex", ["127.0.0.1"]), ("acme", ["hooks.example.com"])])
def test_a_webhook_is_signed_and_slack_is_called_with_the_tenant_s_own_for_that_host(tenant, hosts):
    with talking(says(200)) as receiver:
        environ = {"KEY": KEY, "SLACK": f"{receiver.url}/services/T00/hunter22", "HOOKS": receiver.url}
        source = listed(environ, tenant=tenant, hosts=hosts)
        hook = subscription(channel="webhook", url=f"{receiver.url}/in", signing_secret="${KEY}")
        based = subscription(channel="webhook", url="${HOOKS}/in", signing_secret="${KEY}")
        chat = subscription(channel="slack", url="${SLACK}")
        allowed = [receiver.host]

        reports = [
            *WebhookNotifier(source, egress()).send(mailing(hook, allowed=allowed)),
            *WebhookNotifier(source, egress()).send(mailing(based, allowed=allowed)),
            *SlackNotifier(source, egress()).send(mailing(chat, allowed=allowed)),
        ]

        assert receiver.heard == []
    assert [report.outcome for report in reports] == ["failed"] * 3
    assert all("is not listed for" in report.detail and "hunter22" not in report.detail for report in reports)


def test_people_inside_are_not_told_without_the_operator_s_consent():
    with talking(says(200)) as receiver:
        hook = subscription(channel="webhook", url=f"{receiver.url}/in", signing_secret="${KEY}")
        notifier = WebhookNotifier(listed({"KEY": KEY}), egress(""))
        (report,) = notifier.send(mailing(hook, allowed=[receiver.host]))

        assert receiver.heard == []
    assert report.outcome == "failed" and "not a public address" in report.detail


# --- what is left behind ---

BASIC = base64.b64encode(f"user:{SECRET}".encode()).decode()
SPELLED = {
    "as it is": SECRET,
    "JSON": json.dumps(SECRET),
    "JSON beyond ASCII": json.dumps(SECRET, ensure_ascii=False),
    "JSON of PHP": json.dumps(SECRET).replace("/", "\\/"),
    "URL": quote(SECRET, safe=""),
    "path": quote(SECRET),
    "form": quote_plus(SECRET),
    "lower-case escapes": quote(SECRET, safe="").replace("%2F", "%2f").replace("%C3%A9", "%c3%a9").lower(),
    "every byte": "".join(f"%{byte:02X}" for byte in SECRET.encode()),
    "HTML": "s3cr3t/+v&quot;al&#x27;ué&amp;&lt;x&gt; y",
    "a log": repr(SECRET.encode()),
    "hex": SECRET.encode().hex(),
    "HEX": SECRET.encode().hex().upper(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 of URLs": base64.urlsafe_b64encode(SECRET.encode()).decode(),
    "Basic": BASIC,
    "Basic of a longer user": base64.b64encode(f"users:{SECRET}".encode()).decode(),
    "Basic, and more": base64.b64encode(f"a-user:{SECRET} and more".encode()).decode(),
}


@pytest.mark.parametrize("name", SPELLED)
def test_a_secret_is_masked_in_whatever_spelling_it_is_repeated(name):
    spelled = SPELLED[name]

    text = masked(f"Bearer {spelled} bad", {SECRET: "TOKEN"})

    assert "${TOKEN}" in text
    for part in ("s3cr3t", SECRET.encode().hex()[8:30], base64.b64encode(SECRET.encode()).decode()[4:20]):
        assert part.lower() not in text.lower()
    if "Basic" in name:
        assert len(text) < len(f"Bearer {spelled} bad")


def test_what_basic_credentials_hold_is_as_secret_as_they_are():
    text = masked(f"no user:{SECRET}, {SECRET}, {BASIC}", {BASIC: "BASIC"})

    assert text == "no ${BASIC}, ${BASIC}, ${BASIC}"


def test_a_secret_within_another_or_within_a_name_leaves_nothing_of_either():
    text = masked("abcdef-123 abcdef TOKEN", {"abcdef-123": "LONG", "abcdef": "TOKEN", "TOKEN": "ODD"})

    assert text == "${LONG} ${TOKEN} ${ODD}"


def test_short_words_are_left_alone_where_they_only_encode_a_short_secret():
    assert masked("a plain text with 61 and YQ and words", {"a7": "PIN"}) == "a plain text with 61 and YQ and words"


@pytest.mark.parametrize("header", ["X-Echo: {}", "Location: /{}", "Retry-After: {}", "Content-Type: {}"])
def test_a_secret_that_comes_back_in_a_header_is_in_no_log(caplog, header):
    secret = "s3cr3t-value-of-acme"
    caplog.set_level(logging.DEBUG)
    with talking(says(422, header.format(secret), body=secret)) as server:
        result = invoke(connecting({"TOKEN": secret}), tool(server.url, bearer_token="${TOKEN}"), allowed=[server.host])

    assert result.error_code == "HTTP_422"
    assert secret not in caplog.text + str(result.wire())


@pytest.mark.parametrize("secret", [" leading-space", "trailing-space ", "two  spaces\u00a0and more"])
def test_a_secret_with_odd_spaces_is_shown_nowhere(secret):
    with talking(says(422, body=f"no: {secret}.")) as server:
        described = tool(server.url, bearer_token="${TOKEN}", headers={"X-Key": "${TOKEN}"})
        result = invoke(connecting({"TOKEN": secret}), described, allowed=[server.host])

    assert result.acted == "no"
    assert secret.split()[0] not in result.error_message


def test_an_id_that_holds_a_secret_is_masked_before_it_is_cut():
    secret = "s3cr3t-value-of-acme"
    with talking(says(200, body=json.dumps({"id": "x" * 500 + secret}))) as server:
        result = invoke(connecting({"TOKEN": secret}), tool(server.url, bearer_token="${TOKEN}"), allowed=[server.host])

    (ref,) = result.external_object_refs
    assert "s3cr3t" not in ref.object_id and len(ref.object_id) <= 512


def test_what_is_taken_out_of_a_receiver_s_words_puts_no_secret_together():
    split = KEY[:20] + "\0" + KEY[20:]
    with talking(says(500, body=f"bad {split}")) as receiver:
        hook = subscription(channel="webhook", url=f"{receiver.url}/in", signing_secret="${KEY}")
        (report,) = WebhookNotifier(listed({"KEY": KEY}), egress()).send(mailing(hook, allowed=[receiver.host]))

    assert KEY not in report.detail


def test_an_intent_that_names_a_secret_reads_none(crm):
    of = intent(env="TOKEN", city="${TOKEN}", nested={"env": "TOKEN"})

    result = invoke(connecting({"TOKEN": SECRET}), tool(crm.url), allowed=[crm.host], of=of)

    assert result.acted == "yes"
    assert crm.requests[0].body["nested"] == {"env": "TOKEN"}
