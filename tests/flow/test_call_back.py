"""An intent that names a URL is told of there when it has ended, once, through a webhook that takes callbacks."""

import json

import pytest

from remit.core.errors import InvalidInput
from remit.core.notifications.notice_kind import ENDED
from remit.flow.notifications import call_back
from remit.flow.notifications.call_back import ENTRIES_AT_ONCE
from remit.testing.faults import Crash, FaultyStore

from .notified import deliver, follow, notifying_world, only, subscribe
from .world import TENANT, both

FAULTS = ("crash_before", "crash_after", "try_later", "lost_request", "lost_answer")
URL = "https://hooks.example.com/in/call-7"


@pytest.fixture
def told(new_world):
    return notifying_world(new_world)


@pytest.fixture
def world(told):
    world, _ = told
    subscribe(world, notices=[ENDED])
    return world


@pytest.fixture
def receiver(told):
    return told[1]


def called(receiver):
    """What arrived: where, how it ended, and which intent as its agent knows it."""
    return [
        (mailing.to.url, item["status"], item.get("proposed_as", item["action_intent_id"]))
        for mailing in receiver.mailings
        for letter in mailing.letters
        for item in letter.event["data"]["items"]
    ]


def bring(world):
    follow(world)
    return deliver(world)


def executed(world):
    world.submit(on_end=URL)
    world.work()


def failed(world):
    world.far.script += ["no VALIDATION"]
    executed(world)


def unknown(world):
    world.far.script += ["lost"]
    executed(world)


def cancelled(world):
    world.submit(on_end=URL)
    world.stop("everything")
    world.work()


def rejected(world):
    world.queued(on_end=URL)
    world.app.reject(TENANT, "i-1", by="bob")


def expired(world):
    world.queued(on_end=URL)
    world.clock.pass_(days=8)
    world.app.reconcile()


def withdrawn(world):
    world.queued(on_end=URL)
    world.app.withdraw(TENANT, "i-1", by="agent")


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        (executed, "SUCCEEDED"),
        (failed, "FAILED"),
        (unknown, "UNKNOWN"),
        (cancelled, "CANCELLED"),
        (rejected, "REJECTED"),
        (expired, "EXPIRED"),
        (withdrawn, "WITHDRAWN"),
    ],
)
def test_every_end_is_told_once_at_the_url_that_it_named(world, receiver, ending, status):
    ending(world)

    bring(world), bring(world)

    assert called(receiver) == [(URL, status, "i-1")]
    (letter,) = receiver.letters
    assert (letter.event["type"], letter.event["subject"]) == ("remit.intent_ended", "i-1")
    assert letter.event["id"] == letter.delivery_id
    (delivery,) = world.app.deliveries(TENANT)
    assert (delivery["url"], delivery["status"], delivery["notice"]) == (URL, "DELIVERED", ENDED)
    world.assert_sound()


def test_what_has_not_ended_and_what_names_no_url_are_not_told(world, receiver):
    world.submit("i-1"), world.work()
    world.queued("i-2", on_end=URL)

    bring(world)

    assert receiver.mailings == []


def test_no_parameter_and_nothing_secret_is_in_it(world, receiver):
    world.submit(on_end=URL, parameters={"text": "of the customer"})
    world.work()

    bring(world)

    (letter,) = receiver.letters
    assert "of the customer" not in json.dumps(letter.event)


def test_what_a_person_made_of_it_is_told_under_the_id_that_its_agent_knows(world, receiver):
    world.queued(on_end=URL)
    edited = world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.text": "better"}).action_intent_id
    again = world.app.edit(TENANT, edited, by="bob", changes={"parameters.text": "best"}).action_intent_id
    world.approve(again), world.work()

    bring(world)

    assert called(receiver) == [(URL, "SUCCEEDED", "i-1")]
    assert receiver.letters[0].event["subject"] == again


def test_what_its_agent_puts_in_its_place_is_another_s_to_name_a_url(world, receiver):
    world.queued("i-1", on_end=URL)
    world.submit("i-2", supersedes="i-1"), world.work()

    bring(world)

    assert receiver.mailings == []


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example.com/in/call-7",
        "https://hooks.example.com/other",
        "https://hooks.example.com/in2",
        "https://hooks.example.com.evil.example/in/x",
        "https://hooks.example.com/in/../admin",
        "https://hooks.example.com/in/%2e%2e/admin",
        "https://hooks.example.com/in/%252e%252e%252fadmin",
        "https://user@hooks.example.com/in/x",
        "https://hooks.example.com/in/x?token=1",
        "http://hooks.example.com/in/x",
        "https://hooks.example.com:8443/in/x",
        "file:///etc/passwd",
        "${OTHER}/in/x",
        "",
    ],
)
def test_a_url_that_is_not_under_a_webhook_that_takes_callbacks_is_refused_and_nothing_is_stored(world, url):
    with pytest.raises(InvalidInput, match="on_end"):
        world.submit(on_end=url)

    assert world.statuses() == {}


@pytest.mark.parametrize("url", ["https://hooks.example.com/in", URL, "https://hooks.example.com/in/a/b;c=1"])
def test_a_webhook_takes_callbacks_at_its_own_url_and_under_it(world, receiver, url):
    world.submit(on_end=url), world.work()

    bring(world)

    assert called(receiver) == [(url, "SUCCEEDED", "i-1")]


