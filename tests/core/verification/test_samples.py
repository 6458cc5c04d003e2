"""Sampled actions: answers are counted in their places, by whoever may, and stop exactly when they must."""

import pytest

from ...flow.world import TENANT
from .exports import REFUND, Mutations, assert_that_one_alone, found

breaks = Mutations(8)
breaks_digest = Mutations(4)


def answer(lines, name):
    return lines.data(name, "AUTONOMY_SAMPLED")


def stop(lines, account_id=None):
    scope = {"tenant_id": TENANT, "account_id": account_id, "action_type": REFUND}
    pulled = (line for line in lines.chain(None) if line["event_type"] == "AUTONOMY_STOPPED")
    return next(line for line in pulled if line["data"]["scope"] == scope)


def counted(lines, name):
    """As the answer counts for the limit of the account."""
    (limit,) = answer(lines, name)["limits"]
    return limit


@breaks
def a_disagreement_was_made_an_agreement(lines):
    answer(lines, "refund-1")["right"] = True


@breaks
def an_answer_was_taken_out(lines):
    lines.drop("refund-2", "AUTONOMY_SAMPLED")


@breaks
def two_answers_changed_places(lines):
    answer(lines, "refund-1")["number"], answer(lines, "refund-2")["number"] = 2, 1


@breaks
def the_stop_was_taken_out(lines):
    gone = stop(lines)
    lines.lines = [line for line in lines.lines if line is not gone]


@breaks
def the_answer_does_not_say_that_it_stopped(lines):
    answer(lines, "refund-3")["stopped"] = False


@breaks
def an_answer_says_that_it_stopped(lines):
    answer(lines, "refund-1")["stopped"] = True


@breaks
def it_says_less_of_the_disagreements(lines):
    answer(lines, "refund-3")["disagreements"] = 1


@breaks
def the_stop_came_a_minute_later(lines):
    stop(lines)["at"] = lines.entry("refund-3", "AUTONOMY_SAMPLED")["at"].replace(":00Z", ":59Z")


@breaks
def the_stop_was_of_one_account_alone(lines):
    stop(lines)["data"]["scope"]["account_id"] = "shop"


@breaks
def somebody_pulled_it_in_the_name_of_an_answer(lines):
    stop(lines)["data"]["by"] = stop(lines)["actor"] = "eve"


@breaks
def a_stop_names_an_answer_that_did_not_stop(lines):
    stop(lines)["data"]["sampled"] = {"action_intent_id": "refund-2", "number": 2}


@breaks
def the_bounds_allowed_more(lines):
    answer(lines, "refund-3")["stop_after"]["disagreements"] = 3


@breaks
def somebody_else_wrote_the_answer(lines):
    lines.entry("refund-2", "AUTONOMY_SAMPLED")["actor"] = "eve"


@breaks
def its_proposer_judged_it(lines):
    entry = lines.entry("refund-2", "AUTONOMY_SAMPLED")
    entry["actor"] = entry["data"]["answered_by"] = "Agent"


@breaks
def it_was_answered_twice(lines):
    again = lines.entry("refund-3", "AUTONOMY_SAMPLED")
    lines.insert_after(again, {**again, "data": {**again["data"], "number": 4}})


@breaks
def nobody_was_shown_what_was_judged(lines):
    lines.insert_after(lines.chain("auto-1")[-1], entry_of(lines, "auto-1"))


@breaks
def people_are_shown_less_than_the_bounds_say(lines):
    lines.data("refund-back", "ACTION_APPROVED")["sample"] = "0.5"


@breaks
def people_are_shown_nothing(lines):
    del lines.data("refund-back", "ACTION_APPROVED")["sample"]


@breaks
def what_people_approved_is_shown_to_people(lines):
    lines.data("answered", "ACTION_APPROVED")["sample"] = "1"


@breaks
def the_stop_of_a_limit_was_taken_out(lines):
    gone = stop(lines, "shop")
    lines.lines = [line for line in lines.lines if line is not gone]


@breaks
def the_stop_of_a_limit_was_of_another_account(lines):
    stop(lines, "shop")["data"]["scope"]["account_id"] = "south"


@breaks
def the_stop_of_a_limit_was_of_the_whole_tenant(lines):
    stop(lines, "shop")["data"]["scope"]["account_id"] = None


@breaks
def the_stop_of_a_limit_names_another_limit(lines):
    stop(lines, "shop")["data"]["sampled"]["limit"] = "each"


@breaks
def it_counts_for_no_limit(lines):
    del answer(lines, "refund-2")["limits"]


@breaks
def it_counts_for_a_limit_of_another(lines):
    counted(lines, "refund-2")["scope"] = "account:south"


@breaks
def it_says_less_of_a_limits_disagreements(lines):
    counted(lines, "refund-3")["disagreements"] = 1


@breaks
def it_does_not_say_that_it_stopped_for_a_limit(lines):
    counted(lines, "refund-3")["stopped"] = False


@breaks
def a_limit_allowed_more(lines):
    counted(lines, "refund-3")["stop_after"]["disagreements"] = 3


@breaks
def two_answers_changed_places_in_a_limit(lines):
    counted(lines, "refund-1")["number"], counted(lines, "refund-2")["number"] = 2, 1


@breaks_digest
def something_else_was_judged(lines):
    answer(lines, "refund-2")["digest"] = "0" * 64


def entry_of(lines, name):
    """An answer about an intent that has none."""
    like, last = lines.entry("refund-2", "AUTONOMY_SAMPLED"), lines.chain(name)[-1]
    own = {field: last[field] for field in ("account_id", "action_intent_id", "entry_id")}
    about = {field: lines.data(name, "INTENT_PROPOSED")[field] for field in ("digest", "action_type")}
    approval_id = lines.data(name, "ACTION_APPROVED")["approval_id"]
    data = {**like["data"], **about, "approval_id": approval_id, "number": 1}
    for gone in ("stop_after", "disagreements", "of_sampled", "limits"):
        del data[gone]
    return {**like, **own, "data": data}


@pytest.mark.parametrize("invariant, mutate", [*breaks, *breaks_digest])
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)


def test_a_share_under_which_it_is_not_drawn_is_found(lines):
    # An outcome's hash says whether it is: no share but the whole one holds them all.
    for name in ("refund-1", "refund-2", "refund-3"):
        lines.data(name, "ACTION_APPROVED")["sample"] = "0.0001"
    lines.alter_configs(lambda bounds: bounds["action_types"][REFUND].update(sample=0.0001))

    assert found(lines.rehashed()) == {8}


def test_a_stop_that_came_after_the_chains_were_read_is_no_finding(lines):
    for account_id in (None, "shop"):
        stop(lines, account_id)["data"]["sampled"] |= {"action_intent_id": "refund-9", "number": 9}
    answer(lines, "refund-3").update(right=True, stopped=False, disagreements=1)
    counted(lines, "refund-3").update(stopped=False, disagreements=1)

    assert found(lines.rehashed()) == set()
