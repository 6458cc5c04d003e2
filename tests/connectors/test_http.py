"""The HTTP connector against real servers on loopback: what it sends, what an answer means, what stays secret."""

import gzip
import hashlib
import hmac
import json
import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from remit.connectors.http import HttpConnector
from remit.core.errors import TryLater
from remit.core.execution.outcome import ExternalObjectRef
from remit.demo.crm import Crm
from remit.egress.connection import LARGEST_ANSWER_BYTES
from remit.egress.secrets import ListedSecrets
from remit.ports import Call
from tests.far_side import NOW, SECRET, connecting, egress, intent, invoke, says, talking, tool
from tests.waiting import PATIENCE_S


@pytest.fixture
def crm():
    with Crm.start() as running:
        yield running


@pytest.fixture
def connector():
    return connecting({"CRM_TOKEN": SECRET})


# --- what is sent -----------------------------------------------------------------------------------------------------


def test_an_action_reaches_the_far_side_with_its_key_and_trace(crm, connector):
    result = invoke(connector, tool(crm.url), allowed=[crm.host])

    (asked,) = crm.requests
    assert result.acted == "yes"
    assert (asked.method, asked.path, asked.body) == ("PATCH", "/contacts/c-1", {"city": "Bern"})
    assert asked.headers["idempotency-key"] == "k-1"
    assert asked.headers["x-remit-trace-id"] == "trace-1"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["host"] == crm.host


def test_a_body_is_a_template_and_headers_are_too(crm, connector):
    described = tool(
        crm.url,
        body={"city": "{parameters.city}", "by": "Remit for {account_id}"},
        headers={"X-Account": "{account_id}"},
    )

    invoke(connector, described, allowed=[crm.host])

    (asked,) = crm.requests
    assert asked.body == {"city": "Bern", "by": "Remit for north"}
    assert asked.headers["x-account"] == "north"


def test_without_a_body_none_is_sent(crm, connector):
    described = tool(crm.url, "/orders/{target.entity_id}/cancel", method="POST", body=None)

    result = invoke(connector, described, allowed=[crm.host])

    (asked,) = crm.requests
    assert result.acted == "yes"
    assert asked.body is None
    assert asked.headers["content-length"] == "0"
    assert "content-type" not in asked.headers


def test_secrets_come_from_the_environment_at_the_last_moment(crm, connector):
    described = tool(crm.url, bearer_token="${CRM_TOKEN}", headers={"X-Api-Key": "v1 ${CRM_TOKEN}"})

    request = connector.map(described, intent())
    invoke(connector, described, allowed=[crm.host])

    (asked,) = crm.requests
    assert SECRET not in json.dumps(request)
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert asked.headers["x-api-key"] == f"v1 {SECRET}"


def test_a_body_is_signed_as_it_was_sent(connector):
    with talking(says(200)) as server:
        invoke(connector, tool(server.url, signing_secret="${CRM_TOKEN}"), allowed=[server.host])

        head, _, body = server.heard[0].partition("\r\n\r\n")
    t = int(NOW.timestamp())
    expected = hmac.new(SECRET.encode(), f"{t}.{body}".encode(), hashlib.sha256).hexdigest()
    assert f"X-Remit-Signature: t={t},v1={expected}" in head


def test_a_value_of_an_intent_that_reads_like_a_reference_is_never_expanded(crm, connector):
    of = intent(city="${CRM_TOKEN}", env="CRM_TOKEN")
    described = tool(
        crm.url,
        "/contacts/c-1?q={parameters.city}",
        headers={"X-City": "{parameters.city} ${CRM_TOKEN}", "X-Split": "${{{parameters.env}}}"},
    )

    invoke(connector, described, allowed=[crm.host], of=of)

    (asked,) = crm.requests
    assert asked.headers["x-city"] == f"${{CRM_TOKEN}} {SECRET}"
    assert asked.headers["x-split"] == "${CRM_TOKEN}"
    assert asked.body == {"city": "${CRM_TOKEN}", "env": "CRM_TOKEN"}


