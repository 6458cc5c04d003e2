"""
What DynamoDB Local never does: conflicts between transactions, throttling, answers that are lost. They are
placed on the wire, around the real client; what is done is really done.
"""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from botocore.exceptions import ReadTimeoutError

from remit.core.errors import InvalidInput, OutcomeUnknown, RemitError, TryLater
from remit.core.gate.budget import Counter, Usage
from remit.core.records import USAGE, Key, case_key
from remit.ports import UnitOfWork, Writes
from remit.stores.dynamodb import DynamoStore, client, versions, writer
from remit.stores.dynamodb import store as dynamodb_store
from remit.stores.dynamodb.faults import ours, reasons_of
from remit.stores.dynamodb.layout import part
from remit.testing.samples import (
    COUNTER,
    NOON,
    TENANT,
    all_at_once,
    appending,
    counted,
    counting,
    make_case,
    make_entry,
    make_object,
    make_uncontended,
    putting,
    putting_cases,
    writing,
)
from tests.waiting import ended, happened

from .dynamodb_wire import Wire, afterwards, cancelled, lost_answer, lost_request, meanwhile, refused, unreachable

BUSY = {
    "conflict": cancelled("None", "TransactionConflict"),
    "throttled in part": cancelled("ThrottlingError", "TransactionConflict"),
    "throttled": refused("ThrottlingException"),
    "beyond throughput": refused("ProvisionedThroughputExceededException"),
    "unreachable": unreachable,
}


def done_and_broken(wire, operation, parameters):
    """It was done, and the server says that it failed."""
    wire.send(operation, parameters)
    return refused("InternalServerError", 500)(wire, operation, parameters)


LOST = {"time-out": lost_answer, "server error": done_and_broken}


@pytest.fixture
def wire(dynamodb_client):
    return Wire(dynamodb_client)


@pytest.fixture
def store(wire, dynamodb_table):
    store = DynamoStore(wire, dynamodb_table, settle_s=0)
    yield store
    store.close()


@pytest.fixture
def elsewhere(dynamodb_client, dynamodb_table):
    """Another process on the same table, whose wire is sound."""
    store = DynamoStore(dynamodb_client, dynamodb_table, settle_s=0)
    yield store
    store.close()


@pytest.fixture
def no_pauses(monkeypatch):
    for module in (writer, client):
        monkeypatch.setattr(module, "pause", lambda attempt: None)


def asked(unit):
    """The unit, and how often it was asked what to write."""
    times = []

    def change(snapshot):
        times.append(1)
        return unit.decide(snapshot)

    return UnitOfWork(unit.reads, change, unit.then_reads), times


def without_versions(actions):
    """What a transaction puts, but for its version, which each sending has of its own."""
    return [{**action["Put"], "Item": {**action["Put"]["Item"], "v": None}} for action in actions]


# --- in somebody's way ---


@pytest.mark.parametrize("failure", BUSY)
def test_what_was_in_the_way_of_another_is_sent_again_and_not_decided_again(store, wire, failure):
    unit, times = asked(counting())
    wire.script += [BUSY[failure]] * 3

    assert store.transact([unit]) == [1]

    assert (counted(store), len(times), len(wire.written)) == (1, 1, 4)
    assert all(without_versions(actions) == without_versions(wire.written[0]) for actions in wire.written)


@pytest.mark.parametrize("failure", BUSY)
def test_what_is_always_in_the_way_is_given_up_and_nothing_is_written(store, wire, no_pauses, failure):
    wire.script += [BUSY[failure]] * 1000

    with pytest.raises(TryLater):
        store.transact([counting()])

    wire.script.clear()
    assert counted(store) == 0
    assert len(wire.written) == client.TRIES


def test_the_record_that_was_in_the_way_is_named(store, wire, no_pauses):
    wire.script += [cancelled("TransactionConflict")] * 1000

    with pytest.raises(TryLater, match=r"usages .*account:a-1.* \(TransactionConflict\)"):
        store.transact([counting()])


def test_several_who_keep_failing_together_are_tried_one_by_one(store, wire, no_pauses):
    wire.script += [cancelled("TransactionConflict")] * client.TRIES

    answers = store.transact([counting(), putting(make_object("o-1"), answer="put")])

    assert answers == [1, "put"]


