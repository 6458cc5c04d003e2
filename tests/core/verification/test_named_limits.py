"""Limits with names: sums and counts follow from the charges, in windows that are windows, and as the bounds said."""

import pytest

from .exports import EACH, MONEY, WATCHED, Mutations, assert_that_one_alone, found

breaks = Mutations(1)
limits = Mutations(2)


def charge_of(lines, intent, name, event_type="ACTION_APPROVED"):
    charges = lines.data(intent, event_type)["charges"]
    return next(charge for charge in charges if charge["window_id"].endswith(f"|{name}"))


def every_charge(lines, name):
    return [
        charge
        for line in lines.lines
        for charge in line["data"].get("charges", [])
        if charge["window_id"].endswith(f"|{name}")
    ]


def alter_limit(lines, name, **changes):
    def change(bounds):
        for limit in bounds.get("limits", []):
            if limit["name"] == name:
                limit.update(changes)

    lines.alter_configs(change)


# --- invariant 1: counters equal their charges ---


@breaks
def a_sum_is_a_ten_thousandth_too_low(lines):
    charge_of(lines, "refund-2", "money")["used_after"] = "90.4999"


@breaks
def less_was_taken_than_the_amount_is(lines):
    charge_of(lines, "refund-2", "money")["taken"] = "6"
    lines.renumbered()


@breaks
def more_was_taken_of_a_count_than_one(lines):
    charge_of(lines, "refund-2", "each")["taken"] = 2
    lines.renumbered()


@breaks
def more_was_taken_of_the_budget_than_one(lines):
    lines.data("refund-2", "ACTION_APPROVED")["charges"][0]["taken"] = 2
    lines.renumbered()


@breaks
def a_limit_was_left_out(lines):
    charges = lines.data("refund-3", "ACTION_APPROVED")["charges"]
    # Not the one for which answers are counted: that it was charged to it is held against them as well.
    charges[:] = [charge for charge in charges if not charge["window_id"].endswith("|each")]
    lines.renumbered()


@breaks
def a_watching_limit_was_left_out(lines):
    charges = lines.data("refund-3", "ACTION_APPROVED")["charges"]
    charges[:] = [charge for charge in charges if charge["window_id"] != WATCHED]
    lines.renumbered()


@breaks
def less_was_given_back_than_was_taken(lines):
    charge_of(lines, "refund-back", "money", "BUDGET_RELEASED")["taken"] = "9"
    lines.renumbered()


@breaks
def a_position_of_a_sum_is_taken_twice(lines):
    charge_of(lines, "refund-2", "money")["position"] = 1


# --- invariant 2: no charge above the limit, and each in its window ---


@limits
def a_sum_is_above_what_the_bounds_said(lines):
    alter_limit(lines, "money", most="99")
    for charge in every_charge(lines, "money"):
        charge["limit"] = "99"


@limits
def a_higher_limit_is_claimed_for_a_sum(lines):
    charge_of(lines, "refund-2", "money")["limit"] = "1000"


@limits
def a_limit_claims_that_it_only_watches(lines):
    charge = charge_of(lines, "refund-2", "money")
    charge |= {"limit": None, "would_be_limit": charge["limit"]}


@limits
def a_watching_limit_claims_another(lines):
    charge_of(lines, "refund-2", "watched")["would_be_limit"] = 7


@limits
def a_sum_claims_another_unit(lines):
    for event_type in ("ACTION_APPROVED", "BUDGET_RELEASED"):
        charge_of(lines, "refund-back", "money", event_type)["unit"] = "USD"


@limits
def the_bounds_had_no_such_limit(lines):
    lines.alter_configs(lambda bounds: bounds.update(limits=bounds["limits"][:3]))


@limits
def a_charge_was_made_when_its_window_was_over(lines):
    for charge in every_charge(lines, "money"):
        charge["window_id"] = charge["window_id"].replace("2026-03-10T", "2026-03-09T")
        charge |= {"starts_at": "2026-03-09T00:00:00Z", "ends_at": "2026-03-10T00:00:00Z"}


@limits
def a_window_begins_when_its_id_does_not_say(lines):
    for charge in every_charge(lines, "money"):
        charge["starts_at"] = "2026-03-10T01:00:00Z"


@limits
def a_window_is_longer_than_its_period(lines):
    for charge in every_charge(lines, "money"):
        charge["ends_at"] = "2026-03-12T00:00:00Z"


@limits
def a_window_is_shorter_than_its_period(lines):
    for charge in every_charge(lines, "money"):
        charge["ends_at"] = "2026-03-10T16:00:00Z"


@limits
def the_charges_of_a_window_disagree_about_its_end(lines):
    charge_of(lines, "refund-3", "money")["ends_at"] = "2026-03-11T01:00:00Z"


@limits
def an_overlapping_window_takes_what_the_first_has_no_room_for(lines):
    charge = charge_of(lines, "refund-3", "money")
    charge |= {"window_id": MONEY.replace("T00:", "T01:"), "starts_at": "2026-03-10T01:00:00Z"}
    charge |= {"ends_at": "2026-03-11T01:00:00Z"}
    lines.renumbered()


@limits
def an_amount_that_nobody_knows_ran_alone(lines):
    lines.alter_configs(lambda bounds: bounds["action_types"]["REFUND"].pop("amounts"))
    nobody_judged_what_the_limit_is_over(lines)
    for name in ("refund-over", "refund-unknown"):
        lines.drop(name)
    for line in lines.lines:
        charges = line["data"].get("charges", [])
        charges[:] = [charge for charge in charges if charge["window_id"] != MONEY]


def nobody_judged_what_the_limit_is_over(lines):
    lines.alter_configs(lambda bounds: bounds["limits"][0].pop("stop_after"))
    lines.lines = [line for line in lines.lines if "limit" not in line["data"].get("sampled", {})]
    for line in lines.lines:
        if line["event_type"] == "AUTONOMY_SAMPLED":
            del line["data"]["limits"]


@pytest.mark.parametrize("invariant, mutate", [*breaks, *limits])
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)


def test_a_charge_to_somebody_else_s_principal_is_found(lines):
    for charge in every_charge(lines, "each"):
        charge["window_id"] = EACH.replace("alice", "bob")

    assert found(lines.decisions_follow().rehashed()) == {7}


def test_charges_in_another_zone_than_the_limit_s_are_found(lines):
    for charge in every_charge(lines, "each"):
        charge["window_id"] = EACH.replace("Europe/Berlin", "Europe/Paris")

    assert found(lines.decisions_follow().rehashed()) == {1, 2}


@pytest.mark.parametrize("said", ["12.50", "1e1", "-3", "+3", " 3", "0.00001"])
def test_what_is_no_sum_as_records_carry_it_is_found(lines, said):
    charge_of(lines, "refund-2", "money")["taken"] = said

    assert 6 in found(lines.rehashed())


def test_a_limit_in_a_zone_whose_rules_nobody_here_has_is_sound(lines):
    alter_limit(lines, "each", timezone="Mars/Base")
    for charge in every_charge(lines, "each"):
        charge["window_id"] = charge["window_id"].replace("Europe/Berlin", "Mars/Base")
    for line in lines.lines:
        for check in line["data"].get("checks", []):
            for limit in check["saw"].get("limits", []):
                limit["window_id"] = (limit["window_id"] or "").replace("Europe/Berlin", "Mars/Base")

    assert found(lines.rehashed()) == set()
