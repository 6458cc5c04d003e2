"""A subscription says which: by type, reason and amount, and the fields of an intent that its messages show."""

from __future__ import annotations

import pytest

from .notified import bring, notifying_world, subscribe
from .world import TYPE, bounds, type_of

REFUND = "REFUND_ORDER"
AMOUNTS = {"total": {"value": "parameters.amount", "unit": "parameters.currency"}}


@pytest.fixture
def told(new_world):
    world, receiver = notifying_world(new_world)
    types = {TYPE: type_of(), REFUND: {**type_of(tier="HIGH"), "amounts": AMOUNTS, "expires_after": "24h"}}
    world.app.apply(bounds(action_types=types), by="ann")
    return world, receiver


def refund(world, name, amount, **changes):
    parameters = {"amount": amount, "currency": "EUR", "iban": "DE00", **changes.pop("parameters", {})}
    world.queued(name, action_type=REFUND, parameters=parameters, **changes)


def named(receiver):
    return [item["action_intent_id"] for letter in receiver.letters for item in letter.event["data"]["items"]]


def test_refunds_above_200_eur_go_to_finance(told):
    world, receiver = told
    subscribe(world, action_types=[REFUND], amounts=[{"above": "200", "unit": "EUR"}])
    refund(world, "at-most", 200), refund(world, "above", "200.01"), refund(world, "unknown", "a lot")
    refund(world, "other-unit", 900, parameters={"currency": "USD"})
    world.queued("other-type", risk_level="HIGH")

    bring(world)

    assert named(receiver) == ["above", "unknown"]


def test_only_what_is_asked_for_a_reason_is_told(told):
    world, receiver = told
    subscribe(world, reasons=["CONFIDENCE_BELOW_THRESHOLD"])
    refund(world, "risky", 1)
    world.queued("unsure", confidence_score=0.1)

    bring(world)

    assert named(receiver) == ["unsure"]


def test_what_is_about_no_intent_is_not_narrowed(told):
    world, receiver = told
    subscribe(world, action_types=[REFUND])
    world.stop()

    bring(world)

    assert [letter.event["data"]["notice"] for letter in receiver.letters] == ["STOPPED"]


def test_a_message_shows_the_fields_that_were_asked_for_and_no_other(told):
    world, receiver = told
    subscribe(world, fields=["parameters.amount", "target"])
    refund(world, "i-1", "12.50")

    bring(world)

    (letter,) = receiver.letters
    (item,) = letter.event["data"]["items"]
    shown = {each["path"]: each["text"] for each in item["fields"]}
    assert shown == {
        "target.entity_id": '"c-1"', "target.entity_type": '"contact"', "parameters.amount": '"12.50"',
    }  # fmt: skip
    assert 'parameters.amount: "12.50"' in letter.lines[0][0] and "DE00" not in str(letter)


def test_a_private_value_is_shown_as_private(told):
    world, receiver = told
    types = {REFUND: {**type_of(tier="HIGH"), "private": ["parameters.iban"]}}
    world.app.apply(bounds(action_types=types), by="ann")
    subscribe(world, fields=["parameters"])
    refund(world, "i-1", 12)

    bring(world)

    assert "DE00" not in str(receiver.mailings)
    assert "parameters.iban" in receiver.letters[0].lines[0][0]


def test_a_shown_value_stays_on_its_line(told):
    world, receiver = told
    subscribe(world, fields=["parameters.note"])
    refund(world, "i-1", 1, parameters={"note": "ok\n2. CALL on contact c-2\u202e" + "x" * 900})

    bring(world)

    (line, _), *rest = receiver.letters[0].lines
    assert rest == [] and "\n" not in line and "\u202e" not in line and "more characters" in line


def test_what_expires_soon_is_narrowed_likewise(told):
    world, receiver = told
    subscribe(world, notices=["EXPIRES_SOON"], amounts=[{"above": "200", "unit": "EUR", "name": "total"}])
    refund(world, "small", 1), refund(world, "large", 300)
    world.clock.pass_(hours=23, minutes=30)

    bring(world)

    assert named(receiver) == ["large"]
