"""Every status that nothing follows is entered by one type of entry, and counted by it."""

from remit.core.lifecycle import FOLLOWS
from remit.core.notifications.status_counts import _ENTERED_BY, FINAL, OPEN, StatusCounts
from remit.testing.samples import make_entry


def ended(event, **data):
    return make_entry(event=event, data=data)


def test_each_final_status_is_entered_by_one_type_of_entry_and_the_others_are_open():
    assert sorted(_ENTERED_BY.values()) == sorted(FINAL)
    assert FINAL.isdisjoint(OPEN) and FINAL | set(OPEN) == FOLLOWS.keys()


def test_what_was_found_out_later_counts_as_what_was_found():
    before = StatusCounts(counts={"SUCCEEDED": 2})

    after = before.with_entries(
        [
            ended("ACTION_UNKNOWN"),
            ended("OUTCOME_RESOLVED", outcome={"status": "FAILED"}),
            ended("ACTION_EXECUTED"),
            ended("GATE_DECIDED"),
        ]
    )

    assert after.counts == {"SUCCEEDED": 3, "FAILED": 1}
    assert StatusCounts.from_json(after.to_json()) == after
