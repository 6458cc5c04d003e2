"""What people may write in a tool with `connector: http`: placeholders and secrets only where they are safe."""

import pytest

from remit.core.errors import InvalidInput
from tests.far_side import SECRET, connecting, intent, tool


@pytest.fixture
def connector():
    return connecting({"CRM_TOKEN": SECRET})


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"honours_idempotency_key": True, "timeout_s": 10, "max_attempts": 3},
        {"bearer_token": "${CRM_TOKEN}", "signing_secret": "${CRM_TOKEN}"},
        {"headers": {"Authorization": "Basic ${CRM_TOKEN}", "X-Account": "{account_id}"}},
        {"body": {"a": ["{parameters.x.y}", 1, None], "b": "{{literal}}"}},
        {"body": None, "method": "GET"},
        {"url": "${CRM_URL}/contacts/{target.entity_id}"},
        {"external_object": {"object_type": "contact", "object_id": "a.b", "object_url": "{url}"}},
        {"external_object": {"object_type": "contact", "object_url": "https://crm.example.com/{id}"}},
    ],
)
def test_a_tool_that_makes_sense_is_accepted(connector, changes):
    connector.check(tool(**changes))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"method": "TRACE"}, "method"),
        ({"operation": "x"}, "operation"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"url": "https://{parameters.host}/"}, "url"),
        ({"url": "https://user:pass@crm.example.com/"}, "url"),
        ({"url": "https://crm.example.com/?key=${CRM_TOKEN}"}, "url"),
        ({"url": "https://crm.example.com/{nothing}"}, "url"),
        ({"url": "${CRM_URL}/x?key=${CRM_TOKEN}"}, "url"),
        ({"url": "${CRM_URL}.example.com/x"}, "url"),
        ({"body": "{nothing}"}, "body"),
        ({"body": {"a": "${CRM_TOKEN}"}}, "body"),
        ({"body": {"a": 2**60}}, "body"),
        ({"method": "GET"}, "body"),
        ({"headers": {"X-A": "{nothing}"}}, "headers.X-A"),
        ({"headers": {"X-A": "a\r\nX-B: b"}}, "headers.X-A"),
        ({"headers": {"X-A": "a", "x-a": "b"}}, "headers.X-A"),
        ({"headers": {"Host": "evil.example.com"}}, "headers.Host"),
        ({"headers": {"idempotency-key": "k"}}, "headers.idempotency-key"),
        ({"headers": {"X-Remit-Signature": "x"}}, "headers.X-Remit-Signature"),
        ({"headers": {"Authorization": "${A}"}, "bearer_token": "${B}"}, "headers.Authorization"),
        ({"external_object": {"object_type": "x", "object_url": "https://{host}/"}}, "external_object.object_url"),
        ({"external_object": {"object_type": "x", "kind": "y"}}, "external_object.kind"),
    ],
)
def test_a_tool_that_makes_no_sense_is_refused_naming_the_field(connector, changes, field):
    with pytest.raises(InvalidInput) as caught:
        connector.check(tool(**changes))

    assert caught.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"bearer_token": SECRET}, "bearer_token"),
        ({"bearer_token": f"${{A}}{SECRET}"}, "bearer_token"),
        ({"signing_secret": SECRET}, "signing_secret"),
        ({"signing_secret": {"value": SECRET}}, "signing_secret"),
        ({"headers": {"Authorization": f"Bearer {SECRET}"}}, "headers.Authorization"),
        ({"headers": {"X-Api-Key": SECRET}}, "headers.X-Api-Key"),
        ({"headers": {"Cookie": "{parameters.cookie}"}}, "headers.Cookie"),
        ({"headers": {"X-Api-Key": [SECRET]}}, "headers.X-Api-Key"),
        ({"token": SECRET}, "token"),
    ],
)
def test_a_secret_written_out_is_refused_and_not_repeated(connector, changes, field):
    with pytest.raises(InvalidInput) as caught:
        connector.check(tool(**changes))

    assert caught.value.field == field
    assert SECRET not in str(caught.value)


def test_an_intent_without_what_is_mapped_is_refused_before_any_call(connector):
    with pytest.raises(InvalidInput) as caught:
        connector.map(tool(path="/contacts/{parameters.id}"), intent())

    assert caught.value.field == "parameters.id"


def test_a_value_with_a_line_break_does_not_become_a_header_of_its_own(connector):
    with pytest.raises(InvalidInput) as caught:
        connector.map(tool(headers={"X-City": "{parameters.city}"}), intent(city="a\r\nX-Admin: 1"))

    assert caught.value.field == "headers.X-City"
