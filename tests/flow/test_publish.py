"""Publication: charged at most once, delivered at least once, believed only when confirmed."""

import pytest

from remit.core.errors import TryLater
from remit.core.execution.approval import STATE_TTL_DAYS
from remit.flow.publish import IntentRef, enqueue, publish_sent
from remit.ports import DELIVERED, REFUSED, UNCONFIRMED

from .world import NOON, TENANT

REF = IntentRef(TENANT, "i-1")


def context(world):
    return world.app.context


# --- the event ---


@pytest.mark.parametrize("by", ["POLICY", "HUMAN"])
def test_the_event_says_what_was_approved_and_by_whom(world, by):
    answer = world.submit() if by == "POLICY" else world.queued()
    approval_id = answer.approval_id or world.approve().approval_id
    message = world.bus.take()

    intent = world.app.intent(TENANT, "i-1")
    assert message.event["source"] == "remit" and message.event["detail_type"] == "ACTION_APPROVED"
    assert set(message.event) == {"source", "detail_type", "detail"} and set(message.event["detail"]) == {"data"}
    data = message.event["detail"]["data"]
    assert data == {
        "action_intent_id": "i-1",
        "tenant_id": TENANT,
        "account_id": "north",
        "approval_source": by,
        "auto_executed": by == "POLICY",
        "intent_digest": intent.digest,
        "approval_id": approval_id,
        "approved_by": "remit" if by == "POLICY" else "bob",
        "approved_at": "2026-03-10T12:00:00Z",
        "policy_version": data["policy_version"],
        "trace_id": intent.trace_id,
    }
    assert approval_id[14] == "7"


# --- the store as the queue ---


def test_publication_and_its_mark_are_one_write(queueing):
    queueing.reserve()

    first = enqueue(context(queueing), [REF], NOON)
    second = enqueue(context(queueing), [REF], NOON)

    assert (first, second) == (["published"], ["already"])
    assert queueing.state().status == "PUBLISHED" and queueing.state().published_at == NOON
    assert queueing.bus.take() and queueing.bus.take() is None
    assert queueing.events().count("ACTION_PUBLISHED") == 1


def test_two_that_publish_at_once_publish_once(queueing):
    queueing.reserve()

    answers = queueing.race(
        lambda app: enqueue(app.context, [REF], NOON), lambda app: enqueue(app.context, [REF], NOON)
    )

    assert sorted(answer[0] for answer in answers) == ["already", "published"]
    assert queueing.state().deliveries == 1
    queueing.work()
    assert queueing.written() == 1
    queueing.assert_sound()


def test_nothing_is_published_from_nothing(queueing):
    world = queueing
    world.propose("i-1")

    assert enqueue(context(world), [REF, IntentRef(TENANT, "i-9")], NOON) == ["already", "already"]
    assert world.bus.take() is None and world.state() is None


def test_with_publishing_off_approvals_stay_reserved_until_another_process_publishes_them(world):
    world.reserve()
    assert world.state().status == "RESERVED"

    world.clock.pass_(seconds=5)

    assert world.app.reconcile().published == 1


# --- a publisher that sends ---


def test_what_is_delivered_becomes_published(sending):
    sending.submit()

    assert sending.state().status == "PUBLISHED"
    sending.work()
    assert sending.status() == "SUCCEEDED"
    sending.assert_sound()


@pytest.mark.parametrize("outcome", [UNCONFIRMED, "arrived, unconfirmed"])
def test_what_is_not_confirmed_stays_reserved_and_is_sent_until_it_is(sending, outcome):
    """`FailedEntryCount` above 0 is not success: marked as published, the action would be lost."""
    sending.bus.script += [outcome] * 3
    sending.submit()
    assert (sending.state().status, sending.used()) == ("RESERVED", 1)

    for _ in range(3):
        sending.clock.pass_(seconds=5)
        sending.app.reconcile()
    sending.work()

    assert len(sending.bus.sent) == 4 and len({message.data["approval_id"] for message in sending.bus.sent}) == 1
    assert (sending.used(), sending.written(), sending.status()) == (1, 1, "SUCCEEDED")
    sending.assert_sound()


