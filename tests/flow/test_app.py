"""One intent or many: the app answers in the shape it was asked in."""

import pytest

from remit import GateRequest, InvalidInput
from remit.flow.context import chain_head_key
from remit.flow.writers import TenantLedgerWriter
from remit.ports import UnitOfWork
from remit.stores.memory import MemoryStore
from remit.testing.faults import Crash, FaultyStore
from tests.conftest import QUEUES_NOTHING
from tests.flow.world import ACCOUNT, NOON, TENANT, World, proposal


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


@pytest.mark.parametrize(("fault", "left"), [("crash_before", []), ("crash_after", ["i-1", "i-2"])])
def test_submitting_stores_and_decides_in_one_write_or_not_at_all(new_world, fault, left):
    world = new_world(wrap=FaultyStore)
    world.apply()
    world.store.arm(fault)

    with pytest.raises(Crash):
        world.app.submit([proposal("i-1"), proposal("i-2", confidence_score=0.1)])

    world.recover()
    assert sorted(world.statuses()) == left
    assert set(world.statuses().values()) <= {"APPROVED", "AWAITING_APPROVAL"}
    assert world.used() == len(left) // 2
    world.settle()
    world.assert_sound()


def test_submitting_and_publishing_one_intent_takes_one_write(opened, store_kind):
    if store_kind in QUEUES_NOTHING:
        pytest.skip(f"{store_kind} queues nothing")
    world = World(opened, wrap=FaultyStore)
    world.apply()
    before = world.store.writes

    world.submit()

    assert world.store.writes - before == 1
    assert world.state().status == "PUBLISHED" and world.case().queued


def test_submitting_again_is_answered_with_the_first_decision_and_charges_nothing(world):
    first = world.app.submit(proposal("i-1"))

    again = world.app.submit([proposal("i-1"), proposal("i-1", parameters={"text": "other"})])

    assert (again[0].approval_id, again[0].already_published) == (first.approval_id, True)
    assert type(again[1]).__name__ == "IntentIdReused"
    assert world.used() == 1


def test_a_list_that_names_one_intent_twice_decides_it_once(world):
    answers = world.app.submit([proposal("i-1"), proposal("i-1"), proposal("i-2")])

    assert [answer.result for answer in answers] == ["AUTO_EXECUTED"] * 3
    assert answers[0].approval_id == answers[1].approval_id
    assert world.used() == 2
    world.assert_sound()


def test_of_two_that_submit_the_last_unit_of_a_budget_at_once_one_is_sent_to_a_person(world):
    world.apply(budget={"max_autonomous_per_day": 1})

    answers = world.race(lambda app: app.submit(proposal("i-1")), lambda app: app.submit(proposal("i-2")))

    assert sorted(answer.result for answer in answers) == ["AUTO_EXECUTED", "REQUIRE_APPROVAL"]
    assert world.used() == 1
    world.assert_sound()


def test_one_that_cannot_expire_in_time_is_refused_and_holds_no_other_back(world):
    late = proposal("i-1", created_at="9999-12-30T00:00:00Z")

    answers = world.app.submit([late, proposal("i-2")])

    assert (answers[0].field, answers[1].result) == ("created_at", "AUTO_EXECUTED")


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "x" * 3000])
def test_a_person_s_words_that_no_ledger_can_hold_are_refused_by_name(world, text):
    world.submit("i-1", confidence_score=0.1)

    with pytest.raises(InvalidInput, match="reason"):
        world.app.reject(TENANT, "i-1", by="bob", reason=text)

    assert world.status("i-1") == "AWAITING_APPROVAL"


def test_the_policies_in_force_are_kept_by_the_write_that_sets_them(new_world):
    world = new_world(wrap=FaultyStore)
    world.store.arm("crash_after")

    with pytest.raises(Crash):
        world.apply(policies=[{"name": "own.cedar", "text": "forbid (principal, action, resource);"}])

    world.recover()
    in_force = world.app.bounds(TENANT)
    assert in_force.policies().version in {version["version"] for version in world.app.policy_versions(TENANT)}


def test_what_a_person_edited_stays_with_people_whatever_an_agent_proposes_in_its_place(world):
    world.submit("i-1", confidence_score=0.1)
    edited = world.app.edit(TENANT, "i-1", by="bob", changes={"parameters.text": "better"})

    replaced = world.app.submit(proposal("i-2", supersedes=edited.action_intent_id))

    assert (replaced.result, replaced.reason) == ("REQUIRE_APPROVAL", "PERSON_REQUIRED")


def _sealing(world, data):
    """A unit that seals as the first format did, with a list of every head."""

    def seal(snapshot):
        writer = TenantLedgerWriter(world.app.context, snapshot, TENANT, NOON)
        writer.append("LEDGER_SEALED", data, actor="ann")
        return writer.writes(None)

    return UnitOfWork([chain_head_key(TENANT)], seal)


def test_a_live_ledger_that_lost_what_a_seal_names_is_broken():
    world = World(MemoryStore)
    world.apply()
    world.submit("i-1")
    world.work()
    heads = {"i-1": world.case().chain.wire()}
    head = world.inner.chain(TENANT, None)[-1].head
    sealed = {"intents": 1, "entries": 6, "tenant_head": head.wire(), "part": 1, "parts": 1, "heads": heads}
    world.inner.transact([_sealing(world, sealed)])
    whole = world.inner.export

    world.inner.export = lambda tenant: (entry for entry in whole(tenant) if entry.sequence < 5)
    report = world.app.verify(TENANT)

    assert {finding.invariant for finding in report.findings} >= {6}
    assert "a seal that was kept has 6 entries" in str(report.findings[0])