def test_a_missing_secret_is_named_and_nothing_is_sent(crm):
    connector = HttpConnector(ListedSecrets.parse({"OTHER": SECRET}, "acme:CRM_TOKEN@127.0.0.1"), egress())

    result = invoke(connector, tool(crm.url, bearer_token="${CRM_TOKEN}"), allowed=[crm.host])

    assert (result.acted, result.error_class, result.error_code) == ("no", "VALIDATION", "VARIABLE_MISSING")
    assert "CRM_TOKEN" in result.error_message
    assert crm.writes == []


def test_where_the_far_side_is_may_come_from_the_environment(crm):
    connector = connecting({"CRM_URL": f"{crm.url}/"})
    described = tool("${CRM_URL}", external_object={"object_type": "contact", "object_url": "{url}"})

    result = invoke(connector, described, allowed=[crm.host], of=intent(city="${CRM_URL}"))

    (ref,) = result.external_object_refs
    assert crm.requests[0].path == "/contacts/c-1"
    assert crm.requests[0].body == {"city": "${CRM_URL}"}
    assert ref.object_url == f"{crm.url}/contacts/c-1"


@pytest.mark.parametrize("value", [SECRET, f"http://user:{SECRET}@127.0.0.1", f"http://127.0.0.1/?{SECRET}", ""])
def test_a_variable_that_is_no_plain_url_is_named_and_not_shown(value):
    connector = connecting({"CRM_URL": value})

    result = invoke(connector, tool("${CRM_URL}"), allowed=["127.0.0.1"])

    assert (result.acted, result.error_class) == ("no", "VALIDATION")
    assert "CRM_URL" in result.error_message
    assert SECRET not in result.error_message


@pytest.mark.parametrize("value", ["two\nlines", "byte \udc80"])
def test_a_secret_that_no_header_can_carry_is_named_and_not_shown(crm, value):
    connector = connecting({"CRM_TOKEN": value})

    result = invoke(connector, tool(crm.url, bearer_token="${CRM_TOKEN}"), allowed=[crm.host])

    assert (result.acted, result.error_code) == ("no", "VARIABLE_UNUSABLE")
    assert value not in result.error_message


def test_a_secret_that_the_far_side_repeats_is_kept_nowhere(connector, caplog):
    caplog.set_level(logging.DEBUG)
    body = json.dumps({"id": SECRET, "url": f"https://crm.example.com/?t={SECRET}"})
    external = {"object_type": "contact", "object_url": "{url}"}
    described = tool("http://127.0.0.1", bearer_token="${CRM_TOKEN}", external_object=external)

    with (
        talking(says(200, body=body)) as good,
        talking(says(422, body="x" * 440 + f"Bearer {SECRET} bad")) as bad,
    ):
        kept = invoke(connector, {**described, "url": good.url}, allowed=[good.host])
        refused = invoke(connector, {**described, "url": bad.url}, allowed=[bad.host])

    assert kept.external_object_refs[0].object_id == "${CRM_TOKEN}"
    assert "${CRM_TOKEN}" in refused.error_message
    for left_behind in (kept.to_json(), refused.to_json(), caplog.text):
        assert SECRET not in left_behind


def test_no_setting_of_the_process_sends_a_request_elsewhere(crm, connector, monkeypatch):
    with talking(says(200)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)

        invoke(connector, tool(crm.url), allowed=[crm.host])

        assert proxy.heard == []
    assert len(crm.writes) == 1


def test_a_cookie_of_one_answer_is_not_sent_with_the_next_call(connector):
    with talking(says(200, "Set-Cookie: session=1")) as server:
        invoke(connector, tool(server.url), allowed=[server.host])
        invoke(connector, tool(server.url), allowed=[server.host])

        assert "cookie:" not in server.heard[1].lower()