def test_an_ambiguous_failure_never_releases(sending):
    sending.bus.script += [UNCONFIRMED] * 20
    sending.submit()
    for _ in range(10):
        sending.clock.pass_(minutes=10)
        sending.app.reconcile()

    assert (sending.state().status, sending.used(), sending.status()) == ("RESERVED", 1, "APPROVED")


def test_a_bus_that_is_down_does_not_hold_up_others_with_executions_that_broke(sending):
    sending.submit()
    sending.executor().start(sending.bus.take().data)
    sending.clock.pass_(minutes=10)
    sending.bus.script += [UNCONFIRMED]

    sending.app.reconcile()

    assert sending.store.due(sending.clock.now(), 10) == []
    sending.clock.pass_(minutes=1)
    assert sending.app.reconcile().published == 1


def test_a_definite_refusal_gives_the_charge_back_once_and_asks_a_person(sending):
    sending.bus.script += [REFUSED]
    sending.submit()

    assert (sending.state().status, sending.used(), sending.of_type()) == ("RELEASED", 0, 0)
    (item,) = sending.app.queue(TENANT)[0]
    assert item["reason"] == "PUBLISH_REJECTED"
    again = publish_sent(context(sending), sending.bus, [REF], NOON)
    assert again == ["already"] and len(sending.bus.sent) == 1
    assert sending.used() == 0 and sending.events().count("BUDGET_RELEASED") == 1
    sending.assert_sound()


def test_the_gate_does_not_say_of_a_refused_approval_that_it_was_published(sending):
    sending.bus.script += [REFUSED]
    sending.submit()

    again = sending.gate()

    assert (again.already_published, again.status) == (False, "AWAITING_APPROVAL")


def test_after_a_refusal_a_person_may_approve_and_nothing_is_charged(sending):
    sending.bus.script += [REFUSED]
    refused = sending.submit()

    approval = sending.approve()
    sending.work()

    assert approval.approval_source == "HUMAN" and approval.approval_id != refused.approval_id
    assert (sending.used(), sending.status(), sending.written()) == (0, "SUCCEEDED", 1)
    assert sending.outcome().approval_source == "HUMAN" and not sending.outcome().auto_executed
    sending.assert_sound()


def test_a_person_s_approval_that_the_bus_refuses_is_released_too_and_may_be_given_again(sending):
    sending.queued()
    sending.bus.script += [REFUSED]
    first = sending.approve()
    assert sending.status() == "AWAITING_APPROVAL"

    second = sending.approve()
    sending.work()

    assert first.approval_id != second.approval_id and sending.status() == "SUCCEEDED"
    sending.assert_sound()


def test_a_late_event_after_a_release_does_nothing(sending):
    """Sent, reported as lost, then refused for good: and the first one did arrive."""
    sending.bus.script += ["arrived, unconfirmed", REFUSED]
    sending.submit()
    sending.clock.pass_(seconds=5)
    sending.app.reconcile()
    assert sending.state().status == "RELEASED"

    assert sending.work() == [None]

    assert sending.written() == 0 and sending.attempt() is None and sending.used() == 0
    sending.assert_sound()


def test_a_late_event_of_a_released_approval_does_not_start_the_one_that_followed(sending):
    sending.bus.script += ["arrived, unconfirmed", REFUSED]
    sending.submit()
    sending.clock.pass_(seconds=5)
    sending.app.reconcile()
    late = sending.bus.take()
    sending.approve()

    assert sending.run(late) is None

    assert sending.work() == ["SUCCEEDED"] and sending.written() == 1
    sending.assert_sound()


def test_what_has_started_is_not_released_by_a_refusal_that_comes_later(sending):
    def started_in_between(message):
        sending.executor().start(message.data)
        return REFUSED

    sending.bus.script += [started_in_between]
    sending.submit()

    assert (sending.state().status, sending.used(), sending.status()) == ("PUBLISHED", 1, "RUNNING")
    sending.assert_sound()


def test_release_and_start_at_once_exclude_each_other(sending):
    sending.bus.script += ["arrived, unconfirmed", REFUSED]
    sending.submit()
    message = sending.bus.take()

    answers = sending.race(
        lambda app: publish_sent(app.context, sending.bus, [REF], NOON)[0],
        lambda app: app.executor("racer").start(message.data),
    )

    released = sending.state().status == "RELEASED"
    assert released == (sending.attempt() is None) == (answers[1] is None) == (answers[0] == "released")
    assert sending.used() == (0 if released else 1)
    sending.assert_sound()


