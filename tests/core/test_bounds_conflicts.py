"""What bounds say at one place and another place has the last word on, said in words."""

from __future__ import annotations

import pytest

from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.bounds_conflicts import conflicts

TOOL = {"connector": "internal", "operation": "create_note"}
LOW, HIGH = ({"risk_tier": tier, "tool": TOOL} for tier in ("LOW", "HIGH"))
SOUND = {
    "tenant": "acme",
    "action_types": {"NOTE": LOW, "MAIL": HIGH},
    "allowlist": ["NOTE"],
    "modes": {"NOTE": "AUTO_EXECUTE"},
    "budget": {"max_autonomous_per_day": 10},
}


def said(**changes):
    return [str(each) for each in conflicts(parse_bounds({**SOUND, **changes}))]


def test_bounds_of_which_every_part_holds_have_none():
    assert said() == []
    assert said(accounts={"north": {"budget": {"timezone": "Europe/Berlin"}}, "south": {"allowlist": []}}) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (
            {"allowlist": ["NOTE", "MAIL"], "modes": {"default": "AUTO_EXECUTE"}},
            "MAIL may run alone by the list, but its risk still asks",
        ),
        ({"modes": {}}, "NOTE may run alone by the list, but its mode still asks a person"),
        ({"modes": {"NOTE": "DISABLED"}}, "nobody can approve it"),
        (
            {"modes": {"NOTE": "AUTO_EXECUTE", "MAIL": "AUTO_EXECUTE"}},
            "MAIL may run alone by its mode, but the list does not name it",
        ),
        ({"budget": None}, "there is none, and no limit"),
        (
            {"budget": {"max_autonomous_per_day": 10, "max_per_action_type": {"NOTE": 0}}},
            "its budget still asks: 0 a day",
        ),
        (
            {"budget": {"max_autonomous_per_day": 10, "max_per_action_type": {"NOTE": 11}}},
            "11 a day are never reached: all together may be 10",
        ),
        (
            {"accounts": {"north": {"modes": {"NOTE": "PROPOSE_ONLY"}}}},
            "accounts.north.allowlist: NOTE may run alone by the list, but its mode still asks: it is only",
        ),
        (
            {"accounts": {"north": {"budget": {"max_per_action_type": {"NOTE": 50}}}}},
            "accounts.north.budget.max_per_action_type.NOTE: 50 a day are never reached",
        ),
    ],
)
def test_each_says_what_has_the_last_word(changes, told):
    (only,) = said(**changes)

    assert told in only


def test_a_limit_of_each_account_gives_autonomy_as_a_budget_does():
    limit = {"name": "few", "most": 3, "per": "day", "of": "account"}

    assert said(budget=None, limits=[limit]) == []


def test_what_holds_for_every_account_is_said_once():
    assert len(said(modes={}, accounts={"north": {"budget": {"max_autonomous_per_day": 5}}})) == 1
