"""The ledger: what a hash covers, how a chain is built, and what a seal names."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import get_args

import pytest

from remit.core.canonical import canonical, sha256_hex
from remit.core.ledger.entries import (
    ENTRY_FIELDS,
    HEADS_PER_SEAL,
    NO_CHAIN,
    EventType,
    Head,
    entry_hash,
    next_entry,
    seal_parts,
)

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
    assert set(entry().wire()) == set(ENTRY_FIELDS)
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
        "ACTION_PUBLISHED",
        "BUDGET_RELEASED",
        "EXECUTION_STARTED",
        "ACTION_EXECUTED",
        "ACTION_FAILED",
        "ACTION_UNKNOWN",
        "EXECUTION_CANCELLED",
        "OUTCOME_RESOLVED",
        "CONFIG_CHANGED",
        "AUTONOMY_STOPPED",
        "AUTONOMY_RESUMED",
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


@pytest.mark.parametrize(
    ("count", "parts"),
    [(0, 1), (1, 1), (HEADS_PER_SEAL, 1), (HEADS_PER_SEAL + 1, 2), (3 * HEADS_PER_SEAL, 3)],
)
def test_the_parts_of_a_seal_name_every_head_once(count, parts):
    named = heads(count)

    sealed = seal_parts(named, 7, Head(sequence=3, hash="a" * 64))

    assert [(part["part"], part["parts"]) for part in sealed] == [(n + 1, parts) for n in range(parts)]
    assert all(len(part["heads"]) <= HEADS_PER_SEAL for part in sealed)
    assert sum(len(part["heads"]) for part in sealed) == count
    assert {k: v for part in sealed for k, v in part["heads"].items()} == {k: v.wire() for k, v in named.items()}


def test_every_part_of_a_seal_carries_the_counts_and_the_tenant_s_own_head():
    sealed = seal_parts(heads(HEADS_PER_SEAL + 5), 4321, Head(sequence=3, hash="a" * 64))

    for part in sealed:
        assert (part["intents"], part["entries"]) == (HEADS_PER_SEAL + 5, 4321)
        assert part["tenant_head"] == {"sequence": 3, "hash": "a" * 64}


def test_the_seal_of_an_empty_export_says_so():
    assert seal_parts({}, 0, NO_CHAIN) == [
        {"intents": 0, "entries": 0, "tenant_head": {"sequence": 0, "hash": None}, "part": 1, "parts": 1, "heads": {}}
    ]
