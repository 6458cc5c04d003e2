"""Limits: what a charge was measured against is what the bounds said, in the window of its day."""

import pytest

from remit.app.offline import verify_export

from .exports import WINDOW, Mutations, assert_that_one_alone, found

breaks = Mutations(2)


def renamed(lines, old, new, *, also_refused=False):
    """Other windows in every charge and the decision that made it, as a writer that mistook the day would have it."""
    for line in lines.lines:
        passed = [check for check in line["data"].get("checks", []) if check["passed"] or also_refused]
        seen = [limit for check in passed for limit in check["saw"].get("limits", [])]
        for each in [*line["data"].get("charges", []), *seen]:
            each["window_id"] = each["window_id"].replace(old, new)


def say_that_it_ends(lines, name, ends):
    checks = {each["check"]: each["saw"] for each in lines.data(name, "GATE_DECIDED")["checks"]}
    for limit in checks["budget"]["limits"]:
        limit["resets_at"] = ends


@breaks
def charges_were_counted_into_a_day_far_away(lines):
    renamed(lines, "2026-03-10@", "2026-03-12@")


@breaks
def charges_were_counted_into_what_is_no_day(lines):
    renamed(lines, "2026-03-10@", "2026-02-30@")


@breaks
def a_charge_was_made_after_its_window_had_ended(lines):
    say_that_it_ends(lines, "auto-2", "2026-03-10T00:00:00Z")


@breaks
def a_charge_was_made_before_its_window_began(lines):
    say_that_it_ends(lines, "auto-2", "2026-03-12T00:00:00Z")


@breaks
def the_limit_was_lower_than_the_use(lines):
    # Refused for its amount, before which the budget would have refused it.
    lines.drop("refund-unknown")
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


@pytest.mark.parametrize("invariant, mutate", breaks)
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)


@pytest.mark.parametrize("date", ["2026-03-09", "2026-03-10", "2026-03-11"])
def test_a_ledger_of_a_zone_whose_rules_nobody_here_has_is_sound(lines, date):
    lines.alter_configs(
        lambda bounds: [bounds[name].update(timezone="Mars/Base") for name in ("budget", "tenant_budget")]
    )
    renamed(lines, "2026-03-10@UTC", f"{date}@Mars/Base", also_refused=True)

    report = verify_export(iter(lines.rehashed()))

    assert report.ok, [str(finding) for finding in report.findings]


def test_charges_in_another_zone_than_the_bounds_say_are_found(lines):
    renamed(lines, "@UTC|account:north", "@Asia/Tokyo|account:north")

    assert found(lines.rehashed()) == {1, 2}
