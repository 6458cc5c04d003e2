"""Chains: hashes that are wrong, and cuts that a seal alone can show."""

import copy

import pytest

from remit.app.offline import verify_export
from remit.core.ledger.entries import entry_hash

from .exports import found, link


def altered_without_rehash(lines):
    lines.data("auto-1", "INTENT_PROPOSED")["why"] = ["because"]


def the_tail_is_cut_off(lines):
    """From the seals on."""
    lines.lines = [line for line in lines.lines if line["event_type"] != "LEDGER_SEALED"]


def an_intent_s_last_entry_is_cut_off(lines):
    lines.lines.remove(lines.chain("running")[-1])


def a_whole_chain_is_dropped(lines):
    lines.drop("blocked")


def a_chain_is_added(lines):
    chain = copy.deepcopy(lines.chain("blocked"))
    for line in chain:
        line["action_intent_id"] = "zz"
        for part in (line["data"],):
            if "action_intent_id" in part:
                part["action_intent_id"] = "zz"
    link(chain)
    lines.lines = chain + lines.lines


def two_entries_change_places(lines):
    first, second = lines.chain("blocked")
    at = [i for i, line in enumerate(lines.lines) if line["action_intent_id"] == "blocked"]
    lines.lines[at[0]], lines.lines[at[1]] = second, first


def a_chain_is_taken_up_again_later(lines):
    last = lines.chain("running")[-1]
    lines.lines.remove(last)
    lines.lines.append(last)


def the_seal_names_another_root(lines):
    seal = lines.lines[-1]
    seal["data"]["root"] = "0" * 64
    seal["hash"] = entry_hash(seal)


def the_seal_counts_other_entries(lines):
    seal = lines.lines[-1]
    seal["data"]["entries"] += 1
    seal["hash"] = entry_hash(seal)


def the_seal_names_another_head_of_the_tenant(lines):
    seal = lines.lines[-1]
    seal["data"]["tenant_head"]["sequence"] -= 1
    seal["hash"] = entry_hash(seal)


def a_line_lacks_a_field(lines):
    del lines.chain("blocked")[1]["actor"]


def a_line_is_not_an_object(lines):
    lines.lines.insert(3, ["not", "an", "entry"])


def a_line_is_there_twice(lines):
    lines.lines.insert(1, lines.lines[0])


@pytest.mark.parametrize(
    "mutate",
    [
        altered_without_rehash,
        the_tail_is_cut_off,
        an_intent_s_last_entry_is_cut_off,
        a_whole_chain_is_dropped,
        a_chain_is_added,
        two_entries_change_places,
        a_chain_is_taken_up_again_later,
        the_seal_names_another_root,
        the_seal_counts_other_entries,
        the_seal_names_another_head_of_the_tenant,
        a_line_lacks_a_field,
        a_line_is_not_an_object,
        a_line_is_there_twice,
    ],
)
def test_what_breaks_a_chain_is_reported_as_a_broken_chain(lines, mutate):
    mutate(lines)

    assert 6 in found(lines.lines)
    if mutate not in (two_entries_change_places, a_line_lacks_a_field, a_line_is_there_twice, a_chain_is_added):
        assert found(lines.lines) == {6}


def a_bounds_entry_stands_in_an_intent_s_chain(lines):
    stray = copy.deepcopy(lines.entry(None, "AUTONOMY_STOPPED"))
    stray |= {"action_intent_id": "blocked", "account_id": lines.chain("blocked")[0]["account_id"]}
    lines.insert_after(lines.chain("blocked")[-1], stray)


def an_intent_s_entry_stands_in_the_tenant_s_chain(lines):
    lines.entry(None, "AUTONOMY_STOPPED")["event_type"] = "ACTION_REJECTED"


def an_entry_lacks_what_its_type_carries(lines):
    del lines.data("blocked", "GATE_DECIDED")["intent_digest"]


def a_chain_does_not_begin_with_its_proposal(lines):
    lines.drop("blocked", "INTENT_PROPOSED")


@pytest.mark.parametrize(
    "mutate",
    [
        a_bounds_entry_stands_in_an_intent_s_chain,
        an_intent_s_entry_stands_in_the_tenant_s_chain,
        an_entry_lacks_what_its_type_carries,
        a_chain_does_not_begin_with_its_proposal,
    ],
)
def test_entries_that_are_not_what_their_type_says_break_the_chain_even_when_rehashed(lines, mutate):
    mutate(lines)

    assert 6 in found(lines.rehashed())


def a_type_that_a_newer_version_writes(lines):
    lines.entry("auto-1", "ACTION_PUBLISHED")["event_type"] = "ACTION_DREAMT_OF"


def a_type_of_the_tenant_s_that_a_newer_version_writes(lines):
    lines.entry(None, "AUTONOMY_STOPPED")["event_type"] = "TENANT_DREAMT_OF"


def a_format_that_a_newer_version_writes(lines):
    for line in lines.chain("auto-1"):
        line |= {"v": 3, "colour": "blue"}


@pytest.mark.parametrize(
    ("mutate", "newer"),
    [
        (a_type_that_a_newer_version_writes, "event type ACTION_DREAMT_OF"),
        (a_type_of_the_tenant_s_that_a_newer_version_writes, "event type TENANT_DREAMT_OF"),
        (a_format_that_a_newer_version_writes, "format 3"),
    ],
)
def test_what_a_newer_version_wrote_is_newer_and_not_broken(lines, mutate, newer):
    mutate(lines)

    report = verify_export(iter(lines.rehashed()))

    assert newer in report.newer
    # Its charge cannot be read, so the windows may have a gap; its chain holds all the same.
    assert {finding.invariant for finding in report.findings} <= {1}
    assert report.wire()["newer"] == sorted(report.newer)


def test_an_export_without_any_seal_is_cut_off_and_an_empty_one_too(lines):
    lines.lines = [line for line in lines.lines if line["event_type"] != "LEDGER_SEALED"]

    assert found(lines.rehashed()) == {6}
    assert found([]) == {6}


def test_an_earlier_seal_does_not_cover_what_came_after_it(lines):
    """Cut back to the first seal, with a change made since."""
    first = next(i for i, line in enumerate(lines.lines) if line["event_type"] == "LEDGER_SEALED")
    lines.lines = lines.lines[: first + 1]
    later = copy.deepcopy(lines.chain("blocked")[-1])
    later["event_type"], later["data"] = "ACTION_REJECTED", {"rejected_by": "bob"}
    lines.insert_after(lines.chain("blocked")[-1], later)
    link(lines.chain("blocked"))

    assert found(lines.lines) == {6}