def test_reading_is_tried_again_while_a_transaction_is_in_the_way(store, wire, no_pauses):
    store.transact([counting()])
    wire.reads += [cancelled("TransactionConflict"), refused("ThrottlingException"), unreachable, lost_request]

    assert counted(store) == 1


def test_reading_that_never_succeeds_says_to_try_later(store, wire, no_pauses):
    wire.reads += [refused("ThrottlingException")] * client.TRIES

    with pytest.raises(TryLater):
        counted(store)


def test_what_a_bulk_read_leaves_out_is_asked_for_again(store, wire, no_pauses):
    keys = [make_object(f"o-{n}")[0] for n in range(40)]
    store.transact([putting(*(make_object(f"o-{n}") for n in range(40)))])

    def half(wire, operation, parameters):
        (table,) = parameters["RequestItems"]
        asked = parameters["RequestItems"][table]
        first, rest = asked["Keys"][:13], asked["Keys"][13:]
        answer = wire.send(operation, {"RequestItems": {table: {**asked, "Keys": first}}})
        return {**answer, "UnprocessedKeys": {table: {**asked, "Keys": rest}}}

    wire.reads += [half, half]
    shown = store.read(keys)

    assert [shown.get(key).object_id for key in keys] == [f"o-{n}" for n in range(40)]
    assert wire.requests["batch_get_item"] == 3


def test_what_a_bulk_read_leaves_out_for_good_is_not_taken_for_missing(store, wire, no_pauses):
    keys = [make_object(f"o-{n}")[0] for n in range(40)]
    store.transact([putting(*(make_object(f"o-{n}") for n in range(40)))])

    def nothing(_wire, _operation, parameters):
        return {"Responses": {}, "UnprocessedKeys": parameters["RequestItems"]}

    wire.reads += [nothing] * client.TRIES

    with pytest.raises(TryLater):
        store.read(keys)


# --- answers that are lost ---


@pytest.mark.parametrize("failure", LOST)
def test_a_write_whose_answer_was_lost_is_found_and_not_done_again(store, wire, failure):
    unit, times = asked(counting())
    wire.script += [LOST[failure]]

    assert store.transact([unit]) == [1]

    assert (counted(store), len(times), len(wire.written)) == (1, 1, 1)


def test_a_write_that_never_arrived_is_sent_again(store, wire):
    unit, times = asked(counting())
    wire.script += [lost_request, lost_request]

    assert store.transact([unit]) == [1]

    assert (counted(store), len(times), len(wire.written)) == (1, 1, 3)


def test_a_write_that_arrives_after_it_was_sent_again_is_done_once(store, wire):
    late = []

    def keep(_wire, operation, parameters):
        late.append((operation, parameters))
        return lost_request(_wire, operation, parameters)

    def both(wire, operation, parameters):
        wire.send(*late[0])
        return wire.send(operation, parameters)

    wire.script += [keep, both]

    assert store.transact([counting()]) == [1]
    assert counted(store) == 1


def test_a_write_that_never_arrived_and_lost_its_race_is_decided_anew(store, wire, elsewhere):
    own = make_object()

    def change(snapshot):
        writes = counting().decide(snapshot)
        writes.put(*own)
        return writes

    unit, times = asked(UnitOfWork([COUNTER, own[0]], change))
    wire.script += [meanwhile(lambda: elsewhere.transact([counting()]), then=lost_request)]

    assert store.transact([unit]) == [2]

    assert (counted(store), len(times)) == (2, 2)


def test_where_others_have_written_since_and_nothing_tells_it_is_not_known(store, wire, elsewhere):
    wire.script += [afterwards(lambda: elsewhere.transact([counting()]))]

    with pytest.raises(OutcomeUnknown):
        store.transact([counting()])

    assert counted(store) == 2


def test_an_entry_tells_even_where_others_have_written_since(store, wire, elsewhere):
    entry = make_entry()

    def change(snapshot):
        writes = counting().decide(snapshot)
        writes.entries.append(entry)
        return writes

    wire.script += [afterwards(lambda: elsewhere.transact([counting()]))]

    assert store.transact([UnitOfWork([COUNTER], change)]) == [1]
    assert counted(store) == 2
    assert store.chain(TENANT, "i-1") == [entry]


