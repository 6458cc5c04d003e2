"""The queue's order: proposers take turns, and however pages are read and answered, nobody's case is skipped."""

import base64
from datetime import timedelta

import pytest

from remit.core.errors import InvalidInput

from .world import NOON, TENANT


def put(world, name, proposed_by, hours):
    world.queued(name, proposed_by=proposed_by, expires_at=(NOON + timedelta(hours=hours)).isoformat())


def page(world, after=None, limit=3, **which):
    items, following = world.app.queue(TENANT, after=after, limit=limit, **which)
    return [item["action_intent_id"] for item in items], following


def pages(world, limit, answering=lambda names: None):
    names, after = page(world, None, limit)
    found = [*names]
    answering(names)
    while after:
        names, after = page(world, after, limit)
        found += names
        answering(names)
    return found


def test_one_proposers_flood_does_not_hide_anothers(world):
    for number in range(20):
        put(world, f"flood-{number:02}", "flood", 1 + number / 100)
    put(world, "crm-1", "crm", 100)
    put(world, "crm-2", "crm", 101)

    assert pages(world, 50)[:5] == ["flood-00", "crm-1", "flood-01", "crm-2", "flood-02"]


def test_of_one_proposer_the_soonest_to_expire_comes_first(world):
    for name, hours in (("b", 2), ("c", 3), ("a", 1)):
        put(world, name, "crm", hours)

    assert pages(world, 2) == ["a", "b", "c"]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 11])
def test_every_page_together_is_everything_once(world, limit):
    sizes = {"one": 1, "two": 2, "five": 5, "nine": 9}
    for proposer, size in sizes.items():
        for number in range(size):
            put(world, f"{proposer}-{number}", proposer, 1 + number)

    found = pages(world, limit)

    assert len(found) == len(set(found)) == sum(sizes.values())
    assert {name.split("-")[0] for name in found[:4]} == set(sizes)


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_who_answers_page_by_page_meets_everything(world, limit):
    for proposer, size in {"one": 1, "four": 4, "six": 6}.items():
        for number in range(size):
            put(world, f"{proposer}-{number}", proposer, 1 + number)

    def reject(names):
        for name in names:
            world.app.reject(TENANT, name, by="bob")

    assert len(pages(world, limit, reject)) == 11
    assert page(world) == ([], None)


def test_turns_are_taken_within_what_is_asked_for(world):
    for number in range(3):
        put(world, f"flood-{number}", "flood", 1)
    put(world, "crm-1", "crm", 9)

    assert page(world, proposed_by="flood", limit=9)[0] == ["flood-0", "flood-1", "flood-2"]


INFINITE = base64.urlsafe_b64encode(b"[Infinity, {}]").decode()


@pytest.mark.parametrize("cursor", ["x", "", "W10=", "WzEsIHsiYSI6IDF9XQ==", "2030-01-01T00:00:00Z|i-1", INFINITE])
def test_what_no_page_ended_with_is_refused(world, cursor):
    world.queued()

    with pytest.raises(InvalidInput, match="after"):
        page(world, cursor)
