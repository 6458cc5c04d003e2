"""Policies and limits that decide nothing say what they would have said, until a person makes them count."""

from __future__ import annotations

import pytest

from remit.core.errors import InvalidInput
from remit.stores.memory import MemoryStore

from .world import World, bounds

LARGE = """@id("large") @reason("TOO_LARGE") @explanation("a person looks at large ones")
forbid (principal, action, resource)
when { context.numbers.hasTag("amount") && context.numbers.getTag("amount").greaterThan(decimal("50.0")) };
"""
BLOCKS = '@id("never") @effect("BLOCK") forbid (principal, action, resource);'
BURST = {"name": "burst", "most": 1, "per": "minute", "of": "account", "log_only": True}


def log_only(name, text):
    return {"name": name, "text": text, "log_only": True}


@pytest.fixture
def world():
    world = World(MemoryStore)
    world.apply(policies=[log_only("large.cedar", LARGE)], limits=[BURST])
    return world


def said(world, name):
    return {each["name"]: each["would_say"] for each in world.app.why(world.tenant, name)["log_only"]}


def test_what_is_log_only_refuses_nothing_and_says_what_it_would_have_said(world):
    world.submit("small", parameters={"amount": 50})
    world.submit("large", parameters={"amount": 51})

    assert [world.status(name) for name in ("small", "large")] == ["APPROVED", "APPROVED"]
    assert said(world, "small") == {"large.cedar": None, "burst": None}
    assert said(world, "large") == {"large.cedar": "TOO_LARGE", "burst": "BUDGET_EXCEEDED"}
    assert world.app.why(world.tenant, "large")["log_only"][0]["explanation"] == "a person looks at large ones"
    assert world.app.verify(world.tenant).ok


def test_a_policy_says_what_it_would_have_said_whatever_else_asked_a_person(world):
    world.queued("unsure", parameters={"amount": 51})
    world.submit("unlisted", action_type="NEVER_LISTED", parameters={"amount": 51})
    world.stop(account_id="north")
    world.submit("stopped", parameters={"amount": 51})

    for name in ("unsure", "unlisted", "stopped"):
        assert said(world, name) == {"large.cedar": "TOO_LARGE"}
    assert world.app.verify(world.tenant).ok


def test_a_log_only_block_blocks_nobody(world):
    world.apply(policies=[log_only("never.cedar", BLOCKS)])
    world.submit("ran")
    world.queued("waits")

    world.approve("waits")

    assert [world.status(name) for name in ("ran", "waits")] == ["APPROVED", "APPROVED"]
    assert said(world, "waits") == {"never.cedar": "NEVER"}


def test_a_log_only_rule_that_cannot_be_evaluated_is_no_error_of_the_decision(world):
    world.submit("finer", parameters={"amount": 1.23456})

    assert world.status("finer") == "APPROVED"
    assert said(world, "finer")["large.cedar"] == "POLICY_ERROR"
    assert world.app.verify(world.tenant).ok


def test_a_promoted_policy_counts_from_the_next_decision_on(world):
    before, after = world.app.promote(world.tenant, "large.cedar", by="ann")
    world.submit("large", parameters={"amount": 51})

    assert after.config_sequence == before.config_sequence + 1
    assert world.app.why(world.tenant, "large")["reason"] == "TOO_LARGE"
    assert said(world, "large") == {}
    (change,), _ = world.app.history(world.tenant, limit=1)
    assert (change.event_type, change.actor) == ("CONFIG_CHANGED", "ann")
    assert world.app.verify(world.tenant).ok


def test_a_promoted_limit_goes_on_from_what_it_has_counted(world):
    world.submit("first")

    world.app.promote(world.tenant, "limits.burst", by="ann")
    world.submit("second")

    assert world.app.why(world.tenant, "second")["reason"] == "BUDGET_EXCEEDED"


def test_what_counts_already_is_promoted_without_a_change(world):
    world.app.promote(world.tenant, "burst", by="ann")

    before, after = world.app.promote(world.tenant, "burst", by="ann")

    assert before == after


@pytest.mark.parametrize("name", ["nothing", "policies.burst", "same"])
def test_a_name_of_none_or_of_two_promotes_nothing(world, name):
    limits = [BURST, {**BURST, "name": "same"}]
    world.apply(policies=[log_only("same", LARGE)], limits=limits)

    with pytest.raises(InvalidInput, match=r"limits\.(burst|same)"):
        world.app.promote(world.tenant, name, by="ann")


def test_a_replay_tells_what_log_only_would_have_refused_of_what_runs_alone(world):
    world.submit("small", parameters={"amount": 50})
    world.submit("large", parameters={"amount": 51})
    world.queued("unsure", parameters={"amount": 99})
    world.clock.pass_(seconds=1)

    answer = world.app.replay(bounds(world.tenant, policies=[log_only("large.cedar", LARGE)], limits=[BURST]))

    told = {each["name"]: each["would_refuse"]["by_reason"] for each in answer["log_only"]}
    assert [(name, [(each["reason"], each["count"]) for each in reasons]) for name, reasons in told.items()] == [
        ("large.cedar", [("TOO_LARGE", 1)]),
        ("burst", [("BUDGET_EXCEEDED", 1)]),
    ]
    assert answer["unchanged"] == 3
