"""The approval, its event, and the one way its publication state may go."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import InvalidInput, NotInThatState
from remit.core.execution.approval import (
    LONGEST_PUBLISH_PAUSE,
    approved_event,
    auto_exec_state,
    check_ttl_days,
    event_data,
    next_publish,
    published,
    released,
    reserved,
    state_expiry,
    state_key,
)
from remit.core.gate.charging import Charge

from .make import APPROVAL_ID, NOW, approval, intent

CHARGE = Charge(window_id="2026-03-10@UTC|account:north|all", limit=10, used_after=1, position=1)
SOON = NOW + timedelta(hours=1)


def publish(state, now=NOW, expires_at=SOON, ttl_days=90):
    return published(state, expires_at=expires_at, now=now, ttl_days=ttl_days)


def give_back(state, now=NOW, expires_at=SOON, ttl_days=90):
    return released(state, expires_at=expires_at, now=now, ttl_days=ttl_days)


@pytest.mark.parametrize(("source", "auto_executed"), [("POLICY", True), ("HUMAN", False)])
def test_the_event_holds_exactly_the_contract_s_fields(source, auto_executed):
    event = approved_event(approval(source, [CHARGE]))

    assert (event["source"], event["detail_type"], set(event["detail"])) == ("remit", "ACTION_APPROVED", {"data"})
    assert event["detail"]["data"] == {
        "action_intent_id": "i-1",
        "tenant_id": "acme",
        "account_id": "north",
        "approval_source": source,
        "auto_executed": auto_executed,
        "intent_digest": intent().digest,
        "approval_id": APPROVAL_ID,
        "approved_by": "remit" if source == "POLICY" else "ann",
        "approved_at": "2026-03-10T12:00:00Z",
        "policy_version": "AutoApprovalPolicyV1@0" if source == "POLICY" else None,
        "trace_id": "trace",
    }


def test_the_event_s_source_can_be_chosen():
    assert approved_event(approval(), "com.example.remit")["source"] == "com.example.remit"


def test_an_approval_is_of_exactly_what_the_intent_says():
    changed = intent(parameters={"text": "edited"})

    assert approval().intent_digest == intent().digest
    assert approval().intent_digest != changed.digest
    assert event_data(approval())["intent_digest"] == intent().digest


def test_a_publication_begins_reserved_and_without_a_ttl():
    begun = reserved(approval("POLICY", [CHARGE]))

    assert (begun.status, begun.approval_id, begun.approval_source) == ("RESERVED", APPROVAL_ID, "POLICY")
    assert (begun.reserved_at, begun.published_at, begun.released_at) == (NOW, None, None)
    assert (begun.expires_at, begun.deliveries) == (None, 0)


def test_the_state_as_a_record_of_its_own_carries_its_key_and_charges_until_its_time_is_over():
    approved = approval("POLICY", [CHARGE])
    done = publish(reserved(approved))

    state = auto_exec_state(approved, done, NOW)

    assert state.state_key == state_key("i-1") == "AUTO_EXEC_STATE#i-1"
    assert (state.charges, state.tenant_id, state.status) == ([CHARGE], "acme", "PUBLISHED")
    assert auto_exec_state(approved, done, done.expires_at) is None


def test_a_publication_is_dated_once_and_every_delivery_is_counted():
    first = publish(reserved(approval()))
    again = publish(first, now=NOW + timedelta(minutes=1))

    assert (first.status, first.published_at, first.deliveries) == ("PUBLISHED", NOW, 1)
    assert (again.status, again.published_at, again.deliveries) == ("PUBLISHED", NOW, 2)


def test_a_published_approval_that_expires_unstarted_is_released():
    state = give_back(publish(reserved(approval())), now=SOON)

    assert (state.status, state.published_at, state.released_at) == ("RELEASED", NOW, SOON)


def test_a_released_approval_is_never_published():
    with pytest.raises(NotInThatState):
        publish(give_back(reserved(approval())))


def test_a_charge_is_given_back_once():
    with pytest.raises(NotInThatState):
        give_back(give_back(reserved(approval())))


@given(
    now=st.timedeltas(timedelta(0), timedelta(days=400)),
    life=st.timedeltas(timedelta(0), timedelta(days=400)),
    days=st.integers(30, 90),
)
def test_a_done_state_outlives_its_ttl_and_its_intent(now, life, days):
    done, expires_at = NOW + now, NOW + life

    for step in (publish, give_back):
        state = step(reserved(approval()), now=done, expires_at=expires_at, ttl_days=days)

        assert state.expires_at == max(done + timedelta(days=days), expires_at)


def test_a_state_does_not_go_before_a_long_lived_intent_expires():
    assert state_expiry(NOW, NOW + timedelta(days=365), 90) == NOW + timedelta(days=365)
    assert state_expiry(NOW, NOW + timedelta(days=1), 30) == NOW + timedelta(days=30)


@pytest.mark.parametrize("days", [30, 31, 89, 90])
def test_a_ttl_of_30_to_90_days_is_taken(days):
    assert check_ttl_days(days) == days


@pytest.mark.parametrize("days", [29, 91, 0, -30])
def test_any_other_ttl_is_refused(days):
    with pytest.raises(InvalidInput) as caught:
        check_ttl_days(days)

    assert caught.value.field == "state_ttl_days"


def test_the_pause_before_publishing_again_grows_and_is_capped():
    pauses = [next_publish(deliveries) for deliveries in range(200)]

    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[1] < pauses[2]
    assert pauses[-1] == LONGEST_PUBLISH_PAUSE
    assert pauses[0] >= timedelta(seconds=1)
