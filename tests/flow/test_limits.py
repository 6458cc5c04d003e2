"""Limits with names on every store: charged in the decision's one write, given back where they were taken, and told."""

import pytest

from remit.core.errors import InvalidInput
from remit.core.gate.bounds_parts import ActionTypes, Limits, parse_part
from remit.core.records import USAGE
from remit.ports import REFUSED

from .world import NOON, TENANT, TYPE, proposal, type_of

PAY = "PAY"
MONEY = {
    **{"name": "money", "sum": "amount", "unit": "EUR", "most": 100, "per": "day", "of": "account"},
    "action_types": [PAY],
}
BURST = {"name": "burst", "most": 3, "per": "minute", "of": "account"}
EACH = {"name": "each", "most": 4, "per": "week", "of": "principal", "timezone": "Europe/Berlin"}
TOGETHER = {"name": "together", "most": 6, "per": "month", "of": "tenant"}
TYPES = {
    TYPE: type_of(),
    PAY: {**type_of(), "amounts": {"amount": {"value": "parameters.amount", "unit": "EUR"}}},
}
FOR_ALICE = {"on_behalf_of": "alice"}


def limit(world, *limits, **changes):
    own = list(limits or (MONEY, BURST, EACH, TOGETHER))
    principals = {"alice": {}, "bob": {}}
    world.apply(action_types=TYPES, allowlist=[TYPE, PAY], principals=principals, limits=own, **changes)


def payment(amount, name="i-1", **changes):
    return proposal(name, action_type=PAY, parameters={"amount": amount}, **{**FOR_ALICE, **changes})


def pay(world, amount, name="i-1", **changes):
    (answer,) = world.app.submit([payment(amount, name, **changes)])
    return answer


def used(world):
    """By limit and owner, whatever window."""
    found = {}
    for usage in world.inner.scan(USAGE, TENANT):
        parts = usage.usage_id.split("|")
        if len(parts) == 5:
            assert found.setdefault((parts[4], parts[3]), usage.counters[""].used) is not None
    return found


def left(limits):
    return {limit["name"]: (limit["used"], limit["left"]) for limit in limits}


def test_every_window_of_a_decision_is_charged_in_its_one_write(world):
    limit(world)

    assert pay(world, "12.50").result == "AUTO_EXECUTED"

    assert used(world) == {
        ("money", "account:north"): 125000,
        ("burst", "account:north"): 1,
        ("each", "principal:alice"): 1,
        ("together", "tenant"): 1,
    }
    (approved,) = [entry for entry in world.inner.chain(TENANT, "i-1") if entry.event_type == "ACTION_APPROVED"]
    told = [
        (charge["window_id"].split("|")[-1], charge["taken"], charge["unit"]) for charge in approved.data["charges"]
    ]
    assert told[-4:] == [("money", "12.5", "EUR"), ("burst", 1, None), ("each", 1, None), ("together", 1, None)]
    world.assert_sound()


def test_each_limit_stops_what_it_is_over_and_the_rest_runs_on(world):
    limit(world)

    over = [pay(world, 60, "a"), pay(world, 60, "b")]
    burst = [pay(world, 1, f"c-{number}") for number in range(3)]
    world.clock.pass_(minutes=1)
    each = [pay(world, 1, f"d-{number}") for number in range(2)]
    bob = [pay(world, 1, f"e-{number}", on_behalf_of="bob", account_id="south") for number in range(3)]

    assert [answer.reason for answer in over] == ["WITHIN_BOUNDS", "BUDGET_EXCEEDED"]
    assert [answer.reason for answer in burst] == ["WITHIN_BOUNDS", "WITHIN_BOUNDS", "BUDGET_EXCEEDED"]
    assert [answer.reason for answer in each] == ["WITHIN_BOUNDS", "BUDGET_EXCEEDED"]
    assert [answer.reason for answer in bob] == ["WITHIN_BOUNDS", "WITHIN_BOUNDS", "BUDGET_EXCEEDED"]
    assert "limit money for account north has 40 EUR left of 100 EUR" in over[1].explanation
    assert "limit each for principal alice is reached: 4 of 4 used" in each[1].explanation
    assert "limit together for all accounts together is reached" in bob[2].explanation
    world.assert_sound()


def test_intents_of_one_call_share_their_windows(world):
    limit(world, MONEY, TOGETHER)

    answers = world.app.submit([payment("30", f"i-{number}") for number in range(5)])

    assert [answer.reason for answer in answers] == ["WITHIN_BOUNDS"] * 3 + ["BUDGET_EXCEEDED"] * 2
    assert used(world) == {("money", "account:north"): 900000, ("together", "tenant"): 3}
    world.assert_sound()


def test_a_repeated_intent_is_charged_once(world):
    limit(world)

    pay(world, 60)
    again = pay(world, 60)

    assert again.already_published and used(world)["money", "account:north"] == 600000
    world.assert_sound()


def test_what_nobody_can_count_waits_for_a_person_whose_approval_costs_nothing(world):
    limit(world)

    answers = [pay(world, "much", "a"), pay(world, 5, "b", on_behalf_of=None)]
    world.approve("a")
    world.work()

    assert [answer.reason for answer in answers] == ["AMOUNT_UNKNOWN", "PRINCIPAL_MISSING"]
    assert (world.status("a"), used(world)) == ("SUCCEEDED", {})
    world.assert_sound()


