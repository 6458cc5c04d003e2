"""Questions: answered by whoever proposed, asked while it waits, and about nothing else."""

import copy

import pytest

from .exports import Mutations, assert_that_one_alone

breaks = Mutations(6)
breaks_digest = Mutations(4)


@breaks
def a_question_was_answered_that_nobody_had_asked(lines):
    lines.drop("asked", "QUESTION_ASKED")


@breaks
def a_question_was_answered_twice(lines):
    said = lines.entry("asked", "QUESTION_ANSWERED")
    lines.insert_after(said, said)


@breaks
def somebody_else_answered(lines):
    answered = lines.entry("asked", "QUESTION_ANSWERED")
    answered["actor"] = answered["data"]["answered_by"] = "bob"


@breaks
def it_was_asked_about_what_was_answered_already(lines):
    asked = copy.deepcopy(lines.entry("asked-in-vain", "QUESTION_ASKED"))
    lines.insert_after(lines.entry("asked-in-vain", "ACTION_REJECTED"), asked)


@breaks
def it_was_assigned_after_it_was_answered(lines):
    assigned = copy.deepcopy(lines.entry("asked-in-vain", "CARD_ASSIGNED"))
    lines.insert_after(lines.entry("asked-in-vain", "ACTION_REJECTED"), assigned)


@breaks
def somebody_else_assigned_it(lines):
    lines.data("asked-in-vain", "CARD_ASSIGNED")["assigned_by"] = "eve"


@breaks_digest
def something_else_was_assigned(lines):
    lines.data("asked-in-vain", "CARD_ASSIGNED")["digest"] = "0" * 64


@breaks_digest
def it_was_asked_about_something_else(lines):
    lines.data("asked-in-vain", "QUESTION_ASKED")["digest"] = "0" * 64


@breaks_digest
def something_else_was_said_to_be_meant(lines):
    lines.data("asked", "QUESTION_ANSWERED")["digest"] = "0" * 64


@pytest.mark.parametrize("invariant, mutate", [*breaks, *breaks_digest])
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)
