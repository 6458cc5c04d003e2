"""The publishers against their contract, and the contract against publishers that are wrong."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import pytest
from dbos import DBOS, DBOSClient

from remit.ports import DELIVERED, REFUSED, UNCONFIRMED, Message, Receipt, UnitOfWork
from remit.publishers.dbos import APPLICATION, QUEUE, VERSION, WORKFLOW, DbosPublisher
from remit.publishers.queue import QueuePublisher
from remit.stores.memory import MemoryStore
from remit.stores.sql import SqlStore
from remit.testing.publisher_contract import EnlistingPublisherContract, Fate, SendingPublisherContract
from remit.testing.samples import appending, make_entry, writing


class InMemory:
    """The queue, enlisted in the store in memory; a transaction fails where its ledger entry's place is taken."""

    def __init__(self, queue=None):
        self.queue = QueuePublisher() if queue is None else queue
        self.store = MemoryStore(enlist=self.queue.enlist)
        self.store.transact([appending(make_entry())])
        self._given: list[Mapping[str, Any]] = []

    def commit(self, *messages):
        self.store.transact([UnitOfWork([], writing(messages=list(messages)))])

    def fail(self, *messages):
        with pytest.raises(Exception):  # noqa: B017
            self.store.transact([UnitOfWork([], writing(messages=list(messages), entries=[make_entry()]))])

    def delivered(self):
        while (taken := self.queue.take()) is not None:
            self._given.append(taken.data)
        return self._given


class TestQueuePublisher(EnlistingPublisherContract):
    @pytest.fixture
    def place(self):
        return InMemory()


class OnSql:
    """DBOS, enlisted in a store on SQL; a transaction fails after its messages were handed over."""

    def __init__(self, url):
        self.url, self._failing = url, False
        self._publisher: DbosPublisher | None = None
        self._store = SqlStore.open(url, enlist=self._enlist)
        self._publisher = DbosPublisher(url)
        self._given: list[Mapping[str, Any]] = []
        self._consume()
        self._client = DBOSClient(system_database_url=url, application_name=APPLICATION)

    def _enlist(self, transaction, messages):
        assert self._publisher is not None
        self._publisher.enlist(transaction, messages)
        if self._failing:
            raise ZeroDivisionError

    def _consume(self):
        DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self.url,
                "executor_id": "consumer",
                "application_version": VERSION,
                "log_level": "ERROR",
            }
        )

        @DBOS.workflow(name=WORKFLOW)
        def note(data):
            self._given.append(data)

        DBOS.launch()
        DBOS.register_queue(QUEUE, worker_concurrency=4, polling_interval_sec=0.02)

    def commit(self, *messages):
        self._store.transact([UnitOfWork([], writing(messages=list(messages)))])

    def fail(self, *messages):
        self._failing = True
        with pytest.raises(ZeroDivisionError):
            self.commit(*messages)
        self._failing = False

    def delivered(self):
        for workflow in self._client.list_workflows(load_input=False, load_output=False):
            self._client.retrieve_workflow(workflow.workflow_id).get_result(polling_interval_sec=0.02)
        return self._given

    def close(self):
        assert self._publisher is not None
        DBOS.destroy(destroy_registry=True)
        self._client.destroy()
        self._publisher.close()
        self._store.close()


class TestDbosPublisher(EnlistingPublisherContract):
    @pytest.fixture(params=["sqlite_url", "postgres_url"])
    def place(self, request):
        place = OnSql(request.getfixturevalue(request.param))
        yield place
        place.close()


# --- publishers that send ---


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


class Forgetful:
    """A queue that does not know what it was given before."""

    def __init__(self):
        self.waiting: deque[Message] = deque()

    def enlist(self, _transaction, messages):
        self.waiting.extend(messages)

    def take(self):
        return self.waiting.popleft() if self.waiting else None


class OncePerApproval(Forgetful):
    """One that takes a further delivery for a repetition."""

    def enlist(self, _transaction, messages):
        known = {one.data["approval_id"] for one in self.waiting}
        self.waiting.extend(one for one in messages if one.data["approval_id"] not in known)


class Hasty(InMemory):
    """Hands over before the transaction has succeeded."""

    def fail(self, *messages):
        self.queue.enlist(self.store, messages)
        super().fail(*messages)


@pytest.mark.parametrize(
    ("wrong", "promise"),
    [
        (lambda: InMemory(Forgetful()), "a_message_that_is_handed_over_again_is_delivered_once"),
        (lambda: InMemory(Forgetful()), "a_message_that_was_consumed_is_not_delivered_again"),
        (lambda: InMemory(Forgetful()), "a_message_that_stands_twice_in_one_transaction_is_delivered_once"),
        (lambda: InMemory(OncePerApproval()), "a_further_delivery_of_an_approval_is_another_message"),
        (Hasty, "what_was_handed_over_in_a_transaction_that_failed_is_never_seen"),
    ],
)
def test_the_contract_finds_an_enlisting_one_that_is_wrong(wrong, promise):
    check = getattr(EnlistingPublisherContract(), f"test_{promise}")

    with pytest.raises(AssertionError):
        check(wrong())