@pytest.mark.parametrize(
    "changes",
    [only("NEEDS_INPUT"), {"notices": [ENDED], "enabled": False}, {"notices": [ENDED], "accounts": ["south"]}],
)
def test_only_a_webhook_that_is_enabled_for_it_takes_callbacks(told, changes):
    world, _ = told
    subscribe(world, **changes)

    with pytest.raises(InvalidInput, match="under no webhook of this tenant that takes callbacks"):
        world.submit(on_end=URL)


def test_another_tenant_s_webhook_takes_none(told):
    world, _ = told
    subscribe(world, tenant="globex", notices=[ENDED])

    with pytest.raises(InvalidInput, match="on_end"):
        world.submit(on_end=URL)


@pytest.mark.parametrize(
    "channel",
    [
        {"channel": "slack", "url": "${SLACK_URL}", "signing_secret": None},
        {
            "channel": "email",
            "url": None,
            "signing_secret": None,
            "recipients": [{"name": "ann", "address": "ann@example.com"}],
        },
    ],
)
def test_other_channels_take_none(told, channel):
    world, _ = told

    with pytest.raises(InvalidInput, match="notices"):
        subscribe(world, **channel, notices=[ENDED])


def test_who_does_not_choose_takes_none(told):
    world, _ = told

    assert ENDED not in subscribe(world).notices


def test_proposed_again_after_the_webhook_is_gone_it_is_the_stored_one(world):
    first = world.submit(on_end=URL)
    world.app.remove_subscription(TENANT, "ops", by="ann")

    assert world.submit(on_end=URL).approval_id == first.approval_id
    with pytest.raises(InvalidInput, match="on_end"):
        world.submit("i-2", on_end=URL)


@pytest.mark.parametrize(
    "change", [{"url": "https://hooks.example.com/elsewhere"}, {"notices": ["STOPPED"]}, {"enabled": False}]
)
def test_what_was_on_its_way_is_dropped_when_its_webhook_takes_it_no_more(world, receiver, change):
    executed(world)
    follow(world)
    subscribe(world, **{"notices": [ENDED], **change})

    assert deliver(world) == [None]
    assert deliver(world) == [] and receiver.mailings == []


def test_a_receiver_that_is_down_is_tried_again_under_one_id(world, receiver):
    receiver.script += ["failed", "failed"]
    executed(world)
    bring(world)
    for _ in range(2):
        world.clock.pass_(minutes=5)
        deliver(world)

    assert [letter.delivery_id for letter in receiver.letters] == [receiver.letters[0].delivery_id] * 3
    assert world.app.deliveries(TENANT)[0]["status"] == "DELIVERED"


def test_what_ends_meanwhile_gathers_behind_what_is_on_its_way_to_its_url(world, receiver):
    receiver.script += ["failed"]
    executed(world)
    bring(world)
    for n in range(2, 6):
        world.submit(f"i-{n}", on_end=URL)
    world.work(), follow(world)
    world.clock.pass_(minutes=5)
    deliver(world), deliver(world)

    assert [len(letter.event["data"]["items"]) for letter in receiver.letters] == [1, 1, 4]


def test_two_that_follow_at_once_tell_once(world, receiver):
    executed(world)
    first, second = world.racers()

    both(first.follow, second.follow)
    follow(world), deliver(world)

    assert len(called(receiver)) == 1


def test_more_than_one_look_takes_are_told_each_once(world, receiver):
    world.apply(budget={"max_autonomous_per_day": 1000})
    count = 3 * ENTRIES_AT_ONCE
    for n in range(count):
        world.submit(f"i-{n:03}", on_end=f"{URL}/{n % 7}")
    world.work()

    follow(world)
    while deliver(world):
        pass

    assert sorted(name for _, _, name in called(receiver)) == [f"i-{n:03}" for n in range(count)]


def test_while_too_many_are_undelivered_nothing_more_is_looked_for_and_nothing_is_lost(world, receiver, monkeypatch):
    monkeypatch.setattr(call_back.call_back, "__kwdefaults__", {"most_undelivered": 2})
    receiver.script += ["failed"] * 2
    for n in range(2):
        world.submit(f"i-{n}", on_end=f"{URL}/{n}")
    world.work(), bring(world)
    world.submit("i-2", on_end=f"{URL}/2"), world.work()

    assert bring(world) == []
    world.clock.pass_(minutes=5)
    deliver(world), bring(world)

    assert sorted({name for _, _, name in called(receiver)}) == ["i-0", "i-1", "i-2"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", [1, 2, 3])
def test_whatever_happens_at_a_write_it_is_told_once(world, receiver, fault, at):
    executed(world)
    world.store = FaultyStore(world.inner, fault, at=at)
    world.restart()

    for _ in range(3):
        try:
            world.app.follow()
        except Crash:
            # Whoever died remembers nothing.
            world.restart()
    assert not world.store.armed
    world.recover()
    bring(world)

    assert called(receiver) == [(URL, "SUCCEEDED", "i-1")]


def test_with_nothing_new_nothing_is_written(world, receiver):
    executed(world)
    bring(world)
    faulty = world.store = FaultyStore(world.inner)
    world.restart()

    for _ in range(3):
        world.clock.pass_(seconds=50)
        bring(world)

    assert faulty.writes == 0
