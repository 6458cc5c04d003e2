"""Delivering: tried again until it is there or given up, under one id, whoever delivers and whenever one dies."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest

from remit.core.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from remit.core.notifications.outbox import GATHER, IN_HAND, KEPT, LONGEST_PAUSE, MOST_TRIES, SendResult
from remit.core.records import DELIVERY, KINDS, OUTBOX, SUBSCRIPTION
from remit.testing.faults import Crash, FaultyStore

from .notified import CONSOLE, bring, deliver, follow, notifying_world, only, subscribe
from .world import TENANT, bounds

FAULTS = ("crash_before", "crash_after", "try_later", "lost_request", "lost_answer")
MAIL = {
    "channel": "email",
    "url": None,
    "signing_secret": None,
    "recipients": [
        {"name": "ann", "address": "ann@example.com", "roles": ["approver"]},
        {"name": "bob", "address": "bob@example.com"},
    ],
}


@pytest.fixture
def told(new_world):
    return notifying_world(new_world)


def listed(world, **which):
    return world.app.deliveries(TENANT, **which)


def test_what_was_delivered_is_listed_with_its_last_result(told):
    world, receiver = told
    subscribe(world)
    world.queued("i-1")

    (delivered,) = bring(world)

    (shown,) = listed(world)
    assert (shown["status"], shown["tries"], shown["next_at"]) == ("DELIVERED", 1, None)
    assert shown["last_result"]["outcome"] == "delivered" and shown["delivered_at"] is not None
    assert shown["delivery_id"] == receiver.letters[0].delivery_id == delivered.delivery_id
    assert world.inner.scan(OUTBOX, TENANT) == []


def test_what_failed_is_tried_again_under_its_id_ever_more_rarely_and_then_given_up(told):
    world, receiver = told
    subscribe(world)
    world.queued("i-1")
    receiver.script += ["failed"] * MOST_TRIES
    bring(world)
    began, waits = world.clock.at, []
    while (pending := listed(world, status="PENDING")) != []:
        due = pending[0]["next_at"]
        before = world.clock.at
        while world.clock.at.isoformat().replace("+00:00", "Z") < due:
            world.clock.pass_(seconds=10)
        waits.append((world.clock.at - before).total_seconds())
        deliver(world)

    assert len({letter.delivery_id for letter in receiver.letters}) == 1
    assert len({str(letter.event) for letter in receiver.letters}) == 1
    assert len(receiver.letters) == MOST_TRIES
    assert waits == sorted(waits) and waits[0] == 10 and waits[-1] == LONGEST_PAUSE.total_seconds()
    assert timedelta(hours=20) < world.clock.at - began < timedelta(hours=24)
    assert [shown["status"] for shown in listed(world)] == ["FAILED"]


def test_a_receiver_that_is_down_gets_one_message_and_then_one_with_everything_since(told):
    world, receiver = told
    subscribe(world)
    receiver.script += ["failed"] * 4
    for number in range(30):
        world.queued(f"i-{number}")
        bring(world)
    world.clock.pass_(hours=1)
    deliver(world), deliver(world)

    sizes = [len(letter.event["data"]["items"]) for letter in receiver.letters]
    assert sizes[-2:] == [1, 29]
    assert len(listed(world, status="DELIVERED")) == 2


def test_one_kind_does_not_wait_for_another(told):
    world, receiver = told
    subscribe(world)
    receiver.script += ["failed", "failed"]
    world.queued("i-1")
    bring(world)
    world.stop()
    bring(world)

    statuses = {shown["notice"]: shown["status"] for shown in listed(world)}
    assert statuses == {"NEEDS_INPUT": "PENDING", "STOPPED": "DELIVERED"}


def test_who_answers_again_gets_what_waits_for_it_at_once(told):
    world, receiver = told
    subscribe(world)
    receiver.script += ["failed"] * 3
    world.queued("i-1")
    bring(world)
    for _ in range(2):
        world.clock.pass_(minutes=5)
        deliver(world)
    world.app.test_subscription(TENANT, "ops", by="ann")

    deliver(world), deliver(world)

    assert [shown["status"] for shown in listed(world)] == ["DELIVERED", "DELIVERED"]
    assert receiver.letters[-1].event["data"]["notice"] == "NEEDS_INPUT"


def test_a_receiver_that_asks_for_time_gets_it(told):
    world, receiver = told
    subscribe(world)
    receiver.script += [SendResult(outcome="failed", detail="later", retry_after_s=600)]
    world.queued("i-1")
    bring(world)

    world.clock.pass_(seconds=599)
    assert deliver(world) == []
    world.clock.pass_(seconds=1)
    assert len(deliver(world)) == 1


def test_what_is_refused_for_good_is_not_tried_again(told):
    world, receiver = told
    subscribe(world)
    receiver.script += ["refused"]
    world.queued("i-1")
    bring(world)
    world.clock.pass_(days=2)

    assert deliver(world) == []
    assert [shown["status"] for shown in listed(world)] == ["FAILED"]


def test_of_several_recipients_only_who_does_not_have_it_gets_it_again(told):
    world, receiver = told
    subscribe(world, **MAIL)
    receiver.script += ["delivered", "failed"]
    world.queued("i-1")
    bring(world)
    assert listed(world)[0]["last_result"]["detail"] == "1 of 2 recipients have it; bob: scripted"
    world.clock.pass_(minutes=1)
    deliver(world)

    assert [letter.recipient.name for letter in receiver.letters] == ["ann", "bob", "bob"]
    assert listed(world)[0]["status"] == "DELIVERED"


def test_a_mail_signs_in_who_has_roles_once_leads_to_the_item_and_decides_nothing(told):
    world, receiver = told
    subscribe(world, **MAIL)
    world.queued("i-1")
    bring(world)

    to_ann, to_bob = receiver.letters
    assert to_bob.sign_in is None and to_bob.lines[0][1] == f"{CONSOLE}/console/intents/i-1"
    token = to_ann.sign_in.removeprefix(f"{CONSOLE}/console/link/")
    cookie, leads_to = world.app.redeem_link(token, on_loopback=False)
    principal, _ = world.app.session(cookie)
    assert (principal.name, principal.tenant_id, principal.roles) == ("ann", TENANT, {"approver"})
    assert leads_to == "/console/intents/i-1" and world.status() == "AWAITING_APPROVAL"
    with pytest.raises(Unauthenticated):
        world.app.redeem_link(token, on_loopback=False)


def test_a_sign_in_link_is_kept_nowhere(told):
    world, receiver = told
    subscribe(world, **MAIL)
    world.queued("i-1")
    receiver.script += ["failed", "delivered"]
    bring(world)

    token = receiver.letters[0].sign_in.rpartition("/")[2]
    kept = [record for kind in KINDS.values() for record in world.inner.scan(kind, TENANT)]
    assert token.rpartition(".")[2] not in str(kept) + str(listed(world)) + repr(receiver.letters)


def test_a_recipient_who_refused_is_told_of_in_the_end(told):
    world, receiver = told
    subscribe(world, **MAIL)
    receiver.script += ["refused", "failed"]
    world.queued("i-1")
    bring(world)
    world.clock.pass_(minutes=1)
    deliver(world)

    assert [letter.recipient.name for letter in receiver.letters] == ["ann", "bob", "bob"]
    assert listed(world)[0]["status"] == "FAILED"


def test_who_is_taken_off_the_list_while_it_is_tried_gets_nothing_more(told):
    world, receiver = told
    subscribe(world, **MAIL)
    receiver.script += ["delivered", "failed"]
    world.queued("i-1")
    bring(world)
    subscribe(world, **{**MAIL, "recipients": MAIL["recipients"][:1]})
    world.clock.pass_(minutes=1)
    deliver(world)

    assert [letter.recipient.name for letter in receiver.letters] == ["ann", "bob"]
    assert listed(world)[0]["status"] == "DELIVERED"


# --- once ---


def test_two_workers_do_not_try_one_message_at_once(told):
    world, receiver = told
    subscribe(world)
    world.queued("i-1")
    follow(world)
    world.clock.pass_(seconds=GATHER.total_seconds())
    (which,) = world.app.due_deliveries()

    answers = world.race(lambda app: app.deliver(which), lambda app: app.deliver(which))

    assert len(receiver.letters) == 1
    assert sorted(answer is None for answer in answers) == [False, True]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("at", [1, 2])
def test_whatever_happens_at_a_write_it_arrives_under_one_id(new_world, fault, at):
    world, receiver = notifying_world(new_world)
    subscribe(world)
    world.queued("i-1")
    follow(world)
    world.clock.pass_(seconds=GATHER.total_seconds())
    world.store = FaultyStore(world.inner, fault, at=at)
    world.restart()
    (which,) = world.app.due_deliveries()

    with suppress(Crash, Exception):
        world.app.deliver(which)
    assert not world.store.armed
    world.recover()
    world.clock.pass_(seconds=IN_HAND.total_seconds())
    deliver(world)

    assert 1 <= len(receiver.letters) <= 2
    assert len({letter.delivery_id for letter in receiver.letters}) == 1
    assert [shown["status"] for shown in listed(world)] == ["DELIVERED"]


def test_what_is_being_tried_is_nobody_else_s_until_its_time_is_over(told):
    world, receiver = told
    subscribe(world)
    world.queued("i-1")

    def while_it_is_sent(letter):
        world.clock.pass_(seconds=IN_HAND.total_seconds() - 1)
        assert deliver(world) == []
        return "delivered"

    receiver.script += [while_it_is_sent]
    bring(world)

    assert len(receiver.letters) == 1


# --- subscriptions ---


def test_a_test_is_sent_at_once(told):
    world, receiver = told
    subscribe(world)

    asked = world.app.test_subscription(TENANT, "ops", by="ann")
    deliver(world)

    assert receiver.told("TEST") == ["ann tries out the subscription ops"]
    assert [shown["delivery_id"] for shown in listed(world)] == [asked.delivery_id]


def test_what_is_off_or_not_there_is_not_tested(told):
    world, _ = told
    subscribe(world, enabled=False)

    with pytest.raises(Conflict):
        world.app.test_subscription(TENANT, "ops", by="ann")
    with pytest.raises(NotFound):
        world.app.test_subscription(TENANT, "nobody", by="ann")
    with pytest.raises(NotFound):
        world.app.test_subscription("globex", "ops", by="zoe")


def test_what_was_about_to_be_told_when_it_was_switched_off_is_dropped(told):
    world, receiver = told
    subscribe(world)
    world.queued("i-1")
    follow(world)
    subscribe(world, enabled=False)
    world.clock.pass_(minutes=1)

    assert deliver(world) == [None]
    assert receiver.letters == [] and world.inner.scan(OUTBOX, TENANT) == []


def test_what_is_removed_leaves_nothing(told):
    world, _ = told
    subscribe(world), subscribe(world, "other")
    world.queued("i-1")
    bring(world)
    world.stop()
    follow(world)

    world.app.remove_subscription(TENANT, "ops", by="ann")

    kinds = (SUBSCRIPTION, OUTBOX, DELIVERY)
    assert {record.subscription_id for kind in kinds for record in world.inner.scan(kind, TENANT)} == {"other"}
    with pytest.raises(NotFound):
        world.app.remove_subscription(TENANT, "ops", by="ann")


def test_what_is_removed_while_it_is_tried_stays_removed(told):
    world, receiver = told
    subscribe(world)
    world.queued("i-1")

    def while_it_is_sent(letter):
        world.app.remove_subscription(TENANT, "ops", by="ann")
        return "delivered"

    receiver.script += [while_it_is_sent]

    assert bring(world) == [None]
    assert listed(world) == []


def test_only_the_last_deliveries_are_kept(told):
    world, _ = told
    subscribe(world)
    for _ in range(KEPT + 5):
        world.app.test_subscription(TENANT, "ops", by="ann")
        deliver(world)
        world.clock.pass_(seconds=1)

    shown = listed(world, limit=500)
    assert len(shown) == KEPT
    assert shown[0]["created_at"] == (world.clock.at - timedelta(seconds=1)).isoformat().replace("+00:00", "Z")


def test_deliveries_are_listed_by_subscription_and_status_newest_first(told):
    world, receiver = told
    subscribe(world, **only("NEEDS_INPUT")), subscribe(world, "ops-2", **only("STOPPED"))
    world.queued("i-1")
    bring(world)
    receiver.script += ["failed"]
    world.stop()
    bring(world)

    assert [shown["subscription_id"] for shown in listed(world)] == ["ops-2", "ops"]
    assert [shown["subscription_id"] for shown in listed(world, subscription_id="ops")] == ["ops"]
    assert [shown["subscription_id"] for shown in listed(world, status="PENDING")] == ["ops-2"]
    for wrong in ({"limit": 0}, {"status": "LOST"}):
        with pytest.raises(InvalidInput):
            listed(world, **wrong)


def test_deliveries_and_subscriptions_of_another_tenant_are_not_seen(told):
    world, _ = told
    world.app.apply(bounds("globex"), by="zoe")
    subscribe(world)
    world.queued("i-1")
    bring(world)

    assert world.app.subscriptions("globex") == [] and world.app.deliveries("globex") == []
    with pytest.raises(NotFound):
        world.app.remove_subscription("globex", "ops", by="zoe")
    assert len(world.app.subscriptions(TENANT)) == 1


def test_a_message_that_breaks_its_notifier_is_given_up_in_the_end(told, monkeypatch):
    world, receiver = told
    subscribe(world)
    world.queued("i-1")
    follow(world)

    def breaks(_):
        raise ZeroDivisionError

    monkeypatch.setattr(receiver, "send", breaks)
    for _ in range(60):
        world.clock.pass_(hours=4)
        deliver(world)

    (delivery,) = world.app.deliveries(TENANT)
    assert delivery["status"] == "FAILED"
    assert delivery["last_result"]["detail"] == "the notifier broke (ZeroDivisionError)"
