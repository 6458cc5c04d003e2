"""One intent or many: the app answers in the shape it was asked in."""

import pytest

from remit import GateRequest, InvalidInput
from tests.flow.world import ACCOUNT, TENANT, proposal


def test_one_proposal_is_answered_with_its_verdict(world):
    answer = world.app.submit(proposal("i-1"))

    assert (answer.action_intent_id, answer.result) == ("i-1", "AUTO_EXECUTED")


def test_one_wrong_proposal_raises_and_stores_nothing(world):
    with pytest.raises(InvalidInput, match="risk_level"):
        world.app.submit(proposal("i-1", risk_level="low"))

    assert world.app.counts(TENANT) == {}


def test_a_list_is_answered_with_a_list_in_which_each_stands_by_itself(world):
    answers = world.app.submit([proposal("i-1"), proposal("i-2", confidence_score=85), proposal("i-3")])

    assert [getattr(answer, "result", type(answer).__name__) for answer in answers] == [
        "AUTO_EXECUTED",
        "InvalidInput",
        "AUTO_EXECUTED",
    ]


def test_one_intent_is_proposed_and_gated_in_two_calls(world):
    intent = world.app.propose(proposal("i-1"))

    answer = world.app.gate(GateRequest(intent.action_intent_id, TENANT, ACCOUNT))

    assert answer.result == "AUTO_EXECUTED"
