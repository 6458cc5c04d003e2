"""An approval that may be taken back: nothing of it leaves or begins before that is over, on any store."""

import threading
from datetime import timedelta

import pytest

from remit.core.errors import Conflict, Forbidden, InvalidInput, NotInThatState
from remit.core.execution.approval import approved_event
from remit.core.identity.credential import PROCESS
from remit.flow.gate import GateRequest
from remit.ports import Message
from tests.waiting import PATIENCE_S

from .world import ACCOUNT, NOON, OWN, TENANT, TYPE, both, own_type, type_of

SECONDS = 5


def approve(world, name="i-1", *, by="bob", undo_for_s=SECONDS):
    digest = world.app.intent(TENANT, name).digest
    return world.app.approve(TENANT, name, by=by, digest=digest, undo_for_s=undo_for_s)


def undo(world, name="i-1", *, by="bob"):
    return world.app.undo(TENANT, name, by=by)


def look(world):
    """All that may move an approval on: gate again, reconcile, work."""
    world.app.gate(GateRequest("i-1", TENANT, ACCOUNT))
    world.app.reconcile()
    return world.work()


def test_nothing_is_published_or_begun_before_its_time_whoever_looks(world):
    world.queued()

    approval = approve(world)

    assert approval.not_before == NOON + timedelta(seconds=SECONDS)
    for _ in range(SECONDS):
        assert look(world) == [] and world.state().status == "RESERVED"
        assert world.events()[-1] == "ACTION_APPROVED" and world.called() == 0
        world.clock.pass_(seconds=0.999)
    world.clock.pass_(seconds=0.005)
    assert look(world) == ["SUCCEEDED"]
    assert world.events()[-3:] == ["ACTION_PUBLISHED", "EXECUTION_STARTED", "ACTION_EXECUTED"]
    assert world.written() == 1
    world.assert_sound()


def test_an_event_that_comes_too_early_begins_nothing(world):
    world.queued()
    approval = approve(world)
    early = _event(world, approval)

    assert world.executor().start(early.data) is None
    assert world.run_at_once(early) is None

    assert world.case().attempt is None and world.called() == 0
    world.clock.pass_(seconds=SECONDS)
    assert world.run_at_once(early) == "SUCCEEDED"
    world.assert_sound()


def test_whoever_approved_it_takes_it_back_in_time_and_it_waits_as_before(world):
    world.queued()
    before = world.case()
    approve(world, by="Bob")
    world.clock.pass_(seconds=SECONDS - 0.001)

    undo(world, by="bob")

    case = world.case()
    assert (case.status, case.reason, case.due_at) == (before.status, before.reason, before.expires_at)
    assert (case.approval_id, case.queued, case.published) == (None, False, False)
    (told,) = [entry for entry in world.history().entries if entry.event_type == "BUDGET_RELEASED"]
    assert (told.actor, told.data["why"], told.data["credential"]) == ("bob", "UNDONE", PROCESS.wire())
    assert [item["action_intent_id"] for item in world.app.queue(TENANT)[0]] == ["i-1"]
    assert world.app.timeline(TENANT)[0][0]["text"].startswith("bob took back the approval of UPDATE_CONTACT")
    world.clock.pass_(hours=1)
    world.settle()
    assert world.called() == 0
    world.assert_sound()


def test_what_was_taken_back_is_answered_again_by_anybody(world):
    world.queued()
    first = approve(world)
    undo(world)

    second = world.approve(by="eve")
    world.settle()

    assert second.approval_id != first.approval_id and second.approved_by == "eve"
    assert world.status() == "SUCCEEDED" and world.written() == 1
    world.assert_sound()


def test_only_who_approved_it_takes_it_back_and_only_in_time(world):
    world.queued()
    with pytest.raises(NotInThatState):
        undo(world)
    approve(world)

    with pytest.raises(Forbidden, match="bob approved"):
        undo(world, by="eve")
    world.clock.pass_(seconds=SECONDS)
    with pytest.raises(Conflict, match="too late"):
        undo(world)

    assert world.status() == "APPROVED"
    world.settle()
    with pytest.raises(NotInThatState):
        undo(world)
    assert world.status() == "SUCCEEDED"
    world.assert_sound()


def test_an_approval_without_that_time_leaves_at_once_and_cannot_be_taken_back(world):
    world.queued()
    approval = approve(world, undo_for_s=0)

    assert "not_before" not in approval.wire()
    with pytest.raises(Conflict, match="too late"):
        undo(world)
    assert world.work() == ["SUCCEEDED"]


