"""What nobody waits for: published and expired in time, after any restart."""

import pytest

from remit.flow.reconcile import expire
from remit.ports import UNCONFIRMED
from remit.testing.faults import FaultyStore

from .world import NOON, TENANT, bounds, proposal

SOON = NOON.replace(hour=13).isoformat()


def test_there_is_nothing_to_do_where_nothing_happened(world):
    assert world.app.reconcile().total == 0 and not world.app.busy()


def test_a_round_does_what_each_case_needs_for_every_tenant(sending):
    world = sending
    world.app.apply(bounds("globex"), by="ann")
    world.propose("left")
    world.reserve("reserved")
    world.submit("lost", tenant="globex")
    world.bus.take()
    world.queued("waiting", expires_at=SOON)
    assert world.app.busy()

    world.clock.pass_(hours=2)
    done = world.app.reconcile()

    assert (done.gated, done.published, done.expired, done.total) == (1, 2, 1, 4)
    assert world.statuses() == {"left": "APPROVED", "reserved": "APPROVED", "waiting": "EXPIRED"}


def test_an_intent_that_expires_unstarted_releases_and_ends_expired(world):
    world.submit(expires_at=SOON)
    message = world.bus.take()
    world.clock.pass_(hours=2)

    world.app.reconcile()

    assert (world.status(), world.used(), world.state().status) == ("EXPIRED", 0, "RELEASED")
    assert world.events()[-2:] == ["BUDGET_RELEASED", "INTENT_EXPIRED"]
    assert world.run(message) is None and world.written() == 0
    world.assert_sound()


def test_a_reserved_approval_that_expires_is_not_published_any_more(sending):
    sending.bus.script += [UNCONFIRMED]
    sending.submit(expires_at=SOON)
    sending.clock.pass_(hours=2)

    sending.app.reconcile()

    assert sending.status() == "EXPIRED" and len(sending.bus.sent) == 1 and sending.used() == 0
    sending.assert_sound()


def test_an_attempt_that_runs_is_never_expired(world):
    world.submit(expires_at=SOON)
    world.executor().start(world.bus.take().data)
    world.clock.pass_(hours=2)

    world.app.reconcile()
    world.work()

    # Whoever comes first ends it, a worker that takes it over or reconciling where the store is the queue.
    assert world.status() == "CANCELLED" and "INTENT_EXPIRED" not in world.events()
    assert world.used() == 0
    world.assert_sound()


def test_expire_and_start_at_once_exclude_each_other(world):
    world.submit(expires_at=SOON)
    message, case = world.bus.take(), world.case()
    late = NOON.replace(hour=14)

    answers = world.race(
        lambda app: expire(app.context, [case], late), lambda app: app.executor("racer").start(message.data)
    )

    expired = answers[0] == [True]
    assert expired == (answers[1] is None)
    assert world.status() == ("EXPIRED" if expired else "RUNNING") and world.used() == (0 if expired else 1)
    world.assert_sound()


def test_a_charge_given_back_after_midnight_goes_to_the_day_it_was_taken_from(world):
    world.clock.at = NOON.replace(hour=23, minute=59)
    world.submit("i-1", expires_at=NOON.replace(day=11, hour=0, minute=5).isoformat())
    world.bus.take()
    world.clock.pass_(minutes=30)
    world.submit("i-2")

    world.app.reconcile()

    assert world.status("i-1") == "EXPIRED" and world.used() == 1
    world.work()
    world.assert_sound()


def test_a_state_whose_time_is_over_is_gone_and_everything_else_is_kept(world):
    world.submit()
    world.work()
    before = world.app.status(TENANT, "i-1"), world.app.why(TENANT, "i-1"), world.app.ledger(TENANT, "i-1")
    world.clock.pass_(days=89)
    assert world.state() is not None
    world.clock.pass_(days=2)

    assert world.state() is None

    assert before == (world.app.status(TENANT, "i-1"), *before[1:])
    assert world.app.reconcile().total == 0 and not world.app.busy()
    world.assert_sound()


@pytest.mark.parametrize("status", ["RUNNING", "APPROVED"])
def test_the_state_of_what_is_not_done_never_goes(world, status):
    far = NOON.replace(year=2027).isoformat()
    world.submit(expires_at=far)
    message = world.bus.take()
    if status == "RUNNING":
        world.executor().start(message.data)
    for _ in range(10):
        world.clock.pass_(days=30)
        world.app.reconcile()
        while world.bus.take():
            pass

    assert world.state() is not None and world.status() == status


def test_a_round_takes_the_longest_due_first_and_no_more_than_it_is_told(world):
    for number in range(5):
        world.propose(f"i-{number}")
        world.clock.pass_(seconds=1)
    world.clock.pass_(seconds=10)

    assert world.app.reconcile(limit=2).gated == 2

    assert [name for name, status in world.statuses().items() if status == "APPROVED"] == ["i-0", "i-1"]


def test_two_reconcilers_at_once_do_everything_once(world):
    for number in range(3):
        world.reserve(f"r-{number}")
        world.queued(f"w-{number}", expires_at=SOON)
    world.submit("late", expires_at=SOON)
    world.bus.take()
    world.clock.pass_(hours=2)

    world.race(lambda app: app.reconcile(), lambda app: app.reconcile())
    world.settle()

    assert all(world.events(f"r-{number}").count("ACTION_PUBLISHED") == 1 for number in range(3))
    assert all(world.events(f"w-{number}").count("INTENT_EXPIRED") == 1 for number in range(3))
    assert world.events("late").count("BUDGET_RELEASED") == 1
    assert world.used() == 3 and sum(world.far.written.values()) == 3
    world.assert_sound()


def test_a_round_that_the_store_refuses_is_made_up_by_the_next(new_world):
    world = new_world(wrap=FaultyStore)
    world.apply()
    world.reserve()
    world.clock.pass_(seconds=5)
    world.store.arm("try_later")
    refused = world.app.reconcile()

    assert (refused.published, world.app.reconcile().published) == (0, 1)


def test_a_bus_that_is_down_delays_and_loses_nothing(sending):
    sending.bus.script += [UNCONFIRMED] * 1000
    sending.app.submit([proposal(f"i-{number}") for number in range(10)])
    for _ in range(5):
        sending.clock.pass_(seconds=10)
        sending.app.reconcile()
    assert set(sending.statuses().values()) == {"APPROVED"} and sending.used() == 10

    sending.bus.script.clear()
    sending.settle()

    assert set(sending.statuses().values()) == {"SUCCEEDED"} and sending.used() == 10
    sending.assert_sound()


def test_a_bus_that_is_down_for_some_does_not_keep_the_reconciler_from_the_others(sending):
    """More approvals wait for the bus than a round takes, and what needs no bus is still done."""
    for number in range(4):
        sending.reserve(f"stuck-{number}")
    sending.clock.pass_(seconds=1)
    sending.propose("left", confidence_score=0.1)
    sending.bus.script += [UNCONFIRMED] * 1000
    for _ in range(6):
        sending.clock.pass_(seconds=10)
        sending.app.reconcile(limit=2)

    assert sending.status("left") == "AWAITING_APPROVAL"
