"""
The contract of a publisher that sends over a wire. It says what its far side meets each message with:

    class TestMyBus(SendingPublisherContract):
        @pytest.fixture
        def bus(self):
            ...  # yields a `ScriptedBus`

Needs pytest; put `pytest.register_assert_rewrite("remit.testing")` into `conftest.py` to see both sides of an
assertion that fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import pytest

from remit.ports import DELIVERED, REFUSED, UNCONFIRMED, Message, SendingPublisher

Fate = Literal["accepted", "refused", "busy", "lost", "unreachable", "garbled"]
"""
What a bus does with a message: takes it; says no for good; says not now; takes it and its answer is
lost; is never reached; takes it and answers what nobody understands.
"""


class ScriptedBus(Protocol):
    """A bus that does as it is told, and a publisher that sends to it."""

    publisher: SendingPublisher

    def meet(self, *fates: Fate) -> None:
        """Meet the next messages with these, in order; each after those is accepted."""
        ...

    def arrived(self) -> Sequence[str]:
        """`approval_id` of every message that the bus has taken, as often as it took it."""
        ...


def message(approval_id: str = "p-1", delivery: int = 1, **more: Any) -> Message:
    """An approval on its way out."""
    data = {"approval_id": approval_id, "action_intent_id": f"i-{approval_id}", "tenant_id": "acme", **more}
    return Message({"source": "remit", "detail_type": "ACTION_APPROVED", "detail": {"data": data}}, delivery)


class SendingPublisherContract:
    """Every promise of `remit.ports.SendingPublisher`."""

    @pytest.fixture
    def bus(self) -> ScriptedBus:
        raise NotImplementedError("give the fixture `bus`")

    def test_what_the_bus_took_is_delivered(self, bus: ScriptedBus) -> None:
        receipts = bus.publisher.send([message("p-1"), message("p-2")])

        assert [receipt.outcome for receipt in receipts] == [DELIVERED, DELIVERED]
        assert bus.arrived() == ["p-1", "p-2"]

    def test_without_messages_there_are_no_receipts(self, bus: ScriptedBus) -> None:
        assert bus.publisher.send([]) == []
        assert bus.arrived() == []

    def test_receipts_come_in_the_order_of_the_messages(self, bus: ScriptedBus) -> None:
        bus.meet("refused", "accepted", "busy", "accepted", "refused")

        receipts = bus.publisher.send([message(f"p-{number}") for number in range(5)])

        assert [receipt.outcome for receipt in receipts] == [REFUSED, DELIVERED, UNCONFIRMED, DELIVERED, REFUSED]
        assert sorted(bus.arrived()) == ["p-1", "p-3"]

    def test_every_message_of_a_long_list_has_its_own_receipt(self, bus: ScriptedBus) -> None:
        refused = {3, 9, 10, 17, 49}
        bus.meet(*("refused" if number in refused else "accepted" for number in range(50)))

        receipts = bus.publisher.send([message(f"p-{number}") for number in range(50)])

        assert {number for number, receipt in enumerate(receipts) if receipt.outcome == REFUSED} == refused
        assert [receipt.outcome for receipt in receipts].count(DELIVERED) == 45
        assert len(bus.arrived()) == 45

    def test_a_refusal_says_why(self, bus: ScriptedBus) -> None:
        bus.meet("refused")

        (receipt,) = bus.publisher.send([message()])

        assert receipt.outcome == REFUSED
        assert receipt.detail

    @pytest.mark.parametrize("fate", ["busy", "lost", "unreachable", "garbled"])
    def test_what_is_not_known_is_unconfirmed_and_nothing_is_raised(self, bus: ScriptedBus, fate: Fate) -> None:
        bus.meet(fate)

        receipts = bus.publisher.send([message()])

        assert [receipt.outcome for receipt in receipts] == [UNCONFIRMED]

    @pytest.mark.parametrize("fate", ["lost", "unreachable", "garbled"])
    def test_nothing_known_of_many_leaves_each_of_them_unconfirmed(self, bus: ScriptedBus, fate: Fate) -> None:
        bus.meet(*[fate] * 25)

        receipts = bus.publisher.send([message(f"p-{number}") for number in range(25)])

        assert [receipt.outcome for receipt in receipts] == [UNCONFIRMED] * 25

    def test_what_was_unconfirmed_can_be_sent_again(self, bus: ScriptedBus) -> None:
        bus.meet("lost", "accepted")

        first = bus.publisher.send([message()])
        second = bus.publisher.send([message()])

        assert [receipt.outcome for receipt in first + second] == [UNCONFIRMED, DELIVERED]
