"""How many intents have which status: kept as the ledger is followed, never found by going through all cases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remit.core.notifications.status_counts import FINAL
from remit.flow.notifications import count
from remit.ports import UnitOfWork, Writes
from remit.testing.samples import make_entry

from .test_count import put
from .world import NOON, OTHER, TENANT

LIVED = FINAL - {"WITHDRAWN"}
"""How intents end in `lived`."""


def lived(world, name=""):
    """Something in each status."""
    world.far.script += ["yes", "no AUTH", "nothing", "nothing"]
    for each in ("done", "failed", "unknown", "found"):
        world.submit(f"{name}{each}")
        world.work()
    world.app.resolve(TENANT, f"{name}found", by="ann", status="FAILED")
    soon = (world.clock.now() + timedelta(minutes=5)).isoformat()
    for each in ("no", "old", "late", "asked"):
        world.queued(f"{name}{each}", expires_at=soon if each == "late" else None)
    world.app.reject(TENANT, f"{name}no", by="bob")
    world.app.edit(TENANT, f"{name}old", by="bob", changes={"parameters.text": "new"})
    world.submit(f"{name}stopped", action_type=OTHER)
    world.stop("everything", action_type=OTHER)
    world.work()
    world.resume("everything", action_type=OTHER)
    world.propose(f"{name}proposed")
    world.clock.pass_(minutes=6)
    world.app.reconcile()
    world.work()


@pytest.fixture
def asked(world, monkeypatch):
    """The world, and for which statuses its cases are counted: `None` for all of them."""
    seen = []
    counts = world.inner.counts
    monkeypatch.setattr(
        world.inner, "counts", lambda tenant, statuses=None: seen.append(statuses) or counts(tenant, statuses)
    )
    return world, counts, seen


def test_what_has_ended_is_counted_as_the_ledger_is_followed_and_the_rest_where_it_stands(asked):
    world, every, seen = asked
    lived(world)
    world.app.follow()

    found = world.app.counts(TENANT)

    assert found == every(TENANT) and len(found) >= 8
    assert seen and None not in seen
    assert not {"SUCCEEDED", "FAILED", "REJECTED", "EXPIRED"} & {status for statuses in seen for status in statuses}


def test_what_came_since_the_ledger_was_followed_is_counted_too(asked):
    world, every, seen = asked
    lived(world)
    world.app.follow()
    lived(world, "more-")

    assert world.app.counts(TENANT) == every(TENANT)
    assert None not in seen
    world.app.follow()
    assert world.app.counts(TENANT) == every(TENANT)


def test_where_nobody_follows_or_they_are_far_behind_every_case_is_counted(asked, monkeypatch):
    world, every, seen = asked
    lived(world)
    assert world.app.counts(TENANT) == every(TENANT) and seen == [None]

    world.app.follow()
    lived(world, "more-")
    monkeypatch.setattr(count, "MOST_BEHIND", 1)

    assert world.app.counts(TENANT) == every(TENANT) and seen[-1] is None


def test_a_ledger_that_is_not_counted_from_its_beginning_counts_no_statuses(asked):
    world, every, seen = asked
    put(world, make_entry("older", event="ACTION_REJECTED", at=NOON - timedelta(days=400)))
    world.submit()
    world.work()
    world.app.follow()

    assert world.app.counts(TENANT) == every(TENANT) == {"SUCCEEDED": 1}
    assert seen == [None]


def test_two_that_follow_at_once_count_each_end_once(world):
    lived(world)

    world.race(lambda app: app.follow(), lambda app: app.follow())
    world.app.follow()

    assert world.app.counts(TENANT) == world.inner.counts(TENANT)


def of_before(world):
    """As a release leaves it that followed the ledger and did not keep how intents ended."""
    world.app.follow()
    at = count.statuses_key(TENANT)
    assert world.inner.transact([UnitOfWork([at], lambda _: Writes(answer=None, deletes=[at]))]) == [None]


def test_a_ledger_that_was_followed_before_is_told_of_and_counted_by_the_word_of_an_operator(asked):
    world, every, seen = asked
    lived(world)
    of_before(world)
    lived(world, "more-")
    world.app.follow()
    (told,) = [each for each in world.app.diagnose(TENANT, connect=False) if each.check == "counts"]
    assert world.app.counts(TENANT) == every(TENANT) and seen == [None]

    wrong = world.app.recount(TENANT)

    assert (told.state, wrong, world.app.recount(TENANT)) == ("look", len(LIVED), 0)
    assert "counts" not in [each.check for each in world.app.diagnose(TENANT, connect=False)]
    world.queued("later")
    world.app.reject(TENANT, "later", by="bob")
    assert world.app.counts(TENANT) == every(TENANT) and seen == [None, *seen[1:]] and None not in seen[1:]
    world.assert_sound()


def test_what_is_followed_while_it_is_counted_anew_is_counted_once(world, monkeypatch):
    lived(world)
    of_before(world)
    lived(world, "more-")
    page_after, asked_again = world.inner.ledger_after, []

    def and_somebody_follows(*given):
        page = page_after(*given)
        if not asked_again:
            asked_again.append(True)
            world.app.follow()
        return page

    monkeypatch.setattr(world.inner, "ledger_after", and_somebody_follows)

    assert world.app.recount(TENANT) == len(LIVED)
    assert asked_again and world.app.counts(TENANT) == world.inner.counts(TENANT)
