"""The EventBridge publisher against its contract, and what is particular to `PutEvents`."""

from __future__ import annotations

import pytest

from infra.local.emulator import REGION
from remit.core.errors import ConfigMissing
from remit.ports import DELIVERED, REFUSED, UNCONFIRMED
from remit.publishers.eventbridge import LARGEST_CALL_BYTES, EventBridgePublisher, size_of
from remit.testing.publisher_contract import SendingPublisherContract, message

from .scripted_bus import ScriptedEventBridge


@pytest.fixture
def scripted(emulator):
    bus = ScriptedEventBridge(emulator)
    yield bus
    bus.close()


@pytest.fixture
def bus(scripted):
    return scripted


class TestEventBridgePublisher(SendingPublisherContract):
    """The whole contract, through real HTTP and moto's bus."""

    @pytest.fixture
    def bus(self, scripted):
        return scripted


def test_an_event_arrives_as_the_contract_spells_it(bus):
    bus.publisher.send([message("p-1", by="Grüße 🚀", auto_executed=True)])

    (event,) = bus.events()
    assert (event["source"], event["detail-type"]) == ("remit", "ACTION_APPROVED")
    assert event["detail"] == {
        "data": {
            "approval_id": "p-1",
            "action_intent_id": "i-p-1",
            "tenant_id": "acme",
            "by": "Grüße 🚀",
            "auto_executed": True,
        }
    }


def test_calls_hold_at_most_ten_entries(bus):
    bus.publisher.send([message(f"p-{number}") for number in range(23)])

    assert [len(call) for call in bus.front.calls] == [10, 10, 3]


def test_calls_hold_at_most_the_bytes_that_one_may_have(bus):
    large = "ü" * 50_000

    receipts = bus.publisher.send([message(f"p-{number}", text=large) for number in range(5)])

    assert [receipt.outcome for receipt in receipts] == [DELIVERED] * 5
    assert [len(call) for call in bus.front.calls] == [2, 2, 1]
    assert all(sum(map(size_of, call)) <= LARGEST_CALL_BYTES for call in bus.front.calls)


def test_an_event_that_is_too_large_is_refused_without_being_sent_and_holds_no_other_back(bus):
    sent = [message("p-1"), message("p-2", text="x" * LARGEST_CALL_BYTES), message("p-3")]

    receipts = bus.publisher.send(sent)

    assert [receipt.outcome for receipt in receipts] == [DELIVERED, REFUSED, DELIVERED]
    assert bus.arrived() == ["p-1", "p-3"]


def test_nothing_is_sent_twice_by_the_client_itself(bus):
    bus.meet("lost")

    bus.publisher.send([message()])

    assert len(bus.front.calls) == 1
    assert bus.arrived() == ["p-1"]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "AccessDeniedException"),
        (400, "ExpiredTokenException"),
        (400, "ResourceNotFoundException"),
        (400, "ThrottlingException"),
        (500, "InternalException"),
        (503, "ServiceUnavailable"),
    ],
)
def test_a_call_that_is_refused_for_what_an_operator_can_mend_leaves_every_message_unconfirmed(bus, status, code):
    bus.front.call_error = (status, code)

    receipts = bus.publisher.send([message("p-1"), message("p-2")])

    assert [receipt.outcome for receipt in receipts] == [UNCONFIRMED, UNCONFIRMED]
    assert code in receipts[0].detail


def test_a_call_that_is_refused_as_invalid_is_asked_again_entry_by_entry(bus):
    bus.front.call_error = (400, "ValidationException")

    receipts = bus.publisher.send([message("p-1"), message("p-2")])

    assert [receipt.outcome for receipt in receipts] == [REFUSED, REFUSED]
    assert [len(call) for call in bus.front.calls] == [2, 1, 1]


def test_a_bus_that_is_named_wrongly_is_our_mistake_and_no_message_s(bus):
    bus.front.call_error = (400, "ValidationException")
    bus.front.call_error_text = (
        "1 validation error detected: Value 'my bus' at 'entries.1.member.eventBusName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern"
    )

    receipts = bus.publisher.send([message("p-1"), message("p-2")])

    assert [receipt.outcome for receipt in receipts] == [UNCONFIRMED, UNCONFIRMED]


def test_an_answer_whose_count_of_failures_is_not_that_of_its_lines_is_not_believed(bus, monkeypatch):
    answer = bus.front.answer
    monkeypatch.setattr(
        bus.front, "answer", lambda entries: (200, answer(entries)[1].replace(b'Count": 0', b'Count": 1'))
    )

    receipts = bus.publisher.send([message()])

    assert [receipt.outcome for receipt in receipts] == [UNCONFIRMED]


def test_a_bus_that_is_not_there_is_seen_without_sending(bus, emulator):
    missing = EventBridgePublisher.open("no-such-bus", region=REGION, endpoint_url=bus.front.url)

    with pytest.raises(ConfigMissing, match=r"CONFIG_MISSING: REMIT_SENDER_URL .*no-such-bus"):
        missing.check()

    assert bus.front.calls == []


def test_a_bus_is_looked_for_once_and_again_after_it_did_not_confirm(bus):
    bus.publisher.check()
    bus.publisher.check()
    before = bus.front.looked
    bus.meet("busy")
    bus.publisher.send([message()])

    bus.publisher.check()

    assert (before, bus.front.looked) == (1, 2)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_a_bus_that_may_not_be_looked_at_is_left_to_the_sending(bus, code):
    bus.front.look_error = code

    bus.publisher.check()

    assert bus.publisher.send([message()])[0].outcome == DELIVERED
