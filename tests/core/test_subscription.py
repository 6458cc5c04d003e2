"""A subscription as people write it: what is wrong is refused by name, and a secret is never shown."""

from __future__ import annotations

import pytest

from remit.core.errors import InvalidInput
from remit.core.notifications.notice_kind import NOTICES
from remit.core.notifications.subscription import Subscription, parse_subscription

from .make import NOW

WEBHOOK = {"channel": "webhook", "url": "https://hooks.example.com/in", "signing_secret": "${HOOK_SECRET}"}
SLACK = {"channel": "slack", "url": "${SLACK_URL}"}
MAIL = {"channel": "email", "recipients": [{"name": "ann", "address": "ann@example.com", "roles": ["approver"]}]}


@pytest.mark.parametrize("asked", [WEBHOOK, SLACK, MAIL, {**WEBHOOK, "url": "${HOOKS}/in"}])
def test_what_is_sound_is_taken_and_told_everything(asked):
    assert parse_subscription(asked).notices == list(NOTICES)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"channel": "pager"}, "channel"),
        ({**WEBHOOK, "url": "ftp://hooks.example.com"}, "url"),
        ({**WEBHOOK, "url": "https://ann:secret@hooks.example.com"}, "url"),
        ({**WEBHOOK, "url": "https://hooks.example.com/in?token=x"}, "url"),
        ({**WEBHOOK, "url": "https://hooks.example.com/${TOKEN}"}, "url"),
        ({**WEBHOOK, "url": None}, "url"),
        ({**WEBHOOK, "signing_secret": None}, "signing_secret"),
        ({**WEBHOOK, "signing_secret": "whsec_plain"}, "signing_secret"),
        ({**WEBHOOK, "recipients": MAIL["recipients"]}, "recipients"),
        ({**SLACK, "url": "https://hooks.slack.com/services/T/B/X"}, "url"),
        ({**SLACK, "signing_secret": "${X}"}, "signing_secret"),
        ({**MAIL, "recipients": []}, "recipients"),
        ({**MAIL, "url": "https://x.example.com"}, "url"),
        ({**MAIL, "recipients": MAIL["recipients"] * 2}, "recipients"),
        ({**WEBHOOK, "notices": []}, "notices"),
        ({**WEBHOOK, "notices": ["EVERYTHING"]}, "notices.0"),
        ({**WEBHOOK, "notices": ["TEST"]}, "notices"),
        ({**WEBHOOK, "notices": ["STOPPED", "STOPPED"]}, "notices"),
        ({**WEBHOOK, "accounts": ["north"]}, "notices"),
        ({**WEBHOOK, "accounts": []}, "accounts"),
        ({**WEBHOOK, "surprise": 1}, "surprise"),
    ],
)
def test_what_is_wrong_is_refused_by_name(asked, field):
    with pytest.raises(InvalidInput) as refused:
        parse_subscription(asked)

    assert refused.value.field == field


@pytest.mark.parametrize(
    "address",
    ["a..b@example.com", ".ann@example.com", "ann.@example.com",
     "ann", "ann@", "@example.com", "ann@example.com\r\nBcc: eve@example.com", "a b@example.com", "<ann@example.com>",
     "ann@example.com, eve@example.com", f"{'a' * 65}@example.com", f"ann@{'a.' * 130}com"],
)  # fmt: skip
def test_an_address_is_one_plain_address(address):
    with pytest.raises(InvalidInput, match="recipients"):
        parse_subscription({**MAIL, "recipients": [{"name": "ann", "address": address}]})


@pytest.mark.parametrize("roles", [["agent"], ["platform"], ["root"]])
def test_a_link_gives_nobody_a_role_that_is_no_person_s(roles):
    with pytest.raises(InvalidInput, match=r"recipients\.0\.roles"):
        parse_subscription({**MAIL, "recipients": [{"name": "ann", "address": "ann@example.com", "roles": roles}]})


@pytest.mark.parametrize("field", ["signing_secret", "url"])
def test_a_secret_that_stands_in_the_wrong_place_is_not_shown(field):
    with pytest.raises(InvalidInput) as refused:
        parse_subscription({**WEBHOOK, field: "whsec_hunter2"})

    assert "hunter2" not in str(refused.value)


def test_an_account_narrows_what_is_about_accounts_and_not_what_is_about_all():
    asked = parse_subscription({**WEBHOOK, "accounts": ["north"], "notices": ["NEEDS_INPUT", "STOPPED"]})
    names = {"subscription_id": "ops", "tenant_id": "acme", "set_by": "ann", "set_at": NOW, "told_from": NOW}
    subscription = Subscription(**names, **dict(asked))

    assert subscription.covers("NEEDS_INPUT", "north") and subscription.covers("STOPPED", None)
    assert not subscription.covers("NEEDS_INPUT", "south") and not subscription.covers("RESUMED", None)


@pytest.mark.parametrize(
    ("narrowed", "field"),
    [
        ({"action_types": ["refund"]}, "action_types.0"),
        ({"reasons": ["too risky"]}, "reasons.0"),
        ({"amounts": [{"above": "1,5", "unit": "EUR"}]}, "amounts.0.above"),
        ({"amounts": [{"above": "200", "unit": "1 EUR"}]}, "amounts.0.unit"),
        ({"fields": ["proposed_by"]}, "fields.0"),
        ({"fields": ["parameters..amount"]}, "fields.0"),
    ],
)
def test_what_narrows_it_is_checked(narrowed, field):
    with pytest.raises(InvalidInput) as refused:
        parse_subscription({**WEBHOOK, **narrowed})

    assert refused.value.field == field