def test_another_s_entry_in_its_place_tells_that_it_was_not_done(store, wire, elsewhere, no_pauses):
    key, record = make_object()
    rival = make_entry(data={"by": "a rival"})
    wire.script += [meanwhile(lambda: elsewhere.transact([appending(rival)]), then=lost_request)]

    with pytest.raises(TryLater):
        store.transact([putting((key, record), entries=[make_entry()])])

    assert store.chain(TENANT, "i-1") == [rival]
    assert store.read([key]).get(key) is None


def test_a_write_whose_answers_are_always_lost_is_not_known(store, wire, no_pauses):
    wire.script += [lost_request] * 1000

    with pytest.raises(OutcomeUnknown):
        store.transact([counting()])

    assert len(wire.written) == client.TRIES


def test_however_slowly_it_fails_a_call_ends(store, wire, no_pauses, monkeypatch):
    passed_s = 0.0

    def lost_slowly(wire, operation, parameters):
        nonlocal passed_s
        passed_s += 20
        return lost_request(wire, operation, parameters)

    monkeypatch.setattr("remit.stores.dynamodb.writer.time.monotonic", lambda: passed_s)
    wire.script += [lost_slowly] * client.TRIES

    with pytest.raises(OutcomeUnknown):
        store.transact([counting()])

    assert len(wire.written) == 2


def test_if_looking_fails_as_well_it_is_not_known_and_never_done_twice(store, wire, no_pauses):
    store.transact([counting()])
    wire.script += [lost_answer]
    wire.reads += [None, *[refused("ThrottlingException")] * (10 * client.TRIES)]

    with pytest.raises(OutcomeUnknown):
        store.transact([counting()])

    wire.reads.clear()
    assert counted(store) == 2


def test_what_nothing_guards_is_not_sent_again_unless_it_is_known_not_to_have_arrived(store, wire):
    key, record = make_uncontended("blind")
    wire.script += [lost_answer, lost_request]

    store.transact([UnitOfWork([], writing(puts=[(key, record)]))])
    with pytest.raises(OutcomeUnknown):
        store.transact([UnitOfWork([], writing(puts=[make_uncontended("lost")]))])

    assert store.read([key]).get(key) == record
    assert len(wire.written) == 2


def test_after_a_lost_answer_what_was_not_tried_says_so(store, wire, no_pauses):
    units = [putting(make_object(f"o-{n}"), answer=n) for n in range(150)]
    wire.script += [None] + [lost_request] * client.TRIES

    answers = store.transact([*units, counting()])

    assert answers[0] == 0
    unknown = [answer for answer in answers if isinstance(answer, OutcomeUnknown)]
    assert unknown and len([a for a in answers if isinstance(a, int)]) + len(unknown) == 151


def test_an_interrupted_write_may_have_been_done_and_its_caller_is_told(store, wire):
    def interrupt(wire, operation, parameters):
        wire.send(operation, parameters)
        raise KeyboardInterrupt

    wire.script += [interrupt]

    with pytest.raises(KeyboardInterrupt):
        store.transact([counting()])

    assert store.transact([counting()]) == [2]


# --- what does not fit ---


def test_a_call_is_split_and_a_unit_never_is(store, wire):
    pairs = [putting(make_object(f"a-{n}"), make_object(f"b-{n}"), answer=n) for n in range(120)]

    assert store.transact(pairs) == list(range(120))

    sizes = [len(actions) for actions in wire.written]
    assert max(sizes) <= 100 and sum(sizes) == 241
    for actions in wire.written:
        ids = {action["Put"]["Item"]["sk"]["S"] for action in actions} - {TENANT}
        assert {f"a-{id[2:]}" for id in ids} | {f"b-{id[2:]}" for id in ids} == ids


def test_what_many_units_do_to_one_record_is_one_action(store, wire):
    assert store.transact([counting() for _ in range(300)]) == list(range(1, 301))

    assert [len(actions) for actions in wire.written] == [2]


def test_a_unit_that_writes_too_much_is_refused_and_the_others_stand(store):
    entries = [make_entry(f"i-{n}") for n in range(100)]

    answers = store.transact([counting(), appending(*entries), counting()])

    assert (answers[0], answers[2], counted(store)) == (1, 2, 2)
    assert isinstance(answers[1], InvalidInput)
    assert list(store.export(TENANT)) == []


