"""Positions in a ledger are a store's own: in the new database everything is told and counted on, each once."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from remit.core.errors import TryLater
from remit.core.gate.autonomy import StopScope
from remit.core.records import CONSUMER
from remit.flow.notifications.count import statuses_key
from remit.stores.sql import migrating
from tests.flow.notified import CONSOLE, Receiver, bring, follow, subscribe
from tests.flow.test_count import decisions
from tests.flow.world import World

from .conftest import move
from .test_migrate import dies

ACME, GLOBEX = "acme", "globex"
PAIRS = [
    ("sqlite", "sqlite"),
    ("sqlite", "postgres"),
    ("sqlite", "dynamodb"),
    ("postgres", "sqlite"),
    ("postgres", "postgres"),
    ("postgres", "dynamodb"),
    ("dynamodb", "sqlite"),
    ("dynamodb", "dynamodb"),
]


def world_in(place, receiver, tenant=ACME, **more):
    return World(
        place.open,
        sending=not place.is_queue,
        tenant=tenant,
        notifiers={"webhook": receiver},
        console_url=CONSOLE,
        **more,
    )


def asked(receiver):
    """The intents about which people were asked, each as often as that."""
    letters = [letter.event["data"] for letter in receiver.letters]
    return Counter(item["action_intent_id"] for data in letters for item in data["items"] if item["action_intent_id"])


def half_followed(place, receiver):
    """
    Of one tenant some is told, some about to be and some not met yet; of another, which asks to be told after all that,
    nothing was ever met.
    """
    world = world_in(place, receiver)
    world.apply()
    subscribe(world)
    for number in range(3):
        world.queued(f"told-{number}")
        world.submit(f"counted-{number}")
        world.work()
    world.stop(account_id="south")
    bring(world)
    world.queued("about-to-be-told")
    follow(world)
    world.approve("told-0")
    world.work()
    for number in range(3):
        world.queued(f"unmet-{number}")
        world.submit(f"uncounted-{number}")
        world.work()
    world.app.stop(StopScope(), by="ann", reason="everywhere", level="everything", even_if_unknown=True)
    world.app.resume(StopScope(), by="ann", reason="over", level="everything")
    world.clock.pass_(seconds=1)
    other = world_in(place, receiver, GLOBEX, clock=world.clock)
    other.apply()
    subscribe(other, tenant=GLOBEX)
    other.queued("of-globex")
    return world


@pytest.mark.parametrize(("from_kind", "to_kind"), PAIRS)
def test_what_was_not_told_nor_counted_before_is_told_and_counted_afterwards_and_nothing_twice(
    new_place, from_kind, to_kind
):
    source, target, before, after = new_place(from_kind), new_place(to_kind), Receiver(), Receiver()
    world = half_followed(source, before)
    assert asked(before) == {f"told-{number}": 1 for number in range(3)}
    move(source, target, clock=world.clock)

    moved = world_in(target, after, clock=world.clock, far=world.far)
    bring(moved)

    unmet = [f"unmet-{number}" for number in range(3)]
    assert asked(after) == dict.fromkeys(["about-to-be-told", *unmet, "of-globex"], 1)
    assert sum("everywhere" in text for text in after.told("STOPPED")) == 1
    assert not any("incident" in text for text in after.told("STOPPED"))
    assert decisions(moved) == 3 + 3 + 1 + 3 + 3
    assert decisions(moved, GLOBEX) == 1
    outcomes = moved.app.tally(ACME, "2026-03-10", "2026-03-10")["days"][0]["outcomes"]
    assert sum(row["count"] for row in outcomes) == 3 + 1 + 3
    ended = moved.record(statuses_key(ACME)).counts
    assert ended == {"SUCCEEDED": 3 + 1 + 3} and moved.app.counts(ACME) == moved.inner.counts(ACME)


@pytest.mark.parametrize("to_kind", ["sqlite", "postgres", "dynamodb"])
def test_what_happens_in_the_new_database_is_told_and_counted_once(new_place, to_kind):
    source, target, after = new_place("sqlite"), new_place(to_kind), Receiver()
    world = half_followed(source, Receiver())
    move(source, target, clock=world.clock)
    moved = world_in(target, after, clock=world.clock, far=world.far)
    counted = 13

    moved.queued("first-of-all")
    moved.clock.pass_(seconds=1)
    subscribe(moved, "later")
    moved.clock.pass_(seconds=1)
    moved.queued("heard-by-both")
    bring(moved), bring(moved)

    assert asked(after)["first-of-all"] == 1
    assert asked(after)["heard-by-both"] == 2
    assert asked(after)["unmet-0"] == 1
    assert decisions(moved) == counted + 2


def test_a_run_that_dies_among_its_consumers_leaves_nothing_untold_and_nothing_twice(new_place):
    source, target, before, after = new_place("postgres"), new_place("sqlite"), Receiver(), Receiver()
    world = half_followed(source, before)
    at = 1
    while dies(source, target, "crash_after", at):
        at += 3
        world.queued(f"meanwhile-{at}")

    moved = world_in(target, after, clock=world.clock, far=world.far)
    bring(moved)

    meanwhile = [f"meanwhile-{number}" for number in range(4, at + 1, 3)]
    assert len(meanwhile) > 3
    assert set(asked(after)) >= {"about-to-be-told", "unmet-0", *meanwhile, "of-globex"}
    assert max(asked(after).values()) == 1
    assert decisions(moved) == 13 + len(meanwhile)


def test_the_old_database_goes_on_telling_where_nothing_was_moved(new_place):
    source, target, before = new_place("sqlite"), new_place("sqlite"), Receiver()
    world = half_followed(source, before)
    consumers = dict(world.inner.records(CONSUMER, ACME))
    assert dies(source, target, "crash_after", 20)

    assert dict(world.inner.records(CONSUMER, ACME)) == consumers
    bring(world)
    assert asked(before)["unmet-0"] == 1


@pytest.mark.parametrize("end", ["source", "target"])
def test_a_transaction_that_holds_back_positions_stops_the_migration(new_place, end, monkeypatch):
    """Otherwise what was committed behind it is never told, or told again where it was copied to."""
    monkeypatch.setattr(migrating, "_SETTLED_WITHIN_S", 0.0)
    kinds = {"source": ("postgres", "sqlite"), "target": ("sqlite", "postgres")}
    source, target = map(new_place, kinds[end])
    server = source if end == "source" else target
    target.target().close()
    with psycopg.connect(server.where) as other:
        other.execute("SELECT pg_current_xact_id()")
        world = half_followed(source, Receiver())

        with pytest.raises(TryLater, match="a transaction that began before"):
            move(source, target, clock=world.clock)

    world.submit("goes-on")
    after = Receiver()
    move(source, target, clock=world.clock)
    moved = world_in(target, after, clock=world.clock, far=world.far)
    bring(moved)
    assert max(asked(after).values()) == 1
    assert decisions(moved) == 14