# --- what an answer means ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "acted", "error_class"),
    [
        (400, "no", "VALIDATION"),
        (401, "no", "AUTH"),
        (403, "no", "AUTH"),
        (404, "no", "VALIDATION"),
        (408, "unknown", "TIMEOUT"),
        (409, "no", "VALIDATION"),
        (410, "no", "VALIDATION"),
        (418, "no", "VALIDATION"),
        (422, "no", "VALIDATION"),
        (429, "no", "RATE_LIMIT"),
        (500, "unknown", "DOWNSTREAM"),
        (502, "unknown", "DOWNSTREAM"),
        (503, "no", "DOWNSTREAM"),
        (504, "unknown", "DOWNSTREAM"),
        (520, "unknown", "DOWNSTREAM"),
    ],
)
def test_a_status_says_whether_the_far_side_acted(crm, connector, status, acted, error_class):
    crm.misbehave("/contacts", f"fail={status}")

    result = invoke(connector, tool(crm.url), allowed=[crm.host])

    assert (result.acted, result.error_class, result.error_code) == (acted, error_class, f"HTTP_{status}")
    assert f"PATCH 127.0.0.1/contacts/c-1 answered {status}" in result.error_message


@pytest.mark.parametrize(
    ("said", "meant_s"),
    [("7", 7.0), ("Tue, 10 Mar 2026 12:00:30 GMT", 30.0), ("Tue, 10 Mar 2026 11:00:00 GMT", 0.0), ("soon", None)],
)
@pytest.mark.parametrize("status", [429, 503])
def test_how_long_to_wait_is_what_the_far_side_asks_for(connector, said, meant_s, status):
    with talking(says(status, f"Retry-After: {said}")) as server:
        result = invoke(connector, tool(server.url), allowed=[server.host])

    assert result.retry_after_s == meant_s


def test_a_message_is_bounded(connector):
    with talking(says(422, body="word " * 10_000)) as server:
        result = invoke(connector, tool(server.url), allowed=[server.host])

    assert len(result.error_message) == 500


def test_nobody_listening_is_a_no(connector):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        host = f"127.0.0.1:{taken.getsockname()[1]}"

    result = invoke(connector, tool(f"http://{host}"), allowed=[host])

    assert (result.acted, result.error_class, result.error_code) == ("no", "DOWNSTREAM", "CONNECT_FAILED")


def test_no_connection_in_time_is_a_no(connector):
    # A queue of one that is full: the next connection waits for a place.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        host = f"127.0.0.1:{full.getsockname()[1]}"
        waiting = [socket.socket() for _ in range(4)]
        for other in waiting:
            other.setblocking(False)
            other.connect_ex(full.getsockname())

        result = invoke(connector, tool(f"http://{host}"), allowed=[host], timeout_s=0.3)

        for other in waiting:
            other.close()
    assert (result.acted, result.error_class, result.error_code) == ("no", "TIMEOUT", "CONNECT_TIMEOUT")


def test_an_answer_that_is_late_leaves_it_unknown(connector):
    over = threading.Event()
    with talking(lambda *_: over.wait(PATIENCE_S)) as server:
        result = invoke(connector, tool(server.url), allowed=[server.host], timeout_s=1.0)
        over.set()

    assert (result.acted, result.error_class, result.error_code) == ("unknown", "TIMEOUT", "ANSWER_TIMEOUT")


def test_an_answer_that_drips_ends_when_the_whole_time_is_up(connector):
    left = threading.Event()

    def script(connection, _):
        # Left in time it is told so, long before it would end by itself.
        for byte in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 6000:
            if left.wait(0.02):
                return
            connection.sendall(bytes([byte]))

    with talking(script) as server:
        try:
            result = invoke(connector, tool(server.url), allowed=[server.host], timeout_s=1.0)
        finally:
            left.set()

    assert (result.acted, result.error_class) == ("unknown", "TIMEOUT")


def test_a_far_side_that_acts_and_drops_the_connection_leaves_it_unknown(crm, connector):
    crm.misbehave("/contacts", "drop")

    result = invoke(connector, tool(crm.url), allowed=[crm.host])

    assert (result.acted, result.error_class, result.error_code) == ("unknown", "DOWNSTREAM", "ANSWER_LOST")
    assert len(crm.writes) == 1


