"""Tenants and accounts: every entry stays within its own."""

import pytest

from remit.core.intent import digest_of_wire

from .exports import Mutations, assert_that_one_alone

breaks = Mutations(7)


@breaks
def a_line_of_another_tenant(lines):
    lines.entry("auto-1", "ACTION_PUBLISHED")["tenant_id"] = "globex"


@breaks
def a_whole_chain_of_another_tenant(lines):
    for line in lines.chain("rejected"):
        line["tenant_id"] = "globex"
        if "tenant_id" in line["data"]:
            line["data"]["tenant_id"] = "globex"
    intent = lines.data("rejected", "INTENT_PROPOSED")
    intent["digest"] = lines.data("rejected", "GATE_DECIDED")["intent_digest"] = digest_of_wire(intent)
    lines.data("rejected", "ACTION_REJECTED")["digest"] = intent["digest"]


@breaks
def a_charge_to_another_account_s_window(lines):
    for charge in lines.data("late", "ACTION_APPROVED")["charges"]:
        if "account:east" in charge["window_id"]:
            charge |= {"window_id": charge["window_id"].replace("east", "north"), "position": 99}
    lines.renumbered()


@breaks
def data_that_names_another_account(lines):
    lines.data("auto-1", "ACTION_EXECUTED")["outcome"]["account_id"] = "south"


@breaks
def data_that_names_another_intent(lines):
    lines.data("auto-1", "GATE_DECIDED")["action_intent_id"] = "auto-2"


@breaks
def a_chain_that_wanders_from_account_to_account(lines):
    lines.entry("auto-1", "ACTION_PUBLISHED")["account_id"] = "south"


@breaks
def another_tenant_s_bounds(lines):
    lines.alter_configs(lambda bounds: bounds.update(tenant="globex"), only=0)


@breaks
def another_tenant_s_stop(lines):
    lines.data(None, "AUTONOMY_STOPPED")["scope"]["tenant_id"] = "globex"
    # What it stopped says that the platform had.
    checks = {each["check"]: each["saw"] for each in lines.data("while-stopped", "GATE_DECIDED")["checks"]}
    checks["stop_switch"]["stop"]["scope"]["tenant_id"] = None


@pytest.mark.parametrize("invariant, mutate", breaks)
def test_what_breaks_one_invariant_is_reported_as_that_one_alone(lines, invariant, mutate):
    assert_that_one_alone(lines, invariant, mutate)