@pytest.mark.parametrize("size", [400_000, 500_000])
def test_a_record_that_is_too_large_is_refused_by_name_and_the_others_stand(store, size):
    answers = store.transact([counting(), putting(make_object("huge", text="x" * size)), counting()])

    assert (answers[0], answers[2]) == (1, 2)
    assert isinstance(answers[1], InvalidInput)
    assert "huge" in str(answers[1])


def test_the_largest_record_that_is_taken_is_held(store):
    key, record = make_object(text="x" * 394_000)

    store.transact([putting((key, record))])

    assert store.read([key]).get(key) == record


def test_large_records_are_spread_over_transactions(store, wire):
    store.transact([putting(make_object(f"o-{n}", text="x" * 380_000)) for n in range(12)])

    assert len(wire.written) == 2


def test_what_dynamodb_refuses_is_the_callers_mistake_and_named(store, wire):
    wire.script += [cancelled("ValidationError")]

    with pytest.raises(InvalidInput, match="usages"):
        store.transact([counting()])


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnrecognizedClientException"])
def test_no_exception_of_the_driver_leaves_the_store(store, wire, code):
    wire.script += [refused(code)]
    wire.reads += [None, refused(code)]

    with pytest.raises(RemitError, match="injected"):
        store.transact([counting()])
    with pytest.raises(RemitError, match="injected"):
        counted(store)


def test_a_table_that_is_not_there_is_said_to_be_missing(dynamodb_client):
    store = DynamoStore(dynamodb_client, "nowhere", settle_s=0)

    with pytest.raises(InvalidInput, match="no DynamoDB table 'nowhere'"):
        store.transact([counting()])
    store.close()


# --- what a write rests on ---


def test_a_contended_record_that_is_read_and_not_written_may_not_change_meanwhile(store, wire, elsewhere):
    def change(snapshot):
        seen = snapshot.get(COUNTER)
        return Writes(seen.used("all") if seen else 0, puts=[make_object("copy")])

    unit, times = asked(UnitOfWork([COUNTER, make_object("copy")[0]], change))
    wire.script += [meanwhile(lambda: elsewhere.transact([counting()]))]

    assert store.transact([unit]) == [1]
    assert len(times) == 2


def test_a_counter_that_is_not_there_yet_may_not_appear_meanwhile(store, wire, elsewhere):
    other = Key(USAGE, TENANT, "2026-03-01@UTC|account:a-2")
    usage = Usage(usage_id=other.id, ends_at=NOON, counters={"all": Counter(used=1, position=1)})
    fresh = UnitOfWork([other, COUNTER], lambda snapshot: Writes(snapshot.get(COUNTER) is None, puts=[(other, usage)]))
    wire.script += [meanwhile(lambda: elsewhere.transact([counting()]))]

    assert store.transact([fresh]) == [False]


def test_a_unit_that_recalls_is_not_fooled_by_what_has_changed(store, wire, elsewhere):
    key = case_key(TENANT, "i-1")
    store.transact([putting_cases(make_case(trace_id="first"))])

    def change(snapshot):
        seen = snapshot.get(key)
        return Writes(seen.trace_id, puts=[(key, seen.changed(trace_id=f"after {seen.trace_id}"))])

    before = wire.requests["transact_get_items"]
    assert store.transact([UnitOfWork([key], change, optimistic=True)]) == ["first"]
    assert wire.requests["transact_get_items"] == before
    elsewhere.transact([putting_cases(make_case(trace_id="theirs"))])

    assert store.transact([UnitOfWork([key], change, optimistic=True)]) == ["theirs"]


def test_a_unit_that_recalls_and_writes_nothing_answers_with_what_is_stored(store, elsewhere):
    key = case_key(TENANT, "i-1")
    store.transact([putting_cases(make_case(trace_id="first"))])
    elsewhere.transact([putting_cases(make_case(trace_id="theirs"))])

    assert store.transact([UnitOfWork([key], lambda s: Writes(s.get(key).trace_id), optimistic=True)]) == ["theirs"]


def test_what_another_unit_recalls_does_not_stand_for_what_is_stored(store, elsewhere):
    key = case_key(TENANT, "i-1")
    store.transact([putting_cases(make_case(trace_id="first"))])
    elsewhere.transact([putting_cases(make_case(trace_id="theirs"))])

    def looking(**how):
        return UnitOfWork([key], lambda snapshot: Writes(snapshot.get(key).trace_id), **how)

    assert store.transact([looking(), looking(optimistic=True)]) == ["theirs", "theirs"]


