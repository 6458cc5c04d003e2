"""The faults that other tests rely on happen where they say."""

from functools import partial

import pytest

from remit.core.errors import OutcomeUnknown, TryLater
from remit.testing.faults import Crash, FaultyStore, Meeting, PausingStore
from remit.testing.samples import all_at_once, counted, counting


@pytest.mark.parametrize(
    ("fault", "raised", "written"),
    [
        ("crash_before", Crash, 1),
        ("crash_after", Crash, 2),
        ("try_later", TryLater, 1),
        ("lost_request", OutcomeUnknown, 1),
        ("lost_answer", OutcomeUnknown, 2),
    ],
)
def test_a_fault_happens_once_at_its_write_and_has_written_or_not(any_store, fault, raised, written):
    store = FaultyStore(any_store, fault, at=2)
    store.transact([counting()])

    with pytest.raises(raised):
        store.transact([counting()])

    assert (counted(any_store), store.armed, store.writes) == (written, False, 2)
    assert store.transact([counting()]) == [written + 1]


def test_a_fault_may_be_armed_later_and_counts_from_there(any_store):
    store = FaultyStore(any_store)
    store.transact([counting()])

    store.arm("try_later", at=2)
    store.transact([counting()])

    with pytest.raises(TryLater):
        store.transact([counting()])


def test_writers_who_can_read_at_the_same_time_are_brought_together(open_store):
    meeting = Meeting(timeout_s=5)
    # There is no row to lock yet: both see nothing, and one will have to be asked again.
    stores = [PausingStore(open_store("postgres"), meeting) for _ in range(2)]

    answers = all_at_once(*(partial(store.transact, [counting()]) for store in stores))

    assert meeting.met
    assert sorted(answers) == [[1], [2]]


def test_a_meeting_that_nobody_else_comes_to_ends(any_store):
    meeting = Meeting(timeout_s=0.01)

    assert PausingStore(any_store, meeting).transact([counting(), counting()]) == [1, 2]
    assert not meeting.met
