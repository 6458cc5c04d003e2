"""Make this automatic next time: the smallest changes of bounds under which a waiting intent would have run."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from remit.core.errors import NotFound, NotInThatState
from remit.stores.memory import MemoryStore

from .world import ACCOUNT, NOON, OTHER, TENANT, TYPE, World, bounds, type_of

AMOUNTS = {"amount": {"value": "parameters.amount", "unit": "EUR"}}
SPENDING = {TYPE: {**type_of(), "amounts": AMOUNTS}, OTHER: type_of()}
MONEY = {"name": "money", "sum": "amount", "unit": "EUR", "most": 100, "per": "day", "of": "account"}
LARGE = """@id("large") @reason("TOO_LARGE")
forbid (principal, action, resource)
when { context.numbers.hasTag("amount") && context.numbers.getTag("amount").greaterThan(decimal("50.0")) };
"""


@pytest.fixture
def world():
    world = World(MemoryStore)
    world.apply()
    return world


def asked(world, name="asked", **changes):
    answer = world.submit(name, **changes)
    assert answer.result == "REQUIRE_APPROVAL", answer
    return world.app.automate(TENANT, name, period=None)


def paths(candidate):
    return [(change["path"], change["after"]) for change in candidate["changes"]]


def assert_each_lets_it_run(world, told, **changes):
    """What `decide` says of the same in a world that has those bounds."""
    assert told["candidates"]
    for candidate in told["candidates"]:
        other = World(MemoryStore)
        other.app.apply(candidate["bounds"], by="ann")
        assert other.submit("again", **changes).result == "AUTO_EXECUTED", candidate


@pytest.mark.parametrize(
    ("bounds_of", "proposed", "kinds", "first"),
    [
        (
            {"allowlist": [OTHER]},
            {},
            ["list"],
            [(f"accounts.{ACCOUNT}.allowlist", [OTHER, TYPE])],
        ),
        ({"modes": {}}, {}, ["mode"], [(f"accounts.{ACCOUNT}.modes.{TYPE}", "AUTO_EXECUTE")]),
        ({}, {"confidence_score": 0.61239}, ["threshold"], [(f"action_types.{TYPE}.min_confidence", 0.6123)]),
        ({}, {"confidence_score": None}, ["threshold"], [(f"action_types.{TYPE}.min_confidence", "none")]),
        (
            {"action_types": {TYPE: type_of(tier="HIGH"), OTHER: type_of()}},
            {},
            ["threshold"],
            [(f"action_types.{TYPE}.risk_tier", "LOW")],
        ),
        (
            {"budget": None},
            {},
            ["limit"],
            [(f"accounts.{ACCOUNT}.budget.max_autonomous_per_day", 1)],
        ),
        (
            {"budget": {"max_autonomous_per_day": 9, "max_per_action_type": {TYPE: 0}}},
            {},
            ["limit"],
            [(f"accounts.{ACCOUNT}.budget.max_per_action_type.{TYPE}", 1)],
        ),
        (
            {"tenant_budget": {"max_autonomous_per_day": 0}},
            {},
            ["limit"],
            [("tenant_budget.max_autonomous_per_day", 1)],
        ),
        (
            {"action_types": SPENDING, "limits": [{**MONEY, "action_types": [TYPE]}]},
            {"parameters": {"amount": "120.5"}},
            ["limit"],
            [("limits.money.most", "120.5")],
        ),
    ],
)
def test_the_setting_that_said_no_is_changed_as_little_as_it_takes(world, bounds_of, proposed, kinds, first):
    world.apply(**bounds_of)

    told = asked(world, **proposed)

    assert (told["already"], told["cannot"]) == (False, None)
    assert told["candidates"][0]["kinds"] == kinds
    assert paths(told["candidates"][0]) == first
    assert_each_lets_it_run(world, told, **proposed)


def test_a_rule_gets_a_larger_number_or_an_exception(world):
    world.apply(policies=[{"name": "large.cedar", "text": LARGE}])

    told = asked(world, parameters={"amount": 70.25})

    assert [candidate["kinds"] for candidate in told["candidates"]] == [["rule"], ["threshold"], ["rule"]]
    texts = [candidate["bounds"]["policies"][0]["text"] for candidate in told["candidates"]]
    assert f'unless {{ context.action_type == "{TYPE}" && resource == Account::"{ACCOUNT}" }};' in texts[0]
    assert 'greaterThan(decimal("70.25"))' in texts[1]
    assert f'unless {{ context.action_type == "{TYPE}" }};' in texts[2]
    assert_each_lets_it_run(world, told, parameters={"amount": 70.25})


def test_several_refusals_are_one_change_of_several_settings(world):
    world.apply(allowlist=[], modes={}, budget=None)

    told = asked(world, confidence_score=0.5)

    assert sorted(told["candidates"][0]["kinds"]) == ["limit", "list", "mode", "threshold"]
    assert len(told["candidates"]) == 5
    assert_each_lets_it_run(world, told, confidence_score=0.5)


@pytest.mark.parametrize(
    ("proposed", "reason"),
    [
        ({"risk_level": "HIGH"}, "RISK_LEVEL_HIGH"),
        ({"action_type": "NOT_REGISTERED"}, "RISK_LEVEL_HIGH"),
    ],
)
def test_what_no_bounds_could_let_run_says_why(world, proposed, reason):
    told = asked(world, **proposed)

    assert (told["candidates"], told["cannot"]["reason"]) == ([], reason)


def test_a_type_that_is_not_registered_is_said_to_be_that(world):
    told = asked(world, action_type="NOT_REGISTERED")

    assert told["cannot"]["explanation"] == (
        "NOT_REGISTERED is not registered, and counts as HIGH; register it with a tool, and propose it again"
    )
    assert "not registered" not in asked(world, "other", risk_level="HIGH")["cannot"]["explanation"]


def test_what_a_person_edited_stays_with_people(world):
    world.queued("asked")
    edited = world.app.edit(TENANT, "asked", by="bob", changes={"parameters.text": "better"}).action_intent_id

    told = world.app.automate(TENANT, edited)

    assert (told["candidates"], told["cannot"]["reason"]) == ([], "EDITED_BY_PERSON")


def test_a_stop_is_no_bound(world):
    world.stop()
    told = asked(world)

    assert (told["already"], told["candidates"]) == (True, [])


def test_counters_are_those_that_its_decision_saw(world):
    world.apply(budget={"max_autonomous_per_day": 1})
    world.submit("ran")
    world.submit("asked")
    world.clock.pass_(hours=30)

    told = world.app.automate(TENANT, "asked", period=None)

    assert paths(told["candidates"][0]) == [(f"accounts.{ACCOUNT}.budget.max_autonomous_per_day", 2)]


def test_each_comes_with_its_replay(world):
    world.queued("rejected")
    world.app.reject(TENANT, "rejected", by="bob")
    world.queued("asked")
    world.clock.pass_(seconds=1)

    told = world.app.automate(TENANT, "asked")

    replay = told["candidates"][0]["replay"]
    assert replay["would_run"]["people"] == {"rejected": 1, "waiting": 1}


def test_what_would_break_a_property_of_the_bounds_is_not_offered(world):
    pytest.importorskip("z3")
    world.apply(modes={}, never=[f'action_type == "{TYPE}"'])

    told = asked(world)

    assert (told["candidates"], told["cannot"]["reason"]) == ([], "NEVER")


def test_each_comes_with_its_proof(world):
    pytest.importorskip("z3")
    world.apply(modes={})

    told = asked(world)

    assert [candidate["proof"]["verdict"] for candidate in told["candidates"]] == ["WIDER", "WIDER"]


def test_a_disabled_default_is_not_switched_on_for_one_type(world):
    world.apply(modes={"default": "DISABLED", TYPE: "AUTO_EXECUTE"})

    told = asked(world)

    assert (told["candidates"], told["cannot"]["reason"]) == ([], "ACTION_TYPE_DISABLED")


def test_what_does_not_wait_is_not_made_automatic(world):
    world.submit("ran")

    with pytest.raises(NotInThatState):
        world.app.automate(TENANT, "ran")
    with pytest.raises(NotFound):
        world.app.automate(TENANT, "none")


# --- decide again ---


def again(world, *names):
    return world.app.decide_again(TENANT, list(names), by="ann")


def test_what_runs_now_is_superseded_by_the_same_and_charged(world):
    world.apply(modes={})
    world.submit("asked", parameters={"text": "hello"})
    world.apply()

    (answer,) = again(world, "asked")

    new = world.app.intent(TENANT, answer.superseded_by)
    assert (world.status("asked"), answer.status) == ("SUPERSEDED", "APPROVED")
    assert (new.supersedes, new.parameters, new.proposed_by) == ("asked", {"text": "hello"}, "agent")
    assert new.expires_at == world.app.intent(TENANT, "asked").expires_at
    assert world.used() == 1
    superseded = world.app.ledger(TENANT, "asked")[-1]
    assert (superseded["actor"], superseded["data"]["why"]) == ("ann", "DECIDED_AGAIN")
    world.settle()
    assert world.written(answer.superseded_by) == 1
    assert world.app.verify(TENANT).ok


def test_what_a_person_is_asked_about_all_the_same_waits_on_as_it_did(world):
    world.apply(modes={})
    world.submit("asked")
    before = world.events("asked")
    world.apply(budget=None)

    (answer,) = again(world, "asked")

    assert (answer.superseded_by, answer.status, answer.reason) == (None, "AWAITING_APPROVAL", "BUDGET_NOT_CONFIGURED")
    assert world.events("asked") == before
    assert world.statuses() == {"asked": "AWAITING_APPROVAL"}


def test_each_is_decided_by_itself_in_the_order_given(world):
    world.apply(budget={"max_autonomous_per_day": 0})
    for name in ("first", "second"):
        world.submit(name)
    world.apply(budget={"max_autonomous_per_day": 1})

    first, same, none, second = again(world, "first", "first", "none", "second")

    assert first.status == "APPROVED"
    assert (type(same), type(none)) == (NotInThatState, NotFound)
    assert (second.superseded_by, second.reason) == (None, "BUDGET_EXCEEDED")
    assert world.used() == 1


def test_what_a_person_edited_and_what_has_expired_is_not_decided_again(world):
    world.queued("edited")
    edited = world.app.edit(TENANT, "edited", by="bob", changes={"parameters.text": "better"}).action_intent_id
    world.queued("late", expires_at=NOON + timedelta(seconds=5))
    world.apply(action_types={TYPE: {**type_of(), "min_confidence": 0}, OTHER: type_of()})
    world.clock.pass_(seconds=10)

    waits, late = again(world, edited, "late")

    assert (waits.superseded_by, waits.reason) == (None, "PERSON_REQUIRED")
    assert isinstance(late, NotInThatState)


def test_a_replay_follows_what_was_decided_again(world):
    world.apply(modes={})
    world.submit("asked")
    world.apply()
    again(world, "asked")
    world.clock.pass_(seconds=1)

    replay = world.app.replay(bounds(TENANT))

    assert replay["would_run"]["people"] == {"decided_again": 1}
    assert [each["reason"] for each in replay["not_judged"]] == ["REPLACES_WHAT_WOULD_RUN"]


def test_votes_are_kept_of_what_still_asks(world):
    world.apply(action_types={TYPE: {**type_of(), "approvals_required": 2}, OTHER: type_of()})
    world.queued("asked")
    world.approve("asked", by="bob")

    again(world, "asked")

    assert [vote["voted_by"] for vote in world.app.status(TENANT, "asked")["votes"]] == ["bob"]


@pytest.mark.parametrize("private", ["parameters.amount", "parameters"])
def test_no_candidate_tells_a_private_value(world, private):
    world.apply(
        policies=[{"name": "large.cedar", "text": LARGE}], action_types={TYPE: {**type_of(), "private": [private]}}
    )

    told = asked(world, parameters={"amount": 73.21, "text": "hello"})

    assert [candidate["kinds"] for candidate in told["candidates"]] == [["rule"], ["rule"]]
    assert "73.21" not in json.dumps(told)
