"""Whole files: a sound one, and one in which anything at all was replaced."""

import copy
import json
from collections import Counter
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.app.offline import verify_export

from ...flow.world import TENANT
from . import test_approvals, test_counters, test_digests, test_limits, test_order, test_tenants
from .exports import as_read, parts_of, rehash, verified, verified_in_parts


def test_a_real_export_with_everything_in_it_is_sound(world, exported):
    report = verify_export(iter(exported))

    events = Counter(line["event_type"] for line in exported)
    assert report.ok, [str(finding) for finding in report.findings]
    assert report.sealed and report.running == 1 and report.tenant_id == TENANT
    assert events["CONFIG_CHANGED"] == 3 and events["LEDGER_SEALED"] == 2
    assert set(events) == {
        *("INTENT_PROPOSED", "INTENT_SUPERSEDED", "INTENT_EXPIRED", "GATE_DECIDED", "ACTION_APPROVED"),
        *("ACTION_REJECTED", "ACTION_PUBLISHED", "BUDGET_RELEASED", "EXECUTION_STARTED", "ACTION_EXECUTED"),
        *("ACTION_FAILED", "ACTION_UNKNOWN", "EXECUTION_CANCELLED", "OUTCOME_RESOLVED", "CONFIG_CHANGED"),
        *("AUTONOMY_STOPPED", "AUTONOMY_RESUMED", "LEDGER_SEALED", "APPROVAL_VOTED", "INTENT_WITHDRAWN"),
        "CONTENT_ERASED",
        "QUESTION_ASKED",
        "QUESTION_ANSWERED",
        "CARD_ASSIGNED",
        "AUTONOMY_SAMPLED",
        "QUEUE_HANDED_OVER",
    }
    world.assert_sound()


def test_it_is_as_sound_after_a_round_through_json_lines(exported):
    read_back = [json.loads(json.dumps(line)) for line in exported]

    assert verify_export(iter(read_back)).ok


def test_it_is_as_sound_read_in_parts(exported):
    parts = parts_of([as_read(line) for line in exported], 1)
    report = verified_in_parts(exported, 1)

    assert len(parts) > 30 and report is not None and report.ok
    assert report.wire() == verify_export(iter(exported)).wire()


def test_findings_of_parts_are_told_in_the_order_and_words_of_the_whole(exported):
    broken = copy.deepcopy(exported)
    for line in broken[::7]:
        line["data"] = {"other": True}
    broken[10] = {"no": "entry"}

    report = verified_in_parts(broken, 1)

    assert report is not None and len(report.findings) > 50
    assert report.findings == verify_export(iter(broken)).findings


@pytest.mark.parametrize(
    "change", [list.reverse, lambda chains: chains.append(chains[0]), lambda chains: chains.pop(5)]
)
def test_chains_that_do_not_come_in_order_are_read_as_one(exported, change):
    chains = [list(chain) for _, chain in groupby(exported, key=lambda line: line["action_intent_id"])]
    *chains, own = chains
    change(chains)
    lines = [line for chain in [*chains, own] for line in chain]

    assert not verified(lines).ok


def test_rehashing_what_was_not_altered_changes_nothing(exported):
    assert rehash(exported) == exported


def test_each_invariant_that_content_can_break_is_broken_in_more_than_one_way():
    modules = (test_counters, test_limits, test_approvals, test_digests, test_order, test_tenants)

    ways = {module.breaks.invariant: len(module.breaks) for module in modules}

    assert set(ways) == {1, 2, 3, 4, 5, 7} and min(ways.values()) >= 2


@given(data=st.data())
def test_nothing_in_a_file_makes_verification_raise_or_pass(exported, data):
    """One value anywhere, replaced by anything, without a new hash."""
    lines = copy.deepcopy(exported)
    place = data.draw(st.integers(0, len(lines) - 1))
    holder, key = lines[place], data.draw(st.sampled_from(sorted(lines[place])))
    while isinstance(holder[key], dict) and holder[key] and data.draw(st.booleans()):
        holder = holder[key]
        key = data.draw(st.sampled_from(sorted(holder)))
    other = data.draw(st.sampled_from([None, 0, -1, 2**70, "x", "", [], {}, [[]], {"a": 1}, 1.5, True]))
    if holder[key] == other and type(holder[key]) is type(other):
        return
    holder[key] = other

    assert not verified(lines).ok


@given(data=st.data())
def test_nothing_in_a_rehashed_file_makes_verification_raise(exported, data):
    lines = copy.deepcopy(exported)
    place = data.draw(st.integers(0, len(lines) - 2))
    holder, key = lines[place]["data"], data.draw(st.sampled_from(sorted(lines[place]["data"])))
    while isinstance(holder[key], dict) and holder[key] and data.draw(st.booleans()):
        holder = holder[key]
        key = data.draw(st.sampled_from(sorted(holder)))
    holder[key] = data.draw(st.sampled_from([None, 0, -1, 2**40, "x", "", [], {}, [[]], {"a": 1}, 1.5, True]))

    verified(rehash(lines))


@pytest.mark.parametrize(
    ("name", "event_type", "field"),
    [("superseded", "INTENT_SUPERSEDED", "superseded_by"), ("superseding", "INTENT_PROPOSED", "supersedes")],
)
@pytest.mark.parametrize("other", [[], {}, 1.5])
def test_what_is_no_intent_s_name_took_no_place(lines, name, event_type, field, other):
    lines.data(name, event_type)[field] = other

    report = verify_export(iter(lines.rehashed()))

    assert f"intent {name}" in {finding.where for finding in report.findings if finding.invariant == 6}


@pytest.mark.parametrize("name", ["", "globex"])
def test_an_entry_of_another_tenant_is_found_whichever_part_it_stands_in(exported, name):
    for place in (0, 60):
        lines = copy.deepcopy(exported)
        lines[place]["tenant_id"] = name

        assert not verified(lines).ok
