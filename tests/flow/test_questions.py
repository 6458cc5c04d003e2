"""Asking back: a person asks the agent, the agent answers with a supplement, and the intent waits on as it was."""

import threading

import pytest

from remit.core.errors import Conflict, Forbidden, InvalidInput, NotFound, NotInThatState
from remit.core.execution.question import MOST_QUESTIONS
from tests.waiting import PATIENCE_S, ended, until

from .world import TENANT


def ask(world, text="Which order?", name="i-1", by="bob"):
    return world.app.ask(TENANT, name, by=by, text=text)


def supplement(world, text="Order 17.", name="i-1", by="agent"):
    return world.app.supplement(TENANT, name, by=by, text=text)


def test_a_question_and_its_supplement_stand_on_the_card_and_change_nothing(world):
    world.queued()
    before = world.app.intent(TENANT, "i-1").digest

    ask(world)
    supplement(world)

    (item,), _ = world.app.queue(TENANT)
    (shown,) = item["questions"]
    assert (shown["asked_by"], shown["text"], shown["supplement"]) == ("bob", "Which order?", "Order 17.")
    assert (item["status"], item["digest"]) == ("AWAITING_APPROVAL", before)
    assert world.events()[-2:] == ["QUESTION_ASKED", "QUESTION_ANSWERED"]
    world.approve()
    world.work()
    assert world.status() == "SUCCEEDED"
    world.assert_sound()


def test_its_agent_is_woken_told_the_question_and_waits_on_for_the_answer(world):
    world.queued()
    told = []

    def agent():
        told.append(world.app.wait(TENANT, "i-1", timeout_s=PATIENCE_S))
        supplement(world)
        told.append(world.app.wait(TENANT, "i-1", timeout_s=PATIENCE_S))

    thread = threading.Thread(target=agent)
    thread.start()
    until(lambda: world.app.answers._feed._tenants.get(TENANT), what="it waits")
    ask(world, 'Which "order"?')
    until(lambda: "QUESTION_ANSWERED" in world.events(), what="it has answered")
    world.app.reject(TENANT, "i-1", by="bob")
    ended(thread)

    asked, rejected = told
    assert (asked["settled"], asked["status"]) == (True, "AWAITING_APPROVAL")
    assert [each["text"] for each in asked["questions"]] == ['Which "order"?']
    assert 'bob asks: "Which \\"order\\"?". Answer with a supplement, then wait on.' in asked["text"]
    assert (rejected["status"], rejected["questions"]) == ("REJECTED", [])


def test_one_supplement_answers_all_that_is_open(world):
    world.queued()
    ask(world, "Which order?")
    ask(world, "How much?", by="eve")

    asked = supplement(world, "Order 17, 12 EUR.")

    assert [each.supplement for each in asked] == ["Order 17, 12 EUR."] * 2
    with pytest.raises(Conflict, match="no question"):
        supplement(world)


def test_only_its_proposer_answers_and_only_what_waits_is_asked_about(world):
    world.queued()
    ask(world)

    with pytest.raises(Forbidden):
        supplement(world, by="another")
    world.approve()
    for step in (ask, supplement):
        with pytest.raises(NotInThatState):
            step(world)
        with pytest.raises(NotFound):
            step(world, name="nobody")
    world.assert_sound()


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001, "\x00"])
def test_what_says_nothing_or_too_much_is_refused(world, text):
    world.queued()

    with pytest.raises(InvalidInput, match="text"):
        ask(world, text)


def test_so_much_is_asked_about_one_intent_and_no_more(world):
    world.queued()
    for number in range(MOST_QUESTIONS):
        ask(world, f"{number}?")

    with pytest.raises(Conflict, match="asked about"):
        ask(world)
