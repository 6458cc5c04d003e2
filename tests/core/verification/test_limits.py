"""Limits: what a charge was measured against is what the bounds said."""

import pytest

from .exports import WINDOW, Mutations, assert_that_one_alone

breaks = Mutations(2)


@breaks
def the_limit_was_lower_than_the_use(lines):
    lines.alter_configs(lambda bounds: bounds["budget"].update(max_autonomous_per_day=2))
    for _, charge in lines.movements(WINDOW) + lines.movements(WINDOW.replace("north", "south")):
        charge["limit"] = 2


@breaks
def a_limit_is_claimed_higher_than_the_bounds_said(lines):
    lines.data("auto-2", "ACTION_APPROVED")["charges"][0]["limit"] = 50


@breaks
def a_limit_is_claimed_to_be_none(lines):
    lines.data("auto-3", "ACTION_APPROVED")["charges"][1]["limit"] = None


@breaks
def the_bounds_are_altered_afterwards(lines):
    lines.alter_configs(lambda bounds: bounds["budget"].update(max_autonomous_per_day=6), only=0)


@breaks
def the_ceiling_is_altered_afterwards(lines):
    lines.alter_configs(lambda bounds: bounds["tenant_budget"].update(max_autonomous_per_day=40), only=0)


@breaks
def a_decision_claims_bounds_that_never_were(lines):
    lines.data("auto-1", "GATE_DECIDED")["config_sequence"] = 17


@breaks
def a_change_of_the_bounds_is_taken_out(lines):
    lines.lines.remove(lines.entry(None, "CONFIG_CHANGED", 1))


@pytest.mark.parametrize("invariant, mutate", breaks)
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)
