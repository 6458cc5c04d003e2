"""Charges: every counter follows from the entries, without gaps, and nothing is charged or left out besides."""

import pytest

from remit.core.gate.budget import Counter as Window
from remit.core.ledger.verification import verify
from remit.core.records import USAGE

from ...flow.world import TENANT
from .exports import WINDOW, Mutations, assert_that_one_alone

breaks = Mutations(1)


@breaks
def a_position_is_taken_twice(lines):
    lines.data("auto-2", "ACTION_APPROVED")["charges"][0]["position"] = 1


@breaks
def a_use_is_one_too_low(lines):
    lines.data("auto-2", "ACTION_APPROVED")["charges"][0]["used_after"] = 1


@breaks
def a_charge_is_dropped_and_the_rest_renumbered(lines):
    charges = lines.data("auto-2", "ACTION_APPROVED")["charges"]
    charges[:] = [charge for charge in charges if charge["window_id"] != WINDOW]
    lines.renumbered()


@breaks
def the_last_charge_of_a_window_is_dropped(lines):
    """No gap shows: only the bounds say that it should have been charged."""
    _, last = lines.movements(WINDOW)[-1]
    for line in lines.lines:
        charges = line["data"].get("charges", [])
        charges[:] = [charge for charge in charges if charge is not last]


@breaks
def policy_approved_for_nothing(lines):
    lines.data("auto-2", "ACTION_APPROVED")["charges"] = []
    lines.renumbered()


@breaks
def a_person_s_approval_is_charged(lines):
    _, last = lines.movements(WINDOW)[-1]
    more = {**last, "position": last["position"] + 1, "used_after": last["used_after"] + 1}
    lines.data("spill", "ACTION_APPROVED")["charges"] = [more]


@breaks
def a_release_goes_into_another_window(lines):
    charge = lines.data("stopped", "BUDGET_RELEASED")["charges"][0]
    charge["window_id"] = charge["window_id"].replace("2026-03-10", "2026-03-09")
    lines.renumbered()


@breaks
def an_approval_is_cut_off_with_its_charges(lines):
    """Cut from the end of the windows, so that no position is missing."""
    lines.drop("running", "ACTION_APPROVED")
    lines.drop("running", "ACTION_PUBLISHED")
    lines.drop("running", "EXECUTION_STARTED")


@pytest.mark.parametrize("invariant, mutate", breaks)
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)


# --- the live counters ---


def live_counters(world):
    usages = world.inner.scan(USAGE, TENANT)
    return {window_id: counter for usage in usages for window_id, counter in usage.windows().items()}


def live(world, exported, change):
    counters = live_counters(world)
    counters[WINDOW] = change(counters[WINDOW])
    return {f.invariant for f in verify(exported, own_chain=exported, counters=counters, sealed=False).findings}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda c: Window(used=c.used + 1, position=c.position), id="one-too-many"),
        pytest.param(lambda c: Window(used=c.used - 1, position=c.position), id="one-too-few"),
        pytest.param(lambda c: Window(used=c.used - 1, position=c.position - 1), id="a-charge-lost-with-its-position"),
        pytest.param(lambda c: Window(used=c.used + 1, position=c.position + 1), id="a-charge-that-no-entry-tells-of"),
        pytest.param(lambda c: Window(), id="set-back-to-nothing"),
    ],
)
def test_a_live_counter_that_is_not_what_its_charges_say_is_found(world, exported, change):
    assert live(world, exported, change) == {1}
    assert live(world, exported, lambda counter: counter) == set()


def test_a_live_counter_of_a_window_that_nothing_was_charged_to_is_found(world, exported):
    counters = {**live_counters(world), "2026-03-10@UTC|account:west|all": Window(used=1, position=1)}

    assert {f.invariant for f in verify(exported, own_chain=exported, counters=counters, sealed=False).findings} == {1}


def test_what_is_charged_while_verification_reads_is_not_taken_for_a_mistake(world, exported):
    """Counters first, entries later: the entries are ahead of the counters, and the counters catch up."""
    before = {name: Window() for name in live_counters(world)}

    report = verify(
        exported, own_chain=exported, counters=before, counters_after=lambda: live_counters(world), sealed=False
    )

    assert report.ok
