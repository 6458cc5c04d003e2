"""So much of one proposer may wait for people: past it a proposal is refused, and nothing of it is stored."""

from dataclasses import replace
from threading import Thread

import pytest

from remit.app import App
from remit.core.errors import QueueFull

from .world import TENANT, proposal

MOST = 5


@pytest.fixture
def limited(world):
    world.app = _process(world)
    return world


def _process(world):
    """Another process over the same store, with a low limit."""
    context = replace(world.app.context, most_waiting=MOST)
    return App(context, world.clock, sender=world.bus if hasattr(world.bus, "send") else None)


def fill(world, count=MOST, **changes):
    for number in range(count):
        world.queued(f"i-{number}", **changes)


def test_past_the_limit_a_proposal_is_refused_with_the_way_out_and_nothing_is_stored(limited):
    fill(limited)

    with pytest.raises(QueueFull) as refused:
        limited.queued("more")

    assert (refused.value.most_waiting, refused.value.proposed_by) == (MOST, "agent")
    assert "5 intents of 'agent' wait" in str(refused.value) and "REMIT_MOST_WAITING" in str(refused.value)
    assert (limited.case("more"), limited.history("more")) == (None, None)
    limited.assert_sound()


def test_storing_without_the_gate_is_no_way_around_it(limited):
    for number in range(MOST):
        limited.propose(f"i-{number}")

    with pytest.raises(QueueFull):
        limited.propose("more")
    with pytest.raises(QueueFull):
        limited.queued("more")


def test_taking_one_back_makes_room_for_another(limited):
    fill(limited)
    with pytest.raises(QueueFull):
        limited.queued("more")

    limited.app.withdraw(TENANT, "i-0", by="agent")

    assert limited.queued("more").status == "AWAITING_APPROVAL"


def test_each_proposer_has_a_limit_of_its_own(limited):
    fill(limited, proposed_by="flood")

    assert limited.queued("other", proposed_by="crm").status == "AWAITING_APPROVAL"


def test_what_runs_by_itself_needs_no_place(limited):
    fill(limited)

    assert limited.submit("alone").result == "AUTO_EXECUTED"


def test_what_is_stored_is_answered_again(limited):
    fill(limited)

    assert limited.queued("i-0").status == "AWAITING_APPROVAL"
    assert limited.propose("i-1", confidence_score=0.1).action_intent_id == "i-1"


def test_one_that_waits_may_be_superseded_and_edited(limited):
    fill(limited)

    assert limited.queued("newer", supersedes="i-0").status == "AWAITING_APPROVAL"
    assert limited.app.edit(TENANT, "newer", by="bob", changes={"parameters.text": "x"}).status == "AWAITING_APPROVAL"
    with pytest.raises(QueueFull):
        limited.queued("more")


@pytest.mark.parametrize("answer", ["approve", "reject", "expire"])
def test_an_answer_makes_room(limited, answer):
    fill(limited)
    with pytest.raises(QueueFull):
        limited.queued("more")

    if answer == "approve":
        limited.approve("i-0")
    elif answer == "reject":
        limited.app.reject(TENANT, "i-0", by="bob")
    else:
        limited.clock.pass_(days=8)
        limited.app.reconcile()

    assert limited.queued("more").status == "AWAITING_APPROVAL"


def test_another_processs_answer_makes_room_within_a_second(limited):
    fill(limited)
    with pytest.raises(QueueFull):
        limited.queued("more")
    _process(limited).reject(TENANT, "i-0", by="bob")

    limited.clock.pass_(seconds=1)

    assert limited.queued("more").status == "AWAITING_APPROVAL"


def test_in_one_list_those_that_find_room_are_stored_and_the_others_refused(limited):
    answers = limited.app.submit([proposal(f"i-{n}", confidence_score=0.1) for n in range(MOST + 3)])

    assert [isinstance(answer, QueueFull) for answer in answers] == [False] * MOST + [True] * 3
    assert limited.inner.unanswered(TENANT, "agent") == MOST


def test_many_at_once_fill_the_limit_and_no_more(limited):
    def propose(number):
        limited.app.submit([proposal(f"i-{number}-{n}", confidence_score=0.1) for n in range(3)])

    threads = [Thread(target=propose, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert limited.inner.unanswered(TENANT, "agent") == MOST
    limited.assert_sound()


def test_two_processes_see_what_the_other_let_in(limited):
    second = _process(limited)
    for number in range(MOST + 2):
        app = second if number % 2 else limited.app
        app.submit([proposal(f"i-{number}", confidence_score=0.1)])

    assert limited.inner.unanswered(TENANT, "agent") == MOST


def test_without_a_limit_nothing_is_refused(world):
    context = replace(world.app.context, most_waiting=None)
    world.app = App(context, world.clock)

    fill(world, MOST + 1)

    assert world.inner.unanswered(TENANT, "agent") == MOST + 1
