"""Segments: packed as they are exported, and readable for good."""

from typing import get_args

import pytest

from remit.core.errors import RemitError
from remit.core.ledger.entries import EventType
from remit.stores.packing import PLAIN
from remit.stores.segments import KIND_BITS, kinds_of, segments_of, unpack, unpack_some
from remit.testing.samples import OTHER, make_entry


def test_a_segment_holds_the_lines_of_one_chain_as_they_are_exported():
    first = make_entry(data={"text": "Grüße"})
    second = make_entry(after=first.head, event="GATE_DECIDED")
    another = make_entry(tenant=OTHER)

    segments = segments_of([first, another, second])

    assert [list(segment.entries) for segment in segments] == [[first, second], [another]]
    assert [unpack(segment.packed()) for segment in segments] == [[first, second], [another]]
    assert len(segments[0].packed()) < len(first.line)


def test_entries_of_other_types_leave_their_places_and_are_told_by_their_own_type_alone():
    said = {"event_type": "GATE_DECIDED", "text": '"event_type":"GATE_DECIDED"', "tenant_id": "x"}
    proposed = make_entry(data=said)
    decided = make_entry(after=proposed.head, event="GATE_DECIDED", data={"event_type": "INTENT_PROPOSED"})
    (segment,) = segments_of([proposed, decided])

    assert unpack_some(segment.packed(), {"GATE_DECIDED"}) == [None, decided]
    assert unpack_some(segment.packed(), {"INTENT_PROPOSED", "ACTION_FAILED"}) == [proposed, None]


def test_plain_lines_are_read_as_well():
    entry = make_entry()

    assert unpack(bytes([PLAIN]) + entry.line) == [entry]


def test_a_way_of_packing_that_is_not_known_says_so():
    with pytest.raises(RemitError, match="way 9"):
        unpack(bytes([9]) + make_entry().line)


def test_every_type_of_event_has_a_bit_of_its_own():
    assert set(KIND_BITS) == set(get_args(EventType)) and len(KIND_BITS) == len(set(KIND_BITS))
    assert len({kinds_of([name]) for name in KIND_BITS}) == len(KIND_BITS)
