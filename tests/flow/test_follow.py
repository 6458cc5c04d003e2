"""Following what changed: no clock of a worker moves it, and no tenant waits for all the others."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remit.app import App
from remit.core.ledger.position import LedgerConsumer, LedgerCursor, LedgerPosition
from remit.core.notifications.notice import NotificationState
from remit.core.records import CONSUMER, NOTIFICATION_STATE, THE_ONE, Key
from remit.flow.context import Context
from remit.flow.notifications.follow import FOLLOWED_TO
from remit.testing.faults import StoreWrapper
from remit.testing.samples import putting

from .notified import bring, follow, notifying_world, only, subscribe, webhook
from .test_count import decided, decisions, put
from .world import NOON, TENANT, SetClock, bounds, new_id

AHEAD = timedelta(minutes=10)


@pytest.fixture
def told(new_world):
    return notifying_world(new_world)


def worker_with(world, clock):
    """Another worker's process over the same store, with a clock of its own."""
    return App(Context(world.inner, new_id, {}, **world._told), clock)


def asked(receiver):
    """The intents about which people were told, each as often as that."""
    letters = [letter for letter in receiver.letters if letter.event["data"]["notice"] == "NEEDS_INPUT"]
    return sorted(item["action_intent_id"] for letter in letters for item in letter.event["data"]["items"])


# --- clocks ---


@pytest.mark.parametrize("off", [AHEAD, -AHEAD, timedelta(days=400)], ids=["ahead", "behind", "far ahead"])
@pytest.mark.parametrize("idle", [False, True], ids=["at work", "idle"])
def test_a_worker_whose_clock_was_wrong_once_leaves_nothing_untold_and_uncounted(told, off, idle):
    world, receiver = told
    subscribe(world)
    wrong = worker_with(world, SetClock(world.clock.at + off))
    if not idle:
        world.queued("first")
    for _ in range(3):
        wrong.follow()
    for number in range(12):
        world.clock.pass_(minutes=1)
        world.queued(f"i-{number:02}")
        bring(world)

    expected = [*([] if idle else ["first"]), *(f"i-{number:02}" for number in range(12))]
    assert asked(receiver) == sorted(expected)
    assert decisions(world) == len(expected)


def test_two_workers_with_different_clocks_tell_and_count_everything_once(told):
    world, receiver = told
    subscribe(world)
    others = [worker_with(world, SetClock(NOON + off)) for off in (AHEAD, -AHEAD)]
    for number in range(9):
        world.clock.pass_(seconds=30)
        world.queued(f"i-{number}")
        others[number % 2].follow()
    bring(world)

    assert asked(receiver) == [f"i-{number}" for number in range(9)]
    assert decisions(world) == 9


def test_who_subscribes_where_the_clock_is_ahead_is_told_from_then_on(told):
    world, receiver = told
    world.queued("before")
    ahead = worker_with(world, SetClock(world.clock.at + AHEAD))
    ahead.set_subscription(TENANT, "ops", webhook(), by="ann")
    world.clock.pass_(minutes=1)
    world.queued("after")

    for _ in range(12):
        world.clock.pass_(minutes=1)
        bring(world)

    assert asked(receiver) == ["after"]


def test_an_intent_is_told_to_be_about_to_expire_though_a_clock_was_ahead_before(told):
    world, receiver = told
    subscribe(world, **only("EXPIRES_SOON"))
    world.queued("long", expires_at=(NOON + timedelta(minutes=30)).isoformat())
    worker_with(world, SetClock(NOON + timedelta(minutes=29))).follow()
    world.queued("short", expires_at=(NOON + timedelta(minutes=20)).isoformat())
    world.clock.pass_(minutes=19)

    bring(world)

    items = [item["action_intent_id"] for letter in receiver.letters for item in letter.event["data"]["items"]]
    assert sorted(items) == ["long", "short"]


# --- begun anew ---


def test_a_worker_that_begins_in_the_middle_leaves_nothing_and_repeats_nothing(told, monkeypatch):
    monkeypatch.setattr("remit.flow.consumer.MOST_UNREAD", 4)
    world, receiver = told
    subscribe(world)
    for number in range(20):
        world.queued(f"i-{number:02}")
    for _ in range(3):
        world.app.follow()
        world.restart()

    follow(world)
    bring(world)

    assert asked(receiver) == [f"i-{number:02}" for number in range(20)]
    assert decisions(world) == 20


def test_who_begins_anew_looks_at_what_changed_since_and_not_at_every_tenant(world):
    world.submit("i-1")
    follow(world)
    assert world.record(FOLLOWED_TO) is not None
    world.store = store = Counted(world.inner)
    world.restart()
    world.submit("i-2")

    follow(world)

    assert decisions(world) == 2
    assert store.listed == 0


class Counted(StoreWrapper):
    """How often every tenant was listed, and how often one was looked at."""

    def __init__(self, inner):
        super().__init__(inner)
        self.listed = self.looked = 0

    def tenants(self):
        self.listed += 1
        return self.inner.tenants()

    def read(self, keys):
        self.looked += 1
        return self.inner.read(keys)

    def scan(self, kind, tenant_id, prefix="", limit=None):
        self.looked += 1
        return self.inner.scan(kind, tenant_id, prefix, limit)

    def ledger_after(self, *asked):
        self.looked += 1
        return self.inner.ledger_after(*asked)