@pytest.mark.parametrize("way", ["withdrawn", "stopped", "expired"])
def test_what_never_ran_is_given_back_into_the_windows_it_was_taken_from(world, way):
    limit(world)
    pay(world, "12.50", "stays")
    world.work()
    pay(world, "30.25", "goes", expires_at=NOON.replace(hour=13).isoformat())
    if way == "withdrawn":
        world.clock.pass_(minutes=2)
        world.app.withdraw(TENANT, "goes", by="agent")
    elif way == "stopped":
        world.stop()
        world.clock.pass_(minutes=2)
        world.work()
    else:
        world.clock.pass_(days=2)
        world.app.reconcile()

    assert world.status("goes") in ("WITHDRAWN", "CANCELLED", "EXPIRED")
    assert used(world) == {
        ("money", "account:north"): 125000,
        ("burst", "account:north"): 1,
        ("each", "principal:alice"): 1,
        ("together", "tenant"): 1,
    }
    world.assert_sound()


def test_a_refusal_by_the_bus_gives_sums_back(sending):
    limit(sending)
    sending.bus.script += [REFUSED]

    pay(sending, "12.50")

    assert sending.status() == "AWAITING_APPROVAL"
    assert set(used(sending).values()) == {0}
    sending.assert_sound()


def test_usage_tells_what_is_left_in_money_and_in_counts(world):
    limit(world, tenant_budget={"max_autonomous_per_day": 9})
    pay(world, "12.50")

    told = world.app.usage(TENANT)

    (north,) = told["accounts"]
    assert left(north["limits"]) == {"money": ("12.5", "87.5"), "burst": (1, 2)}
    assert left(told["limits"]) == {"together": (1, 5)}
    assert [(each["principal"], left(each["limits"])) for each in told["principals"]] == [
        ("alice", {"each": (1, 3)}),
        ("bob", {"each": (0, 4)}),
    ]
    assert north["limits"][0] == {
        "name": "money",
        "per": "day",
        "unit": "EUR",
        "limit": "100",
        "used": "12.5",
        "left": "87.5",
        "action_types": [PAY],
        "log_only": False,
        "timezone": "UTC",
        "starts_at": "2026-03-10T00:00:00Z",
        "resets_at": "2026-03-11T00:00:00Z",
    }
    pay(world, "many", "asks")
    (waiting,), _ = world.app.queue(TENANT, limit=5)
    assert left(waiting["budget"]["limits"]) == {"money": ("12.5", "87.5"), "burst": (1, 2)}


def test_measurements_tell_what_each_limit_leaves(world):
    limit(world)
    pay(world, "12.50")

    measured = world.app.measure(TENANT)

    assert measured.limit_left == {
        (TENANT, "money", "EUR", "account:north"): 87.5,
        (TENANT, "burst", "", "account:north"): 2,
        (TENANT, "each", "", "principal:alice"): 3,
        (TENANT, "each", "", "principal:bob"): 4,
        (TENANT, "together", "", "tenant"): 5,
    }


def test_a_tenant_with_limits_alone_runs_within_them_and_its_accounts_are_shown(world):
    limit(world, MONEY, budget=None)

    answers = [pay(world, 60, "a"), pay(world, 60, "b"), world.submit("c")]

    assert [answer.reason for answer in answers] == ["WITHIN_BOUNDS", "BUDGET_EXCEEDED", "BUDGET_NOT_CONFIGURED"]
    (north,) = world.app.usage(TENANT)["accounts"]
    assert (north["max_autonomous_per_day"], left(north["limits"])) == (None, {"money": ("60", "40")})
    world.assert_sound()


def test_changes_of_limits_are_held_against_what_is_in_force(world):
    limit(world, MONEY)
    pay(world, 60, "a")
    limit(world, {**MONEY, "most": 200})
    pay(world, 60, "b")

    with pytest.raises(InvalidInput) as refused:
        limit(world, {**MONEY, "per": "month"})
    part = parse_part(Limits, {"limits": [{**MONEY, "name": "monthly", "per": "month"}]})
    world.app.apply_part(TENANT, part, by="ann")
    pay(world, 60, "c")

    assert refused.value.field == "limits.0.per"
    assert used(world) == {("money", "account:north"): 1200000, ("monthly", "account:north"): 600000}
    world.assert_sound()


def test_a_part_that_takes_the_amount_from_under_a_sum_is_refused(world):
    limit(world, MONEY)

    part = parse_part(ActionTypes, {"action_types": {TYPE: type_of(), PAY: type_of()}})

    with pytest.raises(InvalidInput, match="PAY declares no amount 'amount'"):
        world.app.apply_part(TENANT, part, by="ann")


def test_two_processes_that_decide_at_once_never_take_more_than_there_is(new_world):
    world = new_world()
    limit(world, MONEY, TOGETHER)

    first, second = world.race(
        lambda app: app.submit([payment("60", "a")])[0], lambda app: app.submit([payment("60", "b")])[0]
    )

    assert sorted([first.reason, second.reason]) == ["BUDGET_EXCEEDED", "WITHIN_BOUNDS"]
    assert used(world) == {("money", "account:north"): 600000, ("together", "tenant"): 1}
    world.assert_sound()
