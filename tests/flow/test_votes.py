"""Where an action takes several people: who has approved, when, how many it takes, and whose turn it is."""

import pytest

from .world import TENANT, TYPE, type_of


@pytest.fixture
def two_needed(world):
    world.apply(action_types={TYPE: {**type_of(), "approvals_required": 2}})
    world.queued()
    return world


def queued(world, **which):
    items, _ = world.app.queue(TENANT, **which)
    return [item["action_intent_id"] for item in items]


def voting(seen):
    return seen["approvals_required"], [vote["voted_by"] for vote in seen["votes"]]


def everywhere(world):
    (item,), _ = world.app.queue(TENANT)
    return [item, world.app.status(TENANT, "i-1"), world.app.why(TENANT, "i-1")]


def test_the_first_vote_is_seen_in_the_queue_the_status_and_why(two_needed):
    before = [voting(seen) for seen in everywhere(two_needed)]
    two_needed.clock.pass_(minutes=5)
    answer = two_needed.approve(by="bob")

    seen = everywhere(two_needed)

    assert before == [(2, [])] * 3
    assert [voting(each) for each in seen] == [(2, ["bob"])] * 3
    assert {each["votes"][0]["voted_at"] for each in seen} == {"2026-03-10T12:05:00Z"}
    assert voting(answer.wire()) == (2, ["bob"])


def test_who_has_voted_does_not_have_it_in_their_queue_and_the_others_do(two_needed):
    two_needed.queued("i-2")
    two_needed.approve(by="bob")

    assert queued(two_needed, answerer="bob") == ["i-2"]
    assert queued(two_needed, answerer="carol") == queued(two_needed) == ["i-1", "i-2"]
    assert two_needed.app.queue_groups(TENANT, answerer="bob").total == 1
    assert len(two_needed.app.waiting(TENANT, answerer="bob")) == 1


def test_voting_again_is_no_further_vote(two_needed):
    two_needed.approve(by="bob")
    events, case = two_needed.events(), two_needed.case()

    two_needed.clock.pass_(minutes=5)
    again = two_needed.approve(by="bob")

    assert voting(again.wire()) == (2, ["bob"])
    assert (two_needed.events(), two_needed.case()) == (events, case)


def test_what_was_approved_goes_on_to_say_by_whom(two_needed):
    two_needed.approve(by="bob")
    two_needed.approve(by="carol")

    assert voting(two_needed.app.status(TENANT, "i-1")) == (2, ["bob", "carol"])
    assert voting(two_needed.app.why(TENANT, "i-1")) == (2, ["bob", "carol"])
    two_needed.assert_sound()


def test_where_one_person_is_enough_nobody_votes(world):
    world.queued()

    waits = voting(world.app.status(TENANT, "i-1"))
    world.approve(by="bob")

    assert (waits, voting(world.app.status(TENANT, "i-1"))) == ((1, []), (None, []))


def test_an_approval_that_is_given_back_has_used_its_votes_up(sending):
    sending.apply(action_types={TYPE: {**type_of(), "approvals_required": 2}})
    sending.queued()
    sending.bus.script.append("refused")
    sending.approve(by="bob")
    sending.approve(by="carol")

    returned = voting(sending.app.status(TENANT, "i-1"))
    first = sending.approve(by="bob")

    assert (returned, queued(sending, answerer="bob")) == ((2, []), [])
    assert voting(first.wire()) == (2, ["bob"])
    assert sending.status() == "AWAITING_APPROVAL"
    assert sending.approve(by="dora").approved_by == "dora"
    sending.assert_sound()


def test_a_number_that_was_lowered_is_what_the_next_voter_has_to_reach(two_needed):
    two_needed.approve(by="bob")
    two_needed.apply()

    assert voting(two_needed.app.status(TENANT, "i-1")) == (1, ["bob"])
    assert two_needed.approve(by="bob").approved_by == "bob"
