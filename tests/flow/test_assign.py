"""Whose a card is: somebody's to answer, another's for a time, and nobody's right."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remit.core.errors import InvalidInput, NotFound, NotInThatState
from remit.core.identity.credential import Credential

from .world import TENANT

KEY = Credential("key", "k-1")


def shown(world, name="i-1"):
    (item,) = [each for each in world.app.queue(TENANT)[0] if each["action_intent_id"] == name]
    return item["assigned_to"], item["deputy"]


def test_a_card_is_assigned_and_waits_on_as_it_was(world):
    world.queued("i-1")
    before = world.app.intent(TENANT, "i-1").digest
    assert shown(world) == (None, None)

    world.app.assign(TENANT, "i-1", by="bob", to="zoe", credential=KEY)

    assert shown(world) == ("zoe", None)
    assert [view["assigned_to"] for view in (world.app.status(TENANT, "i-1"), world.app.why(TENANT, "i-1"))] == [
        "zoe"
    ] * 2
    entry = world.app.ledger(TENANT, "i-1")[-1]
    assert (entry["event_type"], entry["actor"]) == ("CARD_ASSIGNED", "bob")
    assert (entry["data"]["assigned_to"], entry["data"]["digest"]) == ("zoe", before)
    assert entry["data"]["credential"]["id"] == "k-1"
    # It gives no right, and takes none.
    world.approve("i-1", by="bob")
    world.assert_sound()


def test_it_is_said_once_and_taken_back(world):
    world.queued("i-1")
    for to in ("zoe", "Zoe", "zoe", None, None):
        world.app.assign(TENANT, "i-1", by="bob", to=to)

    assert world.events().count("CARD_ASSIGNED") == 2 and shown(world) == (None, None)


def test_what_does_not_wait_is_nobodys(world):
    world.queued("i-1")
    world.app.reject(TENANT, "i-1", by="bob")

    with pytest.raises(NotInThatState):
        world.app.assign(TENANT, "i-1", by="bob", to="zoe")
    with pytest.raises(NotFound):
        world.app.assign(TENANT, "nothing", by="bob", to="zoe")


def test_a_queue_is_anothers_until_it_is_taken_back_or_over(world):
    world.queued("i-1"), world.queued("i-2")
    world.app.assign(TENANT, "i-1", by="bob", to="zoe")
    until = world.clock.at + timedelta(hours=8)

    world.app.hand_over(TENANT, by="zoe", to="dan", until=until)
    world.app.hand_over(TENANT, by="dan", to="eve", until=until)
    assert (shown(world), shown(world, "i-2")) == (("zoe", "dan"), (None, None))
    assert {each.handed_to for each in world.app.handovers(TENANT)} == {"dan", "eve"}
    world.app.hand_over(TENANT, by="dan")
    assert [each.handed_from for each in world.app.handovers(TENANT)] == ["zoe"]
    world.clock.pass_(hours=8)

    assert shown(world) == ("zoe", None) and world.app.handovers(TENANT) == []
    world.assert_sound()


def test_a_person_finds_and_counts_the_cards_that_they_have(world):
    for name in ("i-1", "i-2", "i-3"):
        world.queued(name)
    world.app.assign(TENANT, "i-1", by="bob", to="Zoe")
    world.app.assign(TENANT, "i-2", by="bob", to="dan")

    def has(person):
        found, following = world.app.queue(TENANT, assigned_to=person)
        counted = world.app.queue_groups(TENANT, answerer=person)
        assert following is None and len(found) == counted.assigned == world.app.assigned_count(TENANT, answerer=person)
        assert counted.total == world.app.waiting_count(TENANT)
        return [item["action_intent_id"] for item in found]

    assert (has("zoe"), has("dan"), has("eve")) == (["i-1"], ["i-2"], [])
    # Handed over, they are found by both; answered, by nobody.
    world.app.hand_over(TENANT, by="dan", to="ZOE", until=world.clock.at + timedelta(hours=1))
    assert (has("zoe"), has("dan")) == (["i-1", "i-2"], ["i-2"])
    world.app.reject(TENANT, "i-1", by="bob"), world.app.assign(TENANT, "i-2", by="bob", to=None)
    assert (has("zoe"), has("dan")) == ([], [])
    world.assert_sound()


@pytest.mark.parametrize(
    ("to", "hours", "field"),
    [("Zoe", 1, "to"), ("dan", -1, "until"), ("dan", 24 * 93, "until"), ("dan", None, "until"), (None, 1, "to")],
)
def test_a_handover_is_to_another_and_ends(world, to, hours, field):
    until = None if hours is None else world.clock.at + timedelta(hours=hours)

    with pytest.raises(InvalidInput) as refused:
        world.app.hand_over(TENANT, by="zoe", to=to, until=until)

    assert refused.value.field == field