def test_an_event_that_arrives_before_its_mark_starts_and_the_mark_is_made_there(sending):
    sending.bus.script += ["arrived, unconfirmed"]
    sending.submit()
    assert sending.state().status == "RESERVED"

    sending.work()

    assert sending.state().status == "PUBLISHED" and sending.status() == "SUCCEEDED"
    assert sending.events().index("ACTION_PUBLISHED") < sending.events().index("EXECUTION_STARTED")
    sending.assert_sound()


def test_a_crash_between_sending_and_marking_sends_once_more_and_executes_once(sending):
    def die(message):
        sending.bus.arrived.append(message)
        raise KeyboardInterrupt

    sending.bus.script += [die]
    with pytest.raises(KeyboardInterrupt):
        sending.submit()

    sending.recover()
    sending.clock.pass_(seconds=5)
    sending.app.reconcile()
    sending.work()

    assert len(sending.bus.sent) == 2 and sending.written() == 1 and sending.used() == 1
    sending.assert_sound()


def test_a_repeat_has_another_delivery_number_so_that_it_is_not_thrown_away(sending):
    sending.submit()
    sending.bus.arrived.clear()
    sending.clock.pass_(seconds=70)

    sending.app.reconcile()

    first, second = sending.bus.sent
    assert first.data["approval_id"] == second.data["approval_id"] and first.message_id != second.message_id


def test_a_published_approval_that_nobody_started_is_published_again(sending):
    world = sending
    world.submit()
    assert world.bus.take()
    assert world.app.reconcile().published == 0

    world.clock.pass_(seconds=40)

    assert world.app.reconcile().published == 1
    world.work()
    assert world.written() == 1 and world.events().count("ACTION_PUBLISHED") == 1
    world.assert_sound()


def test_the_pauses_between_repeats_grow_to_ten_minutes(sending):
    world = sending
    world.submit(expires_at=NOON.replace(day=12).isoformat())
    pauses = []
    for _ in range(8):
        world.app.reconcile()
        before = world.clock.at
        world.clock.at = world.case().due_at
        pauses.append((world.clock.at - before).total_seconds())

    assert pauses == [30, 60, 120, 240, 480, 600, 600, 600]


# --- the state's life ---


def test_the_state_is_done_and_kept_for_its_days_and_never_less_than_the_intent(new_world):
    world = new_world()
    world.apply()
    long = NOON.replace(year=2027)
    world.submit("short"), world.submit("long", expires_at=long.isoformat())

    assert (world.state("short").expires_at - NOON).days == STATE_TTL_DAYS[1] == 90
    assert world.state("long").expires_at == long


def test_a_state_outlives_its_intent_so_that_a_replay_does_not_execute_again(world):
    far = NOON.replace(year=2027)
    world.submit(expires_at=far.isoformat())
    message = world.bus.take()
    world.run(message)
    world.clock.pass_(days=200)
    world.app.reconcile()

    assert world.state() is not None
    world.gate(), world.run(message), world.work()
    assert world.written() == 1


def test_a_store_that_refuses_the_mark_leaves_it_reserved_and_a_repeat_executes_once(sending):
    real, calls = sending.app.context.store.transact, []

    def refuse_the_mark(units):
        calls.append(units)
        if len(calls) == 2:
            raise TryLater("not now")
        return real(units)

    sending.app.context.store.transact = refuse_the_mark
    answer = sending.submit()
    sending.recover()
    assert answer.result == "AUTO_EXECUTED"
    assert sending.state().status == "RESERVED" and len(sending.bus.sent) == 1

    sending.clock.pass_(seconds=5)
    sending.app.reconcile()
    sending.work()

    assert [message.data["approval_id"] for message in sending.bus.sent] == [sending.state().approval_id] * 2
    assert sending.written() == 1
    sending.assert_sound()


def test_a_delivered_receipt_is_what_it_takes(sending):
    sending.bus.script += [DELIVERED]

    assert sending.submit().approval_id == sending.state().approval_id
    assert sending.state().deliveries == 1
