"""An intent is its proposer's: no other agent puts one in its place, has it decided, or learns what it says."""

import pytest

from remit.core.errors import Forbidden, IntentIdReused
from remit.flow.gate import GateRequest

from .world import ACCOUNT, OTHER, TENANT


@pytest.mark.parametrize("change", [{}, {"account_id": "south"}, {"action_type": OTHER}], ids=str)
def test_no_other_agent_supersedes_it_or_learns_of_it_by_trying(world, change):
    world.queued(proposed_by="bot-a", parameters={"amount": 5})

    with pytest.raises(Forbidden) as refused:
        world.submit("i-2", proposed_by="bot-b", supersedes="i-1", **change)

    assert "only its proposer, or a person by editing it" in str(refused.value)
    assert "amount" not in str(refused.value) and "account" not in str(refused.value)
    assert (world.status(), world.case("i-2")) == ("AWAITING_APPROVAL", None)


def test_its_own_agent_supersedes_it(world):
    world.queued(proposed_by="bot-a")

    world.queued("i-2", proposed_by="bot-a", supersedes="i-1")

    assert (world.status("i-1"), world.status("i-2")) == ("SUPERSEDED", "AWAITING_APPROVAL")


def test_what_supersedes_an_edit_is_a_persons_to_answer_and_nobodys_edit(world):
    world.queued(proposed_by="bot-a")
    edited = world.app.edit(TENANT, "i-1", by="alice", changes={"parameters.text": "x"}).action_intent_id

    own = world.submit("i-2", proposed_by="bot-a", supersedes=edited)
    again = world.submit("i-3", proposed_by="bot-a", supersedes="i-2")

    for answer in (own, again):
        name = answer.action_intent_id
        assert (answer.result, answer.reason) == ("REQUIRE_APPROVAL", "PERSON_REQUIRED")
        assert "alice" not in answer.explanation
        assert world.app.why(TENANT, name)["edited_by"] is None
        assert world.case(name).person_required
    (item,), _ = world.app.queue(TENANT)
    assert (item["action_intent_id"], item["edited_by"]) == ("i-3", None)
    world.assert_sound()


def test_no_other_agent_supersedes_what_a_person_edited(world):
    world.queued(proposed_by="bot-a")
    edited = world.app.edit(TENANT, "i-1", by="alice", changes={"parameters.text": "x"}).action_intent_id

    with pytest.raises(Forbidden):
        world.submit("i-2", proposed_by="bot-b", supersedes=edited)

    assert world.status(edited) == "AWAITING_APPROVAL"


def test_comparing_says_nothing_of_what_another_proposed(world):
    world.queued(proposed_by="bot-a", parameters={"amount": 5})

    with pytest.raises(IntentIdReused) as same:
        world.queued(proposed_by="bot-b", parameters={"amount": 5})
    with pytest.raises(IntentIdReused) as other:
        world.queued(proposed_by="bot-b", parameters={"amount": 6}, risk_level="HIGH")

    assert str(same.value) == str(other.value)
    assert same.value.fields == ["proposed_by"]


def test_another_agents_intent_is_not_there_to_be_gated(world):
    world.propose(proposed_by="bot-a")

    (unknown, others) = world.app.gate(
        [GateRequest("nobody", TENANT, ACCOUNT, "bot-b"), GateRequest("i-1", TENANT, ACCOUNT, "bot-b")]
    )
    before = world.status()
    (own,) = world.app.gate([GateRequest("i-1", TENANT, ACCOUNT, "bot-a")])
    (seen,) = world.app.gate([GateRequest("i-1", TENANT, ACCOUNT, "bot-b")])

    assert before == "PROPOSED"
    assert (own.result, {others.reason, seen.reason, unknown.reason}) == ("AUTO_EXECUTED", {"INTENT_NOT_FOUND"})
    assert others.explanation == seen.explanation == unknown.explanation.replace("nobody", "i-1")
    assert seen.approval_id is None
