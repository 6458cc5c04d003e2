"""The publishers against their contract, and the contract against publishers that are wrong."""

from __future__ import annotations

from collections import deque

import pytest

from remit.ports import DELIVERED, REFUSED, UNCONFIRMED, Receipt
from remit.testing.publisher_contract import Fate, SendingPublisherContract


class SmallBus:
    """Takes lists of at most ten and answers one line a message, `ok`, `no …` or `later`; or breaks."""

    def __init__(self):
        self.script: deque[Fate] = deque()
        self.taken: list[str] = []

    def put(self, messages):
        assert 0 < len(messages) <= 10
        fates = [self.script.popleft() if self.script else "accepted" for _ in messages]
        if "unreachable" in fates:
            raise ConnectionRefusedError
        taken = zip(messages, fates, strict=True)
        self.taken += [one.data["approval_id"] for one, fate in taken if fate in ("accepted", "lost", "garbled")]
        if "lost" in fates:
            raise TimeoutError
        if "garbled" in fates:
            return ["<html>"]
        return [{"accepted": "ok", "refused": "no such bus", "busy": "later"}[fate] for fate in fates]


class Sound:
    """As short as one that keeps the contract can be."""

    def __init__(self, bus):
        self.bus = bus

    def send(self, messages):
        lists = [messages[first : first + 10] for first in range(0, len(messages), 10)]
        return [receipt for some in lists for receipt in self._ten(some)]

    def _ten(self, messages):
        try:
            answers = self.bus.put(messages)
        except OSError as error:
            answers = [type(error).__name__]
        if len(answers) != len(messages):
            return [Receipt(UNCONFIRMED, "no answer to rely on")] * len(messages)
        return [self._receipt(answer) for answer in answers]

    def _receipt(self, answer):
        if answer.startswith("no "):
            return Receipt(REFUSED, answer)
        return Receipt(DELIVERED if answer == "ok" else UNCONFIRMED, answer)


class Bench:
    def __init__(self, publisher):
        self.bus = SmallBus()
        self.publisher = publisher(self.bus)

    def meet(self, *fates):
        self.bus.script.extend(fates)

    def arrived(self):
        return self.bus.taken


class TestASoundSender(SendingPublisherContract):
    @pytest.fixture
    def bus(self):
        return Bench(Sound)


# --- the contract finds what is wrong ---


class BelievesTheCall(Sound):
    """The call came back, so everything was delivered."""

    def _ten(self, messages):
        self.bus.put(messages)
        return [Receipt(DELIVERED)] * len(messages)


class TakesSilenceForNo(Sound):
    """What was not confirmed is given back, although it may run."""

    def _receipt(self, answer):
        return Receipt(DELIVERED if answer == "ok" else REFUSED, answer)


class TellsOnlyWhatWentWrong(Sound):
    def send(self, messages):
        return [receipt for receipt in super().send(messages) if receipt.outcome != DELIVERED]


class SortsItsReceipts(Sound):
    def send(self, messages):
        return sorted(super().send(messages), key=lambda receipt: receipt.outcome)


class SendsAllInOneCall(Sound):
    def send(self, messages):
        return self._ten(messages)


class KeepsTheReasonToItself(Sound):
    def _receipt(self, answer):
        return Receipt(super()._receipt(answer).outcome)


@pytest.mark.parametrize(
    ("wrong", "promise", "arguments"),
    [
        (BelievesTheCall, "receipts_come_in_the_order_of_the_messages", {}),
        (BelievesTheCall, "every_message_of_a_long_list_has_its_own_receipt", {}),
        (BelievesTheCall, "what_is_not_known_is_unconfirmed_and_nothing_is_raised", {"fate": "unreachable"}),
        (BelievesTheCall, "what_is_not_known_is_unconfirmed_and_nothing_is_raised", {"fate": "garbled"}),
        (TakesSilenceForNo, "what_is_not_known_is_unconfirmed_and_nothing_is_raised", {"fate": "busy"}),
        (TellsOnlyWhatWentWrong, "what_the_bus_took_is_delivered", {}),
        (SortsItsReceipts, "receipts_come_in_the_order_of_the_messages", {}),
        (SendsAllInOneCall, "every_message_of_a_long_list_has_its_own_receipt", {}),
        (SendsAllInOneCall, "without_messages_there_are_no_receipts", {}),
        (KeepsTheReasonToItself, "a_refusal_says_why", {}),
    ],
)
def test_the_contract_finds_a_sender_that_is_wrong(wrong, promise, arguments):
    check = getattr(SendingPublisherContract(), f"test_{promise}")

    with pytest.raises((AssertionError, OSError)):
        check(Bench(wrong), **arguments)