@pytest.mark.parametrize("said", [b"HTTP/1.1 20", b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"])
def test_an_answer_that_is_none_leaves_it_unknown(connector, said):
    with talking(lambda connection, _: connection.sendall(said)) as server:
        result = invoke(connector, tool(server.url), allowed=[server.host])

    assert (result.acted, result.error_class) == ("unknown", "DOWNSTREAM")


@pytest.mark.parametrize(("status", "acted"), [(b"200 OK", "yes"), (b"422 No", "no"), (b"502 Bad", "unknown")])
def test_a_status_counts_even_if_the_rest_of_the_answer_is_lost(connector, status, acted):
    said = b"HTTP/1.1 " + status + b'\r\nContent-Length: 100\r\n\r\n{"id": 1'

    with talking(lambda connection, _: connection.sendall(said)) as server:
        result = invoke(connector, tool(server.url), allowed=[server.host])

    assert result.acted == acted


def test_a_huge_answer_is_read_to_its_limit_and_is_still_a_yes(connector):
    sent = []

    def script(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"x" * 1_000_000)
            sent.append(1)

    with talking(script) as server:
        result = invoke(connector, tool(server.url), allowed=[server.host])

    assert (result.acted, result.external_object_refs) == ("yes", [])
    assert len(sent) < 100


def test_a_compressed_answer_is_neither_asked_for_nor_unpacked(connector):
    packed = gzip.compress(b'{"id": 1}')

    def script(connection, _):
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        connection.sendall(head.encode() + packed)

    with talking(script) as server:
        result = invoke(connector, tool(server.url), allowed=[server.host])

        assert "Accept-Encoding: identity" in server.heard[0]
    assert (result.acted, result.external_object_refs) == ("yes", [])


# --- the object that came of it ---------------------------------------------------------------------------------------


def refs(connector, body, external_object=None):
    with talking(says(200, body=body)) as server:
        return invoke(
            connector, tool(server.url, external_object=external_object), allowed=[server.host]
        ).external_object_refs


def test_an_id_in_the_answer_is_the_object_where_nothing_else_is_said(connector):
    assert refs(connector, '{"id": 42}') == [
        ExternalObjectRef(system="127.0.0.1", object_type="object", object_id="42")
    ]


def test_a_tool_says_where_the_object_stands_in_the_answer(connector):
    described = {
        "system": "crm",
        "object_type": "contact",
        "object_id": "data.0.key",
        "object_url": "https://crm.example.com/c/{data.0.key}",
    }

    assert refs(connector, '{"data": [{"key": "c/1"}]}', described) == [
        ExternalObjectRef(
            system="crm", object_type="contact", object_id="c/1", object_url="https://crm.example.com/c/c%2F1"
        )
    ]


def test_a_url_in_the_answer_is_taken_if_it_is_one(connector):
    described = {"object_type": "contact", "object_url": "{url}"}

    (good,) = refs(connector, '{"id": 1, "url": "https://crm.example.com/1"}', described)
    (bad,) = refs(connector, '{"id": 1, "url": "javascript:alert(1)"}', described)

    assert good.object_url == "https://crm.example.com/1"
    assert bad.object_url is None


@pytest.mark.parametrize("body", ["", "not JSON", "[]", "7", '{"id": null}', '{"id": {"a": 1}}', "[" * 100_000])
def test_an_answer_without_an_id_is_a_yes_without_an_object(connector, body):
    assert refs(connector, body) == []


# --- one key, one write -----------------------------------------------------------------------------------------------


def test_two_parallel_calls_with_one_key_are_one_external_write(crm, connector):
    crm.misbehave("/contacts", "slow=0.1")

    with ThreadPoolExecutor(2) as pool:
        calls = [pool.submit(invoke, connector, tool(crm.url), allowed=[crm.host]) for _ in range(2)]
        first, second = [call.result() for call in calls]

    assert len(crm.requests) == 2
    assert len(crm.writes) == 1
    assert first == second
    assert first.acted == "yes"


def test_a_call_repeated_after_a_lost_answer_is_one_external_write(crm, connector):
    crm.misbehave("/contacts", "drop*1")

    lost = invoke(connector, tool(crm.url), allowed=[crm.host])
    again = invoke(connector, tool(crm.url), allowed=[crm.host])

    assert (lost.acted, again.acted) == ("unknown", "yes")
    assert len(crm.writes) == 1


def test_a_far_side_that_ignores_the_key_writes_twice(connector):
    with Crm.start(honours_key=False) as crm:
        invoke(connector, tool(crm.url), allowed=[crm.host])
        invoke(connector, tool(crm.url), allowed=[crm.host])

        assert [write.key for write in crm.writes] == ["k-1", "k-1"]
    assert not connector.always_honours_key


class Unreadable:
    def find(self, tenant_id, name):
        raise TryLater(f"the secret {name} cannot be read")


def test_a_secret_that_cannot_be_read_now_stops_the_call_before_it_is_marked(crm):
    connector = HttpConnector(Unreadable(), egress("127.0.0.0/8"))
    described = tool(crm.url, bearer_token="${CRM_TOKEN}")
    call = Call(intent(), connector.map(described, intent()), "key", 5.0, [crm.host], NOW)

    with pytest.raises(TryLater, match="CRM_TOKEN"):
        connector.prepare(call)

    assert crm.writes == []


def test_a_secret_that_is_wrong_for_good_is_for_the_call_to_say(crm):
    connector = HttpConnector(ListedSecrets({}, {}), egress("127.0.0.0/8"))
    described = tool(crm.url, bearer_token="${CRM_TOKEN}")
    call = Call(intent(), connector.map(described, intent()), "key", 5.0, [crm.host], NOW)

    connector.prepare(call)

    assert connector.invoke(call).error_code == "SECRET_NOT_LISTED"


# --- what the far side answered, as a result ---


def test_what_the_far_side_answers_is_handed_over_as_it_came(connector):
    body = '{"id": "o-17",  "total": 12.50}'

    with talking(says(200, "Content-Type: application/json; charset=utf-8", body=body)) as server:
        answer = invoke(connector, tool(server.url), allowed=[server.host]).answer

    assert (answer.media_type, answer.content) == ("application/json; charset=utf-8", body.encode())
    assert (answer.size, answer.sha256) == (len(body), hashlib.sha256(body.encode()).hexdigest())


@pytest.mark.parametrize("status", [200, 404, 422, 500])
def test_a_refusal_s_answer_is_handed_over_as_well(connector, status):
    with talking(says(status, body="why it is so")) as server:
        answer = invoke(connector, tool(server.url), allowed=[server.host]).answer

    assert (answer.content, answer.media_type) == (b"why it is so", "")


def test_secrets_in_an_answer_are_masked_before_anybody_has_it(connector):
    body = json.dumps({"token": SECRET, "of": [f"https://crm.example.com/?t={SECRET}"]})

    with talking(says(200, "Content-Type: application/json", body=body)) as server:
        described = tool(server.url, bearer_token="${CRM_TOKEN}")
        answer = invoke(connector, described, allowed=[server.host]).answer

    assert json.loads(answer.content) == {"token": "${CRM_TOKEN}", "of": ["https://crm.example.com/?t=${CRM_TOKEN}"]}
    assert answer.sha256 == hashlib.sha256(answer.content).hexdigest()


def test_an_answer_that_broke_off_is_not_taken_for_the_answer(connector):
    said = b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"id": 1'

    with talking(lambda connection, _: connection.sendall(said)) as server:
        result = invoke(connector, tool(server.url), allowed=[server.host])

    assert result.acted == "yes"
    assert (result.answer.content, result.answer.not_kept, result.answer.size) == (None, "INCOMPLETE", 8)


@pytest.mark.parametrize(("size", "complete"), [(LARGEST_ANSWER_BYTES, True), (LARGEST_ANSWER_BYTES + 1, False)])
def test_of_more_than_is_read_only_the_beginning_is_known(connector, size, complete):
    with talking(says(200, body="x" * size)) as server:
        answer = invoke(connector, tool(server.url), allowed=[server.host]).answer

    assert answer.size == LARGEST_ANSWER_BYTES
    assert answer.not_kept == (None if complete else "INCOMPLETE")


def test_where_nothing_answered_there_is_no_answer(connector):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]

    assert invoke(connector, tool(f"http://127.0.0.1:{port}"), allowed=[f"127.0.0.1:{port}"]).answer is None
