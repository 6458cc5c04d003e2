"""Limits with names: what they are over, what an action takes of each, in which window, and the first without room."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.errors import InvalidInput
from remit.core.gate.amount import decimal_text, in_units
from remit.core.gate.bounds import BoundsInForce, nothing_set, replace_bounds
from remit.core.gate.bounds_checks import parse_bounds
from remit.core.gate.bounds_diff import describe_changes, limits_from_zero
from remit.core.gate.charging import release
from remit.core.gate.limit import MOST_LIMITS

from .make import NOW, TYPE, bounds, bounds_json, intent, type_json, verdict

PAY = "PAY"
EUR = {"amount": {"value": "parameters.amount", "unit": "EUR"}}
ANY_UNIT = {"amount": {"value": "parameters.amount", "unit": "parameters.currency"}}
LARGEST = 2**53 - 1


def count(name="burst", **changes):
    return {"name": name, "most": 2, "per": "minute", "of": "account", **changes}


def sum_of(name="money", **changes):
    whole = {"sum": "amount", "unit": "EUR", "most": 100, "per": "day", "of": "account", "action_types": [PAY]}
    return {"name": name, **whole, **changes}


def limited(*limits, amounts=EUR, **changes):
    types = {TYPE: type_json(), PAY: type_json(amounts=amounts)}
    return bounds_json(action_types=types, allowlist=[TYPE, PAY], limits=list(limits), **changes)


def in_force(*limits, **changes):
    return replace_bounds(nothing_set("acme"), parse_bounds(limited(*limits, **changes)), NOW)


def pay(amount="10", **changes):
    return intent(action_type=PAY, parameters={"amount": amount}, **changes)


class Gate:
    """One account after the other, in bounds that stay."""

    def __init__(self, *limits, **changes):
        self.bounds, self.usages, self.now = in_force(*limits, **changes), {}, NOW
        self.charges = []

    def decide(self, proposed):
        said = verdict(proposed, self.bounds, usages=self.usages, now=self.now)
        self.usages |= said.usages
        self.charges = said.charges
        return said.decision

    def used(self, name):
        return {window: counter.used for window, counter in self.windows().items() if window.endswith(f"|{name}")}

    def windows(self):
        return {id: counter for usage in self.usages.values() for id, counter in usage.windows().items()}


# --- counts and sums ---


def test_a_count_lets_so_many_run_in_a_window_and_more_in_the_next():
    gate = Gate(count(most=2))

    reasons = [gate.decide(intent()).reason for _ in range(3)]
    gate.now += timedelta(minutes=1)

    assert reasons == ["WITHIN_BOUNDS", "WITHIN_BOUNDS", "BUDGET_EXCEEDED"]
    assert gate.decide(intent()).approves
    assert gate.used("burst") == {
        "2026-03-10T12:00:00Z|minute|UTC|account:north|burst": 2,
        "2026-03-10T12:01:00Z|minute|UTC|account:north|burst": 1,
    }


def test_a_sum_is_exact_in_whatever_way_amounts_are_written():
    gate = Gate(sum_of(most="0.3"))

    assert [gate.decide(pay(amount)).reason for amount in (0.1, "0.10", 0.1)] == ["WITHIN_BOUNDS"] * 3
    assert gate.decide(pay("0.0001")).reason == "BUDGET_EXCEEDED"
    assert list(gate.used("money").values()) == [3000]


def test_a_smaller_amount_may_still_run_where_a_larger_one_has_no_room():
    gate = Gate(sum_of(most=100))
    gate.decide(pay(95))

    refused = gate.decide(pay("10.50"))

    assert refused.reason == "BUDGET_EXCEEDED"
    assert refused.explanation == (
        "the limit money for account north has 5 EUR left of 100 EUR, and this takes 10.50 EUR, "
        "resets at 2026-03-11T00:00:00Z (UTC)"
    )
    assert gate.decide(pay(5)).approves
    assert gate.decide(pay("0.0001")).reason == "BUDGET_EXCEEDED"


def test_a_charge_says_what_it_took_and_from_when_until_when_its_window_is():
    gate = Gate(sum_of(per="month", timezone="Europe/Berlin"), count())
    gate.decide(pay("12.50"))

    money, burst = gate.charges[-2:]

    assert money.wire() == {
        "window_id": "2026-02-28T23:00:00Z|month|Europe/Berlin|account:north|money",
        "limit": "100",
        "used_after": "12.5",
        "position": 1,
        "unit": "EUR",
        "taken": "12.5",
        "starts_at": "2026-02-28T23:00:00Z",
        "ends_at": "2026-03-31T22:00:00Z",
    }
    assert (burst.limit, burst.used_after, burst.unit, burst.taken) == (2, 1, None, 1)


def test_one_limit_over_a_set_of_types_is_over_all_of_them_together():
    types = {name: type_json(amounts=EUR) for name in ("REFUND", "PAYOUT")} | {TYPE: type_json()}
    both = sum_of(action_types=["REFUND", "PAYOUT"])
    whole = bounds(action_types=types, allowlist=list(types), limits=[both])

    first = verdict(intent(action_type="REFUND", parameters={"amount": 60}), whole)
    second = verdict(intent(action_type="PAYOUT", parameters={"amount": 60}), whole, usages=first.usages)

    assert (first.decision.reason, second.decision.reason) == ("WITHIN_BOUNDS", "BUDGET_EXCEEDED")
    assert verdict(intent(), whole, usages=first.usages).decision.approves


@pytest.mark.parametrize("of", ["account", "principal", "tenant"])
def test_a_limit_counts_for_each_account_or_principal_or_for_all_together(of):
    gate = Gate(count(of=of, most=1), principals={"alice": {}, "bob": {}})
    first = {"account_id": "north", "on_behalf_of": "alice"}
    gate.decide(intent(**first))

    others = [{**first, "account_id": "south"}, {**first, "on_behalf_of": "bob"}]
    ran = [gate.decide(intent(**other)).approves for other in others]

    assert ran == {"account": [True, False], "principal": [False, True], "tenant": [False, False]}[of]
    assert not gate.decide(intent(**first)).approves


def test_every_agent_of_a_principal_counts_against_its_limit():
    gate = Gate(count(of="principal", most=1), principals={"alice": {}})

    gate.decide(intent(on_behalf_of="alice", proposed_by="one"))

    assert gate.decide(intent(on_behalf_of="alice", proposed_by="two")).reason == "BUDGET_EXCEEDED"


# --- what cannot be counted ---


def test_where_a_limit_of_principals_applies_and_none_is_named_a_person_decides():
    gate = Gate(count(of="principal"))

    refused = gate.decide(intent())

    assert refused.reason == "PRINCIPAL_MISSING"
    assert "burst is counted for each principal: no principal is named" in refused.explanation


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"amount": None},
        {"amount": -5},
        {"amount": 0},
        {"amount": "0"},
        {"amount": True},
        {"amount": "1,5"},
        {"amount": "1e3"},
        {"amount": 1.00001},
        {"amount": [5]},
        {"amount": decimal_text(LARGEST + 1)},
    ],
    ids=str,
)
def test_an_amount_that_is_not_known_asks_a_person_and_takes_nothing(parameters):
    gate = Gate(sum_of(most=decimal_text(LARGEST)))

    refused = gate.decide(intent(action_type=PAY, parameters=parameters))

    assert (refused.reason, gate.usages) == ("AMOUNT_UNKNOWN", {})


def test_an_amount_in_another_unit_is_not_converted():
    gate = Gate(sum_of(), amounts=ANY_UNIT)

    refused = gate.decide(intent(action_type=PAY, parameters={"amount": 1, "currency": "USD"}))

    assert refused.reason == "AMOUNT_UNKNOWN"
    assert "it is in USD, the limit in EUR" in refused.explanation
    assert gate.decide(intent(action_type=PAY, parameters={"amount": 1, "currency": "EUR"})).approves


# --- which limits there have to be, and which is named ---


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ([], "BUDGET_NOT_CONFIGURED"),
        ([count(of="tenant")], "BUDGET_NOT_CONFIGURED"),
        ([count(log_only=True)], "BUDGET_NOT_CONFIGURED"),
        ([count(action_types=[PAY])], "BUDGET_NOT_CONFIGURED"),
        ([count()], "WITHIN_BOUNDS"),
        ([count(of="principal")], "WITHIN_BOUNDS"),
    ],
    ids=str,
)
def test_autonomy_takes_a_limit_of_the_account_or_the_principal_that_applies(limits, reason):
    gate = Gate(*limits, budget=None, principals={"alice": {}})

    assert gate.decide(intent(on_behalf_of="alice")).reason == reason


@pytest.mark.parametrize("without_daily", [{}, {"budget": None}, {"budget": {"max_per_action_type": {TYPE: 9}}}])
def test_a_ceiling_holds_for_what_runs_by_a_limit_alone(without_daily):
    gate = Gate(count(most=9), tenant_budget={"max_autonomous_per_day": 1}, **without_daily)

    assert [gate.decide(intent()).approves for _ in range(2)] == [True, False]


def test_a_type_s_daily_limit_holds_for_what_runs_by_a_limit_alone():
    gate = Gate(count(most=9), budget={"max_per_action_type": {TYPE: 1}})

    assert [gate.decide(intent()).approves for _ in range(2)] == [True, False]


ALL_FULL = {
    "budget": {"max_autonomous_per_day": 0, "max_per_action_type": {PAY: 0}},
    "tenant_budget": {"max_autonomous_per_day": 0},
}


def test_the_first_limit_without_room_is_named_budgets_first_and_limits_in_their_order():
    limits = [count("first", of="principal"), sum_of("second"), count("third", most=0)]
    said = []
    for room in (
        {},
        {"budget": {"max_autonomous_per_day": 9, "max_per_action_type": {PAY: 0}}},
        {"budget": {"max_autonomous_per_day": 9}},
        {"budget": {"max_autonomous_per_day": 9}, "tenant_budget": {"max_autonomous_per_day": 9}},
    ):
        said.append(Gate(*limits, **{**ALL_FULL, **room}).decide(pay("none")).explanation.split(" is ")[0])
    roomy = {"budget": {"max_autonomous_per_day": 9}}

    assert said == [
        "the day's limit for account north",
        "the day's limit for PAY in account north",
        "the day's limit for all accounts together",
        "the limit first",
    ]
    assert Gate(*limits[1:], **roomy).decide(pay("none")).reason == "AMOUNT_UNKNOWN"
    assert Gate(*limits[2:], **roomy).decide(pay("none")).explanation.startswith("the limit third for account north")


def test_a_refusal_by_any_limit_takes_nothing_of_any():
    gate = Gate(count("wide", most=9), sum_of(), count("none", most=0))

    gate.decide(pay())

    assert gate.usages == {}


def test_a_decision_says_what_it_compared():
    gate = Gate(sum_of(), count("none", most=0))

    check = gate.decide(pay()).checks[-1]

    assert (check.check, check.passed, check.saw["refused_by"]) == ("budget", False, "none")
    assert check.saw["limits"][2] == {
        "scope": "account",
        "window_id": "2026-03-10T00:00:00Z|day|UTC|account:north|money",
        "limit": "100",
        "used_before": "0",
        "used_after": "0",
        "resets_at": "2026-03-11T00:00:00Z",
        "name": "money",
        "unit": "EUR",
        "taken": "10",
    }


# --- limits that only watch ---


def test_a_limit_that_only_watches_counts_and_refuses_nothing():
    gate = Gate(count(most=1, log_only=True))

    gate.decide(intent())
    second = gate.decide(intent())

    assert second.approves
    assert (gate.charges[-1].limit, gate.charges[-1].would_be_limit, gate.charges[-1].used_after) == (None, 1, 2)
    assert second.checks[-1].saw["limits"][-1]["would_say"] == "BUDGET_EXCEEDED"


@pytest.mark.parametrize(
    ("watching", "would_say"),
    [(sum_of(log_only=True), "AMOUNT_UNKNOWN"), (count(of="principal", log_only=True), "PRINCIPAL_MISSING")],
)
def test_what_a_watching_limit_cannot_count_it_leaves_out(watching, would_say):
    gate = Gate(watching)

    decision = gate.decide(pay("none"))

    assert decision.approves and gate.used(watching["name"]) == {}
    assert decision.checks[-1].saw["limits"][-1]["would_say"] == would_say


def test_a_watching_sum_never_grows_beyond_what_can_be_written():
    gate = Gate(sum_of(log_only=True))
    gate.decide(pay(decimal_text(LARGEST)))

    second = gate.decide(pay(decimal_text(LARGEST)))

    assert second.approves and list(gate.used("money").values()) == [LARGEST]
    assert second.checks[-1].saw["limits"][-1]["would_say"] == "BUDGET_EXCEEDED"


# --- giving back ---


amounts = st.integers(1, LARGEST).map(decimal_text)


@given(st.lists(amounts, max_size=5), st.integers(0, 3))
def test_what_is_given_back_is_what_was_taken_whatever_time_it_is(taken, back):
    gate = Gate(sum_of(most=decimal_text(LARGEST)), count(most=9))
    charged = [gate.charges for amount in taken if gate.decide(pay(amount)).approves]
    expected = sum(in_units(charges[-2].taken) for charges in charged[back:])

    gate.now = datetime(2027, 1, 1, tzinfo=UTC)
    for charges in charged[:back]:
        released, changed = release(charges, gate.usages)
        gate.usages |= changed
        assert [(each.window_id, each.taken) for each in released] == [(each.window_id, each.taken) for each in charges]

    assert sum(gate.used("money").values()) == expected
    assert sum(gate.used("burst").values()) == len(charged[back:])


# --- as people write them ---


@pytest.mark.parametrize("nothing", [0, 0.0, "0", "0.0", "0.00"])
def test_a_sum_of_nothing_is_written_as_any_amount_is(nothing):
    gate = Gate(sum_of(most=nothing))

    assert gate.decide(pay("0.01")).reason == "BUDGET_EXCEEDED"


@pytest.mark.parametrize(
    ("limit", "field"),
    [
        (count(most=-1), "limits.0.most"),
        (count(most=1.5), "limits.0.most"),
        (count(most="2"), "limits.0.most"),
        (count(most=True), "limits.0.most"),
        (count(unit="EUR"), "limits.0"),
        (count(per="fortnight"), "limits.0.per"),
        (count(of="agent"), "limits.0.of"),
        (count(timezone="Mars/Base"), "limits.0.timezone"),
        (count(name="a|b"), "limits.0.name"),
        (count(name=""), "limits.0.name"),
        (count(action_types=[]), "limits.0.action_types"),
        (count(action_types=[TYPE, TYPE]), "limits.0.action_types"),
        (count(until="tomorrow"), "limits.0.until"),
        (sum_of(unit=None), "limits.0"),
        (sum_of(unit="E|R"), "limits.0.unit"),
        (sum_of(unit="USD"), "limits.0.unit"),
        (sum_of(most="1e3"), "limits.0.most"),
        (sum_of(most=-1), "limits.0.most"),
        (sum_of(most=0.00001), "limits.0.most"),
        (sum_of(most=decimal_text(LARGEST + 1)), "limits.0.most"),
        (sum_of(sum="fee"), "limits.0.sum"),
        (sum_of(action_types=[TYPE]), "limits.0.sum"),
        # Over all types, of which one has no such amount.
        (sum_of(action_types=None), "limits.0.sum"),
    ],
    ids=str,
)
def test_a_limit_that_says_nothing_sound_is_refused_with_its_field(limit, field):
    with pytest.raises(InvalidInput) as refused:
        parse_bounds(limited({name: value for name, value in limit.items() if value is not None}))

    assert refused.value.field == field


def test_two_limits_do_not_share_a_name_and_there_are_not_too_many():
    with pytest.raises(InvalidInput, match="name of another"):
        parse_bounds(limited(count(), count(per="hour")))
    with pytest.raises(InvalidInput):
        parse_bounds(limited(*(count(f"n{number}") for number in range(MOST_LIMITS + 1))))


@pytest.mark.parametrize(("written", "kept"), [(100, "100"), ("100.50", "100.5"), (99.95, "99.95"), (0, "0")])
def test_the_most_of_a_sum_is_kept_as_decimal_text(written, kept):
    assert parse_bounds(limited(sum_of(most=written))).limits[0].most == kept


def test_bounds_without_limits_are_written_as_before_there_were_any():
    written = bounds().wire()

    assert "limits" not in written["bounds"] and "retired_limits" not in written


# --- changes ---


CHANGES = {
    "sum": {"sum": "fee"},
    "unit": {"unit": "USD"},
    "action_types": {"action_types": [PAY, TYPE]},
    "per": {"per": "week"},
    "of": {"of": "tenant"},
    "timezone": {"timezone": "Europe/Berlin"},
}
OPEN = {**ANY_UNIT, "fee": ANY_UNIT["amount"]}


def changed(before, now=NOW, *limits):
    types = {name: type_json(amounts=OPEN) for name in (TYPE, PAY)}
    return replace_bounds(before, parse_bounds(bounds_json(action_types=types, limits=list(limits))), now)


@pytest.mark.parametrize("field", CHANGES)
@pytest.mark.parametrize("at_once", [True, False], ids=["changed", "taken out and put back"])
def test_what_a_limit_is_over_does_not_change_under_its_name(field, at_once):
    before = changed(nothing_set("acme"), NOW, sum_of())
    if not at_once:
        before = changed(before, NOW)

    with pytest.raises(InvalidInput, match="new name; it counts from zero") as refused:
        changed(before, NOW, sum_of(**CHANGES[field]))

    assert refused.value.field == f"limits.0.{field}"
    assert changed(before, NOW, sum_of("other", **CHANGES[field]))


@pytest.mark.parametrize("change", [{"most": 5}, {"log_only": True}, {"action_types": [PAY]}])
def test_how_much_it_is_and_whether_it_only_watches_may_change(change):
    before = changed(nothing_set("acme"), NOW, sum_of())

    after = changed(before, NOW, sum_of(**change))

    assert limits_from_zero(before, after) == []


def test_a_name_is_free_again_when_the_last_window_of_what_it_was_has_ended():
    gone = changed(changed(nothing_set("acme"), NOW, sum_of()), NOW)
    ended = datetime(2026, 3, 11, tzinfo=UTC)

    with pytest.raises(InvalidInput):
        changed(gone, ended - timedelta(microseconds=1), sum_of(per="week"))
    again = changed(gone, ended, sum_of(per="week"))

    assert again.retired_limits == {}


def test_a_limit_that_comes_back_as_it_was_goes_on_counting():
    before = changed(nothing_set("acme"), NOW, sum_of())
    gone = changed(before, NOW)

    back = changed(gone, NOW, sum_of())

    assert limits_from_zero(gone, back) == []
    assert back.retired_limits == {}


def test_a_change_says_which_limits_count_from_zero():
    before = changed(nothing_set("acme"), NOW, sum_of())
    after = changed(before, NOW, sum_of(most="250.5"), count())

    told = describe_changes(before, after)

    assert "~ limits.money.most: 100 -> 250.5" in told
    assert told[-1] == "! limits.burst counts from zero"


def test_stored_bounds_with_limits_read_back_as_they_were():
    stored = changed(changed(nothing_set("acme"), NOW, sum_of()), NOW, count())

    read = BoundsInForce.from_json(stored.to_json())

    assert read == stored and read.retired_limits["money"].limit.most == "100"