def test_policy_s_approval_is_nobody_s_to_take_back(world):
    world.reserve()

    with pytest.raises(Forbidden):
        undo(world, by="system")

    assert world.used() == 1


@pytest.mark.parametrize("seconds", [-1, 61])
def test_nobody_waits_longer_than_a_minute_for_that(world, seconds):
    world.queued()

    with pytest.raises(InvalidInput, match="undo_for_s"):
        approve(world, undo_for_s=seconds)


def test_what_would_expire_meanwhile_begins_at_once(world):
    world.queued(expires_at=(NOON + timedelta(seconds=4)).isoformat())

    approval = approve(world)

    assert "not_before" not in approval.wire() and world.work() == ["SUCCEEDED"]


def test_take_back_and_begin_exclude_each_other(world):
    world.queued()
    approval = approve(world)
    early, late = world.racers()
    late_clock = _At(world.clock.now() + timedelta(seconds=SECONDS))
    late.clock = late.execution.clock = late_clock
    event = _event(world, approval)

    undone, begun = both(lambda: early.undo(TENANT, "i-1", by="bob"), lambda: late.executor("w-late").start(event.data))

    if isinstance(undone, Conflict):
        assert begun is not None and world.status() == "RUNNING"
    else:
        assert begun is None and world.status() == "AWAITING_APPROVAL"
    assert world.app.verify(TENANT).ok


def test_a_caller_begins_only_when_it_can_no_longer_be_taken_back(world):
    world.apply(action_types={OWN: own_type()}, allowlist=[OWN])
    world.queued(action_type=OWN)
    approve(world)

    early = world.app.begin(TENANT, "i-1", by="agent", key="k")

    assert (early.status, early.permit) == ("APPROVED", None) and "2026-03-10T12:00:05" in early.explanation
    answer = world.app.answer(TENANT, "i-1")
    assert (answer["status"], answer["settled"]) == ("APPROVED", False) and "may take that back" in answer["text"]
    world.clock.pass_(seconds=SECONDS)
    assert world.app.answer(TENANT, "i-1")["settled"]
    assert world.app.begin(TENANT, "i-1", by="agent", key="k").permit is not None
    assert world.events()[-2:] == ["ACTION_PUBLISHED", "EXECUTION_STARTED"]
    world.assert_sound()


def test_reconciling_announces_a_caller_s_approval_once_it_stands(world):
    world.apply(action_types={OWN: own_type()}, allowlist=[OWN])
    world.queued(action_type=OWN)
    approve(world)

    world.app.reconcile()
    assert world.state().status == "RESERVED"
    world.clock.pass_(seconds=SECONDS)
    world.app.reconcile()

    assert world.state().status == "PUBLISHED" and world.case().due_at == world.case().expires_at
    world.assert_sound()


def test_whoever_waits_is_woken_when_it_can_no_longer_be_taken_back(world):
    world.apply(action_types={OWN: own_type()}, allowlist=[OWN])
    world.queued(action_type=OWN)
    approve(world, undo_for_s=0.05)
    woken = threading.Event()

    with world.app.answers.watch(TENANT, "i-1", woken.set, PATIENCE_S) as watch:
        assert not watch.look().settled
        # The entry of the approval itself may wake it too; that comes before.
        world.clock.pass_(seconds=1)
        assert woken.wait(PATIENCE_S)
        assert watch.look().settled


def test_the_proposer_may_take_it_back_meanwhile_as_well(world):
    world.queued()
    approve(world)

    world.app.withdraw(TENANT, "i-1", by="agent")

    with pytest.raises(NotInThatState):
        undo(world)
    world.clock.pass_(seconds=SECONDS)
    assert look(world) == [] and world.called() == 0
    world.assert_sound()


def test_of_several_approvers_the_last_may_take_it_back_and_all_vote_anew(world):
    world.apply(action_types={TYPE: {**type_of(), "approvals_required": 2}})
    world.queued()
    approve(world, by="bob")
    approve(world, by="eve")

    with pytest.raises(Forbidden):
        undo(world, by="bob")
    undo(world, by="eve")

    assert world.case().voted_by == []
    assert approve(world, by="eve").approved_by == ["eve"]
    world.assert_sound()


class _At:
    def __init__(self, at):
        self.at = at

    def now(self):
        return self.at


def _event(world, approval):
    return Message(approved_event(approval), 1)
