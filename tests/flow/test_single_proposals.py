"""Proposals that threads make one by one, at a time: one write decides a tenant's, and what befalls one is its own."""

import threading
from functools import partial

import pytest

from remit.app.single_proposals import BATCH, SingleProposal, SingleProposals
from remit.core.errors import IntentIdReused, InvalidInput, TryLater
from remit.core.proposal import parse_proposal
from remit.flow.facts import FactsOutdated
from remit.flow.submit import SubmitIntent
from remit.grouping import GroupedCall
from remit.testing.faults import StoreWrapper
from remit.testing.samples import all_at_once

from ..waiting import ended, happened, until
from .world import OTHER, TENANT, TYPE, bounds, proposal


class WatchedStore(StoreWrapper):
    """A store of which every write's units are counted, and that keeps one write waiting."""

    def __init__(self, inner):
        super().__init__(inner)
        self.writes = []
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.holds = False

    def transact(self, units):
        self.writes.append(len(units))
        if self.holds:
            self.holds = False
            self.reached.set()
            happened(self.go_on, what="the write may go on")
        return self.inner.transact(units)


@pytest.fixture
def world(new_world):
    world = new_world(wrap=WatchedStore)
    world.app.apply(bounds(budget={"max_autonomous_per_day": 1000}), by="ann")
    if not world.store.one_at_a_time:
        pytest.skip("where many write at a time, nobody waits for another")
    return world


@pytest.fixture
def waiting(monkeypatch):
    """Every call that waited, or waits, for another one's group."""
    calls = []
    wait = GroupedCall.wait

    def counted(call):
        if isinstance(call, SingleProposal):
            calls.append(call)
        wait(call)

    monkeypatch.setattr(GroupedCall, "wait", counted)
    return calls


def outcome(ask):
    """What one caller is answered, or is raised."""
    try:
        return ask()
    except BaseException as error:
        return error


def together(world, waiting, *proposals, first=None):
    """What each comes to that is proposed while another caller's write is held: one group."""
    asked = [partial(outcome, partial(world.app.submit, each)) for each in proposals]
    world.store.holds = True
    holder = threading.Thread(target=world.app.submit, args=(first or proposal("first"),))
    holder.start()
    happened(world.store.reached, what="a caller writes")
    world.store.writes.clear()

    def go_on():
        until(lambda: len(waiting) >= len(proposals), what="the others wait")
        world.store.go_on.set()

    watcher = threading.Thread(target=go_on)
    watcher.start()
    answers = all_at_once(*asked)
    for thread in (holder, watcher):
        ended(thread)
    return answers


def results(answers):
    return [getattr(answer, "result", type(answer).__name__) for answer in answers]


def test_what_comes_at_a_time_is_one_write(world, waiting):
    answers = together(world, waiting, *[proposal(f"i-{number}") for number in range(8)])

    assert [answer.action_intent_id for answer in answers] == [f"i-{number}" for number in range(8)]
    assert results(answers) == ["AUTO_EXECUTED"] * 8
    assert world.store.writes[0] == 8
    assert world.app.counts(TENANT) == {world.case("i-0").status: 9}
    world.assert_sound()


def test_another_tenants_proposals_are_a_write_of_their_own(world, waiting):
    world.app.apply(bounds("other"), by="ann")
    world.store.holds = True
    held = threading.Thread(target=world.app.submit, args=(proposal("first"),))
    held.start()
    happened(world.store.reached, what="a caller writes")

    answer = world.app.submit(proposal("theirs", "other"))

    assert (answer.result, waiting) == ("AUTO_EXECUTED", [])
    world.store.go_on.set()
    ended(held)


def test_each_has_an_error_of_its_own(world, waiting):
    world.submit("known")

    answers = together(
        world,
        waiting,
        proposal("i-1"),
        proposal("known", parameters={"text": "another"}),
        proposal("i-2", risk_level="low"),
        proposal("i-3", account_id=7),
        {"tenant_id": TENANT},
        proposal(None),
        proposal("i-4", action_type="NOT_KNOWN"),
    )

    assert isinstance(answers[1], IntentIdReused)
    assert [isinstance(answer, InvalidInput) for answer in answers] == [False, False, True, True, True, False, False]
    assert results([answers[0], answers[5], answers[6]]) == ["AUTO_EXECUTED", "AUTO_EXECUTED", "REQUIRE_APPROVAL"]
    world.assert_sound()


def test_a_bug_in_one_is_that_ones_alone_and_the_others_are_stored_once(world, waiting, monkeypatch):
    decide = SubmitIntent.decide

    def breaking(self, snapshot):
        if self.propose.action_intent_id == "bad":
            raise ZeroDivisionError
        return decide(self, snapshot)

    monkeypatch.setattr(SubmitIntent, "decide", breaking)
    answers = together(world, waiting, proposal("i-1"), proposal("bad"), proposal(None), proposal("i-2"))

    assert results(answers) == ["AUTO_EXECUTED", "ZeroDivisionError", "AUTO_EXECUTED", "AUTO_EXECUTED"]
    assert sum(world.app.counts(TENANT).values()) == 4
    world.assert_sound()