def test_a_look_costs_what_changed_and_not_what_there_is(queueing):
    world = queueing
    for number in range(30):
        world.app.apply(bounds(f"t-{number}"), by="ann")
    follow(world)
    world.store = store = Counted(world.inner)
    world.restart()
    world.app.follow()
    store.looked = 0

    for _ in range(5):
        world.app.follow()
        world.app.due_deliveries()
        world.app.reconcile()

    assert (store.listed, store.looked) == (0, 0)


def test_a_tenant_whose_records_are_broken_keeps_no_other_from_being_counted(world, monkeypatch):
    world.app.apply(bounds("globex"), by="zoe")
    world.submit("ours"), world.submit("theirs", tenant="globex")
    read = world.inner.read

    def broken(keys):
        if any(key.tenant_id == "globex" and key.kind is CONSUMER for key in keys):
            raise ValueError("not a record")
        return read(keys)

    world.store = StoreWrapper(world.inner)
    world.store.read = broken
    world.restart()
    for _ in range(3):
        world.app.follow()
    assert decisions(world) == 1

    world.store.read = read
    world.clock.pass_(minutes=1)
    world.app.follow()

    assert decisions(world, "globex") == 1


def test_a_tenant_whose_records_are_broken_is_tried_now_and_then_and_stands_before_nobody(told, monkeypatch, caplog):
    monkeypatch.setattr("remit.flow.notifications.follow.MOST_TENANTS", 1)
    world, receiver = told
    world.app.apply(bounds("globex"), by="zoe")
    for tenant in ("globex", TENANT):
        subscribe(world, tenant=tenant, **only("EXPIRES_SOON"))
    for tenant, minutes in (("globex", 30), (TENANT, 40)):
        world.queued(f"of-{tenant}", tenant=tenant, expires_at=(NOON + timedelta(minutes=minutes)).isoformat())
    follow(world)
    read = world.inner.read

    def broken(keys):
        if any(key.tenant_id == "globex" and key.kind is CONSUMER for key in keys):
            raise ValueError("not a record")
        return read(keys)

    world.clock.pass_(minutes=39)
    world.store = StoreWrapper(world.inner)
    world.store.read = broken
    world.restart()
    for number in range(10):
        world.submit(f"busy-{number}", tenant="globex")
        world.app.follow()
    bring(world)

    assert [item["action_intent_id"] for letter in receiver.letters for item in letter.event["data"]["items"]] == [
        f"of-{TENANT}"
    ]
    assert len([record for record in caplog.records if "failed and is tried again" in record.message]) == 1


def test_one_tenant_s_much_is_followed_in_turns_with_another_s_little(world, monkeypatch):
    monkeypatch.setattr("remit.flow.consumer.MOST_UNREAD", 10)
    put(world, *(decided(f"n-{n}", NOON + timedelta(milliseconds=n)) for n in range(60)))
    put(world, decided("theirs", NOON, tenant="zeta"))

    world.app.follow()

    assert decisions(world, "zeta") == 1
    assert decisions(world) < 60


# --- from an earlier release, which followed by time ---


def test_what_an_earlier_release_has_met_is_not_repeated_and_what_it_has_not_is_not_lost(told):
    world, receiver = told
    subscribe(world)
    for number in range(6):
        world.queued(f"i-{number}")
        world.clock.pass_(seconds=20)
    earlier(world, NOON + timedelta(seconds=40), met=["i-4"])

    bring(world)
    world.queued("new")
    bring(world)

    assert asked(receiver) == ["i-2", "i-3", "i-5", "new"]
    assert decisions(world) == 4


def test_an_earlier_release_whose_clock_was_ahead_holds_up_nothing_new(told):
    world, receiver = told
    subscribe(world)
    world.queued("met")
    earlier(world, NOON + AHEAD, met=[])

    follow(world)
    for number in range(3):
        world.clock.pass_(minutes=1)
        world.queued(f"i-{number}")
        bring(world)

    assert asked(receiver) == ["i-0", "i-1", "i-2"]
    assert decisions(world) == 3


def test_an_earlier_release_s_warnings_are_not_repeated(told):
    world, receiver = told
    subscribe(world, **only("EXPIRES_SOON"))
    world.queued("warned", expires_at=(NOON + timedelta(minutes=30)).isoformat())
    earlier(world, NOON, met=[], warned_to=NOON + timedelta(minutes=28))
    world.queued("not-yet", expires_at=(NOON + timedelta(minutes=40)).isoformat())
    for minutes in (29, 10):
        world.clock.pass_(minutes=minutes)
        bring(world)

    items = [item["action_intent_id"] for letter in receiver.letters for item in letter.event["data"]["items"]]
    assert items == ["not-yet"]


def earlier(world, read_to, *, met, warned_to=None):
    """What an earlier release leaves behind that has read up to a moment, and beyond it the decisions about these."""
    bookmark = LedgerCursor(LedgerPosition(read_to, ""))
    for name in met:
        for entry in world.inner.chain(TENANT, name):
            bookmark.passed(LedgerPosition.of(entry))
    consumers = [
        (Key(CONSUMER, TENANT, name), LedgerConsumer(bookmark=bookmark.text())) for name in ("tally", "notices")
    ]
    state = Key(NOTIFICATION_STATE, TENANT, THE_ONE), NotificationState(warned_to=warned_to or NOON)
    assert world.inner.transact([putting(*consumers, state)]) == [None]
