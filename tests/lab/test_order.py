"""The order in which past events are decided again."""

from __future__ import annotations

from remit.flow.reading.sorted_events import sorted_events
from remit.lab.ends import ByEnd
from remit.lab.history import PastDecision, SeenWindow
from remit.lab.order import CLOCKS_AGREE, in_order

DAY = 10**12


def seen(before, position=0, *, fresh=True):
    return SeenWindow("w", DAY, before, fresh, position, before + 1 if position else 0)


def decision(name, at, *windows):
    return PastDecision(at=at, entry_id=name, action_intent_id=name, account_id="north", seen=list(windows))


def names(events):
    return [event.entry_id for event in in_order(events)]


def test_positions_put_two_clocks_right():
    assert names([decision("second", 10, seen(1, 2)), decision("first", 11, seen(0, 1))]) == ["first", "second"]


def test_what_was_refused_comes_after_what_it_saw():
    refused, charged = decision("refused", 10, seen(1)), decision("charged", 11, seen(0, 1))

    assert names([refused, charged]) == ["charged", "refused"]


def test_what_looked_at_no_window_stays_in_its_place():
    events = [decision("second", 10, seen(1, 2)), decision("plain", 11), decision("first", 12, seen(0, 1))]

    assert names(events) == ["plain", "first", "second"]


def test_a_window_that_began_earlier_begins_anywhere():
    first, second = decision("first", 10, seen(6, 7, fresh=False)), decision("second", 11, seen(7, 8, fresh=False))

    assert names([first, second]) == ["first", "second"]


def test_what_waits_for_something_that_is_not_there_goes_on():
    events = [decision("orphan", 10, seen(4, 5)), decision("next", 11, seen(5, 6)), decision("late", 11 + CLOCKS_AGREE)]

    assert names(events) == ["orphan", "next", "late"]


def test_what_is_sorted_may_be_more_than_fits():
    events = [decision(f"i-{number:03}", (number * 37) % 101) for number in range(101)]

    with sorted_events(iter(events), in_memory_bytes=300) as found:
        assert [event.at for event in found] == list(range(101))


def test_what_has_ended_is_forgotten():
    kept = ByEnd[str]()
    kept.put("short", "a", 10)
    kept.put("long", "b", 20)
    kept.put("for good", "c", 0)

    kept.forget_before(15)

    assert (kept.get("short"), kept.get("long"), kept.get("for good"), len(kept)) == (None, "b", "c", 2)
