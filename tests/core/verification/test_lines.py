"""Lines in the quick way: only what the careful way would find right, and the same of it."""

import json
from hashlib import sha256

import pytest

from remit.core.canonical import canonical
from remit.core.ledger.entries import entry_hash
from remit.core.ledger.verification import may_be_own, sound_entry

from .exports import link, verified

GREETING = "Grüße"


def as_line(entry):
    return canonical(entry)


def with_hash(entry):
    return {**entry, "hash": entry_hash(entry)}


def test_every_line_of_an_export_is_read_as_it_is(exported):
    for entry in exported:
        assert sound_entry(as_line(entry)) == json.loads(as_line(entry)) == entry


@pytest.mark.parametrize(
    "value", [GREETING, 0.25, 3, True, None, ["a", {"b": []}], {"hash": "0", "previous_hash": "1"}, '",\\u0000']
)
def test_whatever_its_data_holds_it_is_read(exported, value):
    entry = with_hash({**exported[0], "data": {"given": value}})

    assert sound_entry(as_line(entry)) == entry


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line.replace(b":", b": ", 1),
        lambda line: line + b"\n",
        lambda line: line.replace(b'"a', b'"\\u0061', 1),
        lambda line: line.replace(b'"sequence":1', b'"sequence":1.0'),
        lambda line: line.replace(b'"sequence":1', b'"sequence":10000000000000000000000'),
        lambda line: line.replace(b'"sequence":1', b'"sequence":NaN'),
        lambda line: line.replace(b'"sequence":1', b'"sequence":true'),
        lambda line: line.replace(b'{"account_id"', b'{"account_id":"x","account_id"', 1),
        lambda line: line.replace(b'"v":2}', b'"v":2,"w":0}'),
        lambda line: line.replace(b'"v":2}', b'"v":3}'),
        lambda line: line.replace(b'"v":2}', b'"v":"2"}'),
        lambda line: line.replace(b',"v":2', b""),
        lambda line: line.replace(b'"data":{', b'"data":{"\xff":1,'),
        lambda line: line.replace(b'"data":{', b'"data":{"Z":%b,' % (b"[" * 200 + b"]" * 200)),
        lambda line: line.replace(b"INTENT_PROPOSED", b"INTENT_IMAGINED"),
        lambda line: line[:-1],
        lambda _: b"",
        lambda _: b"[]",
        lambda _: b"null",
    ],
)
def test_a_line_that_is_another_is_left_to_the_careful_way(exported, change):
    line = as_line(exported[0])
    changed = change(line)

    assert changed != line and sound_entry(changed) is None


@pytest.mark.parametrize("change", [b'"v":2}', b'"sequence":1,', b'"data":{', b'"actor":'])
def test_bytes_that_hash_as_they_stand_and_are_not_canonical_are_not_sound(exported, change):
    plain = as_line({name: value for name, value in exported[0].items() if name != "hash"})
    spaced = plain.replace(change, change[:-1] + b" " + change[-1:])
    hash = sha256(spaced).hexdigest().encode()
    place = spaced.rindex(b',"previous_hash"')

    assert sound_entry(b'%b,"hash":"%b"%b' % (spaced[:place], hash, spaced[place:])) is None


def test_any_field_that_is_changed_is_found_by_its_hash(exported):
    entry = exported[0]
    for name in entry:
        changed = {**entry, name: {**entry["data"], "more": 1} if name == "data" else f"{entry[name]}0"}

        assert sound_entry(as_line(changed)) is None


FIELDS = ("account_id", "action_intent_id", "actor", "at", "entry_id", "event_type", "sequence", "tenant_id", "v")


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [None, 7, "x", "2026-01-01T00:00:00", {"a": 1}])
def test_both_ways_say_the_same_of_any_field(lines, name, value):
    """Also where it is hashed and linked as if it had always been so."""
    for entry in (lines.entry("auto-1", "GATE_DECIDED"), lines.chain(None)[1]):
        entry[name] = value
    before = verified(lines.lines)

    link(lines.chain("auto-1"))

    assert not before.ok
    verified(lines.lines)


@pytest.mark.parametrize(
    "line",
    [
        b'{"action_intent_id":null}',
        b'{"action_intent_id":"i-1","action_intent_id": null}',
        b'{"action_intent_id":"i-1","\\u0061ction_intent_id":null}',
        b'{"action_intent_id" :7}',
        '{"action_intent_id":null}'.encode("utf-16"),
        b"{}",
        b"not JSON",
    ],
)
def test_a_line_that_may_be_of_the_tenants_own_chain_is_never_left_out(line):
    assert may_be_own(line)


def test_those_of_intents_are_told_apart_from_those_of_the_tenants_own_chain(exported):
    own = [entry for entry in exported if may_be_own(as_line(entry))]

    assert [entry for entry in exported if entry["action_intent_id"] is None] == [
        entry for entry in own if entry["action_intent_id"] is None
    ]
    assert len(own) < len(exported) / 2
