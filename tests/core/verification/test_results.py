"""Results: at most one an intent, kept as its type says, erased as the ledger says."""

import copy

import pytest

from ...flow.world import TYPE
from .exports import Mutations, assert_that_one_alone

breaks = Mutations(3)
breaks_order = Mutations(6)
breaks_bounds = Mutations(8)


@breaks
def an_intent_has_two_results(lines):
    result = lines.data("answered-by-tool", "ACTION_EXECUTED")["result"]
    lines.data("unknown", "ACTION_UNKNOWN")["result"] = result
    lines.data("unknown", "OUTCOME_RESOLVED")["result"] = result


@breaks_order
def something_was_erased_that_was_never_told(lines):
    erased = lines.entry("erased", "CONTENT_ERASED")
    of_another = {**copy.deepcopy(erased), "action_intent_id": "auto-1", "account_id": "north"}
    lines.insert_after(lines.entry("auto-1", "ACTION_EXECUTED"), of_another)


@breaks_order
def another_content_was_erased_than_was_kept(lines):
    lines.data("erased", "CONTENT_ERASED")["sha256"] = "0" * 64


@breaks_order
def a_result_was_erased_twice(lines):
    erased = lines.entry("erased", "CONTENT_ERASED")
    lines.insert_after(erased, erased)


@breaks_order
def what_was_erased_had_not_been_kept(lines):
    lines.data("erased", "ACTION_EXECUTED")["result"] |= {"kept": False, "not_kept": "TOO_LARGE", "erase_at": None}


@breaks_order
def something_else_of_an_intent_was_erased(lines):
    lines.data("erased", "CONTENT_ERASED")["content"] = "decision"


@breaks_order
def a_result_says_no_size(lines):
    del lines.data("answered-by-tool", "ACTION_EXECUTED")["result"]["size"]


@breaks_bounds
def a_result_is_kept_for_longer_than_its_type_says(lines):
    lines.data("answered-by-tool", "ACTION_EXECUTED")["result"]["erase_at"] = "2030-03-10T12:00:00Z"


@breaks_bounds
def a_result_is_kept_for_good(lines):
    lines.data("answered-by-tool", "ACTION_EXECUTED")["result"]["erase_at"] = None


def _types_keep(lines, **result):
    lines.alter_configs(lambda bounds: bounds["action_types"][TYPE].update(result={**ALL, **result}))


ALL = {"mode": "kept", "keep": "7d", "keep_paths": [], "drop_paths": [], "people": False}


@breaks_bounds
def the_type_keeps_nothing_of_answers(lines):
    _types_keep(lines, mode="none")


@breaks_bounds
def the_type_keeps_hashes_alone(lines):
    _types_keep(lines, mode="refs")


@breaks_bounds
def the_type_keeps_answers_for_an_hour(lines):
    _types_keep(lines, keep="1h")


@pytest.mark.parametrize("invariant, mutate", [*breaks, *breaks_order, *breaks_bounds])
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)