def test_many_processes_on_one_counter_lose_nothing(dynamodb_client, dynamodb_table):
    stores = [DynamoStore(dynamodb_client, dynamodb_table, settle_s=0) for _ in range(6)]

    answers = all_at_once(*(lambda s=each: [s.transact([counting()])[0] for _ in range(5)] for each in stores))

    assert sorted(answer for each in answers for answer in each) == list(range(1, 31))
    for each in stores:
        each.close()


# --- an export's moment ---


def test_an_export_waits_for_writes_that_are_on_their_way(dynamodb_client, dynamodb_table, wire, monkeypatch):
    """A write began before the export and lands after another that built upon it: both are in, or neither."""
    exporter = DynamoStore(dynamodb_client, dynamodb_table, settle_s=0.5)
    slow = DynamoStore(wire, dynamodb_table, settle_s=0)
    exported, pauses = [], []
    settling, landed = threading.Event(), threading.Event()

    def settle(seconds):
        pauses.append(seconds)
        settling.set()
        happened(landed, what="both writes have landed")

    def start_the_export(wire, operation, parameters):
        wire.thread = threading.Thread(target=lambda: exported.extend(exporter.export(TENANT)))
        wire.thread.start()
        happened(settling, what="the export waits")
        return wire.send(operation, parameters)

    monkeypatch.setattr(dynamodb_store, "time", SimpleNamespace(sleep=settle))
    wire.script += [start_the_export]
    slow.transact([appending(make_entry("i-1"))])
    slow.transact([appending(make_entry("i-0"))])
    landed.set()
    ended(wire.thread)

    assert [entry.action_intent_id for entry in exported] == ["i-1"]
    assert pauses == [0.5]
    exporter.close(), slow.close()


@pytest.mark.parametrize("failure", [refused("ThrottlingException"), lost_request])
def test_a_write_that_is_sent_again_is_in_an_export_as_a_whole_or_not_at_all(
    dynamodb_client, dynamodb_table, wire, failure
):
    """An export waits for as long as one request may take, not for as long as somebody goes on trying."""
    reading = Wire(dynamodb_client)
    exporter = DynamoStore(reading, dynamodb_table, settle_s=0)
    writing = DynamoStore(wire, dynamodb_table, settle_s=0)
    of_part = {part(name, 8): name for name in (f"i-{n}" for n in range(100))}
    half_read, written = threading.Event(), threading.Event()
    exported = []

    def wait_half_way(wire, operation, parameters):
        half_read.set()
        happened(written, what="the write has landed")
        return wire.send(operation, parameters)

    def start_the_export(wire, operation, parameters):
        wire.thread = threading.Thread(target=lambda: exported.extend(exporter.export(TENANT)))
        wire.thread.start()
        happened(half_read, what="half of the export is read")
        return failure(wire, operation, parameters)

    reading.reads += [None] * 4 + [wait_half_way]
    wire.script += [start_the_export]
    writing.transact([appending(make_entry(of_part[0]), make_entry(of_part[7]))])
    written.set()
    wire.thread.join()

    assert len(exported) in (0, 2)
    exporter.close(), writing.close()


def test_a_version_is_later_than_what_its_writer_saw_whatever_its_clock_says(monkeypatch):
    right = versions.Versions().next([])
    real = time.time_ns
    monkeypatch.setattr("remit.stores.dynamodb.versions.time.time_ns", lambda: real() - 3_600 * 10**9)
    behind = versions.Versions()

    assert behind.now() < right < behind.next([right, None]) < behind.next([]) < behind.now()


@pytest.mark.parametrize("failure", [lost_request, unreachable])
def test_a_read_that_is_never_answered_is_worth_another_try(store, wire, no_pauses, failure):
    """What breaks on the way carries a response that is `None`."""
    wire.reads += [failure] * client.TRIES

    with pytest.raises(TryLater):
        store.read([COUNTER])


def test_reasons_are_of_an_answer_and_none_without_one():
    broken = ReadTimeoutError(endpoint_url="injected")
    broken.response = None

    assert reasons_of(broken) == []
    assert isinstance(ours(broken, "remit"), TryLater)