def test_a_store_that_cannot_write_now_tells_everybody(world, waiting, monkeypatch):
    transact = WatchedStore.transact

    def unreachable(store, units):
        if len(units) > 1:
            store.writes.append(len(units))
            raise TryLater("the store cannot be reached")
        return transact(store, units)

    monkeypatch.setattr(WatchedStore, "transact", unreachable)
    answers = together(world, waiting, proposal("i-1"), proposal("i-2"), proposal("i-3"))

    assert [str(answer) for answer in answers] == ["the store cannot be reached"] * 3
    assert len(set(map(id, answers))) == 3
    assert world.store.writes == [3]


@pytest.mark.parametrize("done", [False, True], ids=["before the commit", "after it"])
def test_others_of_an_interrupted_leader_are_decided_by_the_next_and_once(world, waiting, monkeypatch, done):
    transact = WatchedStore.transact
    interrupted = []

    def interrupting(store, units):
        if len(units) > 1 and not interrupted:
            interrupted.append(len(units))
            if done:
                transact(store, units)
            raise KeyboardInterrupt
        return transact(store, units)

    monkeypatch.setattr(WatchedStore, "transact", interrupting)
    answers = together(world, waiting, *[proposal(None) for _ in range(4)])

    assert sorted(results(answers)) == ["AUTO_EXECUTED"] * 3 + ["KeyboardInterrupt"]
    assert interrupted == [4]
    assert len({answer.action_intent_id for answer in answers if not isinstance(answer, BaseException)}) == 3
    assert sum(world.app.counts(TENANT).values()) == (5 if done else 4)
    world.assert_sound()


def test_a_caller_who_is_interrupted_while_it_waits_hands_its_lead_on(world, waiting, monkeypatch):
    wait = GroupedCall.wait
    interrupted = []

    def interrupting(call):
        wait(call)
        if isinstance(call, SingleProposal) and call.leads and not interrupted:
            interrupted.append(call)
            raise KeyboardInterrupt

    monkeypatch.setattr(GroupedCall, "wait", interrupting)
    answers = together(world, waiting, *[proposal(f"i-{number}") for number in range(4)])

    assert sorted(results(answers)) == ["AUTO_EXECUTED"] * 3 + ["KeyboardInterrupt"]
    world.assert_sound()


def test_a_tenants_limit_holds_for_all_of_a_group(world, waiting):
    world.apply(budget={"max_autonomous_per_day": 3})

    answers = together(world, waiting, *[proposal(f"i-{number}") for number in range(5)])

    assert sorted(results(answers)) == ["AUTO_EXECUTED"] * 2 + ["REQUIRE_APPROVAL"] * 3
    world.assert_sound()


# Of the groups themselves.


def decided(proposals):
    return [(each, each.action_intent_id) for each in proposals]


def test_what_waits_for_facts_is_left_to_be_decided_by_itself():
    singles = SingleProposals(parse_proposal, lambda named: [FactsOutdated(each) for each in named])
    asked = SingleProposal(proposal("i-1"))

    singles.settle(asked)

    assert (asked.settled, asked.answer) == (True, None)


def test_what_keeps_a_write_from_being_made_is_raised_to_the_one_who_is_alone():
    def broken(named):
        raise ZeroDivisionError("no good")

    with pytest.raises(ZeroDivisionError, match="no good"):
        SingleProposals(parse_proposal, broken).settle(SingleProposal(proposal("i-1")))


def test_tenants_and_types_of_what_is_no_proposal_are_empty():
    assert (SingleProposal({}).tenant_id, SingleProposal({"tenant_id": 7}).tenant_id) == ("", "")
    assert SingleProposal(parse_proposal(proposal("i-1"))).action_type == TYPE
    assert SingleProposal(proposal("i-1", action_type=OTHER)).action_type == OTHER


def test_a_group_is_no_larger_than_a_batch(waiting):
    sizes = []
    leading, go_on = threading.Event(), threading.Event()

    def decide(named):
        sizes.append(len(named))
        if len(sizes) == 1:
            leading.set()
            happened(go_on, what="the leader may go on")
        return decided(named)

    singles = SingleProposals(parse_proposal, decide)
    threads = [
        threading.Thread(target=singles.settle, args=(SingleProposal(proposal(f"i-{number}")),))
        for number in range(BATCH + 2)
    ]
    threads[0].start()
    happened(leading, what="the first one leads")
    for thread in threads[1:]:
        thread.start()
    until(lambda: len(waiting) == BATCH + 1, what="the others wait")
    go_on.set()
    for thread in threads:
        ended(thread)

    assert sizes == [1, BATCH, 1]
