"""The ledger: what a hash covers, how a chain is built, and what a seal names."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from remit.core.canonical import canonical, sha256_hex
from remit.core.errors import InvalidInput
from remit.core.ledger.entries import (
    ENTRY_FIELDS,
    NO_CHAIN,
    EventType,
    Head,
    LedgerEntry,
    entry_hash,
    next_entry,
)
from remit.core.ledger.seal import HeadFold, head_leaf

from .make import NOW


def entry(head=NO_CHAIN, event_type="INTENT_PROPOSED", data=None, **changes):
    fields = {
        "entry_id": "e-1",
        "tenant_id": "acme",
        "account_id": "north",
        "action_intent_id": "i-1",
        "actor": "agent",
        "at": NOW,
    }
    return next_entry(head, event_type, {"n": 1} if data is None else data, **{**fields, **changes})


def test_an_exported_line_holds_exactly_the_contract_s_fields():
    assert set(entry().wire()) == {*ENTRY_FIELDS, "v"} and entry().wire()["v"] == 2
    assert set(ENTRY_FIELDS) == {
        "entry_id",
        "tenant_id",
        "account_id",
        "action_intent_id",
        "sequence",
        "event_type",
        "actor",
        "at",
        "data",
        "previous_hash",
        "hash",
    }


def test_the_event_types_are_the_contract_s():
    assert set(get_args(EventType)) == {
        "INTENT_PROPOSED",
        "INTENT_SUPERSEDED",
        "INTENT_EXPIRED",
        "GATE_DECIDED",
        "ACTION_APPROVED",
        "ACTION_REJECTED",
        "APPROVAL_VOTED",
        "ACTION_PUBLISHED",
        "BUDGET_RELEASED",
        "EXECUTION_STARTED",
        "ACTION_EXECUTED",
        "ACTION_FAILED",
        "ACTION_UNKNOWN",
        "EXECUTION_CANCELLED",
        "OUTCOME_RESOLVED",
        "INTENT_WITHDRAWN",
        "CONTENT_ERASED",
        "QUESTION_ASKED",
        "QUESTION_ANSWERED",
        "CARD_ASSIGNED",
        "AUTONOMY_SAMPLED",
        "CONFIG_CHANGED",
        "AUTONOMY_STOPPED",
        "AUTONOMY_RESUMED",
        "KEY_CHANGED",
        "SUBSCRIPTION_CHANGED",
        "LINK_MADE",
        "QUEUE_HANDED_OVER",
        "LEDGER_SEALED",
    }


def test_the_first_entry_of_a_chain_follows_nothing():
    first = entry()

    assert (first.sequence, first.previous_hash) == (1, None)


def test_each_entry_follows_the_head_before_it():
    first = entry()
    second = entry(first.head, entry_id="e-2")
    third = entry(second.head, entry_id="e-3")

    assert [e.sequence for e in (first, second, third)] == [1, 2, 3]
    assert (second.previous_hash, third.previous_hash) == (first.hash, second.hash)
    assert third.head == Head(sequence=3, hash=third.hash)


def test_the_hash_is_over_the_canonical_form_of_everything_but_itself():
    line = entry(Head(sequence=4, hash="0" * 64), data={"b": 1.0, "a": [None, "é"]}).wire()
    without = {name: value for name, value in line.items() if name != "hash"}

    assert line["hash"] == entry_hash(line) == sha256_hex(canonical(without))
    assert entry_hash({**line, "hash": "something else"}) == line["hash"]


def test_the_hash_can_be_made_again_from_the_line_as_text():
    line = entry(data={"n": [1, 1.0, 0.1, 1e-7, True, None, "\u2028\U0001f600"], "\U0001f600": 1, "\ufb33": 2}).wire()

    for text in (json.dumps(line), json.dumps(line, ensure_ascii=False, indent=2), canonical(line).decode()):
        assert entry_hash(json.loads(text)) == line["hash"]


@pytest.mark.parametrize("field", [field for field in ENTRY_FIELDS if field != "hash"])
def test_a_change_of_any_field_shows(field):
    line = entry(Head(sequence=1, hash="0" * 64)).wire()
    other = {"sequence": 3, "data": {"n": 2}, "account_id": None}.get(field, "other")

    assert entry_hash({**line, field: other}) != line["hash"]


@pytest.mark.parametrize("data", [{"n": True}, {"n": "1"}, {"n": None}, {"n": 1, "m": None}, {}, {"n": [1]}])
def test_a_change_in_the_data_that_looks_alike_shows(data):
    line = entry().wire()

    assert entry_hash({**line, "data": data}) != line["hash"]


def test_an_added_or_missing_field_shows():
    line = entry().wire()

    assert entry_hash({**line, "note": None}) != line["hash"]
    assert entry_hash({name: value for name, value in line.items() if name != "account_id"}) != line["hash"]


def test_the_time_is_rfc_3339_in_utc():
    berlin = timezone(timedelta(hours=1))

    assert entry(at=datetime(2026, 3, 10, 13, tzinfo=berlin)).at == "2026-03-10T12:00:00Z"
    assert entry(at=datetime(2026, 3, 10, 12, 0, 0, 250_000, tzinfo=UTC)).at == "2026-03-10T12:00:00.250000Z"


def test_data_that_no_canonical_form_can_carry_is_not_written():
    for data in ({"n": 2**53 + 1}, {"n": float("nan")}, {"t": "\ud800"}):
        with pytest.raises(ValueError):
            entry(data=data)


def heads(count):
    return {f"i-{number:05}": Head(sequence=1, hash=f"{number:064x}") for number in range(count)}


def folded(named):
    fold = HeadFold()
    for name, head in named.items():
        fold.add(name, head)
    return fold


def root_of(leaves):
    """RFC 9162 section 2.1.1, as it is written there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:])).digest()


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 100])
def test_a_seal_s_root_is_that_of_rfc_9162_over_every_head(count):
    named = heads(count)

    fold = folded(named)

    assert fold.root() == root_of([head_leaf(name, head) for name, head in named.items()]).hex()
    assert fold.intents == count


def test_a_seal_carries_counts_root_and_the_tenant_s_own_head():
    fold = folded(heads(5))
    fold.entries = 40

    assert fold.seal(Head(sequence=3, hash="a" * 64)) == {
        "entries": 43,
        "intents": 5,
        "root": fold.root(),
        "tenant_head": {"sequence": 3, "hash": "a" * 64},
    }


@pytest.mark.parametrize("second", ["i-1", "i-0", "I-2"])
def test_heads_are_folded_in_the_order_of_their_names_bytes(second):
    fold = folded({"i-1": Head(sequence=1, hash="0" * 64)})

    with pytest.raises(InvalidInput):
        fold.add(second, Head(sequence=1, hash="0" * 64))


def test_a_stored_line_is_the_entry_it_was_written_from():
    written = entry(data={"text": "Grüße", "n": [1.5, None, True]})

    again = LedgerEntry.parse(written.line)

    assert again == written and again.data == written.data and again.head == written.head
    assert written.line == canonical(written.wire())


def test_a_line_of_the_first_format_is_read_without_a_version():
    line = {name: value for name, value in entry().wire().items() if name != "v"}
    line["hash"] = entry_hash(line)

    old = LedgerEntry.parse(canonical(line))

    assert (old.v, entry().v) == (1, 2) and old.wire() == line
