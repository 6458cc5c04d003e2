"""Cards in a chat: posted for what waits, and changed when it was answered anywhere, over every kind of store."""

from __future__ import annotations

import pytest

from remit.core.notifications.card import MOST_CARDS
from remit.core.notifications.outbox import Posted, SendResult
from remit.core.notifications.subscription import SlackPerson
from remit.core.records import OUTBOX, SUBSCRIPTION, Key

from .notified import bring, deliver, follow, notifying_world
from .test_live_rows import assert_found
from .world import TENANT

APP = {
    "channel": "slack",
    "slack_channel": "C1",
    "bot_token": "${SLACK_BOT_TOKEN}",
    "signing_secret": "${SLACK_SIGNING_SECRET}",
    "notices": ["NEEDS_INPUT"],
    "fields": ["target", "parameters"],
}


@pytest.fixture
def told(new_world, monkeypatch):
    world, receiver = notifying_world(new_world)
    monkeypatch.setattr(receiver, "_one", _posted)
    world.app.set_subscription(TENANT, "desk", APP, by="ann")
    return world, receiver


def _posted(letter):
    is_new = letter.card and not letter.posted
    posted = Posted(channel="C1", message=letter.part) if is_new else None
    return SendResult(outcome="delivered", detail="posted", posted=posted)


def cards(receiver):
    return [letter for letter in receiver.letters if letter.card is not None]


def test_a_card_is_changed_when_its_intent_is_answered_and_then_forgotten(told):
    world, receiver = told
    world.queued("i-1")
    bring(world)
    (posted,) = cards(receiver)
    assert posted.card.is_open and posted.card.shows_all
    assert [box.card.message for box in world.inner.scan(OUTBOX, TENANT)] == ["i-1"]

    world.approve("i-1")
    bring(world)

    changed = cards(receiver)[-1]
    assert (changed.card.is_open, changed.posted.message) == (False, "i-1")
    assert "bob approved" in changed.card.note
    assert world.inner.scan(OUTBOX, TENANT) == [] and world.app.deliveries(TENANT, status="PENDING") == []


def test_many_become_cards_and_one_that_tells_the_rest(told):
    world, receiver = told
    for number in range(MOST_CARDS + 3):
        world.queued(f"i-{number}")
    bring(world)
    assert len(cards(receiver)) == MOST_CARDS and len(receiver.letters) == MOST_CARDS + 1
    assert len(receiver.letters[-1].lines) == 3

    for number in range(MOST_CARDS + 3):
        world.app.reject(TENANT, f"i-{number}", by="bob")
    follow(world)
    deliver(world)

    closed = [letter.part for letter in cards(receiver) if not letter.card.is_open]
    assert len(closed) == len(set(closed)) == MOST_CARDS
    assert world.inner.scan(OUTBOX, TENANT) == []


def test_a_subscription_that_is_removed_forgets_its_cards(told):
    world, _ = told
    world.queued("i-1")
    bring(world)

    world.app.remove_subscription(TENANT, "desk", by="ann")

    assert world.inner.scan(OUTBOX, TENANT) == []
    world.assert_sound()


def test_somebody_who_was_written_among_those_who_answer_is_found(told):
    world, _ = told
    key, mallory = (
        Key(SUBSCRIPTION, TENANT, "desk"),
        SlackPerson(team="T1", user="U1", name="mallory", roles=["approver"]),
    )

    assert_found(world, key, world.record(key).changed(people=[mallory]), "subscription desk")
