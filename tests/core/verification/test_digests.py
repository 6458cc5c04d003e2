"""Digests: what was approved, started and recorded is what was proposed."""

import pytest

from remit.core.intent import digest_of_wire

from .exports import Mutations, assert_that_one_alone

breaks = Mutations(4)


@breaks
def the_proposal_s_parameters_are_changed(lines):
    lines.data("auto-1", "INTENT_PROPOSED")["parameters"]["text"] = "pay"


@breaks
def the_proposal_is_changed_with_its_digest(lines):
    intent = lines.data("auto-1", "INTENT_PROPOSED")
    intent["parameters"]["text"] = "pay"
    intent["digest"] = digest_of_wire(intent)


@breaks
def the_approval_is_of_another_digest(lines):
    lines.data("auto-1", "ACTION_APPROVED")["intent_digest"] = "0" * 64


@breaks
def the_execution_points_to_an_approval_of_another_digest(lines):
    lines.data("auto-1", "EXECUTION_STARTED")["digest"] = lines.data("auto-3", "INTENT_PROPOSED")["digest"]


@breaks
def the_outcome_points_to_an_approval_of_another_digest(lines):
    lines.data("answered", "ACTION_EXECUTED")["digest"] = "0" * 64


@breaks
def the_rejection_is_of_another_digest(lines):
    lines.data("rejected", "ACTION_REJECTED")["digest"] = "0" * 64


@breaks
def what_was_taken_back_has_another_digest(lines):
    lines.data("withdrawn", "INTENT_WITHDRAWN")["digest"] = "0" * 64


@breaks
def the_decision_is_about_another_digest(lines):
    lines.data("auto-1", "GATE_DECIDED")["intent_digest"] = "0" * 64


@breaks
def it_was_executed_without_an_approval(lines):
    lines.drop("answered", "ACTION_APPROVED")
    lines.drop("answered", "ACTION_PUBLISHED")


@pytest.mark.parametrize("invariant, mutate", breaks)
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)
